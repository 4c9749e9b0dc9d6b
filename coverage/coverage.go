// Package coverage is the ledger of what is and is not monitored: for each registered
// system and each source what was expected, received, parsed, attributed to a person and
// scored, and every hole by its name.
//
// It is pure: it adds up what others counted. It guarantees that nothing counted is left
// out: lines that belong to no system are a row of their own.
package coverage

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// State says how a system fares.
type State string

// The states.
const (
	OK           State = "ok"
	Silent       State = "silent"       // it ought to send and does not
	Unregistered State = "unregistered" // it sends and is not in the directory
)

// workingHours is how many hours of a working day an expectation an hour means.
const workingHours = 8

// Delivery is what a source delivered of one service; lines of no service have none.
type Delivery struct {
	Source, Service         string
	Received, Skipped, Dead int64 // lines
	Parsed, Duplicate       int64 // events
}

// Account is one account that was heard from.
type Account struct {
	Account ueba.Account
	Events  int64
	Scored  int64 // of them, on days that were scored
	Last    time.Time
	Owner   string // employee id; empty when it belongs to nobody
}

// Input is what the ledger is made from.
type Input struct {
	Deliveries []Delivery
	Accounts   []Account
	Systems    []ueba.System
	Staff      []string // employee ids
	// Workday tells which days count for expectations and silence.
	Workday func(ueba.Day) bool
	// First and Today bound the days of which something is expected; today is open.
	First, Today ueba.Day
	DayOf        func(time.Time) ueba.Day
	// Whole says that deliveries and accounts are of all time, so that they must agree.
	Whole bool
}

// Row is one system's line from one source. Received and Skipped count lines, the others
// events. A row without a system holds the lines of a source that belong to none.
type Row struct {
	System, Source                             string
	Expected                                   *int64
	Received, Skipped, Parsed, Dead, Duplicate int64
	Attributed, Scored                         int64
	State                                      State
}

// Ledger is what is and is not monitored.
type Ledger struct {
	Rows     []Row
	Unmapped []Account // by falling number of events
	Unseen   []string  // employees of whom nothing was ever received
	Silent   []string  // systems that ought to send and do not
}

// Make makes the ledger.
func Make(in Input) Ledger {
	l := Ledger{Rows: rows(in.Deliveries)}
	if in.Whole {
		l.mend(in.Accounts)
	}
	l.attribute(in.Accounts)
	l.register(in)
	l.people(in)
	slices.SortFunc(l.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Source, b.Source))
	})
	return l
}

// rows makes one row for each (service, source). Where a source delivers one service its
// lines are that service's; else a line counts for the service of the event it became, and
// those that became none have a row without a system.
func rows(deliveries []Delivery) []Row {
	services := map[string]int{}
	parsed := map[string]int64{}
	for _, d := range deliveries {
		if d.Service != "" {
			services[d.Source]++
			parsed[d.Source] += d.Parsed
		}
	}
	byKey := map[[2]string]*Row{}
	row := func(system, source string) *Row {
		k := [2]string{system, source}
		if byKey[k] == nil {
			byKey[k] = &Row{System: system, Source: source, State: OK}
		}
		return byKey[k]
	}
	only := map[string]string{}
	for _, d := range deliveries {
		if d.Service == "" {
			continue
		}
		only[d.Source] = d.Service
		r := row(d.Service, d.Source)
		r.Parsed += d.Parsed
		r.Duplicate += d.Duplicate
		if services[d.Source] > 1 {
			r.Received += d.Parsed
		}
	}
	for _, d := range deliveries {
		if d.Service != "" {
			continue
		}
		system, received := "", d.Received
		if services[d.Source] == 1 {
			system = only[d.Source]
		} else {
			received = max(0, received-parsed[d.Source])
		}
		if system == "" && received == 0 && d.Skipped == 0 && d.Dead == 0 {
			continue
		}
		r := row(system, d.Source)
		r.Received += received
		r.Skipped += d.Skipped
		r.Dead += d.Dead
	}
	out := make([]Row, 0, len(byKey))
	for _, r := range byKey {
		out = append(out, *r)
	}
	return out
}

