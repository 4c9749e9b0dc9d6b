package scorer

import (
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// sums are the forgotten-by-age count of days, sum and sum of squares of a feature.
type sums struct{ n, x, xx float64 }

func (s *sums) add(x float64) { s.n++; s.x += x; s.xx += x * x }

func (s *sums) forget(w float64) { s.n *= w; s.x *= w; s.xx *= w }

func (s *sums) mean() float64 { return s.x / s.n }

// variance returns the sample variance; it means something from two days on.
func (s *sums) variance() float64 {
	return math.Max(s.xx-s.x*s.x/s.n, 0) / (s.n - 1)
}

// baseline is what is usual for one employee: sums by feature and day type. assigned
// are the sums of the records that reasons gave him, on the days that taught a count.
type baseline struct {
	day      ueba.Day // all sums are as of this day
	cells    []sums
	assigned sums
}

func newBaseline(specs int, day ueba.Day) baseline {
	return baseline{day: day, cells: make([]sums, 2*specs)}
}

func (b *baseline) clone() baseline {
	c := *b
	c.cells = slices.Clone(b.cells)
	return c
}

// advance ages the sums to the day.
func (b *baseline) advance(day ueba.Day, forget float64) {
	if day <= b.day {
		return
	}
	w := math.Pow(forget, float64(day-b.day))
	for i := range b.cells {
		b.cells[i].forget(w)
	}
	b.assigned.forget(w)
	b.day = day
}

// teachAtMost bounds what one day teaches: usual plus two standard deviations, so that
// an incident does not become the norm, but always a single look, so that a habit can.
func teachAtMost(x float64, e *expectation) float64 {
	return math.Min(x, math.Max(e.mean+2*math.Sqrt(e.variance), 1))
}

// teachHour bounds an hour on both sides.
func teachHour(x float64, e *expectation) float64 {
	sd := math.Sqrt(e.variance)
	return math.Min(math.Max(x, e.mean-2*sd), e.mean+2*sd)
}

// teach adds the day that r reads.
func (b *baseline) teach(specs []spec, r *reading, assigned float64, workday bool) {
	for i := range specs {
		s, e := &specs[i], &r.features[i]
		if e.absent {
			continue
		}
		if s.Law.isHour() {
			b.cells[s.slot(i, workday)].add(teachHour(e.x, e))
		} else {
			b.cells[s.slot(i, workday)].add(teachAtMost(e.x, e))
		}
	}
	b.assigned.add(assigned)
}

// teachAway notes a free day without events.
func (b *baseline) teachAway(specs []spec) {
	for i := range specs {
		if s := &specs[i]; s.Zeros {
			b.cells[s.slot(i, false)].add(0)
		}
	}
}
