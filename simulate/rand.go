package simulate

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// topic keeps the random numbers of one purpose apart from those of another, so that
// one more draw here moves nothing there.
type topic uint64

const (
	topicPeople topic = iota + 1
	topicRecords
	topicCasting
	topicStory
	topicOddity
	topicDay
	topicPersonDay
	topicLoss
	topicFlaws
)

// draws is a stream of random numbers with the laws that the company needs.
type draws struct{ *rand.Rand }

// stream returns the numbers that belong to (seed, topic, ids) and to nothing else.
func stream(seed uint64, what topic, ids ...int) draws {
	a := scramble(seed ^ scramble(uint64(what)))
	for _, id := range ids {
		a = scramble(a ^ uint64(int64(id)))
	}
	return draws{rand.New(rand.NewPCG(a, scramble(a)))}
}

// scramble is the finaliser of SplitMix64.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d draws) chance(p float64) bool { return d.Float64() < p }

// between is uniform in [low, high).
func (d draws) between(low, high float64) float64 { return low + (high-low)*d.Float64() }

// span is uniform in [low, high], both included.
func (d draws) span(low, high int) int { return low + d.IntN(high-low+1) }

// spread is log-uniform in [low, high).
func (d draws) spread(low, high float64) float64 {
	return math.Exp(d.between(math.Log(low), math.Log(high)))
}

// gamma has mean 1 and the given coefficient of variation.
func (d draws) gamma(cv float64) float64 {
	shape := 1 / (cv * cv)
	return distuv.Gamma{Alpha: shape, Beta: shape, Src: d.Rand}.Rand()
}

// count is negative binomial: a Poisson count whose rate differs from day to day.
func (d draws) count(mean, size float64) int {
	if mean <= 0 {
		return 0
	}
	rate := distuv.Gamma{Alpha: size, Beta: size / mean, Src: d.Rand}.Rand()
	if rate <= 0 {
		return 0
	}
	return int(distuv.Poisson{Lambda: rate, Src: d.Rand}.Rand())
}

// logNormal has the given median and the given standard deviation of its logarithm.
func (d draws) logNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*d.NormFloat64())
}

// weighted returns an index with probability in proportion to its weight.
func (d draws) weighted(weights []float64) int {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	x := d.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// one returns an element of a list that is not empty.
func one[T any](d draws, list []T) T { return list[d.IntN(len(list))] }
