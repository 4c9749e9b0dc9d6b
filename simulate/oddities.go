package simulate

import (
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// benignRow is a line of benign.csv.
type benignRow struct{ employee, oddity string }

// oddity is something innocent that looks like a story from far away. arrange returns
// whom it touches, none where the company has nobody for it.
type oddity struct {
	name    string
	arrange func(c *company, d draws) []*person
}

func oddities() []oddity {
	return []oddity{
		{"role_change", changeRole},
		{"new_hire", hireNew},
		{"night_rota", moveToNights},
		{"long_leave", takeLongLeave},
		{"leave_cover", coverLeave},
		{"batch_audit", auditBatch},
		{"campaign", runCampaign},
		{"outage_catchup", catchUp},
		{"branch_move", moveBranch},
		{"new_device", changeDevice},
		{"vip_adviser", adviseVIPs},
		{"staff_customers", serveStaff},
	}
}

// castOddities plays the whole list in a drawn order before one comes twice.
func (c *company) castOddities(d draws) {
	list := oddities()
	for done := 0; done < c.cfg.Oddities; {
		before := done
		for _, i := range d.Perm(len(list)) {
			if done == c.cfg.Oddities {
				return
			}
			people := list[i].arrange(c, stream(c.cfg.Seed, topicOddity, done, i))
			for _, p := range people {
				p.taken = true
				c.benign = append(c.benign, benignRow{p.id, list[i].name})
			}
			if len(people) > 0 {
				done++
			}
		}
		if done == before {
			return // nobody is left
		}
	}
}

func anybody(*person) bool { return true }

func daytime(p *person) bool { return !p.role.night() }

// from draws the day on which an oddity begins: like stories, after the warm-up.
func (c *company) from(d draws, length int) ueba.Day {
	free := max(c.cfg.Days-c.cfg.Warmup-length, 1)
	return c.cfg.Start + ueba.Day(c.cfg.Warmup+d.IntN(free))
}

// during changes a person's days in a range.
func (p *person) during(first, last ueba.Day, change func(*today)) {
	p.changes = append(p.changes, func(t *today) {
		if t.day >= first && t.day <= last {
			change(t)
		}
	})
}

const everAfter = ueba.Day(1 << 30)

// changeRole moves somebody to another department; the directory says so at once or
// five days late.
func changeRole(c *company, d draws) []*person {
	p := c.pick(d, daytime)
	if p == nil {
		return nil
	}
	next := p.role
	for next == p.role || next.night() || next.looks == 0 || next.reason == onCall {
		next = &roles[d.IntN(len(roles))]
	}
	first := c.from(d, 10)
	p.during(first, everAfter, func(t *today) { t.role = next })
	p.addVersion(version{from: first + ueba.Day(5*d.IntN(2)), role: next, region: p.region, start: p.start})
	return []*person{p}
}

// hireNew lets somebody begin in the middle and need some days to get going.
func hireNew(c *company, d draws) []*person {
	p := c.pick(d, anybody)
	if p == nil {
		return nil
	}
	p.hired = c.from(d, 10)
	ramp := ueba.Day(d.span(3, 15))
	p.during(p.hired, p.hired+ramp, func(t *today) {
		t.factor *= .2 + .8*float64(t.day-p.hired)/float64(ramp)
	})
	return []*person{p}
}

// moveToNights changes somebody's shift for one to four weeks; the directory knows in
// half of the cases.
func moveToNights(c *company, d draws) []*person {
	p := c.pick(d, daytime)
	if p == nil {
		return nil
	}
	length := d.span(7, 28)
	first := c.from(d, length)
	p.during(first, first+ueba.Day(length), func(t *today) { t.start += 13 * time.Hour })
	if d.chance(.5) {
		p.addVersion(version{from: first, role: p.role, region: p.region, start: p.start + 13*time.Hour})
		p.addVersion(version{from: first + ueba.Day(length) + 1, role: p.role, region: p.region, start: p.start})
	}
	return []*person{p}
}

// takeLongLeave: weeks of nothing, then a backlog.
func takeLongLeave(c *company, d draws) []*person {
	p := c.pick(d, anybody)
	if p == nil {
		return nil
	}
	back := c.from(d, 8)
	length := min(d.span(10, 60), max(int(back-c.cfg.Start)-5, 3))
	p.away = append(p.away, dayRange{back - ueba.Day(length), back - 1})
	more := d.between(1.5, 2)
	p.during(back, back+ueba.Day(d.span(3, 6)), func(t *today) { t.factor *= more })
	return []*person{p}
}

// coverLeave: somebody does a colleague's work as well as his own.
func coverLeave(c *company, d draws) []*person {
	p := c.pick(d, daytime)
	if p == nil {
		return nil
	}
	p.taken = true
	absent := c.pick(d, func(q *person) bool { return q.role == p.role })
	if absent == nil {
		p.taken = false
		return nil
	}
	length := d.span(5, 15)
	first := c.from(d, length)
	last := first + ueba.Day(length)
	absent.away = append(absent.away, dayRange{first, last})
	prey := c.sample(d, absent.region, 150)
	for _, h := range absent.portfolio {
		prey = append(prey, h.record)
	}
	more := d.between(1.5, 2)
	p.during(first, last, func(t *today) {
		t.factor *= more
		t.prey, t.preyKind, t.preyRate = prey, cover, 1-1/more
	})
	return []*person{p}
}

func (c *company) sample(d draws, region, n int) []int32 {
	var list []int32
	for range n {
		list = append(list, one(d, c.base.regions[region]))
	}
	return list
}

// auditBatch: a check of 200 to 2,000 records in one to three days, by order.
func auditBatch(c *company, d draws) []*person {
	p := c.pick(d, func(p *person) bool { return p.role.reason == inquiry || p.role.reason == review || p.role.lead })
	if p == nil {
		return nil
	}
	length := d.span(1, 3)
	first := c.from(d, length+1)
	more := d.spread(200, 2000) / float64(length) / p.rate
	prey := c.sample(d, d.IntN(len(c.branches)), 2000)
	p.during(first, first+ueba.Day(length-1), func(t *today) {
		t.factor, t.forced = max(more, 1), true
		t.prey, t.preyKind, t.preyRate = prey, audit, .9
	})
	return []*person{p}
}

// runCampaign: a whole team turns to other customers, and is busier.
func runCampaign(c *company, d draws) []*person {
	lead := c.pick(d, daytime)
	if lead == nil {
		return nil
	}
	length := d.span(5, 20)
	first := c.from(d, length)
	more := d.between(1.5, 3)
	prey := slices.Concat(c.sample(d, d.IntN(len(c.branches)), 800), c.sample(d, d.IntN(len(c.branches)), 800))
	var team []*person
	for _, p := range c.people {
		if p.taken || p.role != lead.role || p.region != lead.region || len(team) == 8 {
			continue
		}
		p.during(first, first+ueba.Day(length), func(t *today) {
			t.factor *= more
			t.prey, t.preyKind, t.preyRate = prey, campaign, .7
		})
		team = append(team, p)
	}
	return team
}

// catchUp: a team cannot work for half a day and makes up for it on the next.
func catchUp(c *company, d draws) []*person {
	lead := c.pick(d, daytime)
	if lead == nil {
		return nil
	}
	days := c.workdays(lead, c.from(d, 12))
	if len(days) < 2 {
		return nil
	}
	var team []*person
	for _, p := range c.people {
		if p.taken || p.role != lead.role || len(team) == 8 {
			continue
		}
		p.during(days[0], days[0], func(t *today) { t.share, t.factor = .5, t.factor*.5 })
		p.during(days[1], days[1], func(t *today) { t.factor *= 2 })
		team = append(team, p)
	}
	return team
}

// moveBranch: another city, other customers, another desk.
func moveBranch(c *company, d draws) []*person {
	p := c.pick(d, func(p *person) bool { return !p.role.central })
	if p == nil {
		return nil
	}
	region := (p.region + 1 + d.IntN(len(c.branches)-1)) % len(c.branches)
	first := c.from(d, 10)
	desks := c.newDesks(d, &person{region: region})
	p.during(first, everAfter, func(t *today) { t.region, t.desks = region, desks })
	p.addVersion(version{from: first, role: p.role, region: region, start: p.start})
	return []*person{p}
}

func changeDevice(c *company, d draws) []*person {
	p := c.pick(d, anybody)
	if p == nil {
		return nil
	}
	first := c.from(d, 5)
	desks := c.newDesks(d, p)
	p.during(first, everAfter, func(t *today) { t.desks = desks })
	return []*person{p}
}

// adviseVIPs puts very important customers in the charge of one customer manager.
func adviseVIPs(c *company, d draws) []*person {
	p := c.pick(d, func(p *person) bool { return p.role.reason == portfolio })
	if p == nil {
		return nil
	}
	for _, i := range d.Perm(len(c.base.vips))[:min(30, len(c.base.vips))] {
		c.entrust(&c.base, p, int32(p.index), c.base.vips[i])
	}
	return []*person{p}
}

// serveStaff gives somebody the customers who are employees.
func serveStaff(c *company, d draws) []*person {
	p := c.pick(d, func(p *person) bool { return p.role.reason == ticket || p.role.reason == application })
	if p == nil || len(c.base.staff) == 0 {
		return nil
	}
	p.during(c.cfg.Start, everAfter, func(t *today) {
		t.prey, t.preyKind, t.preyRate = c.base.staff, ticket, .1
	})
	return []*person{p}
}
