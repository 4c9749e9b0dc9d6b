package simulate

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// played makes a company in which only one scenario is played, by many.
func played(t *testing.T, scenario string) *observed {
	t.Helper()
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Warmup, cfg.Looks = 60, 30, 10, .5
	cfg.Insiders, cfg.Scenarios, cfg.Share, cfg.Oddities = 6, []string{scenario}, -1, -1
	dir, _ := write(t, cfg)
	return observe(t, dir)
}

// bad are the looks without a reason on the scenario's days.
func (o *observed) bad(scenario string) []seen { return o.where(unexplained, o.labelled(scenario)) }

func share(part, whole int) float64 { return float64(part) / math.Max(float64(whole), 1) }

func count(list []seen, of func(*seen) bool) int {
	n := 0
	for i := range list {
		if of(&list[i]) {
			n++
		}
	}
	return n
}

func vip(s *seen) bool {
	return s.record != nil && strings.Contains(s.record["tags"], "vip")
}

// personal is the record of an employee or of a relative of one.
func personal(s *seen) bool {
	return s.record != nil && s.record["employee_id"]+s.record["related_to"] != ""
}

func atNight(s *seen) bool { return s.at.Hour() >= 22 || s.at.Hour() < 6 }

func byShift(o *observed) func(*seen) bool {
	night := map[string]bool{}
	for _, e := range o.employees {
		night[e["employee_id"]] = night[e["employee_id"]] || strings.HasPrefix(e["shift"], "2")
	}
	return func(s *seen) bool { return !night[s.employee] }
}

// excess is how many times more often something happens in the bad looks than in
// innocent looks without a reason.
func excess(o *observed, scenario string, of func(*seen) bool) float64 {
	bad, usual := o.bad(scenario), o.where(unexplained, o.innocent())
	return share(count(bad, of), len(bad)) / math.Max(share(count(usual, of), len(usual)), 1e-4)
}

// perDay is the mean number of the looks on the scenario's days.
func perDay(o *observed, scenario string, list []seen) float64 {
	days := 0
	for _, l := range o.labels {
		if strings.HasPrefix(l["scenario"], scenario) {
			days++
		}
	}
	return share(len(list), days)
}

func usualPerDay(o *observed, of ...func(*seen) bool) float64 {
	days := map[string]bool{}
	for _, s := range o.where((*seen).isLook, o.innocent()) {
		days[s.day+s.employee] = true
	}
	return share(len(o.where(append(of, o.innocent())...)), len(days))
}

// Every scenario leaves in the files the trace that it is known by. The floors are far
// under what is seen, and far above what innocent people leave.
func TestScenariosLeaveTheirTrace(t *testing.T) {
	t.Parallel()
	traces := map[string]func(t *testing.T, o *observed){
		"vip_snooping":     func(t *testing.T, o *observed) { atLeast(t, "VIP records", excess(o, "vip_snooping", vip), 10) },
		"colleague_lookup": func(t *testing.T, o *observed) { atLeast(t, "colleagues", excess(o, "colleague_lookup", personal), 10) },
		"stalking":         traceStalking,
		"leaving_harvest":  traceHarvest,
		"low_and_slow":     traceSlow,
		"id_enumeration":   traceEnumeration,
		"unmask_export":    traceUnmask,
		"query_no_work":    func(t *testing.T, o *observed) { moreWithoutReason(t, o, "query_no_work", 4) },
		"robotic_access":   traceRobot,
		"off_hours":        traceNight,
		"account_sharing":  traceSharing,
		"dormant_wakes":    traceDormant,
		"collusion":        traceCollusion,
		"screen_photo":     tracePhoto,
		"peer_drift":       func(t *testing.T, o *observed) { traceForeign(t, o, "peer_drift", .3) },
		"privilege_creep":  func(t *testing.T, o *observed) { traceForeign(t, o, "privilege_creep", .3) },
	}
	for _, name := range Scenarios() {
		trace := traces[name]
		delete(traces, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := played(t, name)
			variants := map[string]bool{}
			for _, l := range o.labels {
				variants[l["scenario"]] = true
			}
			if !variants[name] || !variants[name+".covered"] || len(variants) != 2 {
				t.Errorf("labels name %v, want plain and covered", variants)
			}
			trace(t, o)
		})
	}
	if len(traces) > 0 {
		t.Errorf("no such scenarios: %v", traces)
	}
}

