package rules

import (
	"cmp"
	"slices"
	"strings"
)

// point is one look in a window.
type point struct {
	at     int64  // Unix nanoseconds
	ref    string // of the event
	record string
	value  string // what value_count counts
	count  int64  // records
}

func comparePoints(a, b point) int {
	return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.ref, b.ref), strings.Compare(a.record, b.record))
}

// burst is one firing: the looks points[from..at] filled the window; those up to before
// end fell into the same timespan after it and do not fire again.
type burst struct{ from, at, end int }

// window holds the looks of one employee, day, rule and group in order of time, and
// where they fired. It is plain data: the same looks give the same bursts in whichever
// order they come.
//
// Bursts are found greedily from the earliest, each needing looks after the timespan
// that follows the one before. That packs as many into the day as there can be, so a
// further look never makes fewer of them; hence a burst's ordinal can be its identity.
type window struct {
	points []point
	scan   scan
	shown  []int64 // begin and end of the bursts that were given out, in pairs
	base   int     // bursts whose looks were forgotten
	floor  int64   // looks up to this instant are refused; 0: none was forgotten
}

// scan is how far the search for bursts has come.
type scan struct {
	next   int // the first point not seen
	from   int // the first point that may begin a burst
	bursts []burst
	values map[string]int // how often each value is in the window
}

// add puts a look in its place and reports whether it is new and counts.
func (w *window) add(p point, c *correlation) bool {
	if w.floor != 0 && p.at <= w.floor || c.distinct != nil && p.value == "" {
		return false
	}
	i := len(w.points)
	if i > 0 && comparePoints(w.points[i-1], p) >= 0 {
		var there bool
		if i, there = slices.BinarySearchFunc(w.points, p, comparePoints); there {
			return false
		}
		w.scan = scan{} // what comes late is searched from the start
	}
	w.points = slices.Insert(w.points, i, p)
	return true
}

// search finds the bursts among the points that were added since.
func (w *window) search(c *correlation) {
	s := &w.scan
	if s.values == nil && c.distinct != nil {
		s.values = map[string]int{}
	}
	for ; s.next < len(w.points); s.next++ {
		p := w.points[s.next]
		if n := len(s.bursts); n > 0 && p.at <= w.points[s.bursts[n-1].at].at+int64(c.span) {
			s.bursts[n-1].end, s.from = s.next+1, s.next+1
			continue
		}
		s.enter(p, c)
		for w.points[s.from].at < p.at-int64(c.span) {
			s.leave(w.points[s.from], c)
		}
		if s.size(c) >= c.least {
			s.bursts = append(s.bursts, burst{s.from, s.next, s.next + 1})
			clear(s.values)
			s.from = s.next + 1
		}
	}
}

func (s *scan) enter(p point, c *correlation) {
	if c.distinct != nil {
		s.values[p.value]++
	}
}

func (s *scan) leave(p point, c *correlation) {
	s.from++
	if c.distinct == nil {
		return
	}
	if s.values[p.value]--; s.values[p.value] == 0 {
		delete(s.values, p.value)
	}
}

// size counts what is in the window, the point at next included.
func (s *scan) size(c *correlation) int {
	if c.distinct != nil {
		return len(s.values)
	}
	return s.next + 1 - s.from
}

// fresh gives the next burst that was not given out yet, and its ordinal. Where late
// looks moved the bursts it prefers one that nobody has seen.
func (w *window) fresh() (burst, int, bool) {
	given := len(w.shown) / 2
	if w.base+len(w.scan.bursts) <= given {
		return burst{}, 0, false
	}
	chosen := w.scan.bursts[len(w.scan.bursts)-1]
	for _, b := range w.scan.bursts {
		if !w.seen(b) {
			chosen = b
			break
		}
	}
	w.shown = append(w.shown, w.points[chosen.from].at, w.points[chosen.end-1].at)
	return chosen, given, true
}

func (w *window) seen(b burst) bool {
	from, to := w.points[b.from].at, w.points[b.end-1].at
	for i := 0; i < len(w.shown); i += 2 {
		if from <= w.shown[i+1] && to >= w.shown[i] {
			return true
		}
	}
	return false
}

// forget drops looks that can hardly fire any more, and returns how many: those up to the
// end of the last burst's timespan, or without a burst the older half. All bursts must
// have been given out. Later looks that belong there are refused, so that forgetting can
// only make later bursts fewer, never more.
func (w *window) forget(c *correlation) int {
	drop := len(w.points) / 2
	if n := len(w.scan.bursts); n > 0 {
		last := w.scan.bursts[n-1]
		drop, w.floor = last.end, w.points[last.at].at+int64(c.span)
	} else {
		w.floor = w.points[drop-1].at
		for drop < len(w.points) && w.points[drop].at == w.floor {
			drop++
		}
	}
	w.points = slices.Clone(w.points[drop:])
	w.base = len(w.shown) / 2
	w.scan = scan{}
	return drop
}
