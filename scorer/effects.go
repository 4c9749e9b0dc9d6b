package scorer

import (
	"maps"
	"math"
	"slices"
)

// tally compares, for one feature of one group on one day, what was seen with what was
// expected. What a single person adds is bounded as in teaching, so that nobody can
// hide behind an effect of his own making.
type tally struct{ seen, expected, variance float64 }

func (t *tally) add(e *expectation) {
	t.seen += teachAtMost(e.x, e)
	t.expected += e.mean
	t.variance += e.variance
}

const (
	effectVariance = .25 // of the ratio between days: how readily a day is believed to be special
	maxEffect      = 5
)

// effect returns the ratio of seen to expected, shrunk towards the wider effect by how
// well the ratio is known, and never below 1: a quiet day makes nobody else suspicious.
func (t *tally) effect(wider float64) float64 {
	if t.expected <= 0 {
		return wider
	}
	noise := t.variance / (t.expected * t.expected)
	f := wider + effectVariance/(effectVariance+noise)*(t.seen/t.expected-wider)
	return round6(math.Min(math.Max(f, 1), maxEffect))
}

// effectsOf makes the day's effects by group from the tallies by group and feature.
func effectsOf(specs []spec, tallies map[string][]tally) map[string][]float64 {
	company := make([]tally, len(specs))
	names := slices.Sorted(maps.Keys(tallies))
	for _, g := range names {
		for i, t := range tallies[g] {
			company[i].seen += t.seen
			company[i].expected += t.expected
			company[i].variance += t.variance
		}
	}
	out := make(map[string][]float64, len(tallies))
	for _, g := range names {
		effects := make([]float64, len(specs))
		for i := range specs {
			effects[i] = 1
			if specs[i].Group {
				effects[i] = tallies[g][i].effect(company[i].effect(1))
			}
		}
		out[g] = effects
	}
	return out
}

// tallyDay adds an employee's day to his group's tallies.
func tallyDay(specs []spec, tallies map[string][]tally, group string, r *reading) {
	t := tallies[group]
	if t == nil {
		t = make([]tally, len(specs))
		tallies[group] = t
	}
	for i := range specs {
		if specs[i].Group && !r.features[i].absent {
			t[i].add(&r.features[i])
		}
	}
}
