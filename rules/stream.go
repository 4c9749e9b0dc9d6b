package rules

import (
	"container/list"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	// maxWindow bounds the looks of one window of a Stream; behind it the oldest go.
	maxWindow = 1 << 14
	// maxPoints bounds the looks that a Stream holds, at about 100 bytes each; behind
	// it the employee-days that were untouched for longest are forgotten.
	maxPoints = 1 << 19
)

// shiftKey names an employee-day.
type shiftKey struct {
	employee string
	day      ueba.Day
}

// Stream runs the immediate rules on looks as they become known. It holds nothing that
// observing the looks of the open day again, in any order, would not bring back. It is
// not for concurrent use.
type Stream struct {
	rules  []*rule // of the set; those that are not immediate are skipped
	shifts map[shiftKey]*list.Element
	recent *list.List // of *shift, the last touched first
	points int
	look   ueba.Look // the one at hand; here, so that observing allocates nothing

	maxWindow, maxPoints int
}

// NewStream makes an empty Stream of the set's immediate rules.
func NewStream(set *Set) *Stream {
	return &Stream{
		rules: set.rules, shifts: map[shiftKey]*list.Element{}, recent: list.New(),
		maxWindow: maxWindow, maxPoints: maxPoints,
	}
}

// Observe runs the immediate rules that wait for nothing on a look and returns what it
// completes. A look that was observed before completes nothing again, but after its
// employee-day was forgotten ids may come twice. Looks of nobody known detect nothing.
func (s *Stream) Observe(look ueba.Look, emp *ueba.Employee) []ueba.Detection {
	return s.run(look, emp, 0)
}

// Settle runs the rules that wait exactly so long. Call it with the look as it is known
// once that time has passed since the look arrived.
func (s *Stream) Settle(look ueba.Look, emp *ueba.Employee, waited time.Duration) []ueba.Detection {
	if waited <= 0 {
		return nil
	}
	return s.run(look, emp, waited)
}

// Waiting names the times, ascending, after which the look should be given to Settle:
// the waits of the rules that match it as it is known now. For a look that no waiting
// rule matches it is empty; late reasons only ever take a look out of such a rule.
func (s *Stream) Waiting(look ueba.Look, emp *ueba.Employee) []time.Duration {
	if look.Employee == "" {
		return nil
	}
	s.look = look
	var waits []time.Duration
	for _, r := range s.rules {
		if r.Immediate && r.Wait > 0 && r.matches(subject{&s.look, emp}) && !slices.Contains(waits, r.Wait) {
			waits = append(waits, r.Wait)
		}
	}
	slices.Sort(waits)
	return waits
}

func (s *Stream) run(look ueba.Look, emp *ueba.Employee, wait time.Duration) []ueba.Detection {
	if look.Employee == "" {
		return nil
	}
	s.look = look
	sub := subject{&s.look, emp}
	var out []ueba.Detection
	for n, r := range s.rules {
		if r.Immediate && r.Wait == wait && r.matches(sub) {
			out = append(out, s.count(n, r, sub)...)
		}
	}
	return out
}

func (s *Stream) count(n int, r *rule, sub subject) []ueba.Detection {
	shift := s.touch(sub.look)
	before := shift.points
	w, key := shift.add(n, r, sub)
	if w == nil {
		return nil
	}
	w.search(r.count)
	var out []ueba.Detection
	for b, ordinal, ok := w.fresh(); ok; b, ordinal, ok = w.fresh() {
		out = append(out, shift.detection(r, key.group, w, b, ordinal))
	}
	if len(w.points) > s.maxWindow {
		shift.points -= w.forget(r.count)
	}
	s.points += shift.points - before
	s.evict()
	return out
}

func (s *Stream) touch(look *ueba.Look) *shift {
	key := shiftKey{look.Employee, look.Day}
	e := s.shifts[key]
	if e == nil {
		e = s.recent.PushFront(newShift(look))
		s.shifts[key] = e
	}
	s.recent.MoveToFront(e)
	return e.Value.(*shift)
}

// evict forgets employee-days but never the one just touched.
func (s *Stream) evict() {
	for s.points > s.maxPoints && s.recent.Len() > 1 {
		last := s.recent.Remove(s.recent.Back()).(*shift)
		delete(s.shifts, shiftKey{last.employee, last.day})
		s.points -= last.points
	}
}
