package scorer

import (
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// expectation is what is usual for a feature of one employee on one day, and what was seen.
type expectation struct {
	absent   bool    // the input is missing: p counts as 1
	x        float64 // seen, in the law's scale
	mean     float64
	variance float64
	df       float64 // hours: degrees of freedom of the predictive t
	cover    float64 // the mean by records assigned, for counts that have one
	log      float64 // −ln p of the law
	strength float64 // −ln p after sharpening and cap: what is fused
	capped   bool
}

// reading is one employee-day seen through one seal.
type reading struct {
	features []expectation
	h        float64 // fused −ln p
}

// prior is what a peer group says of a feature before a person's own days are known.
type prior struct {
	// Mean of the group's people, shrunk to the company.
	Mean float64
	// Strength is the number of days that the group's word weighs: for counts the
	// gamma prior's rate, mean / variance between people.
	Strength float64
	// Spread is, for counts, 1/k of v = mean + mean²/k within a person; for hours
	// the variance within a person.
	Spread float64
}

// ownDispersion is the number of days that the group's dispersion weighs against the
// person's own: pooled dispersion found more (measured), his own corrects it in time.
const ownDispersion = 20

// coverStrength is how many assigned records the group's unexplained rate weighs.
const coverStrength = 50

// expectCount gives the predictive mean and variance of a count: gamma prior from the
// group, own days, dispersion mostly pooled.
func expectCount(p prior, s sums) (mean, variance float64) {
	weight := p.Strength + s.n
	mean = (p.Mean*p.Strength + s.x) / weight
	variance = mean + p.Spread*mean*mean
	if s.n > 2 {
		variance = (ownDispersion*variance + s.n*s.variance()) / (ownDispersion + s.n)
	}
	return mean, variance + mean/weight
}

// expectHour gives the predictive Student-t of an hour of the day.
func expectHour(p prior, s sums) (mean, variance, df float64) {
	weight := p.Strength + s.n
	mean = (p.Mean*p.Strength + s.x) / weight
	variance = p.Spread
	if s.n > 2 {
		variance = (hourPool*variance + s.n*s.variance()) / (hourPool + s.n)
	}
	return mean, math.Max(variance, minHourVariance) * (1 + 1/weight), hourPool + s.n
}

const (
	hourPool        = 10      // days that the group's variance of hours weighs
	minHourVariance = 1. / 16 // a quarter of an hour is nobody's news
)

// scale multiplies the expectation by f ≥ 1: the over-dispersed part of the variance
// grows with the square, the Poisson part with f.
func (e *expectation) scale(f float64) {
	poisson := math.Min(e.mean, e.variance)
	e.variance = poisson*f + (e.variance-poisson)*f*f
	e.mean *= f
}

// lens is what a day is read through: specs, the seal of the day before and, for a
// closed day, its own group effects.
type lens struct {
	specs   []spec
	seal    *Seal
	effects map[string][]float64 // by group; nil while the day is open
}

// look is what of a day the laws see.
type sight struct {
	profile *ueba.Profile
	group   string
	workday bool
}

// expect fills r with expectations before any group-day effect.
func (l *lens) expect(b *baseline, in *sight, r *reading) {
	table := l.seal.table(in.group)
	for i := range l.specs {
		s, e := &l.specs[i], &r.features[i]
		*e = expectation{x: s.value(in.profile), absent: s.Needs != "" && slices.Contains(in.profile.Missing, s.Needs)}
		if e.absent {
			continue
		}
		slot := s.slot(i, in.workday)
		p, own := table.Priors[slot], b.cells[slot]
		if s.Law.isHour() {
			e.mean, e.variance, e.df = expectHour(p, own)
			continue
		}
		e.mean, e.variance = expectCount(p, own)
		if s.Cover {
			e.cover = coverMean(p, table.Assigned, own, b.assigned, in.profile.Features[ueba.FeatureAssigned])
		}
	}
}

// coverMean expects the unexplained looks that the assigned work brings: own rate per
// assigned record, leaning on the group's, times the records assigned today. Looks
// cannot dilute it, and a colleague's queue taken over does not look like an attack.
func coverMean(p prior, groupAssigned float64, own, assigned sums, today float64) float64 {
	if today <= 0 || groupAssigned <= 0 {
		return 0
	}
	rate := (p.Mean/groupAssigned*coverStrength + own.x) / (coverStrength + assigned.x)
	return rate * today
}

// value reads the feature in the law's scale.
func (s *spec) value(p *ueba.Profile) float64 {
	x := p.Features[s.Feature.Feature]
	if s.Law == LogCount {
		return 5 * math.Log10(1+x)
	}
	return x
}

// unscale turns a number in the law's scale back into the feature's own.
func (s *spec) unscale(x float64) float64 {
	if s.Law == LogCount {
		return math.Pow(10, x/5) - 1
	}
	return x
}

// judge applies the group-day effects and fills in p-values and h.
func (l *lens) judge(in *sight, r *reading) {
	effects := l.effects[in.group]
	for i := range l.specs {
		s, e := &l.specs[i], &r.features[i]
		if e.absent {
			continue
		}
		if s.Law.isHour() {
			e.log = hourTail(s.Law, e)
		} else {
			e.scale(stretch(s, e, effects, i))
			e.log = countTail(e.x, e.mean, e.variance)
		}
		e.strength, e.capped = l.seal.bound(i, s, e.log)
	}
	r.h = fuse(l.specs, r.features)
}

func stretch(s *spec, e *expectation, effects []float64, i int) float64 {
	f := 1.0
	if s.Group && effects != nil {
		f = effects[i]
	}
	if e.mean > 0 {
		f = math.Max(f, e.cover/e.mean)
	}
	return f
}

func hourTail(law Law, e *expectation) float64 {
	t := (e.x - e.mean) / math.Sqrt(e.variance)
	if law == Early {
		t = -t
	}
	return studentTail(t, e.df)
}
