package profile

import (
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Fold returns the employee's profile of the day and its looks, ordered by time, event
// and record.
func Fold(s Settings, d Day, dir Directory) (ueba.Profile, []ueba.Look) {
	f := folding{
		settings: s, day: d, dir: dir,
		begin: s.Business.Begin(d.Day), end: s.Business.End(d.Day),
	}
	f.gather()
	f.measure()
	f.reasons = newLedger(&f)
	looks := f.looks()
	return f.profile(looks), looks
}

// folding is the state of one call of Fold.
type folding struct {
	settings   Settings
	day        Day
	dir        Directory
	begin, end time.Time
	acts       []act
	reasons    ledger
}

// act is an event and what is worked out of it before its looks are made.
type act struct {
	*ueba.Event
	ref     string
	known   time.Time
	records []string      // ids without repetitions, ascending
	looks   int           // how many it makes
	view    ueba.ViewTime // of each of its looks
	highest time.Duration // view.High, or what an unbounded look counts instead
}

// employee returns the id of the employee, empty for nobody.
func (f *folding) employee() string {
	if f.day.Employee == nil {
		return ""
	}
	return f.day.Employee.ID
}

func (f *folding) knownLater(fact *ueba.Fact) bool {
	return !f.day.At.IsZero() && fact.Known.After(f.day.At)
}

// gather sorts the events of the day, and those shortly after it that end its last looks.
// Of a fact that comes twice the one known first stays.
func (f *folding) gather() {
	f.acts = make([]act, 0, len(f.day.Events))
	for i := range f.day.Events {
		fact := &f.day.Events[i]
		e, ok := fact.Body.(*ueba.Event)
		if !ok || f.knownLater(fact) || e.Time.Before(f.begin) {
			continue
		}
		// How long before the end a look was is not known here, so that one rule for all
		// is needed: who fetched more events than others must not get another result.
		if e.Time.Before(f.end.Add(f.settings.idle(e.Service))) {
			f.acts = append(f.acts, act{Event: e, ref: fact.ID, known: fact.Known})
		}
	}
	slices.SortFunc(f.acts, compareActs)
	f.acts = slices.CompactFunc(f.acts, func(a, b act) bool { return a.ref == b.ref })
	for i := range f.acts {
		f.acts[i].prepare()
	}
}

func compareActs(a, b act) int {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c
	}
	if c := strings.Compare(a.ref, b.ref); c != 0 {
		return c
	}
	return a.known.Compare(b.known)
}

// today returns the acts of the day itself.
func (f *folding) today() []act {
	n, _ := slices.BinarySearchFunc(f.acts, f.end, func(a act, end time.Time) int { return a.Time.Compare(end) })
	return f.acts[:n]
}