// mend adds the events that are stored and were not counted: counts are written each
// second, and those of the second before a crash are lost. The accounts' own counts are
// not, so the ledger is made to agree with them.
func (l *Ledger) mend(accounts []Account) {
	lost := map[string]int64{}
	for _, a := range accounts {
		lost[a.Account.Service] += a.Events
	}
	first := map[string]*Row{}
	for i := range l.Rows {
		r := &l.Rows[i]
		lost[r.System] -= r.Parsed - r.Duplicate
		if first[r.System] == nil || r.Source < first[r.System].Source {
			first[r.System] = r
		}
	}
	var missing []Row
	for system, n := range lost {
		switch r := first[system]; {
		case n <= 0:
		case r == nil:
			missing = append(missing, Row{System: system, Received: n, Parsed: n, State: OK})
		default:
			r.Received += n
			r.Parsed += n
		}
	}
	l.Rows = append(l.Rows, missing...)
}

// attribute spreads the attributed and scored events of each service over its rows, by
// what each source delivered that was no duplicate.
func (l *Ledger) attribute(accounts []Account) {
	owned, scored := map[string]int64{}, map[string]int64{}
	for _, a := range accounts {
		if a.Owner != "" {
			owned[a.Account.Service] += a.Events
			scored[a.Account.Service] += a.Scored
		}
	}
	slices.SortFunc(l.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Source, b.Source))
	})
	for i := range l.Rows {
		r := &l.Rows[i]
		r.Attributed = min(owned[r.System], r.Parsed-r.Duplicate)
		r.Scored = min(scored[r.System], r.Attributed)
		owned[r.System] -= r.Attributed
		scored[r.System] -= r.Scored
	}
}

// register compares with the registered systems.
func (l *Ledger) register(in Input) {
	known := map[string]*ueba.System{}
	for i := range in.Systems {
		known[strings.ToLower(in.Systems[i].Service)] = &in.Systems[i]
	}
	last := map[string]time.Time{}
	for _, a := range in.Accounts {
		name := strings.ToLower(a.Account.Service)
		if a.Last.After(last[name]) {
			last[name] = a.Last
		}
	}
	seen := map[string]bool{}
	for i := range l.Rows {
		name := strings.ToLower(l.Rows[i].System)
		system := known[name]
		switch {
		case name == "":
		case system == nil:
			if len(known) > 0 {
				l.Rows[i].State = Unregistered
			}
		default:
			if !seen[name] {
				l.Rows[i].Expected = expected(system, in)
			}
			l.Rows[i].State = stateOf(last[name], in)
		}
		seen[name] = true
	}
	for _, s := range in.Systems {
		name := strings.ToLower(s.Service)
		if !seen[name] {
			l.Rows = append(l.Rows, Row{System: s.Service, Expected: expected(&s, in), State: Silent})
		}
		if stateOf(last[name], in) == Silent {
			l.Silent = append(l.Silent, s.Service)
		}
	}
	slices.Sort(l.Silent)
}

// stateOf calls a system silent when nothing came on the last working day that is over.
func stateOf(last time.Time, in Input) State {
	day := in.Today - 1
	for n := 0; n < 30 && !in.Workday(day); n++ {
		day--
	}
	if last.IsZero() || in.DayOf(last) < day {
		return Silent
	}
	return OK
}

// expected is the events that the directory declares for the working days until today;
// nil where it declares no rate.
func expected(s *ueba.System, in Input) *int64 {
	const most = 1e9 // an hour; what is more is no rate
	rate, err := strconv.ParseFloat(strings.TrimSpace(s.Expected), 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > most {
		return nil
	}
	days := 0
	for d := in.First; d != ueba.NoDay && d < in.Today; d++ {
		if in.Workday(d) {
			days++
		}
	}
	n := int64(math.Round(rate * workingHours * float64(days)))
	return &n
}

// people names the accounts that are nobody's and the employees of whom nothing comes.
func (l *Ledger) people(in Input) {
	seen := map[string]bool{}
	for _, a := range in.Accounts {
		if a.Owner == "" {
			l.Unmapped = append(l.Unmapped, a)
			continue
		}
		seen[a.Owner] = true
	}
	slices.SortFunc(l.Unmapped, func(a, b Account) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Account.Key(), b.Account.Key()))
	})
	for _, id := range in.Staff {
		if !seen[id] {
			l.Unseen = append(l.Unseen, id)
		}
	}
	slices.Sort(l.Unseen)
}
