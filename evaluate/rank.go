package evaluate

import (
	"cmp"
	"slices"
)

// Ranking is how well one number puts bad employee-days before the others. Tied values
// count as if their order were drawn at random. The values are NaN-free and lie in 0…1;
// all are 0 where there is no bad day, or nothing but bad days.
type Ranking struct {
	AUC   float64   `json:"auc"`
	AP    float64   `json:"average_precision"`
	Found []float64 `json:"found"` // share of bad days among the first Budgets of all days
}

// budgets are the shares of all employee-days that somebody looks at.
var budgets = []float64{.001, .01, .05}

// tie is a group of equal values.
type tie struct{ bad, all int }

// rank compares values with truth, which are of one length.
func rank(values []float64, bad []bool) Ranking {
	r := Ranking{Found: make([]float64, len(budgets))}
	ties := ties(values, bad)
	var all, hits int
	for _, t := range ties {
		all, hits = all+t.all, hits+t.bad
	}
	if hits == 0 || hits == all {
		return r
	}
	r.AUC, r.AP = area(ties, all, hits), precision(ties, hits)
	for i, share := range budgets {
		r.Found[i] = found(ties, share*float64(all)) / float64(hits)
	}
	return r
}

// ties groups values, the largest first.
func ties(values []float64, bad []bool) []tie {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	var out []tie
	for n, i := range order {
		if n == 0 || values[i] != values[order[n-1]] {
			out = append(out, tie{})
		}
		last := &out[len(out)-1]
		last.all++
		if bad[i] {
			last.bad++
		}
	}
	return out
}

// area is the chance that a bad day stands before a good one; half for a tie.
func area(ties []tie, all, hits int) float64 {
	var sum float64
	good := all - hits
	behind := good
	for _, t := range ties {
		own := t.all - t.bad
		behind -= own
		sum += float64(t.bad) * (float64(behind) + float64(own)/2)
	}
	return sum / (float64(hits) * float64(good))
}

// precision is the mean of the precision at each group of equal values, weighted by
// the bad days that it adds.
func precision(ties []tie, hits int) float64 {
	var sum float64
	var seen, found int
	for _, t := range ties {
		seen, found = seen+t.all, found+t.bad
		sum += float64(t.bad) * float64(found) / float64(seen)
	}
	return sum / float64(hits)
}

// found is how many bad days stand among the first budget days, on the average over
// the orders of tied ones.
func found(ties []tie, budget float64) float64 {
	var hits float64
	for _, t := range ties {
		if float64(t.all) >= budget {
			return hits + float64(t.bad)*budget/float64(t.all)
		}
		hits += float64(t.bad)
		budget -= float64(t.all)
	}
	return hits
}
