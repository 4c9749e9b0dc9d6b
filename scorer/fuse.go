package scorer

import "math"

// fuse returns h = −ln of the weighted harmonic mean of the p-values. The number of
// features is fixed: an absent one counts as p = 1, so a day cannot become remarkable
// because an input went missing, nor ordinary because another was added.
func fuse(specs []spec, features []expectation) float64 {
	var weight, sum float64
	for i := range specs {
		weight += specs[i].Weight
		sum += specs[i].Weight * math.Exp(features[i].strength)
	}
	return math.Log(sum / weight)
}

// shares splits h among the features: each one's part of what the weighted sum of 1/p
// has above its value for p = 1. They add up to 1, or are all 0.
func shares(specs []spec, features []expectation) []float64 {
	out := make([]float64, len(specs))
	var sum float64
	for i := range specs {
		out[i] = specs[i].Weight * math.Expm1(features[i].strength)
		sum += out[i]
	}
	if sum <= 0 {
		return out
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
