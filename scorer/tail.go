package scorer

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// countTail returns −ln of the upper mid-p of x under a count law with the mean and
// variance: negative binomial, Poisson where the variance is not above the mean, gamma
// where a large count is under-dispersed. x = 0 gives 0: absence is never evidence.
// With I the regularised incomplete beta, P(X ≥ k) = I_q(k, r), r = mean²/(v−mean),
// q = 1−mean/v (DLMF 8.17.24), and the mid-p is the mean of P(X ≥ x) and P(X > x).
func countTail(x, mean, variance float64) float64 {
	if x <= 0 {
		return 0
	}
	above := func(k float64) float64 { return logCountAbove(k, mean, variance) }
	if variance < mean && mean >= gammaMean {
		return -logGammaAbove(x, mean, variance)
	}
	return -(logAdd(above(x), above(x+1)) - math.Ln2)
}

// gammaMean is the mean from which an under-dispersed count is smooth enough for a
// continuous law; below it the Poisson law stands in.
const gammaMean = 5

// logCountAbove returns ln P(X ≥ k), k > 0.
func logCountAbove(k, mean, variance float64) float64 {
	over := variance - mean
	if over <= mean*1e-6 {
		return logOr(mathext.GammaIncReg(k, mean), func() float64 { return logPoissonSeries(k, mean) })
	}
	r, q := mean*mean/over, over/variance
	return logOr(mathext.RegIncBeta(k, r, q), func() float64 { return logBetaFraction(k, r, q) })
}

func logGammaAbove(x, mean, variance float64) float64 {
	shape, rate := mean*mean/variance, mean/variance
	return logOr(mathext.GammaIncRegComp(shape, x*rate), func() float64 {
		// The leading term of the asymptotic series (DLMF 8.11.2); the tail is below 1e-15 here.
		z, lg := x*rate, lgamma(shape)
		return (shape-1)*math.Log(z) - z - lg
	})
}

// logOr takes the logarithm of p where p is trustworthy, else what the log-space
// formula gives: the library's absolute error is near 1e-16.
func logOr(p float64, exact func() float64) float64 {
	if p > 1e-15 {
		return math.Log(math.Min(p, 1))
	}
	return exact()
}

// logPoissonSeries returns ln P(X ≥ k) for k far above the mean: the term at k times
// the sum of ratios that follow it.
func logPoissonSeries(k, mean float64) float64 {
	sum, term := 1.0, 1.0
	for i := 1.0; i < 1000 && term > sum*1e-16; i++ {
		term *= mean / (k + i)
		sum += term
	}
	return k*math.Log(mean) - mean - lgamma(k+1) + math.Log(sum)
}

// logBetaFraction returns ln I_x(a, b) by the continued fraction of Numerical Recipes
// 6.4 (modified Lentz), in log space so that it does not underflow.
func logBetaFraction(a, b, x float64) float64 {
	front := a*math.Log(x) + b*math.Log1p(-x) - (lgamma(a) + lgamma(b) - lgamma(a+b)) - math.Log(a)
	const tiny = 1e-300
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	f := d
	for m := 1.0; m <= 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / guard(1+even*d)
		c = guard(1 + even/c)
		f *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / guard(1+odd*d)
		c = guard(1 + odd/c)
		step := d * c
		f *= step
		if math.Abs(step-1) < 1e-13 {
			break
		}
	}
	return front + math.Log(math.Max(f, tiny))
}

// studentTail returns −ln of P(T ≥ t) for Student's t with df degrees of freedom.
func studentTail(t, df float64) float64 {
	if t == 0 {
		return math.Ln2
	}
	half := mathext.RegIncBeta(df/2, .5, df/(df+t*t)) / 2
	if t < 0 {
		return -math.Log1p(-half)
	}
	return -math.Log(math.Max(half, math.SmallestNonzeroFloat64))
}

// countRange returns the counts between which 90 % of days lie.
func countRange(mean, variance float64) (low, high float64) {
	return countQuantile(.05, mean, variance), countQuantile(.95, mean, variance)
}

// countQuantile returns the least count k with P(X ≤ k) ≥ q.
func countQuantile(q, mean, variance float64) float64 {
	enough := func(k float64) bool {
		if variance < mean && mean >= gammaMean {
			return -math.Expm1(logGammaAbove(k+.5, mean, variance)) >= q
		}
		return -math.Expm1(logCountAbove(k+1, mean, variance)) >= q
	}
	if enough(0) {
		return 0
	}
	low, high := 0.0, 1.0
	for !enough(high) && high < 1e12 {
		low, high = high, 2*high
	}
	for high-low > 1 {
		mid := math.Floor((low + high) / 2)
		if enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// logAdd returns ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
