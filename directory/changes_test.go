package directory

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestTheFirstLoadIsKnownSinceEver(t *testing.T) {
	b := NewBook(business(t))
	s := Snapshot{
		Employees: []ueba.Employee{employee("E2"), employee("E1")},
		Systems:   []ueba.System{{Service: "crm"}},
		Holidays:  []ueba.Holiday{{Date: 100}},
	}
	facts := b.Changes(s, instant(t, "2026-05-01T00:00:00Z"))
	if len(facts) != 4 {
		t.Fatalf("%d facts", len(facts))
	}
	ids := map[string]bool{}
	for _, f := range facts {
		if !f.Known.Equal(Ever()) {
			t.Errorf("%s known %s", f.ID, f.Known)
		}
		ids[f.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("ids are not distinct: %v", ids)
	}
	again := NewBook(business(t)).Changes(s, instant(t, "2026-06-01T00:00:00Z"))
	for i := range again {
		if again[i].ID != facts[i].ID {
			t.Error("a first load that is done again must be the same facts")
		}
	}
	b.Apply(facts...)
	if more := b.Changes(s, instant(t, "2026-07-01T00:00:00Z")); len(more) != 0 {
		t.Errorf("a reload of the same files adds %+v", more)
	}
}

func TestWhatChangesIsValidAndKnownFromThen(t *testing.T) {
	a, b2 := employee("E1", "wang"), employee("E1", "wang")
	a.Department, b2.Department = "credit", "risk"
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{a}, Holidays: []ueba.Holiday{{Date: 100}}})
	may := instant(t, "2026-05-01T00:00:00Z")
	change := func(s Snapshot, now time.Time) []ueba.Fact {
		facts := b.Changes(s, now)
		for i := range facts {
			if !facts[i].Known.IsZero() {
				t.Errorf("%s has a Known; the store stamps it", facts[i].ID)
			}
			facts[i].Known = now
		}
		b.Apply(facts...)
		return facts
	}
	if n := len(change(Snapshot{Employees: []ueba.Employee{b2}}, may)); n != 1 {
		t.Fatalf("%d facts", n)
	}
	department := func(when time.Time) string {
		e, _ := b.Employee("E1", when, time.Time{})
		return e.Department
	}
	if department(may.Add(-1)) != "credit" || department(may) != "risk" {
		t.Error("a change without valid_from holds from the load on, and not before")
	}
	june := may.AddDate(0, 1, 0)
	back := change(Snapshot{Employees: []ueba.Employee{a}}, june)
	if len(back) != 1 || department(june) != "credit" {
		t.Errorf("changed back: %+v", back)
	}
	july := may.AddDate(0, 2, 0)
	fresh := change(Snapshot{Employees: []ueba.Employee{a, employee("E2")}, Holidays: []ueba.Holiday{{Date: 100, Workday: true}}}, july)
	if len(fresh) != 2 {
		t.Errorf("a new person and a changed date: %+v", fresh)
	}
	if gone := change(Snapshot{Employees: []ueba.Employee{}}, july); len(gone) != 0 {
		t.Errorf("a row that vanishes ends nothing: %+v", gone)
	}
}

func TestAChangeAndItsReversalAreDifferentFacts(t *testing.T) {
	b := bookOf(t, Snapshot{Holidays: []ueba.Holiday{{Date: 100}}})
	ids := map[string]bool{}
	for i := range 6 {
		now := instant(t, "2026-05-01T00:00:00Z").AddDate(0, 0, i)
		for _, f := range b.Changes(Snapshot{Holidays: []ueba.Holiday{{Date: 100, Workday: i%2 == 0}}}, now) {
			ids[f.ID] = true
			f.Known = now
			b.Apply(f)
		}
	}
	if len(ids) != 6 || b.Workday(100, time.Time{}) {
		t.Errorf("%d facts, workday %t", len(ids), b.Workday(100, time.Time{}))
	}
}

