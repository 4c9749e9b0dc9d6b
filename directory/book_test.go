package directory

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func business(t testing.TB) ueba.Business { return ueba.Business{Zone: shanghai(t)} }

// employee is a fact that is known since ever.
func employee(id string, accounts ...string) ueba.Employee {
	return ueba.Employee{ID: id, Accounts: accounts, Hired: ueba.NoDay, Left: ueba.NoDay}
}

func known(id, at string, body ueba.Body, t testing.TB) ueba.Fact {
	return ueba.Fact{ID: id, Known: instant(t, at), Body: body}
}

// bookOf is a book loaded once, from what files say.
func bookOf(t testing.TB, s Snapshot) *Book {
	t.Helper()
	b := NewBook(business(t))
	b.Apply(b.Changes(s, instant(t, "2026-01-01T00:00:00Z"))...)
	return b
}

func TestTheNewestStartHoldsThenTheNewestKnowledge(t *testing.T) {
	version := func(department, from string) *ueba.Employee {
		e := employee("E1")
		e.Department = department
		if from != "" {
			e.ValidFrom = instant(t, from)
		}
		return &e
	}
	facts := []ueba.Fact{
		known("a", "2000-01-01T00:00:00Z", version("first", ""), t),
		known("b", "2026-03-01T00:00:00Z", version("moved", "2026-03-01T00:00:00Z"), t),
		known("c", "2026-05-01T00:00:00Z", version("mended", "2026-03-01T00:00:00Z"), t),
		known("d", "2026-05-01T00:00:00Z", version("next year", "2027-01-01T00:00:00Z"), t),
	}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1, 2, 0}} {
		b := NewBook(business(t))
		for _, i := range order {
			b.Apply(facts[i])
		}
		for _, c := range []struct{ when, at, want string }{
			{"2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z", "first"},
			{"2026-04-01T00:00:00Z", "2026-02-01T00:00:00Z", "first"},
			{"2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z", "moved"},
			{"2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", "mended"},
			{"2027-01-01T00:00:00Z", "2026-06-01T00:00:00Z", "next year"},
			{"2027-01-01T00:00:00Z", "2026-04-01T00:00:00Z", "moved"},
		} {
			e, ok := b.Employee("E1", instant(t, c.when), instant(t, c.at))
			if !ok || e.Department != c.want {
				t.Errorf("order %v, when %s, known %s: got %+v, want %s", order, c.when, c.at, e, c.want)
			}
		}
		if _, ok := b.Employee("E1", instant(t, "2026-04-01T00:00:00Z"), instant(t, "1999-01-01T00:00:00Z")); ok {
			t.Error("known before it was known")
		}
		if n := len(b.people["E1"]); n != len(facts) {
			t.Errorf("%d versions kept of %d facts", n, len(facts))
		}
	}
}

func TestEmployeeOf(t *testing.T) {
	left := employee("E3", "temp", "reused")
	left.Hired, left.Left = day(t, "2020-01-01"), day(t, "2025-06-30")
	successor := employee("E4", "reused")
	successor.Hired = day(t, "2025-09-01")
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{
		employee("E1", "crm:Wang.Wei", "wang.wei001"), employee("E2", "wang.wei", "-", "SYSTEM"), left, successor,
	}})
	const now = "2026-01-05T10:00:00+08:00"
	for _, c := range []struct{ service, user, when, want string }{
		{"crm", "wang.wei", now, "E1"},   // an entry for the service goes first
		{"CRM", "ｗａｎｇ.WEI", now, "E1"},   // spelt otherwise
		{"funds", "Wang.Wei", now, "E2"}, // any service
		{"funds", "wang.wei001", now, "E1"},
		{"funds", `CORP\wang.wei`, now, ""},
		{"funds", "-", now, ""},
		{"funds", "system", now, ""},
		{"crm", "nobody.known", now, ""},
		{"crm", "temp", now, "E3"}, // used after he left: still his
		{"crm", "reused", "2025-06-30T23:59:59+08:00", "E3"},
		{"crm", "reused", now, "E4"},
		{"crm", "reused", "2025-07-15T10:00:00+08:00", ""}, // neither is employed
	} {
		got := ""
		if e, ok := b.EmployeeOf(ueba.Account{Service: c.service, User: c.user}, instant(t, c.when), time.Time{}); ok {
			got = e.ID
		}
		if got != c.want {
			t.Errorf("%s:%s at %s: got %q, want %q", c.service, c.user, c.when, got, c.want)
		}
	}
}

