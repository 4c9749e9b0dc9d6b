package scorer

import (
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// sums are the forgotten-by-age count of days, sum and sum of squares of a feature.
//
// all is the sum that the group learns from: bounded less, because what is rare would else
// never be known as rare as it is.
type sums struct{ n, x, xx, all float64 }

func (s *sums) add(x float64) { s.addFor(x, x) }

// addFor adds x for the person and all for his group.
func (s *sums) addFor(x, all float64) { s.n++; s.x += x; s.xx += x * x; s.all += all }

func (s *sums) forget(w float64) { s.n *= w; s.x *= w; s.xx *= w; s.all *= w }

// pooled is the mean that the group learns from.
func (s *sums) pooled() float64 { return s.all / s.n }

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

// teachSD is how many standard deviations from the usual a day may teach, so that an
// incident does not become the norm. A single look of a rare kind is bounded as well
// (measured: letting it count in full lost a tenth of the insiders); a true habit
// widens its own bound day by day.
const teachSD = 2

// teachAtMost bounds what a day's count teaches.
func teachAtMost(x float64, e *expectation) float64 {
	return math.Min(x, e.mean+teachSD*math.Sqrt(e.variance))
}

// teachNormal bounds an hour or a logarithm on both sides.
func teachNormal(x float64, e *expectation) float64 {
	sd := math.Sqrt(e.variance)
	return math.Min(math.Max(x, e.mean-teachSD*sd), e.mean+teachSD*sd)
}

// teach adds the day that r reads.
func (b *baseline) teach(specs []spec, r *reading, assigned float64, workday bool) {
	for i := range specs {
		s, e := &specs[i], &r.features[i]
		if e.absent {
			continue
		}
		cell := &b.cells[s.slot(i, workday)]
		switch {
		case s.Law.isHour():
			cell.add(teachNormal(e.x, e))
		case s.Law == Size:
			cell.add(math.Min(e.x, 1))
			if e.x > 0 {
				b.cells[2*i+1].add(teachNormal(e.x, e))
			}
		default:
			taught := teachAtMost(e.x, e)
			cell.addFor(taught, math.Max(taught, math.Min(e.x, 1)))
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
