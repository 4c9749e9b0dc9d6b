package evaluate

import (
	"cmp"
	"math"
	"slices"
)

// ecod is the outlier score of Li et al., "ECOD: Unsupervised Outlier Detection Using
// Empirical Cumulative Distribution Functions" (2022): for each row the largest of the sums
// of −ln of the left tails, of the right tails, and of the tail on which each
// column's skewness says outliers lie.
func ecod(m [][]float64) []float64 {
	n := len(m)
	left, right, skewed := make([]float64, n), make([]float64, n), make([]float64, n)
	column := make([]float64, n)
	for j := range m[0] {
		for i := range m {
			column[i] = m[i][j]
		}
		l, r := tails(column)
		toLeft := skewness(column) < 0
		for i := range m {
			left[i] += l[i]
			right[i] += r[i]
			if toLeft {
				skewed[i] += l[i]
			} else {
				skewed[i] += r[i]
			}
		}
	}
	for i := range skewed {
		skewed[i] = max(left[i], right[i], skewed[i])
	}
	return skewed
}

// tails gives −ln of the share of values that are at most, and at least, each value.
func tails(column []float64) (left, right []float64) {
	n := len(column)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(column[a], column[b]) })
	left, right = make([]float64, n), make([]float64, n)
	for from := 0; from < n; {
		to := from + 1
		for to < n && column[order[to]] == column[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			left[i] = -math.Log(float64(to) / float64(n))
			right[i] = -math.Log(float64(n-from) / float64(n))
		}
		from = to
	}
	return left, right
}

func skewness(column []float64) float64 {
	var mean, second, third float64
	for _, v := range column {
		mean += v / float64(len(column))
	}
	for _, v := range column {
		d := v - mean
		second += d * d
		third += d * d * d
	}
	if second == 0 {
		return 0
	}
	return third / math.Pow(second, 1.5)
}