func atLeast(t *testing.T, what string, found, want float64) {
	t.Helper()
	if found < want {
		t.Errorf("%s: %.2f, want at least %.2f", what, found, want)
	}
}

func moreWithoutReason(t *testing.T, o *observed, scenario string, times float64) {
	t.Helper()
	atLeast(t, "looks without a reason against usual", perDay(o, scenario, o.bad(scenario))/usualPerDay(o, unexplained), times)
}

// traceStalking: one record of another branch, again and again.
func traceStalking(t *testing.T, o *observed) {
	days := map[string]map[string]bool{}
	for _, s := range o.bad("stalking") {
		k := s.employee + s.record["record_id"]
		if days[k] == nil {
			days[k] = map[string]bool{}
		}
		days[k][s.day] = true
	}
	again := 0
	for _, d := range days {
		if len(d) >= 3 {
			again++
		}
	}
	atLeast(t, "records looked at on three days or more", float64(again), 5)
}

func traceHarvest(t *testing.T, o *observed) {
	moreWithoutReason(t, o, "leaving_harvest", 6)
	left := map[string]string{}
	for _, e := range o.employees {
		left[e["employee_id"]] = e["leave_date"]
	}
	for _, l := range o.labels {
		if d := left[l["employee_id"]]; d == "" || dayOf(t, d)-dayOf(t, l["date"]) > 30 || d < l["date"] {
			t.Errorf("%s takes data on %s and leaves on %q", l["employee_id"], l["date"], d)
		}
	}
}

func traceSlow(t *testing.T, o *observed) {
	moreWithoutReason(t, o, "low_and_slow", 2)
	records := map[string]bool{}
	bad := o.bad("low_and_slow")
	for _, s := range bad {
		if s.record != nil {
			records[s.employee+s.record["record_id"]] = true
		}
	}
	atLeast(t, "distinct among records", share(len(records), len(bad)), .7)
}

func traceEnumeration(t *testing.T, o *observed) {
	next := func(s *seen, id string) bool {
		return s.record != nil && id != "" && len(id) == len(s.record["record_id"]) && s.record["record_id"] > id &&
			strings.Compare(s.record["record_id"], id) > 0 && number(s.record["record_id"])-number(id) <= 3
	}
	last, runs := map[string]string{}, 0
	bad := o.bad("id_enumeration")
	for i := range bad {
		if next(&bad[i], last[bad[i].employee]) {
			runs++
		}
		if bad[i].record != nil {
			last[bad[i].employee] = bad[i].record["record_id"]
		}
	}
	atLeast(t, "share of looks at the next id", share(runs, len(bad)), .3)
}

func number(id string) int {
	n := 0
	for _, c := range id[1:] {
		n = 10*n + int(c-'0')
	}
	return n
}

func traceUnmask(t *testing.T, o *observed) {
	on := o.where((*seen).isLook, o.labelled("unmask_export"))
	usual := o.where((*seen).isLook, o.innocent())
	unmasked := func(s *seen) bool { return s.fields > 0 }
	many := func(s *seen) bool { return s.rows >= 500 }
	atLeast(t, "unmasks or great exports against usual",
		share(count(on, unmasked), len(on))/share(count(usual, unmasked), len(usual))+
			share(count(on, many), len(on))/math.Max(share(count(usual, many), len(usual)), 1e-4), 4)
}

// traceRobot: in the plain variant most gaps are as long as the one before.
func traceRobot(t *testing.T, o *observed) {
	moreWithoutReason(t, o, "robotic_access", 5)
	steady, plain := 0, 0
	for _, l := range o.labels {
		if l["scenario"] != "robotic_access" {
			continue
		}
		plain++
		views := o.where(o.labelled("robotic_access"), func(s *seen) bool {
			return s.employee == l["employee_id"] && s.day == l["date"] && s.action == "view"
		})
		if even(views) > 50 {
			steady++
		}
	}
	atLeast(t, "share of days at a machine's pace", share(steady, plain), 1)
}

// even counts gaps under 15 seconds that differ from the gap before by less than a fifth.
func even(views []seen) int {
	n := 0
	var before float64
	for i := 1; i < len(views); i++ {
		gap := views[i].at.Sub(views[i-1].at).Seconds()
		if gap < 15 && math.Abs(gap-before) < .2*gap {
			n++
		}
		before = gap
	}
	return n
}

