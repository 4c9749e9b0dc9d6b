package simulate

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyPlan is an empty working day of a call agent.
func anyPlan(t *testing.T) *plan {
	t.Helper()
	c := company4(t, small())
	p := c.people[slices.IndexFunc(c.people, func(p *person) bool { return p.role.name == "客服专员" })]
	d := c.cfg.Start + 1
	return &plan{today: c.today(p, d), c: c, d: stream(9, topicPersonDay), boost: 1}
}

func TestWorkingTimeHasAMeal(t *testing.T) {
	pl := anyPlan(t)
	first, last := pl.clock(0), pl.clock(shiftLength)
	meal, mealEnd := pl.clock(mealStart), pl.clock(mealStart+mealLength)
	for range many {
		at := pl.anytime()
		if at < first || at > last || (at >= meal && at < mealEnd) {
			t.Fatalf("works at %v", time.UnixMilli(at).In(pl.c.cfg.Zone))
		}
	}
	pl.share = .5
	half := pl.clock(shiftLength / 2)
	for range many {
		if at := pl.anytime(); at < half-time.Hour.Milliseconds() {
			t.Fatalf("half a day begins at %v", time.UnixMilli(at).In(pl.c.cfg.Zone))
		}
	}
}

// Whatever a story adds, a covered day has ordinary looks for the bad ones and stays
// within the limit; some of the bad looks always stay.
func TestCoverProperty(t *testing.T) {
	base := anyPlan(t)
	s := &story{plot: &plot{name: "any"}, covered: true}
	rapid.Check(t, func(t *rapid.T) {
		pl := *base
		pl.slots, pl.looks = nil, nil
		for range rapid.IntRange(0, 200).Draw(t, "ordinary") {
			pl.slots = append(pl.slots, pl.anytime())
		}
		n := rapid.IntRange(1, 400).Draw(t, "bad")
		for range n {
			pl.sneak(s, 0, pl.anytime())
		}
		pl.cover(0)
		if len(pl.looks)+len(pl.slots) > pl.limit() {
			t.Fatalf("%d bad and %d ordinary looks, limit %d", len(pl.looks), len(pl.slots), pl.limit())
		}
		if len(pl.slots) < len(pl.looks) || len(pl.looks) == 0 {
			t.Fatalf("%d bad and %d ordinary looks", len(pl.looks), len(pl.slots))
		}
		for _, l := range pl.looks {
			if !slices.ContainsFunc(pl.slots, func(at int64) bool { return max(at-l.at, l.at-at) <= 150_000 }) {
				t.Fatalf("nothing ordinary beside a bad look")
			}
		}
	})
}

func TestDropAndClear(t *testing.T) {
	pl := anyPlan(t)
	for range 100 {
		pl.slots = append(pl.slots, pl.anytime())
	}
	pl.drop(-5)
	if len(pl.slots) != 100 {
		t.Errorf("dropping fewer than none leaves %d", len(pl.slots))
	}
	pl.drop(30)
	if len(pl.slots) != 70 {
		t.Errorf("dropping 30 of 100 leaves %d", len(pl.slots))
	}
	from, to := pl.clock(time.Hour), pl.clock(2*time.Hour)
	pl.clear(from, to)
	for _, at := range pl.slots {
		if at >= from && at < to {
			t.Error("an ordinary look is left in the time that was cleared")
		}
	}
	if len(pl.slots) != 70 {
		t.Errorf("clearing leaves %d of 70", len(pl.slots))
	}
	pl.drop(1000)
	if len(pl.slots) != 0 {
		t.Errorf("dropping all leaves %d", len(pl.slots))
	}
}

func TestLimitIsANinetiethPercentile(t *testing.T) {
	pl := anyPlan(t)
	over := 0
	for range many {
		if pl.d.count(pl.person.rate, pl.person.size) > pl.limit() {
			over++
		}
	}
	if share := share(over, many); share < .06 || share > .13 {
		t.Errorf("%.3f of the days exceed the limit", share)
	}
}

// A reason that a look uses was valid at that look, whatever the order of drawing.
func TestTasksAreValidWhenTheyAreDone(t *testing.T) {
	pl := anyPlan(t)
	for i := range 2000 {
		at := pl.anytime()
		if h := pl.task(at); at < h.from || at >= h.until {
			t.Fatalf("task %d at %d is valid from %d until %d", i, at, h.from, h.until)
		}
	}
}

func TestWhatIsOverIsRemembered(t *testing.T) {
	p := &person{}
	for i := range int32(120) {
		p.queue = append(p.queue, held{record: i, until: int64(1000 * (1 + i%2))})
	}
	p.tidy(1500)
	if len(p.queue) != 45 { // of the newest 90 half are valid
		t.Errorf("%d in hand", len(p.queue))
	}
	if len(p.past) != 75 {
		t.Errorf("%d remembered", len(p.past))
	}
	for range 10 {
		p.past = append(p.past, p.past...)
		p.past = p.past[:min(len(p.past), 5000)]
		p.tidy(1500)
	}
	if len(p.past) != 200 {
		t.Errorf("%d remembered, want no more than 200", len(p.past))
	}
}
