// Package company gathers from store and directory what one employee's day rests on and
// has it folded: events of his accounts, records, reasons, earlier looks, rules.
//
// It answers as known at an instant, so that the same question has the same answer for
// ever. It keeps in memory the people, the calendar and the accounts ever heard from, but
// neither records nor reasons nor events: those stay in the store and are fetched for the
// day that is folded.
package company

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/profile"
	"github.com/onlooker-ueba/onlooker/rules"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// LookBack is for how many days a look makes a record familiar.
const LookBack ueba.Day = 28

// Company answers questions about employees and their days.
type Company struct {
	facts    store.Facts
	book     *directory.Book
	settings profile.Settings

	mu      sync.RWMutex
	rules   *rules.Set
	heard   map[string]*heard
	holders map[string][]string // account keys by employee; nil until they are asked for
	inputs  map[ueba.Kind]input
	last    folded // day of a list of looks
}

// heard is an account that events came from, and from when to when.
type heard struct {
	account     ueba.Account
	first, last time.Time
}

// New makes a company over a store whose directory facts were applied to the book.
func New(facts store.Facts, book *directory.Book, set *rules.Set, s profile.Settings) *Company {
	return &Company{
		facts: facts, book: book, rules: set, settings: s,
		heard: map[string]*heard{}, inputs: map[ueba.Kind]input{},
	}
}

// Overlap is for how long after its end a day's fold wants events.
func (c *Company) Overlap() time.Duration {
	const any = ueba.Day(0)
	return c.settings.Until(any).Sub(c.settings.Business.End(any))
}

// SetRules puts another set of rules in force.
func (c *Company) SetRules(set *rules.Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rules = set
}

// Apply takes a directory fact into account.
func (c *Company) Apply(f ueba.Fact) {
	c.book.Apply(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inputs[f.Body.Kind()] = c.inputs[f.Body.Kind()].with(f.Known)
	if f.Body.Kind() == ueba.KindEmployee {
		c.holders = nil
	}
}

// Heard notes an account that an event came from at the time.
func (c *Company) Heard(acct ueba.Account, t time.Time) {
	key := acct.Key()
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.heard[key]
	if h == nil {
		c.heard[key] = &heard{acct, t, t}
		c.holders = nil
		return
	}
	if t.Before(h.first) {
		h.first = t
	}
	if t.After(h.last) {
		h.last = t
	}
}

// Owner returns the id of the employee who holds the account then, as known now.
func (c *Company) Owner(acct ueba.Account, when time.Time) (string, bool) {
	e, ok := c.book.EmployeeOf(acct, when, time.Time{})
	if !ok {
		return "", false
	}
	return e.ID, true
}

// ownerOf is Owner of an event; empty for nobody known.
func (c *Company) ownerOf(f ueba.Fact) string {
	e := f.Body.(*ueba.Event)
	owner, _ := c.Owner(e.Account(), e.Time)
	return owner
}

// Claimants lists who ever held the account.
func (c *Company) Claimants(acct ueba.Account) []string { return c.book.Claimants(acct) }

// Person returns the id of the employee whom a name stands for, as known now.
func (c *Company) Person(name string, when time.Time) string {
	return c.book.Person(name, when, time.Time{})
}

// Staff implements scorer.Company.
func (c *Company) Staff(_ context.Context, day ueba.Day, at time.Time) ([]ueba.Employee, error) {
	people := c.book.Staff(day, at)
	out := make([]ueba.Employee, len(people))
	for i, e := range people {
		out[i] = *e
	}
	return out, nil
}

// DayType implements scorer.Company.
func (c *Company) DayType(e *ueba.Employee, day ueba.Day, at time.Time) ueba.DayType {
	return c.book.DayType(e, day, at)
}

// Reviews implements scorer.Company.
func (c *Company) Reviews(ctx context.Context, at time.Time) ([]ueba.Review, error) {
	var out []ueba.Review
	for f, err := range c.facts.Scan(ctx, store.Query{Kind: ueba.KindReview, KnownBy: at}) {
		if err != nil {
			return nil, fmt.Errorf("read reviews: %w", err)
		}
		out = append(out, *f.Body.(*ueba.Review))
	}
	return out, nil
}

// Alerting picks the detections that raise an alert at now, and says when to ask again
// because a rule lets late reasons arrive first; zero means never.
func (c *Company) Alerting(found []ueba.Detection, now time.Time) ([]ueba.Detection, time.Time) {
	c.mu.RLock()
	set := c.rules
	c.mu.RUnlock()
	var alerting []ueba.Detection
	var again time.Time
	for _, d := range found {
		info, ok := set.Rule(d.Rule)
		if !ok || !info.Immediate {
			continue
		}
		if due := d.Time.Add(info.Wait); due.After(now) {
			if again.IsZero() || due.Before(again) {
				again = due
			}
			continue
		}
		alerting = append(alerting, d)
	}
	return alerting, again
}

// Fold makes the profile and the looks of an employee's day from the facts known at the
// instant; the zero instant is now.
func (c *Company) Fold(ctx context.Context, employee string, day ueba.Day, at time.Time) (ueba.Profile, []ueba.Look, error) {
	end := c.settings.Business.End(day)
	e, ok := c.book.Employee(employee, end.Add(-1), at)
	if !ok {
		return ueba.Profile{}, nil, fmt.Errorf("employee %s: %w", employee, store.ErrNotFound)
	}
	d := profile.Day{Employee: e, Day: day, Type: c.book.DayType(e, day, at), At: at}
	var err error
	if d.Events, err = c.events(ctx, e.ID, day, at); err != nil {
		return ueba.Profile{}, nil, err
	}
	p, looks, err := c.fold(ctx, d, e)
	if err != nil {
		return p, looks, err
	}
	if known := c.book.Known(e.ID, day, at); p.Events > 0 && known.After(p.Known) {
		p.Known = known
	}
	c.mu.RLock()
	set := c.rules
	c.mu.RUnlock()
	p.Detections = set.Day(looks, e)
	return p, looks, nil
}

// FoldStranger makes the looks of an account while it belongs to nobody known.
func (c *Company) FoldStranger(ctx context.Context, acct ueba.Account, day ueba.Day) ([]ueba.Look, error) {
	b := c.settings.Business
	d := profile.Day{Day: day, Type: ueba.Workday}
	if !c.book.Workday(day, time.Time{}) {
		d.Type = ueba.FreeDay
	}
	q := store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{acct.Key()}, From: b.Begin(day), To: c.settings.Until(day)}
	var err error
	if d.Events, err = c.scan(ctx, q); err != nil {
		return nil, err
	}
	d.Events = slices.DeleteFunc(d.Events, func(f ueba.Fact) bool { return c.ownerOf(f) != "" })
	_, looks, err := c.fold(ctx, d, nil)
	return looks, err
}

