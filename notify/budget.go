package notify

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// gauge keeps a budget exactly: in no span of Per are there more than Messages, which a
// token bucket with a burst would not promise.
type gauge struct {
	Budget
	sent []sending // of the last span, ascending
}

type sending struct {
	at      time.Time
	message string
}

func (a sending) compare(b sending) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.message, b.message))
}

// note records a message. Notes may come out of order and more than once, as when a
// restart reads them from the records of every alert that a digest stood for.
func (g *gauge) note(at time.Time, message string) {
	n := sending{at, message}
	i, there := slices.BinarySearchFunc(g.sent, n, sending.compare)
	if !there {
		g.sent = slices.Insert(g.sent, i, n)
	}
}

// left returns how many messages may be sent now.
func (g *gauge) left(now time.Time) int {
	begin := now.Add(-g.Per)
	g.sent = slices.DeleteFunc(g.sent, func(n sending) bool { return !n.at.After(begin) })
	return max(g.Messages-len(g.sent), 0)
}

// next returns when a message may be sent, now or later.
func (g *gauge) next(now time.Time) time.Time {
	if g.left(now) > 0 {
		return now
	}
	return g.sent[len(g.sent)-g.Messages].at.Add(g.Per)
}