func TestARowMayMendThePast(t *testing.T) {
	old, moved := employee("E1"), employee("E1")
	old.Department, moved.Department = "credit", "risk"
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{old}})
	now := instant(t, "2026-05-01T00:00:00Z")
	moved.ValidFrom = instant(t, "2026-03-01T00:00:00Z")
	facts := b.Changes(Snapshot{Employees: []ueba.Employee{old, moved}}, now)
	if len(facts) != 1 {
		t.Fatalf("%+v", facts)
	}
	facts[0].Known = now
	b.Apply(facts...)
	if e, _ := b.Employee("E1", moved.ValidFrom, now); e.Department != "risk" {
		t.Errorf("got %+v", e)
	}
	if e, _ := b.Employee("E1", moved.ValidFrom, now.Add(-1)); e.Department != "credit" {
		t.Errorf("as known before: %+v", e)
	}
	next := moved
	next.ValidFrom, next.Department = instant(t, "2027-01-01T00:00:00Z"), "audit"
	if facts := b.Changes(Snapshot{Employees: []ueba.Employee{next}}, now); len(facts) != 1 {
		t.Errorf("a row of the future is one fact and changes nothing today: %+v", facts)
	}
}

// Whatever files say one after another: a load of the same files twice adds nothing, and
// what the newest row of a person says is what holds.
func TestChangesConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBook(ueba.Business{})
		now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 6).Draw(t, "loads") {
			now = now.Add(time.Hour)
			rows := drawRows(t, now)
			s := Snapshot{Employees: rows}
			facts := b.Changes(s, now)
			for i := range facts {
				if facts[i].Known.IsZero() {
					facts[i].Known = now
				}
			}
			b.Apply(facts...)
			if more := b.Changes(s, now.Add(time.Minute)); len(more) != 0 {
				t.Fatalf("loaded again: %+v", more[0].Body)
			}
			for _, want := range inForce(rows, now) {
				got, ok := b.Employee(want.ID, now, now)
				if !ok || !sameEmployee(got, &want) {
					t.Fatalf("holds %+v, want %+v", got, want)
				}
			}
		}
	})
}

func drawRows(t *rapid.T, now time.Time) []ueba.Employee {
	var rows []ueba.Employee
	for _, id := range []string{"E1", "E2"} {
		starts := rapid.SliceOfNDistinct(rapid.IntRange(-4, 4), 0, 3, rapid.ID[int]).Draw(t, id)
		for _, days := range starts {
			e := ueba.Employee{ID: id, Department: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "department")}
			if days > -4 {
				e.ValidFrom = now.AddDate(0, 0, days)
			}
			rows = append(rows, e)
		}
	}
	return rows
}

func inForce(rows []ueba.Employee, now time.Time) map[string]ueba.Employee {
	out := map[string]ueba.Employee{}
	for _, e := range rows {
		if old, ok := out[e.ID]; !e.ValidFrom.After(now) && (!ok || e.ValidFrom.After(old.ValidFrom)) {
			out[e.ID] = e
		}
	}
	return out
}

func TestFactsOfRowsTellRowsApart(t *testing.T) {
	at := instant(t, "2026-05-01T00:00:00Z")
	reasons := []ueba.Reason{
		{ID: "T1", RecordID: "C1", ValidFrom: at}, {ID: "T1", RecordID: "C2", ValidFrom: at},
		{ID: "T1", EmployeeID: "C1", ValidFrom: at}, {ID: "T1", RecordID: "C1", ValidFrom: at, ValidTo: at.Add(1)},
		{ID: "T1", RecordID: "C1", ValidFrom: at, MadeBy: "E1"}, {ID: "T1", RecordID: "C1", ValidFrom: at, Source: "E1"},
	}
	ids := map[string]bool{}
	for i := range reasons {
		f := ReasonFact(&reasons[i], at)
		again := reasons[i]
		if f.ID != ReasonFact(&again, time.Time{}).ID {
			t.Error("the same row must be the same fact")
		}
		ids[f.ID] = true
	}
	records := []ueba.Record{
		{ID: "C1"}, {ID: "C1", Tags: []string{"vip"}}, {ID: "C1", Related: []string{"vip"}},
		{ID: "C1", Tags: []string{"v", "ip"}}, {ID: "C1", Owner: "vip"}, {ID: "C1", Region: "vip"},
	}
	for i := range records {
		ids[RecordFact(&records[i], at).ID] = true
	}
	if len(ids) != len(reasons)+len(records) {
		t.Errorf("%d ids of %d rows", len(ids), len(reasons)+len(records))
	}
}

func BenchmarkReasonFact(b *testing.B) {
	at := instant(b, "2026-05-01T00:00:00Z")
	r := ueba.Reason{ID: "T261102-10001-7", RecordID: "C1000293", EmployeeID: "E0001", Type: "ticket", ValidFrom: at, ValidTo: at, Created: at, MadeBy: "E0002"}
	b.ReportAllocs()
	for b.Loop() {
		ReasonFact(&r, at)
	}
}
