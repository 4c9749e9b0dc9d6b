package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

type cursorDoc struct {
	Cursor store.Cursor `json:"cursor"`
	Seen   int64        `json:"seen"`
	Kinds  []string     `json:"kinds,omitempty"` // of inputs that came at least once
}

func (c cursorDoc) encode() []byte         { return mustJSON(c) }
func (c *cursorDoc) decode(b []byte) error { return json.Unmarshal(b, c) }

// mustJSON encodes structs of plain fields, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// touches is what facts have something new to say about: employee-days, with the time when
// the newest of these facts became known.
type touches struct {
	days      map[employeeDay]time.Time
	kinds     []string             // of inputs that came at least once, these facts included
	employees map[string]time.Time // people of whom something became known
}

func (t *touches) add(k employeeDay, known time.Time) {
	if old, there := t.days[k]; !there || known.After(old) {
		t.days[k] = known
	}
}

// touches finds out what the facts touch. Doing it again changes nothing.
func (p *Pipeline) touches(ctx context.Context, facts []ueba.Fact) (*touches, error) {
	t := &touches{days: map[employeeDay]time.Time{}, kinds: slices.Clone(p.kinds), employees: map[string]time.Time{}}
	for _, f := range facts {
		if e, isEvent := f.Body.(*ueba.Event); isEvent {
			p.accounts.heard(e.Time)
			p.cfg.Directory.Heard(e.Account(), e.Time)
			continue
		}
		p.cfg.Directory.Apply(f)
	}
	for _, f := range facts {
		if err := p.touch(ctx, t, f); err != nil {
			return nil, fmt.Errorf("find the days that a new fact touches: %w", err)
		}
	}
	if err := p.touchEmployees(ctx, t); err != nil {
		return nil, fmt.Errorf("find the days that a new employee touches: %w", err)
	}
	return t, nil
}

func (p *Pipeline) touch(ctx context.Context, t *touches, f ueba.Fact) error {
	switch b := f.Body.(type) {
	case *ueba.Event:
		p.touchEvent(t, b, f.Known)
	case *ueba.Reason:
		return errors.Join(p.touchReason(ctx, t, b, f.Known), p.touchFirst(ctx, t, f))
	case *ueba.Record:
		q := store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{b.ID}}
		return errors.Join(p.touchOwners(ctx, t, q, f.Known), p.touchFirst(ctx, t, f))
	case *ueba.Employee:
		t.employees[b.ID] = later(t.employees[b.ID], f.Known)
	case *ueba.Review:
		for day := b.From; day <= b.To; day++ {
			t.add(employeeDay{day, b.EmployeeID}, f.Known)
		}
	case *ueba.Holiday: // night shifts reach over midnight
		q := store.Query{Kind: ueba.KindEvent, From: p.cfg.Business.Begin(b.Date - 1), To: p.cfg.Business.End(b.Date + 1)}
		return p.touchOwners(ctx, t, q, f.Known)
	}
	return nil
}

// touchEvent notes the day of the event; the day before if it may tell how long that
// day's last look was; and if later days were folded already those on which its records
// are no longer new to him.
func (p *Pipeline) touchEvent(t *touches, e *ueba.Event, known time.Time) {
	employee, ok := p.cfg.Directory.Owner(e.Account(), e.Time)
	if !ok {
		return
	}
	day := p.cfg.Business.DayOf(e.Time)
	t.add(employeeDay{day, employee}, known)
	if before := p.cfg.Business.DayOf(e.Time.Add(-p.cfg.Overlap)); before < day {
		t.add(employeeDay{before, employee}, known)
	}
	if len(e.Record.IDs) == 0 {
		return
	}
	for next := day + 1; next <= min(day+p.cfg.LookBack, p.newestSettled()); next++ {
		t.add(employeeDay{next, employee}, known)
	}
}

// touchReason notes every day on which the reason holds: it explains looks, and it says
// how many records he was given, looked at or not.
func (p *Pipeline) touchReason(ctx context.Context, t *touches, r *ueba.Reason, known time.Time) error {
	first, last, any := p.accounts.days(p.cfg.Business)
	if !any {
		return nil
	}
	first = max(first, p.cfg.Business.DayOf(r.ValidFrom))
	if !r.ValidTo.IsZero() {
		last = min(last, p.cfg.Business.DayOf(r.ValidTo.Add(-1)))
	}
	if first > last {
		return nil
	}
	if r.EmployeeID == "" {
		return p.touchOwners(ctx, t, store.Query{
			Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{r.RecordID},
			From: p.cfg.Business.Begin(first), To: p.cfg.Business.End(last),
		}, known)
	}
	for day := first; day <= last; day++ {
		if employee := p.cfg.Directory.Person(r.EmployeeID, p.cfg.Business.End(day).Add(-1)); employee != "" {
			t.add(employeeDay{day, employee}, known)
		}
	}
	return nil
}

