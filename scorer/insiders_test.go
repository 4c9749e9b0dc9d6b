package scorer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// setting varies a made-up company with insiders.
type setting struct {
	seed        uint64
	staff, days int
	insiders    int
	harsh       bool
	lost        float64 // share of reasons lost
}

type labelled struct {
	*madeUp
	bad    map[string]map[ueba.Day]bool
	kind   map[string]string
	oddity map[string]string
	from   ueba.Day
	to     ueba.Day
}

var scenarios = []struct {
	name string
	days [2]int
	act  func(d *draw, h *habits)
}{
	{"vip", [2]int{1, 3}, func(d *draw, h *habits) { d.looks(1+d.rng.IntN(4), kind{vip: 1, fresh: .7, outside: .5}) }},
	{"colleague", [2]int{2, 10}, func(d *draw, h *habits) { d.looks(1+d.rng.IntN(2), kind{colleague: 1, fresh: .7}) }},
	{"harvest", [2]int{3, 10}, func(d *draw, h *habits) {
		d.looks(int(h.rate*(2+5*d.rng.Float64())), kind{explained: .3, fresh: .8, outside: .3, export: .02, rows: 60, c3: .2})
	}},
	{"slow", [2]int{25, 40}, func(d *draw, h *habits) {
		d.looks(int(h.rate*(.15+.35*d.rng.Float64())), kind{fresh: .8, outside: .2, short: .6, c3: .2})
	}},
	{"night", [2]int{1, 8}, func(d *draw, h *habits) {
		d.looks(20+d.rng.IntN(60), kind{night: 1, fresh: .6, outside: .2, explained: .2})
	}},
	{"unmask", [2]int{1, 3}, func(d *draw, h *habits) { d.looks(5+d.rng.IntN(20), kind{explained: .5, unmask: 1, fresh: .5}) }},
	{"export", [2]int{1, 3}, func(d *draw, h *habits) { d.looks(1+d.rng.IntN(4), kind{export: 1, rows: 5000, fresh: .5, c3: .5}) }},
	{"idle", [2]int{5, 20}, func(d *draw, h *habits) { d.looks(8+d.rng.IntN(32), kind{fresh: .6, outside: .2, c3: .2}) }},
	{"photo", [2]int{1, 5}, func(d *draw, h *habits) { d.looks(10+d.rng.IntN(50), kind{explained: .5, long: 1, fresh: .5}) }},
	{"stalk", [2]int{10, 20}, func(d *draw, h *habits) { d.looks(1, kind{outside: 1, fresh: .2}) }},
}

func company(s setting) *labelled {
	rng := rand.New(rand.NewPCG(s.seed, 7))
	l := &labelled{madeUp: newMadeUp(), bad: map[string]map[ueba.Day]bool{}, kind: map[string]string{}, oddity: map[string]string{}, from: monday, to: monday + ueba.Day(s.days) - 1}
	roles := 8
	all := make([]habits, s.staff)
	ids := make([]string, s.staff)
	for i := range all {
		ids[i] = fmt.Sprintf("E%04d", i)
		all[i] = drawHabits(rng, i%roles)
		if s.harsh {
			all[i].rate *= gamma(rng, 1.5) / 1.5
			all[i].size = 2
		}
		l.hire(ids[i], "D", fmt.Sprintf("r%d", i%roles))
	}
	start := map[string]ueba.Day{}
	length := map[string]int{}
	act := map[string]func(*draw, *habits){}
	for n := range s.insiders {
		i := rng.IntN(s.staff)
		sc := scenarios[n%len(scenarios)]
		if l.kind[ids[i]] != "" {
			continue
		}
		length[ids[i]] = sc.days[0] + rng.IntN(sc.days[1]-sc.days[0]+1)
		room := s.days - 30 - length[ids[i]]*7/5
		start[ids[i]] = monday + 30 + ueba.Day(rng.IntN(max(room, 1)))
		l.kind[ids[i]], act[ids[i]] = sc.name, sc.act
		l.bad[ids[i]] = map[ueba.Day]bool{}
	}
	odd := []string{"cover", "audit", "oncall", "away", "lossy", "rolechange", "catchup"}
	for n := range s.staff / 10 {
		id := ids[rng.IntN(s.staff)]
		if l.kind[id] == "" && l.oddity[id] == "" {
			l.oddity[id] = odd[n%len(odd)]
			start[id] = monday + 30 + ueba.Day(rng.IntN(max(s.days-45, 1)))
		}
	}
	for day := l.from; day <= l.to; day++ {
		_, month, date := day.Midnight().Date()
		_ = month
		outage := rng.Float64() < .03
		outRole := rng.IntN(roles)
		for i, id := range ids {
			h := all[i]
			e := &l.staff[i]
			typ := l.DayType(e, day, l.business.Begin(day))
			rate := h.rate
			if typ == ueba.FreeDay {
				if rng.Float64() > .05 {
					rate = 0
				} else {
					rate *= .2
				}
			}
			if date >= 27 && i%roles < 3 {
				rate *= 1.8
			}
			k := h.kind
			if outage && i%roles == outRole {
				k.explained *= .8
			}
			since := int(day - start[id])
			in := since >= 0 && since < 12 && l.oddity[id] != ""
			if in {
				switch l.oddity[id] {
				case "cover":
					rate *= 1.9
					k.outside, k.fresh = .4, .7
				case "oncall":
					k.night = .7
				case "away":
					if since < 9 {
						rate = 0
					} else {
						rate *= 1.8
					}
				case "lossy":
					k.explained -= .1
				case "catchup":
					if since == 0 {
						rate *= 2.2
					}
				case "rolechange":
					k.fresh, k.vip, rate = .8, k.vip*3, rate*1.4
				}
			}
			if s.lost > 0 {
				k.explained *= 1 - s.lost
			}
			if rng.Float64() < .04 && typ == ueba.Workday {
				rate = 0
			}
			n := poisson(rng, rate*gamma(rng, h.size)/h.size)
			d := newDraw(rng)
			d.looks(n, k)
			assigned := float64(n) * .9
			if in && l.oddity[id] == "audit" && since < 3 {
				extra := 200 + rng.IntN(600)
				d.looks(extra, kind{explained: .985, fresh: .9, outside: .5, c3: .2})
				assigned += float64(extra)
			}
			if act[id] != nil && day >= start[id] && length[id] > 0 && typ == ueba.Workday && n > 0 {
				act[id](d, &h)
				l.bad[id][day] = true
				length[id]--
				n++
			}
			if n > 0 {
				l.add(d.profile(id, day, typ, e.PeerGroup(), assigned))
			}
		}
	}
	return l
}

