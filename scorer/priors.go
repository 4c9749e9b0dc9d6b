package scorer

import (
	"math"
	"sort"
)

// pseudoPeople is how many people of the company stand in every peer group.
const pseudoPeople = 10

// member is one employee's baseline as a seal sees it.
type member struct {
	group string
	base  *baseline
}

// crowd gathers, for one cell (feature and day type) of one group, what people differ in.
type crowd struct {
	people, days, means float64 // Σw, Σn, Σw·mean
	within, dof         float64 // Σ(n−1)·s², Σ(n−1)
	extra, square       float64 // Σ(n−1)·(s²−mean), Σ(n−1)·mean²: they give 1/k
	between, scale      float64 // Σw·((mean−m)² − sampling variance), Σw·m²
}

// weigh is a person's weight among the group's people: a few days do not make a person.
func weigh(n float64) float64 { return n / (n + 4) }

func (c *crowd) meet(s sums) {
	if s.n <= .5 {
		return
	}
	w := weigh(s.n)
	c.people += w
	c.days += s.n
	c.means += w * s.pooled()
	if s.n > 1.5 {
		v, mean := s.variance(), s.mean()
		c.within += (s.n - 1) * v
		c.dof += s.n - 1
		c.extra += (s.n - 1) * (v - mean)
		c.square += (s.n - 1) * mean * mean
	}
}

// compare adds how far the person lies from his group, given its mean and spread.
func (c *crowd) compare(s sums, mean, sampling float64) {
	if s.n <= .5 {
		return
	}
	w, d := weigh(s.n), s.pooled()-mean
	c.between += w * (d*d - sampling/s.n)
	c.scale += w * mean * mean
}

// lean adds what pseudoPeople average people of the company contribute.
func (c *crowd) lean(company *crowd) crowd {
	out := *c
	if company.people <= 0 {
		return out
	}
	f := pseudoPeople / company.people
	out.people += pseudoPeople
	out.means += f * company.means
	out.within += f * company.within
	out.dof += f * company.dof
	out.extra += f * company.extra
	out.square += f * company.square
	out.between += f * company.between
	out.scale += f * company.scale
	return out
}

// census is the company on its way into tables: people by group, in a fixed order,
// because sums of floats depend on it.
type census struct {
	specs   []spec
	members []member
	place   []int // the group of each member
	groups  []string
	company *Table
	tables  []*Table // of groups
}

// priorsOf makes the tables of the company and of each group from everybody's baselines.
func priorsOf(specs []spec, members []member) (*Table, map[string]*Table) {
	c := &census{specs: specs, members: members, company: newTable(specs)}
	c.sort()
	parallel(2*len(specs), c.settle)
	c.assigned()
	groups := make(map[string]*Table, len(c.groups))
	for i, g := range c.groups {
		groups[g] = c.tables[i]
	}
	return c.company, groups
}

func newTable(specs []spec) *Table { return &Table{Priors: make([]prior, 2*len(specs))} }

func (c *census) sort() {
	place := map[string]int{}
	for _, m := range c.members {
		place[m.group] = 0
	}
	for g := range place {
		c.groups = append(c.groups, g)
	}
	sort.Strings(c.groups)
	for i, g := range c.groups {
		place[g] = i
		c.tables = append(c.tables, newTable(c.specs))
	}
	c.place = make([]int, len(c.members))
	c.company.People = len(c.members)
	for i, m := range c.members {
		c.place[i] = place[m.group]
		c.tables[c.place[i]].People++
	}
}

// settle fills in one cell of every table: means first, then spread, then strength.
func (c *census) settle(cell int) {
	s := &c.specs[cell/2]
	all, each := crowd{}, make([]crowd, len(c.groups))
	for i, m := range c.members {
		all.meet(m.base.cells[cell])
		each[c.place[i]].meet(m.base.cells[cell])
	}
	company := &c.company.Priors[cell]
	company.Mean, company.Spread = s.mean(cell, &all), s.spread(cell, &all)
	for g := range each {
		own := each[g].lean(&all)
		own.means = each[g].means + pseudoPeople*company.Mean
		own.people = each[g].people + pseudoPeople
		c.tables[g].Priors[cell] = prior{Mean: own.means / own.people, Spread: s.spread(cell, &own)}
	}
	for i, m := range c.members {
		p := &c.tables[c.place[i]].Priors[cell]
		each[c.place[i]].compare(m.base.cells[cell], p.Mean, s.sampling(cell, p))
		all.compare(m.base.cells[cell], p.Mean, s.sampling(cell, p))
	}
	company.Strength = s.strength(cell, *company, &all)
	*company = company.round()
	for g := range each {
		p, own := &c.tables[g].Priors[cell], each[g].lean(&all)
		p.Strength = s.strength(cell, *p, &own)
		*p = p.round()
	}
}

func (p prior) round() prior { return prior{round6(p.Mean), round6(p.Strength), round6(p.Spread)} }

// mean is the mean over the company's people. A count that nobody ever had is expected
// half once in all the days seen.
func (s *spec) mean(cell int, c *crowd) float64 {
	mean := 0.0
	if c.people > 0 {
		mean = c.means / c.people
	}
	if s.isNormal(cell) {
		return mean
	}
	return math.Max(mean, .5/(1+c.days))
}

// Bounds of the learned quantities, so that a handful of days cannot make a law absurd.
const (
	minDispersion, maxDispersion = .02, 20
	firstDispersion              = .3 // 1/k while nothing is known
	minStrength, maxStrength     = .5, 60
	firstVariance                = 4
	minNormalStrength            = .2
	maxNormalStrength            = 10
)

// spread returns the dispersion within a person: 1/k for counts, else the variance.
func (s *spec) spread(cell int, c *crowd) float64 {
	switch {
	case s.isNormal(cell) && c.dof > 0:
		return math.Max(c.within/c.dof, minVariance)
	case s.isNormal(cell):
		return firstVariance
	case c.square > 0:
		return math.Min(math.Max(c.extra/c.square, minDispersion), maxDispersion)
	}
	return firstDispersion
}

// sampling is the variance of one day around a person's mean.
func (s *spec) sampling(cell int, p *prior) float64 {
	if s.isNormal(cell) {
		return p.Spread
	}
	return p.Mean + p.Spread*p.Mean*p.Mean
}

// strength returns how many days the group's word weighs: the more people differ, the fewer.
func (s *spec) strength(cell int, p prior, c *crowd) float64 {
	if s.isNormal(cell) {
		if c.people <= 0 || c.between <= 0 {
			return maxNormalStrength
		}
		return math.Min(math.Max(p.Spread*c.people/c.between, minNormalStrength), maxNormalStrength)
	}
	if c.scale <= 0 || c.between <= 0 {
		return maxStrength
	}
	return math.Min(math.Max(c.scale/(c.between*p.Mean), minStrength), maxStrength)
}

// assignedDays is how many days the company's word weighs for the records assigned.
const assignedDays = 10 * pseudoPeople

// assigned fills in the records that reasons give on an average day.
func (c *census) assigned() {
	var all sums
	each := make([]sums, len(c.groups))
	for i, m := range c.members {
		a := m.base.assigned
		all.n, all.x = all.n+a.n, all.x+a.x
		each[c.place[i]].n += a.n
		each[c.place[i]].x += a.x
	}
	if all.n > 0 {
		c.company.Assigned = round6(all.mean())
	}
	for g, t := range c.tables {
		t.Assigned = round6((each[g].x + assignedDays*c.company.Assigned) / (each[g].n + assignedDays))
	}
}
