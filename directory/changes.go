package directory

import (
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Ever returns the instant at which the first load of a file counts as known: before
// every event.
func Ever() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// Snapshot is what directory files say at one time. A nil list is a file that is not
// there and says nothing.
type Snapshot struct {
	Employees []ueba.Employee
	Systems   []ueba.System
	Holidays  []ueba.Holiday
}

// Changes returns the facts that a load adds to what the book knows. The first load of a
// kind counts as known since ever; what a later one changes has no Known yet, so that the
// store stamps it. A changed row that does not say since when it is valid is valid from
// now. What is no longer in a file gives no fact. Applying what it returns makes a second
// call with the same snapshot return nothing.
func (b *Book) Changes(s Snapshot, now time.Time) []ueba.Fact {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []ueba.Fact
	out = append(out, b.changedEmployees(s.Employees, now)...)
	out = append(out, b.changedSystems(s.Systems, now)...)
	return append(out, b.changedHolidays(s.Holidays, now)...)
}

func (b *Book) changedEmployees(rows []ueba.Employee, now time.Time) []ueba.Fact {
	stamp := stampOf(len(b.people) == 0, now)
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(x, y ueba.Employee) int {
		if c := strings.Compare(x.ID, y.ID); c != 0 {
			return c
		}
		return x.ValidFrom.Compare(y.ValidFrom)
	})
	var out []ueba.Fact
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].ID == rows[0].ID {
			n++
		}
		for _, e := range b.newVersions(rows[:n], now) {
			out = append(out, stamp.fact(e, employeeContent(e)))
		}
		rows = rows[n:]
	}
	return out
}

// newVersions returns the versions of one person that the book lacks: those rows that say
// since when they are valid, and what holds now if that differs even so.
func (b *Book) newVersions(rows []ueba.Employee, now time.Time) []*ueba.Employee {
	known := b.people[rows[0].ID]
	if len(known) == 0 {
		return pointers(rows)
	}
	var out []*ueba.Employee
	var current *ueba.Employee
	for _, e := range pointers(rows) {
		if !e.ValidFrom.After(now) {
			current = e
		}
		at := slices.IndexFunc(known, func(v version[person]) bool { return v.from.Equal(e.ValidFrom) })
		// A row that does not say since when it is valid mends no past.
		if at < 0 || !e.ValidFrom.IsZero() && !sameEmployee(known[at].body.Employee, e) {
			out = append(out, e)
		}
	}
	if current == nil {
		return out
	}
	if held := holding(known, out, now); held == nil || !sameEmployee(held, current) {
		changed := *current
		changed.ValidFrom = now
		out = append(out, &changed)
	}
	return out
}

// holding returns the version in force now once the new ones are added.
func holding(known []version[person], added []*ueba.Employee, now time.Time) *ueba.Employee {
	var held *ueba.Employee
	for _, v := range known {
		if !v.from.After(now) {
			held = v.body.Employee
			break
		}
	}
	for _, e := range added {
		if !e.ValidFrom.After(now) && (held == nil || !e.ValidFrom.Before(held.ValidFrom)) {
			held = e
		}
	}
	return held
}

func pointers(rows []ueba.Employee) []*ueba.Employee {
	out := make([]*ueba.Employee, len(rows))
	for i := range rows {
		e := rows[i]
		out[i] = &e
	}
	return out
}

func sameEmployee(a, b *ueba.Employee) bool {
	x, y := *a, *b
	x.ValidFrom, y.ValidFrom = time.Time{}, time.Time{}
	return slices.Equal(employeeContent(&x), employeeContent(&y))
}

func (b *Book) changedSystems(rows []ueba.System, now time.Time) []ueba.Fact {
	stamp := stampOf(len(b.systems) == 0, now)
	var out []ueba.Fact
	for _, s := range rows {
		if known := b.systems[Fold(s.Service)]; len(known) > 0 {
			old := *known[0].body
			old.ValidFrom = s.ValidFrom
			if slices.Equal(systemContent(&old), systemContent(&s)) {
				continue
			}
			s.ValidFrom = now
		}
		out = append(out, stamp.fact(&s, systemContent(&s)))
	}
	return out
}

func (b *Book) changedHolidays(rows []ueba.Holiday, now time.Time) []ueba.Fact {
	stamp := stampOf(len(b.dates) == 0, now)
	var out []ueba.Fact
	for _, h := range rows {
		if known := b.dates[h.Date]; len(known) > 0 && *known[0].body == h {
			continue
		}
		out = append(out, stamp.fact(&h, holidayContent(&h)))
	}
	return out
}

// stamp makes facts of one load. The time of a later load is part of their ids: else a
// row that is changed and changed back would be the first fact again, and be dropped.
type stamp struct {
	known time.Time
	load  string
}

func stampOf(first bool, now time.Time) stamp {
	if first {
		return stamp{known: Ever()}
	}
	return stamp{load: now.UTC().Format(time.RFC3339Nano)}
}

func (s stamp) fact(body ueba.Body, content content) ueba.Fact {
	return ueba.Fact{ID: body.Key() + "#" + content.add(s.load).digest(), Known: s.known, Body: body}
}

// RecordFact returns the fact that a row of records.csv states. The id follows from the
// content: a store drops a row that it has. With a zero known the store stamps it.
func RecordFact(r *ueba.Record, known time.Time) ueba.Fact {
	c := newContent().add("record", r.ID, r.Type, r.Class).list(r.Tags).
		add(r.Employee).list(r.Related).add(r.Owner, r.Region).time(r.ValidFrom)
	return ueba.Fact{ID: r.ID + "#" + c.digest(), Known: known, Body: r}
}

// ReasonFact returns the fact that a row of reasons.csv states. The id follows from the
// content: a store drops a row that it has. With a zero known the store stamps it.
func ReasonFact(r *ueba.Reason, known time.Time) ueba.Fact {
	c := newContent().add("reason", r.ID, r.RecordID, r.EmployeeID, r.Type, r.MadeBy, r.Source).
		time(r.ValidFrom).time(r.ValidTo).time(r.Created)
	return ueba.Fact{ID: r.ID + "#" + c.digest(), Known: known, Body: r}
}

func employeeContent(e *ueba.Employee) content {
	return newContent().add("employee", e.ID, e.Name, e.Department, e.Role, e.Manager, e.Location,
		e.Hired.String(), e.Left.String(), e.Shift).list(e.Accounts).time(e.ValidFrom)
}

func systemContent(s *ueba.System) content {
	return newContent().add("system", s.Service, s.Owner, s.Criticality, s.Expected).list(s.Classes).time(s.ValidFrom)
}

func holidayContent(h *ueba.Holiday) content {
	kind := "holiday"
	if h.Workday {
		kind = "workday"
	}
	return newContent().add(kind, h.Date.String(), h.Name)
}