type figures struct {
	ap, apR          float64
	found            [4]int // by queue of 1, 2, 3, 5
	insiders         int
	high, critical   int     // insiders reaching
	innocentHigh     float64 // innocent high-days per 500 staff and day
	innocentCritical float64
	oddHigh          map[string]int
	missed           []string
}

func judge(t testing.TB, l *labelled, scores []ueba.RiskScore) figures {
	t.Helper()
	var f figures
	f.oddHigh = map[string]int{}
	type row struct {
		v   float64
		bad bool
	}
	var pr, rr []row
	byDay := map[ueba.Day][]ueba.RiskScore{}
	high, critical := map[string]bool{}, map[string]bool{}
	days := 0
	for _, s := range scores {
		if s.Day < l.from+30 {
			continue
		}
		bad := l.bad[s.Employee][s.Day]
		pr, rr = append(pr, row{s.Priority, bad}), append(rr, row{s.R, bad})
		byDay[s.Day] = append(byDay[s.Day], s)
		if s.Level.Rank() >= 2 {
			if l.kind[s.Employee] != "" {
				high[s.Employee] = true
			} else {
				f.innocentHigh++
				f.oddHigh[l.oddity[s.Employee]]++
			}
		}
		if s.Level.Rank() >= 3 {
			if l.kind[s.Employee] != "" {
				critical[s.Employee] = true
			} else {
				f.innocentCritical++
			}
		}
	}
	days = len(byDay)
	per := float64(days) * float64(len(l.staff)) / 500
	f.innocentHigh /= per
	f.innocentCritical /= per
	f.high, f.critical, f.insiders = len(high), len(critical), len(l.kind)
	ap := func(rows []row) float64 {
		sort.SliceStable(rows, func(i, j int) bool { return rows[i].v > rows[j].v })
		var hits, sum float64
		for i, r := range rows {
			if r.bad {
				hits++
				sum += hits / float64(i+1)
			}
		}
		return sum / hits
	}
	f.ap, f.apR = ap(pr), ap(rr)
	for qi, k := range []int{1, 2, 3, 5} {
		shown := map[string]ueba.Day{}
		got := map[string]bool{}
		for day := l.from + 30; day <= l.to; day++ {
			list := byDay[day]
			sort.SliceStable(list, func(i, j int) bool { return list[i].Priority > list[j].Priority })
			n := 0
			for _, s := range list {
				if last, ok := shown[s.Employee]; ok && day-last < 14 {
					continue
				}
				shown[s.Employee] = day
				for d := range l.bad[s.Employee] {
					if d <= day {
						got[s.Employee] = true
					}
				}
				if n++; n == k {
					break
				}
			}
		}
		f.found[qi] = len(got)
		if k == 3 {
			for id, kind := range l.kind {
				if !got[id] {
					f.missed = append(f.missed, kind)
				}
			}
			sort.Strings(f.missed)
		}
	}
	return f
}

func scoreAll(t testing.TB, l *labelled, c Config) []ueba.RiskScore {
	t.Helper()
	e, err := New(c, l, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	scores, err := e.Compute(context.Background(), l.business.Close(l.to), l.from, l.to)
	if err != nil {
		t.Fatal(err)
	}
	return scores
}

// TestFindsInsiders holds the line well below what was measured, for companies of
// several kinds: it guards against breaking the model, it does not grade it.
func TestFindsInsiders(t *testing.T) {
	if testing.Short() {
		t.Skip("makes up whole companies")
	}
	for _, s := range []setting{
		{seed: 1, staff: 300, days: 70, insiders: 20},
		{seed: 4, staff: 300, days: 70, insiders: 20, harsh: true},
		{seed: 5, staff: 300, days: 70, insiders: 20, lost: .2},
	} {
		l := company(s)
		f := judge(t, l, scoreAll(t, l, testConfig(l.madeUp)))
		t.Logf("%+v: AP %.3f, R %.3f; queues %v of %d; high %d, critical %d; innocent high %.2f, critical %.2f %v; missed %v",
			s, f.ap, f.apR, f.found, f.insiders, f.high, f.critical, f.innocentHigh, f.innocentCritical, f.oddHigh, f.missed)
		least := .4
		if s.lost > 0 {
			least = .3
		}
		if f.ap < least || f.found[2]*10 < f.insiders*6 || f.innocentHigh > 3 || f.innocentCritical > .5 {
			t.Errorf("%+v: %+v", s, f)
		}
	}
}
