package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// cities are where branches are, the largest first; a branch's name is an employee's
// location and a customer's region.
var cities = []string{"上海", "北京", "深圳", "广州", "成都", "杭州", "武汉", "南京", "西安", "重庆", "苏州", "长沙"}

// company is everything that does not change from day to day, and what people hold in hand.
type company struct {
	cfg      Config
	calendar calendar
	business ueba.Business
	people   []*person // those who stand in employees.csv
	ghosts   []*person // accounts that belong to nobody
	base     base
	branches []float64 // weight of each branch
	stories  []*story
	benign   []benignRow
	restless float64 // how much people differ from day to day; 1 is usual
	lostLogs float64 // share of events that are lost
	doubled  float64 // share of events that are sent twice
	late     float64 // share of events that arrive late
}

// person is one employee, or an account that belongs to nobody.
type person struct {
	index     int // in company.people; ghosts follow
	id        string
	name      string
	user      string
	role      *role
	region    int
	manager   string
	rate      float64 // looks on a usual working day
	size      float64 // of the negative binomial law of his days
	purpose   float64 // share of his looks that have a reason
	unmask    float64
	export    float64
	dwell     float64 // factor
	start     time.Duration
	hired     ueba.Day
	left      ueba.Day
	rota      int // offset of a shift worker's free days
	desks     []desk
	away      []dayRange
	changes   []func(*today) // what oddities and stories make of his days
	versions  []version      // later rows in employees.csv
	stories   []*story
	taken     bool // has a story or an oddity: nobody gets two
	ghost     bool
	queue     []held
	past      []int32
	portfolio []held
}

// desk is a computer at which somebody works.
type desk struct{ host, ip string }

type dayRange struct{ first, last ueba.Day }

func (r dayRange) holds(d ueba.Day) bool { return d >= r.first && d <= r.last }

// version is a row of employees.csv that is in force from a day on.
type version struct {
	from   ueba.Day
	role   *role
	region int
	start  time.Duration
}

func newCompany(cfg Config) *company {
	c := &company{cfg: cfg, calendar: newCalendar(), business: ueba.Business{Zone: cfg.Zone}, restless: 1}
	for i := range min(max(cfg.Staff/25, 2), len(cities)) {
		c.branches = append(c.branches, 1/float64(i+2))
	}
	if cfg.Harsh {
		c.restless = 2
	}
	d := stream(cfg.Seed, topicFlaws)
	c.lostLogs, c.doubled, c.late = d.between(.001, .004), d.between(.01, .03), d.between(.005, .015)
	c.hire()
	c.base = newBase(c)
	c.cast()
	return c
}

func (c *company) hire() {
	names := roster{}
	heads := map[string]string{}
	for i, r := range staffing(c.cfg.Staff) {
		d := stream(c.cfg.Seed, topicPeople, i)
		p := c.newPerson(d, i, r, names)
		if heads[""] == "" {
			heads[""] = p.id
		} else if p.manager = heads[r.department]; p.manager == "" {
			p.manager, heads[r.department] = heads[""], p.id
		}
		c.people = append(c.people, p)
	}
	for i, user := range []string{"svc.report", "front.desk"} {
		c.ghosts = append(c.ghosts, c.newGhost(c.cfg.Staff+i, user))
	}
}

// staffing lists a role for each employee, in the order of roles, so that heads come first.
func staffing(staff int) []*role {
	list := []*role{&roles[0]}
	var share float64
	for i := 1; i < len(roles); i++ {
		share += roles[i].share
		want := 1 + int(share*float64(staff-1)+.5)
		want = min(max(want, len(list)+1), staff-(len(roles)-1-i)) // somebody of each role
		for len(list) < want && len(list) < staff {
			list = append(list, &roles[i])
		}
	}
	return list
}

func (c *company) newPerson(d draws, index int, r *role, names roster) *person {
	p := &person{index: index, id: fmt.Sprintf("E%d", 10001+index), role: r, hired: c.cfg.Start - ueba.Day(d.span(90, 3600)), left: ueba.NoDay}
	p.name, p.user = names.next(d)
	p.region = d.weighted(c.branches)
	if r.central {
		p.region = 0
	}
	p.rate = r.looks * c.cfg.Looks * d.gamma(.5*c.restless)
	p.size = d.spread(4, 20)
	if c.cfg.Harsh {
		p.size = 2
	}
	p.purpose = d.between(.9, .96)
	p.unmask, p.export = r.unmask*d.gamma(.4), r.export*d.gamma(.4)
	p.dwell = d.logNormal(1, .25)
	p.start = r.shift + time.Duration(d.span(-20, 20))*time.Minute
	p.rota = d.IntN(7)
	p.desks = c.newDesks(d, p)
	p.away = c.leave(d)
	return p
}

// newGhost is an account of nobody: a report's, and one that a whole front desk uses.
func (c *company) newGhost(index int, user string) *person {
	d := stream(c.cfg.Seed, topicPeople, index)
	p := c.newPerson(d, index, &roles[2], roster{})
	p.user, p.ghost, p.rate = user, true, 15
	if user == "front.desk" {
		for range 5 {
			p.desks = append(p.desks, c.newDesks(d, p)...)
		}
	}
	return p
}

func (c *company) newDesks(d draws, p *person) []desk {
	var desks []desk
	for range d.span(1, 3) {
		desks = append(desks, desk{
			host: fmt.Sprintf("ws-%02d%02d%d", p.region+1, d.IntN(100), d.IntN(10)),
			ip:   fmt.Sprintf("10.%d.%d.%d", 21+p.region, d.IntN(32), d.span(2, 250)),
		})
	}
	return desks
}

// leave draws holidays: about one block of days off in two months.
func (c *company) leave(d draws) []dayRange {
	var blocks []dayRange
	for at := c.cfg.Start + ueba.Day(d.span(0, 60)); at < c.cfg.Start+ueba.Day(c.cfg.Days); at += ueba.Day(d.span(30, 90)) {
		blocks = append(blocks, dayRange{at, at + ueba.Day(d.span(0, 4))})
	}
	return blocks
}

// rotaDay reports whether the calendar or, for a shift worker, the rota has him work on d.
func (c *company) rotaDay(p *person, d ueba.Day) bool {
	if p.role.shifts {
		return (int(d)+p.rota)%7 < 5
	}
	return c.calendar.workday(d)
}

func (p *person) addVersion(v version) {
	p.versions = append(p.versions, v)
	slices.SortFunc(p.versions, func(a, b version) int { return cmp.Compare(a.from, b.from) })
}

func (p *person) employed(d ueba.Day) bool {
	return d >= p.hired && (p.left == ueba.NoDay || d <= p.left)
}
