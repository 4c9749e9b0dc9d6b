package scorer

import (
	"math"
)

// window is the number of days that make "recent".
const window = 28

// Calibration is the distribution of h among recent employee-days, each person
// weighing the same: ranks below the 98 % point, a generalised Pareto tail above.
type Calibration struct {
	People int       `json:"people"`
	Body   []float64 `json:"body,omitempty"` // h exceeded by bodyShares of the days
	Shape  float64   `json:"shape"`          // ξ, in [0, .5]
	Width  float64   `json:"width"`          // σ
}

// bodyShares are the shares of days that exceed Body's values; the last is where the
// tail begins.
var bodyShares = [...]float64{.9, .8, .7, .6, .5, .4, .3, .2, .1, .07, .05, .035, .02}

// calibrationPeople is how many people a rank needs to mean anything.
const calibrationPeople = 20

// leastP is the smallest place that any past can support.
const leastP = 1e-9

// P returns the share of recent days above h.
func (c *Calibration) P(h float64) float64 {
	if c.People < calibrationPeople {
		return math.Max(math.Min(1, math.Exp(-h)), leastP)
	}
	last := len(c.Body) - 1
	if h >= c.Body[last] {
		return math.Max(bodyShares[last]*c.tail(h-c.Body[last]), leastP)
	}
	if h <= c.Body[0] {
		return 1 - (1-bodyShares[0])*share(h, 0, c.Body[0])
	}
	for i := 1; ; i++ {
		if h < c.Body[i] {
			t := share(h, c.Body[i-1], c.Body[i])
			return bodyShares[i-1] * math.Pow(bodyShares[i]/bodyShares[i-1], t)
		}
	}
}

func share(x, low, high float64) float64 {
	if high <= low {
		return 1
	}
	return math.Min(math.Max((x-low)/(high-low), 0), 1)
}

// tail returns the Pareto survival of an excess.
func (c *Calibration) tail(excess float64) float64 {
	if c.Width <= 0 {
		return 1
	}
	if c.Shape < 1e-6 {
		return math.Exp(-excess / c.Width)
	}
	return math.Pow(1+c.Shape*excess/c.Width, -1/c.Shape)
}

// Histograms of h have bins of hStep up to hBins·hStep.
const (
	hStep = .01
	hBins = 2000
)

func hBin(h float64) int { return min(max(int(h/hStep), 0), hBins-1) }

// calibrate makes the table from weights by bin.
func calibrate(weights []float64, people int) Calibration {
	c := Calibration{People: people}
	var total float64
	for _, w := range weights {
		total += w
	}
	if people < calibrationPeople || total <= 0 {
		return c
	}
	c.Body = make([]float64, len(bodyShares))
	above, next := 0.0, len(bodyShares)-1
	for bin := len(weights) - 1; bin >= 0 && next >= 0; bin-- {
		above += weights[bin]
		for next >= 0 && above >= bodyShares[next]*total {
			c.Body[next] = round6(float64(bin) * hStep)
			next--
		}
	}
	c.Shape, c.Width = pareto(weights, c.Body[len(c.Body)-1])
	return c
}

// pareto fits the tail above the threshold by moments, ξ = (1 − m²/v)/2 kept in [0, .5].
func pareto(weights []float64, from float64) (shape, width float64) {
	var n, sum, squares float64
	for bin := hBin(from + hStep/2); bin < len(weights); bin++ {
		x := (float64(bin)+.5)*hStep - from
		n, sum, squares = n+weights[bin], sum+weights[bin]*x, squares+weights[bin]*x*x
	}
	if n <= 0 {
		return 0, 1
	}
	mean := sum / n
	if v := squares/n - mean*mean; v > 0 {
		shape = math.Min(math.Max((1-mean*mean/v)/2, 0), .5)
	}
	return round6(shape), round6(math.Max(mean*(1-shape), hStep))
}

// Histograms of a feature's −ln p have bins of logStep up to logBins·logStep.
const (
	logStep = .05
	logBins = 256
)

const (
	sharpenAt   = .005 // the point that sharpening puts in its place
	sharpenDays = 1000 // fewer employee-days have no such point
	denseShare  = .2   // a feature is dense when so many days have something to say
)

// power returns the exponent from 1 to most that puts the .5 % point of the days counted by −ln p
// where it belongs. A law that is not cautious, a sparse feature or a short past give 1.
func power(counts []uint32, most float64) float64 {
	var total, some uint64
	for bin, n := range counts {
		total += uint64(n)
		if bin > 0 {
			some += uint64(n)
		}
	}
	if total < sharpenDays || float64(some) < denseShare*float64(total) {
		return 1
	}
	at := quantileFromTop(counts, sharpenAt*float64(total))
	return round6(math.Min(math.Max(-math.Log(sharpenAt)/((float64(at)+.5)*logStep), 1), most))
}

// quantileFromTop returns the bin above which n of the counts lie.
func quantileFromTop[N uint32 | float64](counts []N, n float64) int {
	var above float64
	for bin := len(counts) - 1; bin >= 0; bin-- {
		if above += float64(counts[bin]); above >= n {
			return bin
		}
	}
	return 0
}

// shiftDays is how many employee-days it takes to know where a tenth of them lies.
const shiftDays = 200

// shift returns what to add to the fused −ln p so that a tenth of the days lie above
// the threshold. A short past may only lower it.
func shift(counts []uint32, threshold float64) float64 {
	var total uint64
	for _, n := range counts {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	s := round6(threshold - (float64(quantileFromTop(counts, .1*float64(total)))+.5)*hStep)
	if total < shiftDays {
		return math.Min(s, 0)
	}
	return math.Min(math.Max(s, -4), 4)
}
