package scorer

import (
	"cmp"
	"math"
	"slices"
)

// centsOf returns 100·R of an A, R = 100·(1 − e^(−A/scale)), as a whole number: R is
// shown with two decimals and its parts add up to what is shown.
func centsOf(c *Config, a float64) int {
	return int(math.Round(-1e4 * math.Expm1(-a/c.Scale)))
}

// apportion splits total in proportion to the weights, which must not be negative, so
// that the whole numbers add up to it.
func apportion(total int, weights []float64) []int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	if sum <= 0 {
		return make([]int, len(weights))
	}
	return roundTo(total, weights, float64(total)/sum)
}

// splitChange splits a change of R in cents in proportion to the changes of A that made
// it. Where they all but cancel, the slope of R at A gives the proportion.
func splitChange(c *Config, total int, changes []float64, a float64) []int {
	var sum float64
	for _, w := range changes {
		sum += w
	}
	if math.Abs(sum) < .05 {
		return roundTo(total, changes, 1e4/c.Scale*math.Exp(-a/c.Scale))
	}
	return roundTo(total, changes, float64(total)/sum)
}

// roundTo makes whole numbers of factor·weights that add up to total: what rounding
// down leaves goes to the largest remainders, the first of equals.
func roundTo(total int, weights []float64, factor float64) []int {
	out := make([]int, len(weights))
	if len(weights) == 0 {
		return out
	}
	remainder, order := make([]float64, len(weights)), make([]int, len(weights))
	rest := total
	for i, w := range weights {
		floor := math.Floor(w * factor)
		out[i], remainder[i], order[i] = int(floor), w*factor-floor, i
		rest -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder[b], remainder[a]) })
	for i := 0; rest != 0; i++ {
		if place := i % len(order); rest > 0 {
			out[order[place]]++
			rest--
		} else {
			out[order[len(order)-1-place]]--
			rest++
		}
	}
	return out
}