func TestAnAccountOfTwoIsNobodysAndIsTold(t *testing.T) {
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{employee("E1", "crm:duty"), employee("E2", "x")}})
	e2 := employee("E2", "x", "CRM:Duty")
	e2.ValidFrom = instant(t, "2026-05-01T00:00:00Z")
	b.Apply(known("later", "2026-05-01T00:00:00Z", &e2, t))

	duty := ueba.Account{Service: "crm", User: "duty"}
	before, after := instant(t, "2026-04-01T00:00:00Z"), instant(t, "2026-05-02T00:00:00Z")
	if e, ok := b.EmployeeOf(duty, before, after); !ok || e.ID != "E1" {
		t.Errorf("before: got %+v", e)
	}
	if e, ok := b.EmployeeOf(duty, after, after); ok {
		t.Errorf("after: got %+v, want nobody", e)
	}
	if e, ok := b.EmployeeOf(duty, after, before); !ok || e.ID != "E1" {
		t.Errorf("as known before: got %+v", e)
	}
	want := []Conflict{{"crm:duty", []string{"E1", "E2"}}}
	if diff := cmp.Diff(want, b.Conflicts(after, after)); diff != "" {
		t.Error(diff)
	}
	if got := b.Conflicts(before, after); got != nil {
		t.Errorf("before: %+v", got)
	}
}

func TestPerson(t *testing.T) {
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{employee("E1", "crm:wang"), employee("E2", "li.na")}})
	now := instant(t, "2026-01-05T00:00:00Z")
	for name, want := range map[string]string{
		"E1": "E1", "crm:WANG": "E1", "wang": "", "li.na": "E2", "funds:li.na": "E2", "": "", "-": "", "E9": "",
	} {
		if got := b.Person(name, now, time.Time{}); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestStaffIsWhoIsEmployedThatDay(t *testing.T) {
	gone, coming := employee("E3"), employee("E2")
	gone.Left, coming.Hired = day(t, "2026-03-31"), day(t, "2026-04-01")
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{gone, coming, employee("E1")}})
	for date, want := range map[string][]string{
		"2026-03-31": {"E1", "E3"},
		"2026-04-01": {"E1", "E2"},
	} {
		var got []string
		for _, e := range b.Staff(day(t, date), time.Time{}) {
			got = append(got, e.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", date, diff)
		}
	}
	moved := employee("E1")
	moved.Department, moved.ValidFrom = "risk", instant(t, "2026-04-01T12:00:00+08:00")
	b.Apply(known("moved", "2026-04-01T12:00:00+08:00", &moved, t))
	if got := b.Staff(day(t, "2026-04-01"), time.Time{}); got[0].Department != "risk" {
		t.Errorf("as at the day's begin: %+v", got[0])
	}
	if got := b.Staff(day(t, "2026-04-01"), instant(t, "1999-01-01T00:00:00Z")); got != nil {
		t.Errorf("known too early: %v", got)
	}
}

func chinaBook(t testing.TB) *Book {
	t.Helper()
	holidays, err := China()
	if err != nil {
		t.Fatal(err)
	}
	return bookOf(t, Snapshot{Holidays: holidays})
}

func TestWorkdays(t *testing.T) {
	b := chinaBook(t)
	for date, want := range map[string]bool{
		"2026-09-18": true,  // Friday
		"2026-09-19": false, // Saturday
		"2026-09-20": true,  // Sunday, made up
		"2026-10-01": false, // Thursday, National Day
		"2026-10-10": true,  // Saturday, made up
		"2030-10-01": true,  // beyond the calendar only the week counts
	} {
		if got := b.Workday(day(t, date), time.Time{}); got != want {
			t.Errorf("%s: got %t", date, got)
		}
	}
	b.Apply(known("typhoon", "2026-09-18T00:00:00Z", &ueba.Holiday{Date: day(t, "2026-09-18")}, t))
	if b.Workday(day(t, "2026-09-18"), time.Time{}) || !b.Workday(day(t, "2026-09-18"), instant(t, "2026-09-17T00:00:00Z")) {
		t.Error("a day off that became known later must count from then, and only from then")
	}
}

