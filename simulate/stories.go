package simulate

import (
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// plot is one scenario: who can play it, for how long, and what he does.
type plot struct {
	name        string
	least, most int  // days on which something is done
	stride      int  // working days for each of them; 0: one
	pair        bool // takes two people
	byDay       bool // only by people who work in daytime
	open        func(c *company, d draws, s *story)
	play        func(pl *plan, s *story)
}

// story is a plot with its people, days and parameters.
type story struct {
	plot    *plot
	covered bool
	index   int
	people  []*person
	days    []ueba.Day // sorted
	prey    []int32
	n       int
	x       float64
	other   *person
	tools   []tool
}

// tool is a function of a system.
type tool struct {
	system uint8
	take   action
}

// name is the scenario as labels have it.
func (s *story) name() string {
	if s.covered {
		return s.plot.name + ".covered"
	}
	return s.plot.name
}

// nth is the place of a day among the story's days.
func (s *story) nth(d ueba.Day) int {
	i, _ := slices.BinarySearch(s.days, d)
	return i
}

// stream gives the numbers on which the story's people agree on a day.
func (s *story) stream(c *company, d ueba.Day) draws {
	return stream(c.cfg.Seed, topicStory, s.index, int(d))
}

func plots() []*plot {
	return slices.Concat(targetPlots(), volumePlots(), accountPlots(), habitPlots())
}

func plotNamed(name string) *plot {
	for _, p := range plots() {
		if p.name == name {
			return p
		}
	}
	return nil
}

// cast gives people their stories and oddities. Nobody has two.
func (c *company) cast() {
	d := stream(c.cfg.Seed, topicCasting)
	lengths := c.deal(d)
	most := c.longest(lengths)
	for i, s := range c.stories {
		c.engage(d, s, min(lengths[i], most))
	}
	c.castOddities(d)
	c.partings(d)
}

// deal draws which scenarios are played: all of them, plain or covered by chance, before
// one comes twice, and then in its other variant. It returns how many days each asks for.
func (c *company) deal(d draws) []int {
	deck := slices.DeleteFunc(plots(), func(p *plot) bool {
		return len(c.cfg.Scenarios) > 0 && !slices.Contains(c.cfg.Scenarios, p.name)
	})
	covered := make([]bool, len(deck))
	for i := range covered {
		covered[i] = d.chance(.5)
	}
	var lengths []int
	for len(lengths) < c.cfg.Insiders {
		for _, i := range d.Perm(len(deck)) {
			if len(lengths) == c.cfg.Insiders {
				break
			}
			s := &story{plot: deck[i], covered: covered[i], index: len(lengths)}
			covered[i] = !covered[i]
			c.stories = append(c.stories, s)
			lengths = append(lengths, d.span(s.plot.least, s.plot.most))
		}
	}
	return lengths
}

// longest is the number of days beyond which stories are cut so that no more than the
// wished share of all employee-days is labelled.
func (c *company) longest(lengths []int) int {
	whole := slices.Max(append([]int{1}, lengths...))
	if c.cfg.Share < 0 {
		return whole
	}
	budget := c.cfg.Share * float64(c.cfg.Staff*c.cfg.Days)
	for most := 1; most < whole; most++ {
		var days int
		for i, s := range c.stories {
			days += min(lengths[i], most+1) * s.plot.cast()
		}
		if float64(days) > budget {
			return most
		}
	}
	return whole
}

func (p *plot) cast() int {
	if p.pair {
		return 2
	}
	return 1
}

// engage finds people and days for a story. A company too small or a time too short
// for it goes without.
func (c *company) engage(d draws, s *story, days int) {
	for range s.plot.cast() {
		p := c.pick(d, func(p *person) bool { return !s.plot.byDay || !p.role.night() })
		if p == nil {
			return
		}
		p.taken = true
		s.people = append(s.people, p)
	}
	s.days = c.storyDays(d, s, days)
	if len(s.days) == 0 {
		return
	}
	s.plot.open(c, d, s)
	for _, p := range s.people {
		p.stories = append(p.stories, s)
	}
}

// pick finds somebody with ordinary work who is free for a story or an oddity.
func (c *company) pick(d draws, suits func(*person) bool) *person {
	for _, i := range d.Perm(len(c.people)) {
		p := c.people[i]
		if !p.taken && p.rate >= 10*min(c.cfg.Looks, 1) && p.role.reason != onCall && suits(p) {
			return p
		}
	}
	return nil
}

// storyDays draws the days: working days of the first person after the warm-up.
func (c *company) storyDays(d draws, s *story, n int) []ueba.Day {
	free := c.workdays(s.people[0], c.cfg.Start+ueba.Day(c.cfg.Warmup))
	stride := max(s.plot.stride, 1)
	n = min(n, len(free)/stride)
	if n == 0 {
		return nil
	}
	first := d.IntN(len(free) - n*stride + 1)
	var days []ueba.Day
	for i := range n {
		days = append(days, free[first+i*stride+d.IntN(stride)])
	}
	return days
}

func (c *company) workdays(p *person, from ueba.Day) []ueba.Day {
	var days []ueba.Day
	for d := from; d < c.cfg.Start+ueba.Day(c.cfg.Days); d++ {
		away := slices.ContainsFunc(p.away, func(r dayRange) bool { return r.holds(d) })
		if c.rotaDay(p, d) && !away {
			days = append(days, d)
		}
	}
	return days
}

// partings lets a few people leave the company for no reason of ours.
func (c *company) partings(d draws) {
	for range c.cfg.Staff / 70 {
		if p := c.pick(d, func(*person) bool { return true }); p != nil {
			p.taken = true
			p.left = c.cfg.Start + ueba.Day(d.span(c.cfg.Days/3, c.cfg.Days+20))
		}
	}
}