func (c *Company) fold(ctx context.Context, d profile.Day, e *ueba.Employee) (ueba.Profile, []ueba.Look, error) {
	ids := recordIDs(d.Events)
	reasons, err := c.reasons(ctx, d, ids)
	if err != nil {
		return ueba.Profile{}, nil, err
	}
	d.Reasons = reasons
	if d.Missing, err = c.missing(ctx, d.At); err != nil {
		return ueba.Profile{}, nil, err
	}
	view := &view{company: c, ctx: ctx, employee: e, day: d.Day, at: d.At}
	if view.records, view.known, err = c.records(ctx, ids, d.At); err != nil {
		return ueba.Profile{}, nil, err
	}
	p, looks := profile.Fold(c.settings, d, view)
	if p.Events > 0 && view.known.After(p.Known) {
		p.Known = view.known
	}
	return p, looks, view.err
}

// events gives the events of all accounts that are his at the time of the event.
func (c *Company) events(ctx context.Context, employee string, day ueba.Day, at time.Time) ([]ueba.Fact, error) {
	keys := c.accountsOf(employee)
	if len(keys) == 0 {
		return nil, nil
	}
	all, err := c.scan(ctx, store.Query{
		Kind: ueba.KindEvent, By: store.ByKey, Keys: keys,
		From: c.settings.Business.Begin(day), To: c.settings.Until(day), KnownBy: at,
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(f ueba.Fact) bool {
		event := f.Body.(*ueba.Event)
		owner, ok := c.book.EmployeeOf(event.Account(), event.Time, at)
		return !ok || owner.ID != employee
	}), nil
}

func (c *Company) scan(ctx context.Context, q store.Query) ([]ueba.Fact, error) {
	var out []ueba.Fact
	for f, err := range c.facts.Scan(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("read facts of kind %s: %w", q.Kind, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// accountsOf lists the keys of the accounts that were ever his, of those heard from. Whose
// they were when an event happened is asked of each event.
func (c *Company) accountsOf(employee string) []string {
	c.mu.RLock()
	table := c.holders
	c.mu.RUnlock()
	if table == nil {
		table = c.makeHolders()
	}
	return table[employee]
}

func (c *Company) makeHolders() map[string][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	table := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(c.heard)) {
		for _, id := range c.book.Claimants(c.heard[key].account) {
			table[id] = append(table[id], key)
		}
	}
	c.holders = table
	return table
}

func recordIDs(events []ueba.Fact) []string {
	var ids []string
	for _, f := range events {
		ids = append(ids, f.Body.(*ueba.Event).Record.IDs...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// reasons gives those that name him and those for the records that he looked at.
func (c *Company) reasons(ctx context.Context, d profile.Day, ids []string) ([]ueba.Fact, error) {
	b := c.settings.Business
	q := store.Query{Kind: ueba.KindReason, From: b.Begin(d.Day), To: b.End(d.Day), KnownBy: d.At}
	var out []ueba.Fact
	if d.Employee != nil {
		q.By, q.Keys = store.ByEmployee, names(d.Employee)
		named, err := c.scan(ctx, q)
		if err != nil {
			return nil, err
		}
		out = named
	}
	if len(ids) == 0 {
		return out, nil
	}
	q.By, q.Keys = store.ByKey, ids
	forRecords, err := c.scan(ctx, q)
	return append(out, forRecords...), err
}

// names lists under which names a reason may speak of the employee.
func names(e *ueba.Employee) []string {
	out := append([]string{e.ID}, e.Accounts...)
	slices.Sort(out)
	return slices.Compact(out)
}

// records gives the newest version of each record that was known at the instant, and when
// the newest of them became known.
func (c *Company) records(ctx context.Context, ids []string, at time.Time) (out map[string]*ueba.Record, newest time.Time, err error) {
	out = map[string]*ueba.Record{}
	if len(ids) == 0 {
		return out, newest, nil
	}
	known := map[string]ueba.Fact{}
	q := store.Query{Kind: ueba.KindRecord, By: store.ByKey, Keys: ids, KnownBy: at}
	for f, err := range c.facts.Scan(ctx, q) {
		if err != nil {
			return nil, newest, fmt.Errorf("read records: %w", err)
		}
		r := f.Body.(*ueba.Record)
		if old, there := known[r.ID]; !there || newer(f, old) {
			known[r.ID], out[r.ID] = f, r
		}
		if f.Known.After(newest) {
			newest = f.Known
		}
	}
	return out, newest, nil
}

// newer reports whether f is a later version of a record than old.
func newer(f, old ueba.Fact) bool {
	a, b := f.Body.Happened(), old.Body.Happened()
	if !a.Equal(b) {
		return a.After(b)
	}
	if !f.Known.Equal(old.Known) {
		return f.Known.After(old.Known)
	}
	return f.ID > old.ID
}

// missing names the inputs of which nothing was known at the instant.
func (c *Company) missing(ctx context.Context, at time.Time) ([]string, error) {
	var out []string
	for _, in := range []struct {
		kind ueba.Kind
		name string
	}{{ueba.KindReason, "reasons"}, {ueba.KindRecord, "records"}} {
		there, err := c.exists(ctx, in.kind, at)
		if err != nil {
			return nil, err
		}
		if !there {
			out = append(out, in.name)
		}
	}
	return out, nil
}

// input is what was found out of a kind of fact: that one was known at an instant, and
// that none was at another. Zero instants say nothing.
type input struct{ there, absent time.Time }

// with takes into account a fact that became known then.
func (i input) with(known time.Time) input {
	if i.there.IsZero() || known.Before(i.there) {
		i.there = known
	}
	if !known.After(i.absent) {
		i.absent = time.Time{}
	}
	return i
}

// exists reports whether a fact of the kind was known at the instant; zero is now.
func (c *Company) exists(ctx context.Context, kind ueba.Kind, at time.Time) (bool, error) {
	c.mu.RLock()
	in := c.inputs[kind]
	c.mu.RUnlock()
	switch {
	case !in.there.IsZero() && (at.IsZero() || !in.there.After(at)):
		return true, nil
	case !at.IsZero() && !at.After(in.absent):
		return false, nil
	}
	for f, err := range c.facts.Scan(ctx, store.Query{Kind: kind, KnownBy: at, Limit: 1}) {
		if err != nil {
			return false, fmt.Errorf("look for facts of kind %s: %w", kind, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inputs[kind] = c.inputs[kind].with(f.Known)
		return true, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Apply may have come between: then what was found is old already.
	if now := c.inputs[kind]; now == in && at.After(now.absent) {
		now.absent = at
		c.inputs[kind] = now
	}
	return false, nil
}

// view is the directory as one employee's day sees it.
type view struct {
	company  *Company
	ctx      context.Context
	employee *ueba.Employee
	day      ueba.Day
	at       time.Time
	records  map[string]*ueba.Record
	known    time.Time // when the newest of what was looked up became known
	seen     bool      // Seen needs no answer
	err      error
}

// Record implements profile.Directory.
func (v *view) Record(id string) *ueba.Record { return v.records[id] }

// Person implements profile.Directory.
func (v *view) Person(name string) string {
	return v.company.book.Person(name, v.company.settings.Business.End(v.day).Add(-1), v.at)
}

// OffHours implements profile.Directory. Nobody known has no hours.
func (v *view) OffHours(t time.Time) bool {
	return v.employee != nil && v.company.book.OffHours(v.employee, t, v.at)
}

// Seen implements profile.Directory.
func (v *view) Seen(record string) bool {
	if v.employee == nil || v.seen {
		return v.seen
	}
	begin := v.company.settings.Business.Begin(v.day)
	q := store.Query{
		Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{record},
		From: v.company.settings.Business.Begin(v.day - LookBack), To: begin, KnownBy: v.at, Reverse: true,
	}
	for f, err := range v.company.facts.Scan(v.ctx, q) {
		if err != nil {
			v.err = errors.Join(v.err, fmt.Errorf("look for earlier looks: %w", err))
			return false
		}
		event := f.Body.(*ueba.Event)
		if e, ok := v.company.book.EmployeeOf(event.Account(), event.Time, v.at); ok && e.ID == v.employee.ID {
			if f.Known.After(v.known) {
				v.known = f.Known
			}
			return true
		}
	}
	return false
}
