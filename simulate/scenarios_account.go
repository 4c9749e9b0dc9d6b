package simulate

import "time"

// accountPlots are the scenarios in which it matters when, where and by whom an account
// is used.
func accountPlots() []*plot {
	return []*plot{
		{name: "off_hours", least: 1, most: 5, stride: 2, byDay: true, open: openNight, play: playNight},
		{name: "account_sharing", least: 1, most: 20, open: openSharing, play: playSharing},
		{name: "dormant_wakes", least: 1, most: 3, open: openDormant, play: playDormant},
	}
}

func openNight(*company, draws, *story) {}

func playNight(pl *plan, s *story) {
	night := pl.c.business.Begin(pl.day).Add(22 * time.Hour).UnixMilli()
	from := night + int64(pl.d.Float64()*float64(5*time.Hour/time.Millisecond))
	pl.burst(s, from, pl.d.span(20, 80), func(int) int32 { return pl.fresh() })
}

// openSharing picks the second user: somebody of another kind, who keeps his own job.
func openSharing(c *company, d draws, s *story) {
	for range 50 {
		s.other = one(d, c.people[1:])
		if s.other.role != s.people[0].role {
			return
		}
	}
}

func playSharing(pl *plan, s *story) {
	for range pl.d.span(10, 60) {
		l := pl.sneak(s, one(pl.d, pl.c.base.regions[s.other.region]), pl.anytime())
		l.desk = &s.other.desks[0]
		l.system = uint8(pl.d.weighted(s.other.role.systems[:]))
		l.purpose = ""
		pl.pretend(l)
	}
}

// openDormant leaves the account unused outside the story.
func openDormant(_ *company, _ draws, s *story) {
	s.people[0].changes = append(s.people[0].changes, func(t *today) {
		t.away, t.factor = true, 0
	})
}

func playDormant(pl *plan, s *story) {
	from := pl.clock(time.Duration(pl.d.Float64() * float64(6*time.Hour)))
	pl.burst(s, from, pl.d.span(10, 70), func(int) int32 { return pl.fresh() })
}
