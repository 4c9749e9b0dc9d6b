package scorer

import (
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// person is one employee's state after a day: what is usual for him and what has
// gathered. It is made when something is first received of him.
type person struct {
	place  int // among the people of this replay
	base   baseline
	active int // days with events
	usual  habit
	past   history
	parts  []evidence // by day; what has decayed to nothing is gone
	band   band
	holds  []hold
	a      float64 // the sum of parts
	cents  int     // 100·R
}

func newPerson(place, specs int, day ueba.Day) *person {
	return &person{place: place, base: newBaseline(specs, day), usual: newHabit()}
}

func (p *person) clone() *person {
	c := *p
	c.base = p.base.clone()
	c.past = p.past.clone()
	c.parts = slices.Clone(p.parts)
	c.holds = slices.Clone(p.holds)
	return &c
}

// habit is what h of the last days had above the threshold.
type habit struct {
	days   [window]ueba.Day
	excess [window]float64
}

func newHabit() habit {
	var h habit
	for i := range h.days {
		h.days[i] = ueba.NoDay
	}
	return h
}

func (h *habit) note(day ueba.Day, excess float64) {
	i := ringPlace(day)
	h.days[i], h.excess[i] = day, excess
}

// habitDays keeps the first days of an employee from looking like a habit.
const habitDays = 10

// mean returns the average excess of the days of the window before the day.
func (h *habit) mean(day ueba.Day) float64 {
	var n, sum float64
	for d := day - window + 1; d < day; d++ {
		if i := ringPlace(d); h.days[i] == d {
			n++
			sum += h.excess[i]
		}
	}
	return sum / math.Max(n, habitDays)
}

func ringPlace(day ueba.Day) int { return ((int(day) % window) + window) % window }

// evidence is one part of A with the wording of its day.
type evidence struct {
	day    ueba.Day
	spec   int    // index of the feature; -1 for a rule
	rule   string // the rule's id
	detail string // the detection's id
	a      float64
	log    float64
	value  float64
	usual  float64
	low    float64
	high   float64
	peers  float64
	capped bool
}

// facts are what a track knows of an employee on a day.
type facts struct {
	employee *ueba.Employee
	sight
	reviews []ueba.Review
}

// outcome is what a step found, before it is written down.
type outcome struct {
	h, p, evidence float64
	decay          float64 // what A lost
	before         int     // R in cents the day before
	rank, previous int     // levels, holds included
	held           string
}

// machine has what every step needs.
type machine struct {
	config *Config
	specs  []spec
	hash   string // of the configuration
}

// prepare brings the person to the day and fills in what is expected of it.
func (m *machine) prepare(p *person, day ueba.Day, f *facts, l *lens, r *reading) {
	if f.profile == nil && f.workday {
		return
	}
	p.base.advance(day, m.config.Forget)
	if f.profile == nil {
		return
	}
	if r.features == nil {
		r.features = make([]expectation, len(m.specs))
	}
	r.seen = f.profile.Features
	p.past.derive(f.profile, &r.seen)
	if l.seal != nil {
		l.expect(&p.base, &f.sight, r)
		return
	}
	for i := range m.specs {
		x := m.specs[i].value(&r.seen)
		r.features[i] = expectation{x: x, mean: x, absent: m.specs[i].absent(f.profile)}
	}
}

// finish takes the prepared person through the day.
func (m *machine) finish(p *person, day ueba.Day, f *facts, l *lens, r *reading) outcome {
	out := outcome{p: 1, before: p.cents, previous: p.rank()}
	out.decay = p.decay(m.factor(f.workday))
	if f.profile != nil {
		p.active++
		if l.seal != nil {
			l.judge(&f.sight, r)
			out.h = math.Max(r.h+l.seal.Shift, 0)
			out.p = l.seal.Calibration.P(out.h)
			m.gather(p, day, f, l, r, out.h)
		}
		m.detect(p, day, f)
	}
	out.evidence = m.settle(p, day)
	p.release(f.reviews)
	out.rank = p.rank()
	if h := strongest(p.holds); h != nil && h.rank >= p.band.rank {
		out.held = h.id
	}
	m.learn(p, day, f, r)
	return out
}

// factor is what a day leaves of A.
func (m *machine) factor(workday bool) float64 {
	if workday {
		return m.config.Lambda
	}
	return math.Cbrt(m.config.Lambda)
}

// rank is the level that the person is at, holds included.
func (p *person) rank() int {
	if h := strongest(p.holds); h != nil {
		return max(p.band.rank, h.rank)
	}
	return p.band.rank
}

// negligible is what a part may decay to before it is dropped.
const negligible = 1e-5

// decay ages the parts and returns what A lost.
func (p *person) decay(factor float64) float64 {
	kept := p.parts[:0]
	var a float64
	for _, e := range p.parts {
		if e.a *= factor; e.a >= negligible {
			kept = append(kept, e)
			a += e.a
		}
	}
	lost := p.a - a
	p.parts, p.a = kept, a
	return lost
}

// gather turns what h has above the usual into parts.
func (m *machine) gather(p *person, day ueba.Day, f *facts, l *lens, r *reading, h float64) {
	c := m.config
	excess := math.Max(h-c.Threshold, 0)
	e := math.Min(excess-c.Usual*p.usual.mean(day), c.DayCap)
	if !incident(f.reviews, day) {
		p.usual.note(day, math.Min(excess, c.DayCap))
	}
	if e <= 0 {
		return
	}
	for i, s := range mainShares(shares(m.specs, r.features)) {
		if s > 0 {
			p.parts = append(p.parts, m.word(day, i, e*s, f, l, r))
		}
	}
	p.strike(f.reviews, day, m.specs)
}

// leastShare is what a feature must have of a day to be named.
const leastShare = .005

// mainShares leaves out the crumbs and makes the rest add up to 1 again.
func mainShares(all []float64) []float64 {
	var sum float64
	for i, s := range all {
		if s < leastShare {
			all[i] = 0
		}
		sum += all[i]
	}
	if sum > 0 {
		for i := range all {
			all[i] /= sum
		}
	}
	return all
}

// word notes a feature's part with the figures of its own law.
func (m *machine) word(day ueba.Day, i int, a float64, f *facts, l *lens, r *reading) evidence {
	s, e := &m.specs[i], &r.features[i]
	slot := s.slot(i, f.workday)
	peers := l.seal.table(f.group).Priors
	out := evidence{day: day, spec: i, a: a, log: e.log, capped: e.capped, usual: e.mean, peers: peers[slot].Mean}
	half := 1.645 * math.Sqrt(e.variance)
	out.low, out.high = e.mean-half, e.mean+half
	if s.Law == Count {
		out.low, out.high = countRange(e.mean, e.variance)
	}
	if s.Law == Size {
		out.peers = peers[slot+1].Mean
	}
	out.value = r.seen[s.Feature.Feature]
	if s.Law.isHour() {
		out.value += m.config.Business.Start.Hours()
	}
	for _, x := range []*float64{&out.usual, &out.low, &out.high, &out.peers} {
		*x = s.show(m.config, *x)
	}
	return out
}

// show turns a number in the law's scale into one for people: sizes from logarithms,
// hours of the business day into hours of the clock, those after midnight going on from 24.
func (s *spec) show(c *Config, x float64) float64 {
	switch {
	case s.Law == Size:
		return math.Max(math.Expm1(x), 0)
	case s.Law.isHour():
		return x + c.Business.Start.Hours()
	}
	return x
}

// detect adds the rules' evidence, capped by rule, by day and by how often the rule matches
// him anyway, and notes what holds the level.
func (m *machine) detect(p *person, day ueba.Day, f *facts) {
	byRule := map[string]float64{}
	for _, d := range f.profile.Detections {
		room := min(m.config.RuleCap, p.past.news(d.Rule)) - byRule[d.Rule]
		a := min(d.Evidence, room)
		if a > 0 && !struck(f.reviews, day, ModelRule, d.Rule) {
			byRule[d.Rule] += a
			p.parts = append(p.parts, evidence{
				day: day, spec: -1, rule: d.Rule, detail: d.ID, a: a,
				value: float64(d.Count), capped: d.Evidence > room,
			})
		}
		if d.Grave {
			p.holds = append(p.holds, hold{day: day, rule: d.Rule, id: d.ID, rank: max(d.Level.Rank(), 0)})
		}
	}
}

// settle adds up A, and returns what the day added.
func (m *machine) settle(p *person, day ueba.Day) float64 {
	var a, today float64
	for _, e := range p.parts {
		a += e.a
		if e.day == day {
			today += e.a
		}
	}
	p.a, p.cents = a, centsOf(m.config, a)
	p.band.move(m.config, float64(p.cents)/100)
	return today
}

// learn teaches the baseline; before the first seal there is nothing to bound it by. A day
// of a confirmed incident teaches nothing: it is no habit of his.
func (m *machine) learn(p *person, day ueba.Day, f *facts, r *reading) {
	if incident(f.reviews, day) {
		return
	}
	if f.profile != nil {
		p.base.teach(m.specs, r, f.profile.Features[ueba.FeatureAssigned], f.workday)
		p.past.learn(f.profile, m.config.Forget)
	} else if !f.workday {
		p.base.teachAway(m.specs)
	}
}

// strike takes out of the day's parts what a reviewer found expected or a false alarm.
func (p *person) strike(reviews []ueba.Review, day ueba.Day, specs []spec) {
	if len(reviews) == 0 {
		return
	}
	p.parts = slices.DeleteFunc(p.parts, func(e evidence) bool {
		return e.day == day && e.spec >= 0 && struck(reviews, day, specs[e.spec].model, specs[e.spec].Feature.Feature.String())
	})
}

// struck reports whether a review takes the part out.
func struck(reviews []ueba.Review, day ueba.Day, model, feature string) bool {
	for i := range reviews {
		r := &reviews[i]
		if r.Outcome != ueba.Confirmed && covers(r, day, model, feature) {
			return true
		}
	}
	return false
}

// incident reports whether a reviewer has confirmed that the day was part of an incident.
func incident(reviews []ueba.Review, day ueba.Day) bool {
	return slices.ContainsFunc(reviews, func(r ueba.Review) bool {
		return r.Outcome == ueba.Confirmed && r.From <= day && day <= r.To
	})
}

// covers reports whether the review speaks of the part.
func covers(r *ueba.Review, day ueba.Day, model, feature string) bool {
	return r.From <= day && day <= r.To && (r.Feature == "" || r.Feature == model || r.Feature == model+"/"+feature)
}

// release lets go of the levels held by detections that somebody has judged, whatever
// the verdict.
func (p *person) release(reviews []ueba.Review) {
	p.holds = slices.DeleteFunc(p.holds, func(h hold) bool {
		return slices.ContainsFunc(reviews, func(r ueba.Review) bool {
			return covers(&r, h.day, ModelRule, h.rule)
		})
	})
}
