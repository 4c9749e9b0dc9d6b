package notify

import (
	"slices"
	"time"
)

// gauge keeps a budget exactly: in no span of Per are there more than Messages, which a
// token bucket with a burst would not promise.
type gauge struct {
	Budget
	sent []time.Time // of the last span, ascending
}

// note records a message. Notes may come out of order and twice, as when a restart reads
// them from records: messages of one instant are one.
func (g *gauge) note(at time.Time) {
	i, there := slices.BinarySearchFunc(g.sent, at, time.Time.Compare)
	if !there {
		g.sent = slices.Insert(g.sent, i, at)
	}
}

// left returns how many messages may be sent now.
func (g *gauge) left(now time.Time) int {
	begin := now.Add(-g.Per)
	g.sent = slices.DeleteFunc(g.sent, func(t time.Time) bool { return !t.After(begin) })
	return max(g.Messages-len(g.sent), 0)
}

// next returns when a message may be sent, now or later.
func (g *gauge) next(now time.Time) time.Time {
	if g.left(now) > 0 {
		return now
	}
	return g.sent[len(g.sent)-g.Messages].Add(g.Per)
}
