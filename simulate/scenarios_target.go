package simulate

// targetPlots are the scenarios in which it matters whose record it is.
func targetPlots() []*plot {
	return []*plot{
		{name: "vip_snooping", least: 1, most: 3, open: openVIP, play: playVIP},
		{name: "colleague_lookup", least: 1, most: 6, stride: 2, open: openColleague, play: playColleague},
		{name: "stalking", least: 4, most: 20, stride: 3, open: openStalking, play: playStalking},
	}
}

func openVIP(c *company, d draws, s *story) {
	for range d.span(1, 3) {
		s.prey = append(s.prey, one(d, c.base.vips))
	}
}

func playVIP(pl *plan, s *story) {
	for range pl.d.span(1, 4) {
		pl.sneak(s, one(pl.d, s.prey), pl.anytime()).dwell *= pl.d.between(1, 2)
	}
}

// openColleague picks colleagues, and where he has them relatives and himself.
func openColleague(c *company, d draws, s *story) {
	own := c.base.own[s.people[0].index]
	for range d.span(1, 6) {
		if len(own) > 0 && d.chance(.4) {
			s.prey = append(s.prey, one(d, own))
			continue
		}
		s.prey = append(s.prey, one(d, c.base.staff))
	}
}

func playColleague(pl *plan, s *story) {
	for range pl.d.span(1, 2) {
		pl.sneak(s, one(pl.d, s.prey), pl.anytime())
	}
}

func openStalking(c *company, d draws, s *story) {
	for range 50 {
		r := int32(d.IntN(len(c.base.records)))
		s.prey = []int32{r}
		if int(c.base.records[r].region) != s.people[0].region {
			return
		}
	}
}

func playStalking(pl *plan, s *story) {
	pl.sneak(s, s.prey[0], pl.anytime())
}