func TestDayTypeAndOffHours(t *testing.T) {
	b := chinaBook(t)
	staff := map[string]*ueba.Employee{}
	for id, hours := range map[string]string{"office": "", "night": "22:00-06:00", "guard": "daily 20:00-08:00", "early": "mon-fri 00:15-08:00"} {
		e := employee(id)
		e.Shift = hours
		staff[id] = &e
		b.Apply(known(id, "2000-01-01T00:00:00Z", &e, t))
	}
	for _, c := range []struct {
		who, at string
		kind    ueba.DayType
		off     bool
	}{
		{"office", "2026-09-18T08:29:59+08:00", ueba.Workday, true},
		{"office", "2026-09-18T08:30:00+08:00", ueba.Workday, false},
		{"office", "2026-09-18T18:29:59+08:00", ueba.Workday, false},
		{"office", "2026-09-18T18:30:00+08:00", ueba.Workday, true},
		{"office", "2026-09-19T10:00:00+08:00", ueba.FreeDay, true},
		{"office", "2026-09-20T10:00:00+08:00", ueba.Workday, false},
		{"office", "2026-10-01T10:00:00+08:00", ueba.FreeDay, true},
		{"night", "2026-09-18T23:00:00+08:00", ueba.Workday, false},
		{"night", "2026-09-19T05:00:00+08:00", ueba.FreeDay, false}, // Friday's shift ends on Saturday
		{"night", "2026-09-19T23:00:00+08:00", ueba.FreeDay, true},
		{"night", "2026-09-18T12:00:00+08:00", ueba.Workday, true},
		{"guard", "2026-10-01T21:00:00+08:00", ueba.Workday, false},
		{"guard", "2026-10-01T12:00:00+08:00", ueba.Workday, true},
		{"early", "2026-09-16T23:50:00+08:00", ueba.Workday, false}, // tolerance before Thursday's shift
		{"early", "2026-09-18T23:50:00+08:00", ueba.Workday, true},  // no shift on Saturday
		{"nobody", "2026-09-18T10:00:00+08:00", ueba.Workday, false},
	} {
		at := instant(t, c.at)
		if got := b.DayType(staff[c.who], b.business.DayOf(at), time.Time{}); got != c.kind {
			t.Errorf("%s %s: day type %s", c.who, c.at, got)
		}
		if got := b.OffHours(staff[c.who], at, time.Time{}); got != c.off {
			t.Errorf("%s %s: off hours %t", c.who, c.at, got)
		}
	}
}

func TestSystems(t *testing.T) {
	b := bookOf(t, Snapshot{Systems: []ueba.System{{Service: "funds"}, {Service: "CRM", Owner: "a"}}})
	b.Apply(b.Changes(Snapshot{Systems: []ueba.System{{Service: "CRM", Owner: "b"}}}, instant(t, "2026-05-01T00:00:00Z"))...)
	if s, ok := b.System("crm", instant(t, "2026-04-01T00:00:00Z")); !ok || s.Owner != "a" {
		t.Errorf("before: %+v", s)
	}
	if s, ok := b.System("crm", time.Time{}); !ok || s.Owner != "b" {
		t.Errorf("now: %+v", s)
	}
	var names []string
	for _, s := range b.Systems(time.Time{}) {
		names = append(names, s.Service)
	}
	if diff := cmp.Diff([]string{"CRM", "funds"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestManyReadWhileOneApplies(t *testing.T) {
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{employee("E1", "wang")}})
	now := instant(t, "2026-01-05T00:00:00Z")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				if e, ok := b.EmployeeOf(ueba.Account{Service: "crm", User: "wang"}, now, time.Time{}); !ok || e.ID != "E1" {
					t.Error("lost while another employee was added")
					return
				}
				b.Staff(100, time.Time{})
			}
		})
	}
	for i := range 200 {
		e := employee(string(rune('F'+i%20)), "x")
		b.Apply(ueba.Fact{ID: e.ID, Known: now.Add(time.Duration(i)), Body: &e})
	}
	wg.Wait()
}

func BenchmarkEmployeeOf(b *testing.B) {
	book := NewBook(business(b))
	for i := range 10_000 {
		e := employee("E"+strconv.Itoa(i), "user"+strconv.Itoa(i))
		book.Apply(ueba.Fact{ID: e.ID, Body: &e})
	}
	acct := ueba.Account{Service: "crm", User: "user5000"}
	when := instant(b, "2026-01-05T00:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := book.EmployeeOf(acct, when, time.Time{}); !ok {
			b.Fatal("nobody")
		}
	}
}
