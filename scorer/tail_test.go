package scorer

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// countMass is ln P(X = k) of the negative binomial, from its definition.
func countMass(k, mean, variance float64) float64 {
	r, p := mean*mean/(variance-mean), mean/variance
	return lgamma(k+r) - lgamma(r) - lgamma(k+1) + r*math.Log(p) + k*math.Log1p(-p)
}

func TestCountTailIsTheSumOfItsMasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := math.Exp(rapid.Float64Range(-6, 5).Draw(t, "log mean"))
		variance := mean * (1 + math.Exp(rapid.Float64Range(-4, 3).Draw(t, "log over")))
		x := float64(rapid.IntRange(1, 300).Draw(t, "x"))
		sum := math.Inf(-1)
		for k := x + 4000; k > x; k-- {
			sum = logAdd(sum, countMass(k, mean, variance))
		}
		want := -logAdd(sum, countMass(x, mean, variance)-math.Ln2)
		if got := countTail(x, mean, variance); math.Abs(got-want) > 1e-6*(1+want) {
			t.Fatalf("countTail(%v, %v, %v) = %v, the sum gives %v", x, mean, variance, got, want)
		}
	})
}

func TestCountTailMeetsPoisson(t *testing.T) {
	for _, c := range []struct{ x, mean float64 }{{1, .01}, {3, .5}, {20, 10}, {60, 10}, {200, 20}} {
		sum := math.Inf(-1)
		for k := c.x + 1000; k > c.x; k-- {
			sum = logAdd(sum, distuv.Poisson{Lambda: c.mean}.LogProb(k))
		}
		want := -logAdd(sum, distuv.Poisson{Lambda: c.mean}.LogProb(c.x)-math.Ln2)
		if got := countTail(c.x, c.mean, c.mean); math.Abs(got-want) > 1e-6*want {
			t.Errorf("x %v mean %v: %v, want %v", c.x, c.mean, got, want)
		}
	}
}

func TestTailsAreFiniteAndRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := math.Exp(rapid.Float64Range(-12, 12).Draw(t, "log mean"))
		variance := mean * math.Exp(rapid.Float64Range(-3, 14).Draw(t, "log ratio"))
		x := rapid.Float64Range(0, 1e6).Draw(t, "x")
		more := x + rapid.Float64Range(0, 100).Draw(t, "more")
		low, high := countTail(x, mean, variance), countTail(more, mean, variance)
		for _, v := range []float64{low, high} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < -1e-12 {
				t.Fatalf("countTail near %v of mean %v variance %v is %v", x, mean, variance, v)
			}
		}
		if high < low-1e-7*(1+low) {
			t.Fatalf("countTail falls from %v at %v to %v at %v (mean %v variance %v)", low, x, high, more, mean, variance)
		}
	})
}

func TestStudentTail(t *testing.T) {
	for _, c := range []struct{ t, df float64 }{{0, 10}, {1, 3}, {-2, 12}, {8, 30}, {40, 15}} {
		want := -math.Log(distuv.StudentsT{Mu: 0, Sigma: 1, Nu: c.df}.Survival(c.t))
		if got := studentTail(c.t, c.df); math.Abs(got-want) > 1e-6*(1+want) {
			t.Errorf("t %v df %v: %v, want %v", c.t, c.df, got, want)
		}
	}
}

func TestCountRangeHoldsNineDaysInTen(t *testing.T) {
	for _, c := range []struct{ mean, variance, low, high float64 }{
		{.01, .01, 0, 0}, // a count that hardly ever happens
		{10, 10, 5, 15},  // Poisson
		{31, 120, 15, 51},
		{100, 25, 92, 108}, // under-dispersed: gamma
	} {
		low, high := countRange(c.mean, c.variance)
		if math.Abs(low-c.low) > 1 || math.Abs(high-c.high) > 1 {
			t.Errorf("mean %v variance %v: %v–%v, want %v–%v", c.mean, c.variance, low, high, c.low, c.high)
		}
	}
}