// touchEmployees notes every day of the accounts that were ever theirs, for everybody
// whose they were or are: what one gains another may lose.
func (p *Pipeline) touchEmployees(ctx context.Context, t *touches) error {
	if len(t.employees) == 0 {
		return nil
	}
	for _, a := range p.accounts.all() {
		acct := ueba.Account{Service: a.Service, User: a.User}
		claimants := p.cfg.Directory.Claimants(acct)
		known, concerned := time.Time{}, false
		for _, one := range claimants {
			when, there := t.employees[one]
			known, concerned = later(known, when), concerned || there
		}
		if !concerned {
			continue
		}
		for f, err := range p.cfg.Facts.Scan(ctx, store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{acct.Key()}}) {
			if err != nil {
				return err
			}
			day := p.cfg.Business.DayOf(f.Body.Happened())
			for _, one := range claimants {
				t.add(employeeDay{day, one}, known)
			}
		}
	}
	return nil
}

// touchOwners notes the days of events for those whose accounts they came from.
func (p *Pipeline) touchOwners(ctx context.Context, t *touches, q store.Query, known time.Time) error {
	if _, _, any := p.accounts.days(p.cfg.Business); !any {
		return nil
	}
	for f, err := range p.cfg.Facts.Scan(ctx, q) {
		if err != nil {
			return err
		}
		e := f.Body.(*ueba.Event)
		if employee, ok := p.cfg.Directory.Owner(e.Account(), e.Time); ok {
			t.add(employeeDay{p.cfg.Business.DayOf(e.Time), employee}, known)
		}
	}
	return nil
}

// touchFirst notes every folded day when the first reason or record ever comes: profiles
// say that such an input is missing.
func (p *Pipeline) touchFirst(ctx context.Context, t *touches, f ueba.Fact) error {
	kind := string(f.Body.Kind())
	if slices.Contains(t.kinds, kind) {
		return nil
	}
	for doc, err := range p.cfg.Docs.List(ctx, KindProfile, "", "", false) {
		if err != nil {
			return err
		}
		k, err := parseEmployeeDay(doc.ID)
		if err != nil {
			return err
		}
		t.add(k, f.Known)
	}
	t.kinds = append(t.kinds, kind)
	return nil
}

// note makes the touches durable. A note that is already there is not written again:
// only its generation rises, so that what is being folded right now is folded once more.
func (p *Pipeline) note(ctx context.Context, keys map[employeeDay]time.Time) error {
	var docs []store.Doc
	p.mu.Lock()
	for k := range keys {
		if _, there := p.touched[k]; !there {
			docs = append(docs, store.Doc{Kind: KindTouched, ID: k.id(), Day: k.day, Body: []byte("{}")})
		}
	}
	p.mu.Unlock()
	slices.SortFunc(docs, func(a, b store.Doc) int { return strings.Compare(a.ID, b.ID) })
	if len(docs) > 0 {
		if err := p.cfg.Docs.Put(ctx, docs...); err != nil {
			return fmt.Errorf("note touched days: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock++
	recent := p.today() - immediately + 1
	for k, known := range keys {
		p.touched[k] = touched{p.clock, later(p.touched[k].known, known)}
		if k.day >= recent {
			p.dirty[k] = true
		}
	}
	return nil
}

func (k employeeDay) id() string { return k.day.String() + "/" + k.employee }

func parseEmployeeDay(id string) (employeeDay, error) {
	date, employee, _ := strings.Cut(id, "/")
	day, err := ueba.ParseDay(date)
	return employeeDay{day, employee}, err
}

func (p *Pipeline) loadTouched(ctx context.Context) error {
	recent := p.today() - immediately + 1
	for doc, err := range p.cfg.Docs.List(ctx, KindTouched, "", "", false) {
		if err != nil {
			return fmt.Errorf("read touched days: %w", err)
		}
		k, err := parseEmployeeDay(doc.ID)
		if err != nil {
			return fmt.Errorf("read touched days: %w", err)
		}
		p.touched[k] = touched{}
		if k.day >= recent {
			p.dirty[k] = true
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Touched returns the earliest day that waits to be folded anew; false when none does.
func (p *Pipeline) Touched() (ueba.Day, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, any := ueba.Day(0), false
	for k := range p.touched {
		if !any || k.day < first {
			first, any = k.day, true
		}
	}
	return first, any
}

// Account is what the pipeline saw of one account.
type Account struct {
	Service string    `json:"service"`
	User    string    `json:"user"`
	Events  int64     `json:"events"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}
