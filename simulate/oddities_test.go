package simulate

import (
	"slices"
	"testing"
)

func odd(t *testing.T) *observed {
	t.Helper()
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Warmup, cfg.Looks = 120, 40, 15, .5
	cfg.Insiders, cfg.Oddities = 6, 24
	dir, _ := write(t, cfg)
	return observe(t, dir)
}

func TestOdditiesAreInnocentAndThere(t *testing.T) {
	t.Parallel()
	o := odd(t)
	guilty := o.insiders()
	for _, name := range Oddities() {
		people := o.benign[name]
		if len(people) == 0 {
			t.Errorf("nobody has %s", name)
		}
		for _, p := range people {
			if guilty[p] {
				t.Errorf("%s has %s and is an insider", p, name)
			}
		}
	}
	for name, trace := range map[string]func(*testing.T, *observed, []string){
		"role_change": oddVersions, "branch_move": oddVersions, "new_hire": oddHire, "night_rota": oddNight,
		"long_leave": oddLeave, "leave_cover": oddReason("cover"), "batch_audit": oddAudit, "campaign": oddReason("campaign"),
		"vip_adviser": oddVIP, "staff_customers": oddStaff, "new_device": oddDevice, "outage_catchup": oddOutage,
	} {
		t.Run(name, func(t *testing.T) { trace(t, o, o.benign[name]) })
	}
}

func of(people []string) func(*seen) bool {
	return func(s *seen) bool { return slices.Contains(people, s.employee) }
}

// oddVersions: the directory has a second row that says something else.
func oddVersions(t *testing.T, o *observed, people []string) {
	for _, p := range people {
		var rows []map[string]string
		for _, e := range o.employees {
			if e["employee_id"] == p {
				rows = append(rows, e)
			}
		}
		if len(rows) != 2 || rows[1]["valid_from"] == "" || rows[0]["role"]+rows[0]["location"] == rows[1]["role"]+rows[1]["location"] {
			t.Errorf("%s: rows %v", p, rows)
		}
	}
}

func oddHire(t *testing.T, o *observed, people []string) {
	for _, e := range o.employees {
		if !slices.Contains(people, e["employee_id"]) {
			continue
		}
		list := o.where(of([]string{e["employee_id"]}))
		if len(list) == 0 || list[0].day < e["hire_date"] || e["hire_date"] < "2026-09-16" {
			t.Errorf("hired on %s, %d events", e["hire_date"], len(list))
		}
	}
}

func oddNight(t *testing.T, o *observed, people []string) {
	if n := len(o.where(of(people), (*seen).isLook, atNight)); n < 30 {
		t.Errorf("%d looks at night", n)
	}
}

func oddLeave(t *testing.T, o *observed, people []string) {
	for _, p := range people {
		days := map[string]bool{}
		for _, s := range o.where(of([]string{p})) {
			days[s.day] = true
		}
		longest, gap := 0, 0
		for d := dayOf(t, "2026-09-01"); d < dayOf(t, "2026-10-10"); d++ {
			if gap++; days[d.String()] {
				gap = 0
			}
			longest = max(longest, gap)
		}
		if longest < 10 {
			t.Errorf("%s is away for %d days at most", p, longest)
		}
	}
}

func oddReason(kind string) func(*testing.T, *observed, []string) {
	return func(t *testing.T, o *observed, _ []string) {
		n := 0
		for _, r := range o.reasons {
			if r["kind"] == kind {
				n++
			}
		}
		if n < 20 {
			t.Errorf("%d reasons of kind %s", n, kind)
		}
	}
}

// oddAudit: hundreds of looks on a day, all with the same reason for any record.
func oddAudit(t *testing.T, o *observed, people []string) {
	n := map[string]int{}
	without := 0
	for _, s := range o.where(of(people), (*seen).isLook) {
		n[s.employee+s.day]++
		if !s.explained && n[s.employee+s.day] > 60 {
			without++
		}
	}
	most := 0
	for _, k := range n {
		most = max(most, k)
	}
	if most < 60 || without > most/20 {
		t.Errorf("%d looks on one day, %d without a reason", most, without)
	}
}

func oddVIP(t *testing.T, o *observed, people []string) {
	list := o.where(of(people), (*seen).isLook, vip)
	if len(list) < 10 || count(list, func(s *seen) bool { return !s.explained }) > len(list)/5 {
		t.Errorf("%d looks at VIP records", len(list))
	}
}

func oddStaff(t *testing.T, o *observed, people []string) {
	staff := func(s *seen) bool { return s.record != nil && s.record["employee_id"] != "" }
	list := o.where(of(people), (*seen).isLook, staff)
	if len(list) < 10 || count(list, func(s *seen) bool { return !s.explained }) > len(list)/5 {
		t.Errorf("%d looks at colleagues' records", len(list))
	}
}

func oddDevice(t *testing.T, o *observed, people []string) {
	for _, p := range people {
		list := o.where(of([]string{p}))
		before := map[string]bool{}
		for _, s := range list[:len(list)/10] {
			before[s.host] = true
		}
		if last := list[len(list)-1]; before[last.host] {
			t.Errorf("%s ends on the computer %s on which he began", p, last.host)
		}
	}
}

// oddOutage: most of the team have a working day without a morning.
func oddOutage(t *testing.T, o *observed, people []string) {
	early, all := map[string]int{}, map[string]int{}
	for _, s := range o.where(of(people), (*seen).isLook) {
		all[s.employee+s.day]++
		if s.at.Hour() < 12 {
			early[s.employee+s.day]++
		}
	}
	idle := map[string]bool{}
	for k, n := range all {
		if n >= 8 && early[k] == 0 {
			idle[k[:6]] = true
		}
	}
	if len(people) < 2 || len(idle) < len(people)/2 {
		t.Errorf("%d of %d people have a day without a morning", len(idle), len(people))
	}
}
