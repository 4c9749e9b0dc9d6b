package directory

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Book answers who people and accounts are, which days are worked and which systems
// exist, for an instant and as known at another. Of several versions in force the one
// with the newest start holds, and of those the one known last. Where an answer takes a
// time of knowledge, zero stands for all that is known. What it returns is shared and
// must not be changed.
type Book struct {
	business ueba.Business

	mu      sync.RWMutex
	people  timeline[string, person]
	claims  map[ueba.Account][]string // who ever had the account: sorted ids
	systems timeline[string, *ueba.System]
	dates   timeline[ueba.Day, *ueba.Holiday]
	shifts  map[string]shift
}

type person struct {
	*ueba.Employee
	accounts []ueba.Account // folded, without placeholders
}

// NewBook returns an empty book.
func NewBook(b ueba.Business) *Book {
	return &Book{
		business: b,
		people:   timeline[string, person]{},
		claims:   map[ueba.Account][]string{},
		systems:  timeline[string, *ueba.System]{},
		dates:    timeline[ueba.Day, *ueba.Holiday]{},
		shifts:   map[string]shift{},
	}
}

// Apply adds what facts say of employees, systems and holidays, in any order; it leaves
// out others, and those it has already.
func (b *Book) Apply(facts ...ueba.Fact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range facts {
		switch body := f.Body.(type) {
		case *ueba.Employee:
			b.addEmployee(f, body)
		case *ueba.System:
			b.systems.add(Fold(body.Service), version[*ueba.System]{body.ValidFrom, f.Known, f.ID, body})
		case *ueba.Holiday:
			b.dates.add(body.Date, version[*ueba.Holiday]{time.Time{}, f.Known, f.ID, body})
		}
	}
}

func (b *Book) addEmployee(f ueba.Fact, e *ueba.Employee) {
	p := person{e, parseAccounts(e.Accounts)}
	if !b.people.add(e.ID, version[person]{e.ValidFrom, f.Known, f.ID, p}) {
		return
	}
	for _, a := range p.accounts {
		if at, found := slices.BinarySearch(b.claims[a], e.ID); !found {
			b.claims[a] = slices.Insert(b.claims[a], at, e.ID)
		}
	}
	// A shift that cannot be read counts as the default one: readers refuse it, and a
	// fact that came another way must not stop the rest.
	b.shifts[e.Shift], _ = parseShift(e.Shift)
}

// Employee returns the person with the id.
func (b *Book) Employee(id string, when, at time.Time) (*ueba.Employee, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p, ok := b.people.pick(id, when, at)
	return p.Employee, ok
}

// EmployeeOf returns the person behind an account. An entry for the account's service
// goes before one for any service; among those who claim it, who is employed on that day
// goes before who has left or is yet to come. It is nobody's if two claim it even so, and
// if it is a placeholder.
func (b *Book) EmployeeOf(acct ueba.Account, when, at time.Time) (*ueba.Employee, bool) {
	folded := ueba.Account{Service: Fold(acct.Service), User: Fold(acct.User)}
	if IsPlaceholder(folded.User) {
		return nil, false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.owner(folded, when, at)
}

func (b *Book) owner(folded ueba.Account, when, at time.Time) (*ueba.Employee, bool) {
	for _, key := range [...]ueba.Account{folded, {User: folded.User}} {
		if e, n := b.claimants(key, when, at); n > 0 {
			return e, n == 1
		}
	}
	return nil, false
}

// claimants returns how many have an equal claim to the account, and the person if it is
// one.
func (b *Book) claimants(key ueba.Account, when, at time.Time) (sole *ueba.Employee, n int) {
	day := b.business.DayOf(when)
	employed := false
	for _, id := range b.claims[key] {
		p, ok := b.people.pick(id, when, at)
		if !ok || !slices.Contains(p.accounts, key) || employed && !p.Employed(day) {
			continue
		}
		if !employed && p.Employed(day) {
			employed, n = true, 0
		}
		sole = p.Employee
		n++
	}
	if n != 1 {
		sole = nil
	}
	return sole, n
}

// Person returns the id of the employee whom a name stands for: an employee id, or an
// account as directory files write it. It is empty for nobody.
func (b *Book) Person(name string, when, at time.Time) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if _, ok := b.people.pick(name, when, at); ok {
		return name
	}
	acct := parseAccount(name)
	if IsPlaceholder(acct.User) {
		return ""
	}
	if e, ok := b.owner(acct, when, at); ok {
		return e.ID
	}
	return ""
}

