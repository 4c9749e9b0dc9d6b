package simulate

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestMostLooksHaveAReason(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	o := observe(t, dir)
	all := o.where((*seen).isLook, o.innocent())
	without := o.where(unexplained, o.innocent())
	share := 1 - float64(len(without))/float64(len(all))
	if share < .9 || share > .97 {
		t.Errorf("%.3f of innocent looks have a reason", share)
	}
	again := o.where(unexplained, o.innocent(), func(s *seen) bool { return s.action == "edit" })
	if len(again) > len(without)/50 {
		t.Errorf("%d of %d looks without a reason are edits", len(again), len(without))
	}
}

func TestSharesOfActions(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	o := observe(t, dir)
	n := map[string]float64{}
	for _, s := range o.looks {
		n[s.action]++
	}
	for action, want := range map[string][2]float64{
		"search": {.5, .7}, "unmask": {.03, .1}, "edit": {.1, .4}, "close": {.3, .7}, "export": {.0008, .01},
	} {
		if share := n[action] / n["view"]; share < want[0] || share > want[1] {
			t.Errorf("%.4f %s for each view, want %v", share, action, want)
		}
	}
	if n["login"] == 0 || n["logout"] == 0 || n["print"] == 0 || n["download"] == 0 {
		t.Errorf("an action is missing: %v", n)
	}
}

// Only loans and payments measure how long a record was shown, and then always.
func TestDurationsWhereSystemsMeasure(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	o := observe(t, dir)
	var logs, squares, count float64
	for _, s := range o.where((*seen).isLook) {
		measured := (s.service == "credit-engine" || s.service == "funds") && s.action == "view"
		if measured != (s.lasts > 0) {
			t.Fatalf("%s in %s lasts %v", s.action, s.service, s.lasts)
		}
		if measured && s.service == "credit-engine" {
			x := math.Log(s.lasts.Seconds())
			logs, squares, count = logs+x, squares+x*x, count+1
		}
	}
	mean := logs / count
	if median := math.Exp(mean); median < 60 || median > 200 {
		t.Errorf("a loan is looked at for %.0f s", median)
	}
	if sd := math.Sqrt(squares/count - mean*mean); sd < .6 || sd > 1.3 {
		t.Errorf("the logarithm of the view time spreads by %.2f", sd)
	}
}

func TestWeekAndHolidays(t *testing.T) {
	t.Parallel()
	cfg := small()
	dir, _ := write(t, cfg)
	o := observe(t, dir)
	var work, free, workdays, freedays float64
	calendar := newCalendar()
	for d := cfg.Start; d < cfg.Start+36; d++ {
		if calendar.workday(d) {
			workdays++
		} else {
			freedays++
		}
	}
	for _, s := range o.where((*seen).isLook) {
		if calendar.workday(dayOf(t, s.day)) {
			work++
		} else {
			free++
		}
	}
	if ratio := (free / freedays) / (work / workdays); ratio < .05 || ratio > .35 {
		t.Errorf("a free day has %.2f of a working day's looks", ratio)
	}
}

func TestNightShiftWorksAtNight(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Insiders = -1
	dir, _ := write(t, cfg)
	o := observe(t, dir)
	shifts := map[string]string{}
	for _, e := range o.employees {
		shifts[e["employee_id"]] = e["shift"]
	}
	var night, other int
	for _, s := range o.where((*seen).isLook) {
		if h := s.at.Hour(); strings.HasPrefix(shifts[s.employee], "2") && (h >= 21 || h < 9) {
			night++
		} else if strings.HasPrefix(shifts[s.employee], "2") {
			other++
		}
	}
	if night == 0 || float64(other) > .01*float64(night) {
		t.Errorf("night staff: %d looks at night, %d by day", night, other)
	}
}

func TestPeopleDiffer(t *testing.T) {
	t.Parallel()
	usual, harsh := dispersion(t, false), dispersion(t, true)
	if usual < 2 {
		t.Errorf("a person's days vary %.1f times as much as a Poisson count's, want more than 2", usual)
	}
	if harsh < 2*usual {
		t.Errorf("harsh: %.1f, usual: %.1f: want at least twice as much", harsh, usual)
	}
}

// dispersion is the mean of variance/mean of people's views on ordinary working days.
func dispersion(t *testing.T, harsh bool) float64 {
	t.Helper()
	cfg := small()
	cfg.Harsh, cfg.Insiders, cfg.Oddities = harsh, -1, -1
	c := company4(t, cfg)
	var sum, n float64
	for _, p := range c.people[1:] {
		var total, squares, days float64
		for d := cfg.Start; d < cfg.Start+20; d++ {
			if !c.calendar.workday(d) || p.role.shifts {
				continue
			}
			if pl := c.plan(p, d); pl != nil {
				k := float64(len(pl.looks))
				total, squares, days = total+k, squares+k*k, days+1
			}
		}
		if days > 5 && total > 0 {
			mean := total / days
			sum, n = sum+(squares/days-mean*mean)/mean, n+1
		}
	}
	return sum / n
}

func company4(t *testing.T, cfg Config) *company {
	t.Helper()
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	return newCompany(cfg)
}

// Everything a person does alone he does one thing after the other: no look begins
// before the one before it was over.
func TestNobodyLooksAtTwoThingsAtOnce(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Insiders = -1
	dir, _ := write(t, cfg)
	o := observe(t, dir)
	until := map[string]time.Time{}
	for _, s := range o.looks {
		if s.action != "view" {
			continue
		}
		if s.at.Before(until[s.employee]) {
			t.Fatalf("%s looks at a record at %v and had another open until %v", s.employee, s.at, until[s.employee])
		}
		until[s.employee] = s.at.Add(s.lasts)
	}
}

func TestSomeReasonsComeLateAndSomeAreSelfMade(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	o := observe(t, dir)
	var late, self, open float64
	for _, r := range o.reasons {
		if r["created"] > r["valid_from"] {
			late++
		}
		if r["made_by"] == r["employee_id"] {
			self++
		}
		if r["valid_to"] == "" {
			open++
		}
	}
	n := float64(len(o.reasons))
	if late/n < .03 || late/n > .07 || self/n < .01 || self/n > .12 || open == 0 {
		t.Errorf("of %.0f reasons %.0f are late, %.0f self-made, %.0f open-ended", n, late, self, open)
	}
	kinds := map[string]bool{}
	for _, r := range o.reasons {
		kinds[r["kind"]] = true
	}
	if len(kinds) < 9 {
		t.Errorf("kinds of reason: %v", kinds)
	}
}
