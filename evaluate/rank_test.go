package evaluate

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Worked by hand: bad, good, bad, good in falling order.
func TestRankByHand(t *testing.T) {
	r := rank([]float64{.9, .8, .7, .6}, []bool{true, false, true, false})
	equal(t, "AUC", r.AUC, 3./4) // of four pairs only (.7, .8) is wrong
	equal(t, "AP", r.AP, (1./1+2./3)/2)
	r = rank([]float64{4, 3, 2, 1}, []bool{true, true, false, false})
	equal(t, "AUC of a perfect order", r.AUC, 1)
	equal(t, "AP of a perfect order", r.AP, 1)
	r = rank([]float64{1, 2, 3, 4}, []bool{true, false, false, false})
	equal(t, "AUC of the worst order", r.AUC, 0)
	equal(t, "AP of the worst order", r.AP, 1./4)
}

// Tied: two groups of two; the first holds one bad day, the second the other.
func TestRankOfTies(t *testing.T) {
	r := rank([]float64{2, 2, 1, 1}, []bool{true, false, true, false})
	equal(t, "AUC", r.AUC, (.5+1+0+.5)/4)
	equal(t, "AP", r.AP, (1./2+2./4)/2)
	r = rank([]float64{0, 0, 0, 0}, []bool{true, false, false, false})
	equal(t, "AUC of one value", r.AUC, .5)
	equal(t, "AP of one value is the share of bad days", r.AP, .25)
}

func TestRankWithoutAnyBadDay(t *testing.T) {
	for _, marks := range [][]bool{{false, false}, {true, true}, nil} {
		r := rank(make([]float64, len(marks)), marks)
		if r.AUC != 0 || r.AP != 0 || len(r.Found) != len(budgets) {
			t.Errorf("%v: %+v", marks, r)
		}
	}
}

// 1,000 days, ten of them bad: three in the first ten, then one in a group of ties
// that the budget of 50 cuts in the middle.
func TestShareFound(t *testing.T) {
	values, bad := make([]float64, 1000), make([]bool, 1000)
	for i := range values {
		values[i] = float64(1000 - i)
	}
	bad[0], bad[4], bad[9] = true, true, true
	for i := 40; i < 60; i++ {
		values[i] = values[40]
	}
	bad[55] = true
	for i := 994; i < 1000; i++ {
		bad[i] = true
	}
	r := rank(values, bad)
	equal(t, ".1 %", r.Found[0], .1)
	equal(t, "1 %", r.Found[1], .3)
	equal(t, "5 %", r.Found[2], (3+.5)/10)
}

func equal(t *testing.T, what string, found, want float64) {
	t.Helper()
	if math.Abs(found-want) > 1e-12 {
		t.Errorf("%s is %.6f, want %.6f", what, found, want)
	}
}

func genRanking(t *rapid.T) ([]float64, []bool) {
	n := rapid.IntRange(2, 30).Draw(t, "n")
	values, bad := make([]float64, n), make([]bool, n)
	for i := range values {
		values[i] = float64(rapid.IntRange(0, 8).Draw(t, "value"))
		bad[i] = rapid.Bool().Draw(t, "bad")
	}
	return values, bad
}

// Brute force: over all pairs for the AUC, over all thresholds for the AP.
func TestRankAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values, bad := genRanking(t)
		var pairs, won, hits, ap float64
		for i := range values {
			if !bad[i] {
				continue
			}
			hits++
			var above, good float64
			for j := range values {
				if values[j] >= values[i] {
					above++
					if bad[j] {
						good++
					}
				}
				if bad[j] {
					continue
				}
				pairs++
				switch {
				case values[i] > values[j]:
					won++
				case values[i] == values[j]:
					won += .5
				}
			}
			ap += good / above
		}
		if pairs == 0 {
			return
		}
		r := rank(values, bad)
		if math.Abs(r.AUC-won/pairs) > 1e-12 || math.Abs(r.AP-ap/hits) > 1e-12 {
			t.Fatalf("AUC %v AP %v, by brute force %v %v", r.AUC, r.AP, won/pairs, ap/hits)
		}
	})
}

// Neither the order of the rows nor a rising function of the values matters.
func TestRankSeesOrderAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values, bad := genRanking(t)
		want := rank(values, bad)
		perm := rapid.Permutation(indexes(len(values))).Draw(t, "order")
		moved, marks := make([]float64, len(values)), make([]bool, len(values))
		for i, p := range perm {
			moved[i], marks[i] = math.Exp(values[p]), bad[p]
		}
		got := rank(moved, marks)
		if math.Abs(got.AUC-want.AUC) > 1e-12 || math.Abs(got.AP-want.AP) > 1e-12 {
			t.Fatalf("%+v, in another order %+v", want, got)
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