func traceNight(t *testing.T, o *observed) {
	bad := o.where(unexplained, o.labelled("off_hours"), byShift(o))
	atLeast(t, "share of looks at night", share(count(bad, atNight), len(bad)), .5)
	usual := o.where((*seen).isLook, o.innocent(), byShift(o), atNight)
	if len(usual) > 200 {
		t.Errorf("innocent day workers look %d times at night", len(usual))
	}
}

// traceSharing: the account is used from a computer from which another account is.
func traceSharing(t *testing.T, o *observed) {
	users := map[string]map[string]int{}
	for _, s := range o.where(o.innocent()) {
		if users[s.host] == nil {
			users[s.host] = map[string]int{}
		}
		users[s.host][s.employee]++
	}
	bad := o.bad("account_sharing")
	strange := count(bad, func(s *seen) bool { return len(users[s.host]) > 0 && users[s.host][s.employee] == 0 })
	atLeast(t, "looks from somebody else's computer", share(strange, len(bad)), .4)
}

func traceDormant(t *testing.T, o *observed) {
	first := map[string]string{}
	for _, s := range o.looks {
		if first[s.employee] == "" {
			first[s.employee] = s.day
		}
	}
	for _, l := range o.labels {
		if first[l["employee_id"]] < "2026-09-11" {
			t.Errorf("%s is labelled dormant and was there on %s", l["employee_id"], first[l["employee_id"]])
		}
	}
	atLeast(t, "looks without a reason a day", perDay(o, "dormant_wakes", o.bad("dormant_wakes")), 2)
}

// traceCollusion: two people have looked at the same records within two hours.
func traceCollusion(t *testing.T, o *observed) {
	type first struct {
		employee string
		at       time.Time
	}
	known := map[string]first{}
	pairs := map[string]int{}
	for _, s := range o.bad("collusion") {
		if s.record == nil {
			continue
		}
		id := s.day + s.record["record_id"]
		if f, ok := known[id]; ok && f.employee != s.employee && s.at.Sub(f.at) < 2*time.Hour {
			pairs[s.day+s.employee]++
			continue
		}
		known[id] = first{s.employee, s.at}
	}
	days := 0
	for _, n := range pairs {
		if n >= 4 {
			days++
		}
	}
	atLeast(t, "days with four shared records", float64(days), 5)
}

// tracePhoto: records stay on the screen for minutes where the system measures it.
func tracePhoto(t *testing.T, o *observed) {
	long := func(s *seen) bool { return s.at.Hour() >= 15 }
	atLeast(t, "looks late in the day", share(count(o.bad("screen_photo"), long), len(o.bad("screen_photo"))), .6)
	moreWithoutReason(t, o, "screen_photo", 3)
}

// traceForeign: many of the looks are in systems in which he did not work before.
func traceForeign(t *testing.T, o *observed, scenario string, least float64) {
	t.Helper()
	usual := map[string]int{}
	for _, s := range o.where(func(s *seen) bool { return s.day < "2026-09-11" }) {
		usual[s.employee+s.service]++
	}
	foreign := func(s *seen) bool { return usual[s.employee+s.service] == 0 }
	bad := o.bad(scenario)
	atLeast(t, "share of looks in systems never used before", share(count(bad, foreign), len(bad)), least)
	others := o.where((*seen).isLook, o.innocent())
	if innocent := share(count(others, foreign), len(others)); innocent > .05 {
		t.Errorf("innocent people: %.3f of looks in systems never used before", innocent)
	}
}

// Who covers himself has ordinary looks between the bad ones and no day that stands
// out by its size.
func TestCoveredDaysAreOfUsualSize(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Warmup, cfg.Insiders, cfg.Oddities, cfg.Share = 150, 40, 15, 32, -1, -1
	c := company4(t, cfg)
	bulky, days := 0, 0
	for _, s := range c.stories {
		for _, p := range s.people {
			for _, d := range s.days {
				pl := c.plan(p, d)
				if pl == nil || !s.covered {
					continue
				}
				days++
				bad := slices.IndexFunc(pl.looks, func(l look) bool { return l.story == s })
				own := slices.IndexFunc(pl.looks, func(l look) bool { return l.story == nil })
				if bad >= 0 && own < 0 {
					t.Errorf("%s on %v: bad looks alone", s.name(), d)
				}
				if len(pl.looks) > pl.limit() && s.plot.name != "unmask_export" {
					bulky++
				}
			}
		}
	}
	if days < 30 || bulky > 0 {
		t.Errorf("%d of %d covered days are bigger than his own 90 %%", bulky, days)
	}
}
