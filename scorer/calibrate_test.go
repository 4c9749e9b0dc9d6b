package scorer

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// sample makes the histogram of n draws of an exponential law of mean 1.
func sample(rng *rand.Rand, n int) []float64 {
	bins := make([]float64, hBins)
	for range n {
		bins[hBin(rng.ExpFloat64())]++
	}
	return bins
}

func TestCalibrationGivesThePlaceOfH(t *testing.T) {
	c := calibrate(sample(rand.New(rand.NewPCG(3, 3)), 50_000), 500)
	for _, p := range []float64{.5, .1, .03, .01, .001, .0001} {
		if got := c.P(-math.Log(p)); got < p/1.4 || got > p*1.4 {
			t.Errorf("P = %v at the %v point", got, p)
		}
	}
	if c.P(0) < .99 {
		t.Errorf("P(0) = %v", c.P(0))
	}
}

func TestCalibrationOfFewPeopleIsTheLawItself(t *testing.T) {
	c := calibrate(sample(rand.New(rand.NewPCG(3, 3)), 100), calibrationPeople-1)
	if got := c.P(3); math.Abs(got-math.Exp(-3)) > 1e-12 {
		t.Errorf("P(3) = %v", got)
	}
}

func TestCalibrationFallsWithH(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bins := make([]float64, hBins)
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			bins[rapid.IntRange(0, hBins-1).Draw(t, "bin")] += rapid.Float64Range(.05, 3).Draw(t, "weight")
		}
		c := calibrate(bins, 100)
		last := 1.0
		for h := 0.0; h < 25; h += .037 {
			p := c.P(h)
			if !(p > 0) || p > last+1e-12 {
				t.Fatalf("P(%v) = %v after %v", h, p, last)
			}
			last = p
		}
	})
}

func TestPowerSharpensOnlyACautiousLaw(t *testing.T) {
	histogram := func(factor float64) []uint32 {
		rng, counts := rand.New(rand.NewPCG(5, 5)), make([]uint32, logBins)
		for range 20_000 {
			counts[min(int(rng.ExpFloat64()*factor/logStep), logBins-1)]++
		}
		return counts
	}
	if got := power(histogram(.5), 3); math.Abs(got-2) > .15 {
		t.Errorf("a law that gives the root of p is raised to %v, want 2", got)
	}
	if got := power(histogram(1.5), 3); got != 1 {
		t.Errorf("a bold law is raised to %v, want 1", got)
	}
	if got := power(histogram(.1), 3); got != 3 {
		t.Errorf("a very cautious law is raised to %v, want 3 at most", got)
	}
	sparse := make([]uint32, logBins)
	sparse[0], sparse[30] = 20_000, 40
	if got := power(sparse, 3); got != 1 {
		t.Errorf("a sparse feature is raised to %v", got)
	}
}

func TestShiftPutsATenthAboveTheThreshold(t *testing.T) {
	rng, counts := rand.New(rand.NewPCG(7, 7)), make([]uint32, hBins)
	var hs []float64
	for range 5000 {
		h := rng.ExpFloat64() / 2
		hs = append(hs, h)
		counts[hBin(h)]++
	}
	s, above := shift(counts, math.Ln10), 0
	for _, h := range hs {
		if h+s > math.Ln10 {
			above++
		}
	}
	if above < 450 || above > 550 {
		t.Errorf("%d of 5000 exceed the threshold with a shift of %v", above, s)
	}
	few := make([]uint32, hBins)
	few[0] = shiftDays - 1
	if got := shift(few, math.Ln10); got != 0 {
		t.Errorf("a short past lifts everybody by %v", got)
	}
}

func TestCapGrowsWithTheDaysSeen(t *testing.T) {
	for days, want := range map[int]float64{0: 4, 1000: math.Log(1000), 1_000_000: 9} {
		if got := capOf(days); got != want {
			t.Errorf("cap of %d days is %v, want %v", days, got, want)
		}
	}
}

func TestRecentForgetsExactly(t *testing.T) {
	r := newRecent(1)
	first := r.begin(monday)
	first.note(0, &reading{features: []expectation{{log: 1}}, h: 1}, 1)
	r.end(first)
	if _, people := r.weights(1, func(int) bool { return false }); people != 1 {
		t.Fatalf("%d people on the first day", people)
	}
	if _, people := r.weights(1, func(int) bool { return true }); people != 0 {
		t.Errorf("%d people, but all are left out", people)
	}
	for i := range window {
		r.end(r.begin(monday + 1 + ueba.Day(i)))
	}
	for i, n := range r.logs {
		if n != 0 {
			t.Fatalf("bin %d still counts %d", i, n)
		}
	}
	if _, people := r.weights(1, func(int) bool { return false }); people != 0 {
		t.Errorf("%d people of an empty window", people)
	}
}

func TestEachPersonWeighsTheSame(t *testing.T) {
	r := newRecent(1)
	for i := range 10 {
		d := r.begin(monday + ueba.Day(i))
		d.note(0, &reading{features: make([]expectation, 1)}, 3)
		if i == 0 {
			d.note(1, &reading{features: make([]expectation, 1)}, 1)
		}
		r.end(d)
	}
	bins, people := r.weights(2, func(int) bool { return false })
	if people != 2 || math.Abs(bins[hBin(3)]-1) > 1e-12 || bins[hBin(1)] != 1 {
		t.Errorf("%d people weigh %v and %v", people, bins[hBin(3)], bins[hBin(1)])
	}
}