// Staff returns who is employed on the day, by ascending id, as they are at its end.
func (b *Book) Staff(day ueba.Day, at time.Time) []*ueba.Employee {
	b.mu.RLock()
	defer b.mu.RUnlock()
	end := b.business.End(day).Add(-1)
	var out []*ueba.Employee
	for _, id := range slices.Sorted(maps.Keys(b.people)) {
		if p, ok := b.people.pick(id, end, at); ok && p.Employed(day) {
			out = append(out, p.Employee)
		}
	}
	return out
}

// Workday reports whether the calendar makes the day a working day.
func (b *Book) Workday(day ueba.Day, at time.Time) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.workday(day, at)
}

func (b *Book) workday(day ueba.Day, at time.Time) bool {
	if h, ok := b.dates.pick(day, time.Time{}, at); ok {
		return h.Workday
	}
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// DayType says whether the day is one of the employee's working days: by his shift if it
// names weekdays, else by the calendar. A nil employee has the calendar's.
func (b *Book) DayType(e *ueba.Employee, day ueba.Day, at time.Time) ueba.DayType {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.works(b.shiftOf(e), day, at) {
		return ueba.Workday
	}
	return ueba.FreeDay
}

func (b *Book) works(s shift, day ueba.Day, at time.Time) bool {
	if s.hasDays {
		return s.days[day.Weekday()]
	}
	return b.workday(day, at)
}

func (b *Book) shiftOf(e *ueba.Employee) shift {
	if e == nil {
		return defaultShift
	}
	if s, ok := b.shifts[e.Shift]; ok {
		return s
	}
	return defaultShift
}

// OffHours reports whether the instant lies more than half an hour outside every shift of
// the employee: those that begin on a working day of his, by calendar date. A night shift
// that begins on a working day and ends on a free one is worked to its end.
func (b *Book) OffHours(e *ueba.Employee, t, at time.Time) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	local := b.business.Local(t)
	hour, minute, second := local.Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	today := ueba.DateOf(local)
	s := b.shiftOf(e)
	for offset := ueba.Day(-1); offset <= 1; offset++ {
		if s.covers(clock-time.Duration(offset)*24*time.Hour) && b.works(s, today+offset, at) {
			return false
		}
	}
	return true
}

// System returns the registered system of that name.
func (b *Book) System(service string, at time.Time) (*ueba.System, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.systems.pick(Fold(service), latest(at), at)
}

// Systems returns the registered systems by ascending name.
func (b *Book) Systems(at time.Time) []*ueba.System {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []*ueba.System
	for _, service := range slices.Sorted(maps.Keys(b.systems)) {
		if s, ok := b.systems.pick(service, latest(at), at); ok {
			out = append(out, s)
		}
	}
	return out
}

// latest is the instant of validity that belongs to a time of knowledge.
func latest(at time.Time) time.Time {
	if at.IsZero() {
		return time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return at
}

// Conflict is an account that several employees claim at one time: nobody's until the
// directory says whose it is.
type Conflict struct {
	Account   string // as directory files write it
	Employees []string
}

// Conflicts lists them by ascending account.
func (b *Book) Conflicts(when, at time.Time) []Conflict {
	b.mu.RLock()
	defer b.mu.RUnlock()
	day := b.business.DayOf(when)
	var out []Conflict
	for key, ids := range b.claims {
		if len(ids) < 2 {
			continue
		}
		var who []string
		for _, id := range ids {
			p, ok := b.people.pick(id, when, at)
			if ok && p.Employed(day) && slices.Contains(p.accounts, key) {
				who = append(who, id)
			}
		}
		if len(who) > 1 {
			out = append(out, Conflict{written(key), who})
		}
	}
	slices.SortFunc(out, func(a, b Conflict) int { return strings.Compare(a.Account, b.Account) })
	return out
}
