package simulate

import "time"

// habitPlots are the scenarios in which it matters how somebody works.
func habitPlots() []*plot {
	return []*plot{
		{name: "collusion", least: 2, most: 5, pair: true, byDay: true, open: openCollusion, play: playCollusion},
		{name: "screen_photo", least: 1, most: 5, open: openPhoto, play: playPhoto},
		{name: "peer_drift", least: 20, most: 60, open: openDrift, play: playDrift},
		{name: "privilege_creep", least: 12, most: 40, stride: 2, open: openCreep, play: playCreep},
	}
}

func openCollusion(_ *company, d draws, s *story) {
	least := min(s.people[0].rate, s.people[1].rate)
	s.n = max(d.span(10, 60)*int(min(least, 60))/60, 5)
}

// playCollusion: the first searches and looks, the second takes the same within two hours.
func playCollusion(pl *plan, s *story) {
	shared := s.stream(pl.c, pl.day)
	at := pl.c.business.Begin(pl.day).Add(time.Duration(shared.between(9.5, 14) * float64(time.Hour))).UnixMilli()
	region := pl.c.base.regions[s.people[0].region]
	second := pl.person == s.people[1]
	if second {
		at += int64(shared.between(10, 60) * float64(time.Minute/time.Millisecond))
	}
	pl.drop(s.n)
	pl.burst(s, at, s.n, func(int) int32 { return one(shared, region) })
	for i := range pl.looks {
		if l := &pl.looks[i]; second && l.story == s && l.act == view && pl.d.chance(.5) {
			l.take = download
		}
	}
}

// openPhoto draws the share of the looks that have no reason.
func openPhoto(_ *company, d draws, s *story) { s.x = d.between(.3, 1) }

func playPhoto(pl *plan, s *story) {
	n := pl.d.span(10, 60)
	at := pl.clock(shiftLength) - int64(n)*170_000
	for range n {
		l := pl.sneak(s, pl.fresh(), at)
		if !pl.d.chance(s.x) {
			h := pl.task(at)
			l.record = h.record
			pl.name(l, h)
		}
		if l.act == export {
			l.act, l.record, l.rows = view, pl.fresh(), 0
		}
		l.unmask, l.edit, l.take = 0, false, 0
		l.dwell = pl.d.between(60, 240)
		at += int64(1000 * (l.dwell + pl.d.between(5, 40)))
	}
}

// openDrift picks whose work he slides into, and the share of it without a reason.
func openDrift(c *company, d draws, s *story) {
	for range 50 {
		s.other = one(d, c.people[1:])
		if s.people[0].role.systems[s.other.role.main()] < .1 {
			break // work in a system that is not his
		}
	}
	s.x = d.between(.4, 1)
}

func playDrift(pl *plan, s *story) {
	progress := float64(s.nth(pl.day)+1) / float64(len(s.days))
	n := max(int(float64(len(pl.slots))*.6*progress+.5), 1)
	pl.drop(n)
	for range n {
		at := pl.anytime()
		l := pl.sneak(s, pl.anywhere(), at)
		l.system = uint8(pl.d.weighted(s.other.role.systems[:]))
		l.dwell = pl.d.logNormal(s.other.role.dwell, .9)
		l.purpose = ""
		if l.act == view && !pl.d.chance(s.x) {
			pl.name(l, pl.reason(ticket, l.record, at))
			continue
		}
		pl.pretend(l)
	}
}

// openCreep draws functions that are not of his work, in the order in which he gets them.
func openCreep(_ *company, d draws, s *story) {
	for len(s.tools) < 12 {
		t := tool{system: uint8(d.IntN(systemCount)), take: []action{0, 0, printing, download, export}[d.IntN(5)]}
		if s.people[0].role.systems[t.system] == 0 {
			s.tools = append(s.tools, t)
		}
	}
	s.n = d.span(1, 3)
}

func playCreep(pl *plan, s *story) {
	known := min(s.n+s.nth(pl.day), len(s.tools))
	for range pl.d.span(1, 3) {
		l := pl.sneak(s, pl.anywhere(), pl.anytime())
		if l.act != view {
			continue
		}
		t := s.tools[pl.d.IntN(known)]
		l.system, l.take, l.purpose = t.system, t.take, ""
		pl.pretend(l)
	}
}
