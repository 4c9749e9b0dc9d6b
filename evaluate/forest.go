package evaluate

import (
	"math"
	"math/rand/v2"
)

// The forest of Liu, Ting and Zhou, "Isolation Forest" (2008), with the authors' sizes.
const (
	trees      = 100
	sampleSize = 256
)

// node is a place in a tree: a cut, or with no children a leaf of size rows.
type node struct {
	column      int
	cut         float64
	left, right *node
	size        int
}

// forest gives each row 2^(−mean depth/expected depth): near 1 for rows that a few random
// cuts set apart.
func forest(m [][]float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	size := min(sampleSize, len(m))
	limit := int(math.Ceil(math.Log2(float64(max(size, 2)))))
	depths := make([]float64, len(m))
	for range trees {
		t := grow(r, sample(r, m, size), limit)
		for i, row := range m {
			depths[i] += t.depth(row)
		}
	}
	usual := max(expected(size), 1)
	for i, d := range depths {
		depths[i] = math.Exp2(-d / trees / usual)
	}
	return depths
}

// sample draws rows without putting them back.
func sample(r *rand.Rand, m [][]float64, n int) [][]float64 {
	picked := make(map[int]bool, n)
	rows := make([][]float64, 0, n)
	for len(rows) < n {
		if i := r.IntN(len(m)); !picked[i] {
			picked[i] = true
			rows = append(rows, m[i])
		}
	}
	return rows
}

func grow(r *rand.Rand, rows [][]float64, limit int) *node {
	column, low, high := choose(r, rows)
	if limit == 0 || len(rows) < 2 || low == high {
		return &node{size: len(rows)}
	}
	n := &node{column: column, cut: low + (high-low)*r.Float64()}
	var left, right [][]float64
	for _, row := range rows {
		if row[column] <= n.cut {
			left = append(left, row)
		} else {
			right = append(right, row)
		}
	}
	n.left, n.right = grow(r, left, limit-1), grow(r, right, limit-1)
	return n
}

// choose draws one of the columns in which the rows differ; low equals high where there
// is none.
func choose(r *rand.Rand, rows [][]float64) (column int, low, high float64) {
	if len(rows) < 2 {
		return 0, 0, 0
	}
	for _, c := range r.Perm(len(rows[0])) {
		low, high = rows[0][c], rows[0][c]
		for _, row := range rows {
			low, high = min(low, row[c]), max(high, row[c])
		}
		if low < high {
			return c, low, high
		}
	}
	return 0, 0, 0
}

func (n *node) depth(row []float64) float64 {
	var d float64
	for n.left != nil {
		d++
		if row[n.column] <= n.cut {
			n = n.left
		} else {
			n = n.right
		}
	}
	return d + expected(n.size)
}

// expected is the mean depth at which a search in a random tree of n rows ends in vain.
func expected(n int) float64 {
	switch {
	case n < 2:
		return 0
	case n == 2:
		return 1
	}
	const euler = 0.5772156649015329
	return 2*(math.Log(float64(n-1))+euler) - 2*float64(n-1)/float64(n)
}
