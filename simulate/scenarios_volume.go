package simulate

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// volumePlots are the scenarios in which it matters how much is taken.
func volumePlots() []*plot {
	return []*plot{
		{name: "leaving_harvest", least: 3, most: 10, open: openHarvest, play: playHarvest},
		{name: "low_and_slow", least: 40, most: 90, open: openSlow, play: playSlow},
		{name: "id_enumeration", least: 1, most: 3, open: openEnumeration, play: playEnumeration},
		{name: "unmask_export", least: 1, most: 3, open: openUnmask, play: playUnmask},
		{name: "query_no_work", least: 5, most: 30, open: openIdle, play: playIdle},
		{name: "robotic_access", least: 1, most: 3, open: openRobot, play: playRobot},
	}
}

func openHarvest(_ *company, d draws, s *story) {
	s.x = d.between(3, 10)
	s.people[0].left = s.days[len(s.days)-1] + ueba.Day(d.span(1, 14))
}

func playHarvest(pl *plan, s *story) {
	extra := max(int(pl.person.rate*(s.x-1)*pl.d.between(.8, 1.2)), 5)
	for range extra {
		l := pl.sneak(s, pl.fresh(), pl.anytime())
		if pl.d.chance(.05) {
			l.take = []action{export, download, printing}[pl.d.IntN(3)]
		}
	}
	if pl.d.chance(.4) {
		l := pl.sneak(s, pl.fresh(), pl.anytime())
		pl.rows(l, int(pl.d.spread(200, 5000)))
	}
}

func openSlow(_ *company, d draws, s *story) {
	s.x, s.n = d.between(.15, .5), d.span(5, 12)
}

func playSlow(pl *plan, s *story) {
	for range max(int(pl.person.rate*s.x*pl.d.between(.8, 1.2)+.5), 1) {
		pl.sneak(s, pl.fresh(), pl.anytime()).dwell = pl.d.logNormal(float64(s.n), .5)
	}
}

// run adds looks in a row, a few seconds apart, with nothing else between them. The
// jitter is the coefficient of variation of the gaps.
func (pl *plan) run(s *story, n int, gap, jitter float64, next func(i int) int32) {
	at := pl.anytime()
	from := at
	for i := range n {
		l := pl.sneak(s, next(i), at)
		l.steady, l.search, l.act, l.take, l.unmask = true, false, view, 0, 0
		if l.record < 0 {
			l.record, l.rows = next(i), 0
		}
		l.dwell = gap * pl.d.between(.5, .8)
		at += int64(1000 * max(gap*(1+jitter*pl.d.NormFloat64()), .8))
	}
	if !s.covered {
		pl.clear(from-60_000, at)
	}
}

func openEnumeration(_ *company, d draws, s *story) { s.x = d.between(1, 8) }

func playEnumeration(pl *plan, s *story) {
	first := pl.anywhere()
	total := int32(len(pl.c.base.records))
	pl.run(s, pl.d.span(20, 300), s.x, .3, func(i int) int32 { return (first + int32(i)) % total })
}

func openRobot(_ *company, d draws, s *story) { s.x = d.between(6, 20) }

func playRobot(pl *plan, s *story) {
	minutes := pl.d.between(10, 90)
	pl.run(s, int(s.x*minutes), 60/s.x, .05, func(int) int32 { return pl.fresh() })
}

// openUnmask draws whether he unmasks more (x) or exports (n).
func openUnmask(_ *company, d draws, s *story) {
	if d.chance(.5) {
		s.x = d.between(5, 20)
		return
	}
	s.n = d.span(1, 5)
}

func playUnmask(pl *plan, s *story) {
	if s.n == 0 {
		pl.boost, pl.booster = s.x, s
		return
	}
	for range s.n {
		pl.rows(pl.sneak(s, pl.fresh(), pl.anytime()), int(pl.d.spread(500, 50_000)))
	}
}

func openIdle(_ *company, d draws, s *story) { s.n = d.span(8, 40) }

// playIdle puts looks without a reason in the place of ordinary ones.
func playIdle(pl *plan, s *story) {
	n := max(min(s.n, len(pl.slots)*4/5), 4)
	pl.drop(n)
	for range n {
		pl.sneak(s, pl.fresh(), pl.anytime())
	}
}

// burst adds n looks from an instant on at a person's pace.
func (pl *plan) burst(s *story, from int64, n int, next func(i int) int32) {
	for i := range n {
		pl.sneak(s, next(i), from)
		from += int64(pl.d.logNormal(45, .6) * float64(time.Second/time.Millisecond))
	}
}
