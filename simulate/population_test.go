package simulate

import (
	"regexp"
	"strings"
	"testing"
)

func TestStaffing(t *testing.T) {
	for _, staff := range []int{20, 21, 60, 200, 480, 3000} {
		list := staffing(staff)
		if len(list) != staff {
			t.Fatalf("%d people for a staff of %d", len(list), staff)
		}
		n := map[*role]int{}
		for _, r := range list {
			n[r]++
		}
		if len(n) != len(roles) {
			t.Errorf("staff %d: %d of %d roles", staff, len(n), len(roles))
		}
		if staff >= 200 {
			near(t, "share of call agents", float64(n[&roles[2]])/float64(staff), .22, .1)
		}
	}
}

func TestPeople(t *testing.T) {
	cfg := Default()
	c := company4(t, cfg)
	ids, users := map[string]bool{}, map[string]bool{}
	login := regexp.MustCompile(`^[a-z]+\.[a-z]+\d{3}$`)
	heads := map[string]bool{}
	for i, p := range c.people {
		if ids[p.id] || users[p.user] || !login.MatchString(p.user) || p.name == "" {
			t.Errorf("employee %s %s %s", p.id, p.name, p.user)
		}
		ids[p.id], users[p.user] = true, true
		if i > 0 && (!ids[p.manager] || p.manager == p.id) {
			t.Errorf("%s reports to %q", p.id, p.manager)
		}
		heads[p.manager] = true
		if len(p.desks) < 1 || len(p.desks) > 3 {
			t.Errorf("%s has %d desks", p.id, len(p.desks))
		}
	}
	if len(heads) < 8 || len(heads) > 10 {
		t.Errorf("%d people have people, want the head of each department", len(heads))
	}
}

func TestRolesAreSound(t *testing.T) {
	var shares float64
	for i := range roles {
		r := &roles[i]
		shares += r.share
		var sum float64
		for _, w := range r.systems {
			sum += w
		}
		near(t, r.name+"'s systems", sum, 1, 1e-9)
		if i > 0 && (r.reason == noReason || reasonsOf[r.reason].name == "") {
			t.Errorf("%s has no reasons", r.name)
		}
	}
	near(t, "all roles", shares, 1, 1e-9)
}

func TestReasonPrefixesAreApart(t *testing.T) {
	seen := map[string]string{}
	for _, k := range reasonsOf[1:] {
		if len(k.prefix) != 1 || seen[k.prefix] != "" {
			t.Errorf("%s has the prefix %q, as has %s", k.name, k.prefix, seen[k.prefix])
		}
		seen[k.prefix] = k.name
	}
}

func TestRecords(t *testing.T) {
	c := company4(t, Default())
	n := map[string]int{}
	for i := range c.base.records {
		r := &c.base.records[i]
		for _, tag := range strings.Split(r.tags(), ";") {
			n[tag]++
		}
		if r.owner >= 0 {
			n["owned"]++
		}
		if len(r.related) > 0 {
			n["related"]++
		}
		if r.owner >= 0 && r.owner == r.employee {
			t.Errorf("record %d: in the charge of its own subject", i)
		}
	}
	for tag, want := range map[string][2]int{
		"vip": {120, 280}, "employee": {90, 150}, "deceased": {90, 220}, "dormant": {2000, 3200}, "owned": {1500, 4500}, "related": {30, 110},
	} {
		if n[tag] < want[0] || n[tag] > want[1] {
			t.Errorf("%d records are %s, want %v", n[tag], tag, want)
		}
	}
}

func TestShiftsAsTheDirectoryHasThem(t *testing.T) {
	c := company4(t, Default())
	for _, p := range c.people {
		s := shift(version{start: p.start})
		if night := strings.HasPrefix(s, "2"); night != p.role.night() {
			t.Errorf("%s, %s: %s", p.id, p.role.name, s)
		}
	}
	if s := shift(version{start: roles[3].shift}); s != "22:00-07:00" {
		t.Errorf("night shift is %s", s)
	}
}
