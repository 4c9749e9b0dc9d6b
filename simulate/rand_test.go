package simulate

import (
	"math"
	"testing"
)

const many = 20_000

func moments(n int, next func() float64) (mean, variance float64) {
	var sum, squares float64
	for range n {
		x := next()
		sum, squares = sum+x, squares+x*x
	}
	mean = sum / float64(n)
	return mean, squares/float64(n) - mean*mean
}

func near(t *testing.T, what string, found, want, within float64) {
	t.Helper()
	if math.Abs(found-want) > within*want {
		t.Errorf("%s is %.3f, want %.3f", what, found, want)
	}
}

func TestDayCountsAreNegativeBinomial(t *testing.T) {
	d := stream(1, topicPeople)
	for _, c := range []struct{ mean, size float64 }{{3, 2}, {40, 4}, {60, 20}} {
		mean, variance := moments(many, func() float64 { return float64(d.count(c.mean, c.size)) })
		near(t, "mean", mean, c.mean, .03)
		near(t, "variance", variance, c.mean+c.mean*c.mean/c.size, .08)
	}
	if d.count(0, 4) != 0 || d.count(-1, 4) != 0 {
		t.Error("no rate makes looks")
	}
}

func TestLaws(t *testing.T) {
	d := stream(2, topicPeople)
	mean, variance := moments(many, func() float64 { return d.gamma(.5) })
	near(t, "mean of people", mean, 1, .02)
	near(t, "variance of people", variance, .25, .08)
	mean, variance = moments(many, func() float64 { return math.Log(d.logNormal(45, .9)) })
	near(t, "median of view times", math.Exp(mean), 45, .03)
	near(t, "spread of view times", math.Sqrt(variance), .9, .03)
	mean, _ = moments(many, func() float64 { return math.Log(d.spread(10, 1000)) })
	near(t, "middle of a spread", math.Exp(mean), 100, .05)
	var hits [3]float64
	for range many {
		hits[d.weighted([]float64{1, 0, 3})]++
	}
	if hits[1] != 0 {
		t.Error("what weighs nothing was drawn")
	}
	near(t, "three quarters", hits[2]/many, .75, .03)
	for range many {
		if n := d.span(2, 4); n < 2 || n > 4 {
			t.Fatalf("span gives %d", n)
		}
	}
}

func TestStreamsAreApart(t *testing.T) {
	first := map[uint64]string{}
	for name, d := range map[string]draws{
		"seed 1": stream(1, topicPeople), "seed 2": stream(2, topicPeople), "topic": stream(1, topicRecords),
		"id": stream(1, topicPeople, 0), "other id": stream(1, topicPeople, 1),
		"two ids": stream(1, topicPeople, 0, 1), "swapped": stream(1, topicPeople, 1, 0),
	} {
		x := d.Uint64()
		if other, ok := first[x]; ok {
			t.Errorf("%s begins as %s does", name, other)
		}
		first[x] = name
	}
	if stream(7, topicDay, 3).Uint64() != stream(7, topicDay, 3).Uint64() {
		t.Error("a stream does not come again")
	}
}
