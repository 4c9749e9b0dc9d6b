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
}

// scan is how far the search for bursts has come.
type scan struct {
	next   int // the first point not seen
	from   int // the first point that may begin a burst
	bursts []burst
	values map[string]int // how often each value is in the window
}

// add puts a look in its place, unless it is there or does not count.
func (w *window) add(p point, c *correlation) {
	if c.distinct != nil && p.value == "" {
		return
	}
	i := len(w.points)
	if i > 0 && comparePoints(w.points[i-1], p) >= 0 {
		var there bool
		if i, there = slices.BinarySearchFunc(w.points, p, comparePoints); there {
			return
		}
		w.scan = scan{} // what comes late is searched from the start
	}
	w.points = slices.Insert(w.points, i, p)
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
