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
	some     float64 // sizes: the probability that there is any
	mean     float64
	variance float64
	df       float64 // hours and sizes: degrees of freedom of the predictive t
	cover    float64 // the mean by records assigned, for counts that have one
	log      float64 // −ln p of the law
	strength float64 // −ln p after sharpening and cap: what is fused
	capped   bool
}

// reading is one employee-day seen through one seal.
type reading struct {
	features []expectation
	seen     ueba.Features // the profile's, and what the days before tell of the day
	h        float64       // fused −ln p
}

// prior is what a peer group says of a feature before a person's own days are known.
type prior struct {
	// Mean of the group's people, shrunk to the company.
	Mean float64
	// Strength is the number of days that the group's word weighs: for counts the
	// gamma prior's rate, mean / variance between people.
	Strength float64
	// Spread is, for counts, 1/k of v = mean + mean²/k within a person; for hours
	// and logarithms the variance within a person.
	Spread float64
}

// coverStrength is how many assigned records the group's unexplained rate weighs.
const coverStrength = 50

// expectCount gives the predictive mean and variance of a count: gamma prior from the
// group, own days, and own dispersion against pool days of the group's: pooled dispersion
// found more (measured), his own corrects it in time.
func expectCount(p prior, s sums, pool float64) (mean, variance float64) {
	weight := p.Strength + s.n
	mean = (p.Mean*p.Strength + s.x) / weight
	variance = mean + p.Spread*mean*mean
	if s.n > 2 {
		variance = (pool*variance + s.n*s.variance()) / (pool + s.n)
	}
	return mean, variance + mean/weight
}

// expectNormal gives the predictive Student-t of an hour of the day, or of a logarithm.
func expectNormal(p prior, s sums) (mean, variance, df float64) {
	weight := p.Strength + s.n
	mean = (p.Mean*p.Strength + s.x) / weight
	variance = p.Spread
	if s.n > 2 {
		variance = (normalPool*variance + s.n*s.variance()) / (normalPool + s.n)
	}
	return mean, math.Max(variance, minVariance) * (1 + 1/weight), normalPool + s.n
}

const (
	normalPool  = 10      // days that the group's variance of hours weighs
	minVariance = 1. / 16 // a quarter of an hour is nobody's news
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
	pool    float64              // Config.Pool
}

// sight is what of a day the laws see.
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
		*e = expectation{x: s.value(&r.seen), absent: s.absent(in.profile)}
		if e.absent {
			continue
		}
		slot := s.slot(i, in.workday)
		p, own := table.Priors[slot], b.cells[slot]
		switch s.Law {
		case Early, Late:
			e.mean, e.variance, e.df = expectNormal(p, own)
			continue
		case Size:
			some, _ := expectCount(p, own, l.pool)
			e.some = math.Min(some, 1)
			e.mean, e.variance, e.df = expectNormal(table.Priors[slot+1], b.cells[slot+1])
			continue
		}
		e.mean, e.variance = expectCount(p, own, l.pool)
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

// absent reports whether the day lacks the input that the feature needs.
func (s *spec) absent(p *ueba.Profile) bool {
	return s.Needs != "" && slices.Contains(p.Missing, s.Needs)
}

// value reads the feature in the law's scale.
func (s *spec) value(fs *ueba.Features) float64 {
	x := fs[s.Feature.Feature]
	if s.Law == Size {
		return math.Log1p(x)
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
		if s.Law == Count {
			e.scale(stretch(s, e, effects, i))
		}
		e.log = e.tail(s.Law)
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

// tail returns −ln p of what was seen.
func (e *expectation) tail(law Law) float64 {
	t := (e.x - e.mean) / math.Sqrt(e.variance)
	switch law {
	case Early:
		return studentTail(-t, e.df)
	case Late:
		return studentTail(t, e.df)
	case Size:
		if e.x <= 0 {
			return 0
		}
		return studentTail(t, e.df) - math.Log(e.some)
	}
	return countTail(e.x, e.mean, e.variance)
}
