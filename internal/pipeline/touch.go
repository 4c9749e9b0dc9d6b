package pipeline

import (
	"context"
	"encoding/json"
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

// touches returns the employee-days that the facts have something new to say about,
// and keeps the ledger of accounts.
func (p *Pipeline) touches(ctx context.Context, facts []ueba.Fact) (map[employeeDay]bool, error) {
	keys := map[employeeDay]bool{}
	for _, f := range facts {
		if _, isEvent := f.Body.(*ueba.Event); !isEvent {
			p.cfg.Company.Apply(f)
		}
	}
	for _, f := range facts {
		var err error
		switch b := f.Body.(type) {
		case *ueba.Event:
			p.touchEvent(keys, b, true)
		case *ueba.Reason:
			err = p.touchReason(ctx, keys, b)
		case *ueba.Record:
			err = p.touchScan(ctx, keys, store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{b.ID}})
		case *ueba.Employee:
			err = p.touchEmployee(ctx, keys, b.ID)
		case *ueba.Holiday:
			err = p.touchDate(ctx, keys, b.Date)
		}
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// touchEvent notes the day of the event; first counts it in the ledger of accounts.
func (p *Pipeline) touchEvent(keys map[employeeDay]bool, e *ueba.Event, first bool) {
	acct := e.Account()
	if first {
		p.accounts.count(acct, e.Time)
		p.cfg.Company.Heard(acct, e.Time)
	}
	if employee, ok := p.cfg.Company.Owner(acct, e.Time); ok {
		keys[employeeDay{p.cfg.Business.DayOf(e.Time), employee}] = true
	}
}

func (p *Pipeline) touchReason(ctx context.Context, keys map[employeeDay]bool, r *ueba.Reason) error {
	q := store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{r.RecordID}, From: r.ValidFrom, To: r.ValidTo}
	if r.RecordID == "" {
		q.By, q.Keys = store.ByKey, p.accounts.of(func(a ueba.Account) bool {
			owner, ok := p.cfg.Company.Owner(a, r.ValidFrom)
			return ok && owner == r.EmployeeID
		})
	}
	return p.touchScan(ctx, keys, q)
}

// touchEmployee notes every day of the accounts that are his now.
func (p *Pipeline) touchEmployee(ctx context.Context, keys map[employeeDay]bool, employee string) error {
	now := p.cfg.Now()
	return p.touchScan(ctx, keys, store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: p.accounts.of(func(a ueba.Account) bool {
		owner, ok := p.cfg.Company.Owner(a, now)
		return ok && owner == employee
	})})
}

func (p *Pipeline) touchDate(ctx context.Context, keys map[employeeDay]bool, day ueba.Day) error {
	return p.touchScan(ctx, keys, store.Query{
		Kind: ueba.KindEvent, From: p.cfg.Business.Begin(day), To: p.cfg.Business.End(day),
	})
}

func (p *Pipeline) touchScan(ctx context.Context, keys map[employeeDay]bool, q store.Query) error {
	if p.accounts.empty() || q.By != store.ByTime && len(q.Keys) == 0 {
		return nil
	}
	for f, err := range p.cfg.Facts.Scan(ctx, q) {
		if err != nil {
			return fmt.Errorf("find the days that a new fact touches: %w", err)
		}
		p.touchEvent(keys, f.Body.(*ueba.Event), false)
	}
	return nil
}

// note makes the touches durable. A note that is already there is not written again:
// only its generation rises, so that what is being folded right now is folded once more.
func (p *Pipeline) note(ctx context.Context, keys map[employeeDay]bool) error {
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
	for k := range keys {
		p.touched[k] = p.clock
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
		p.touched[k] = 0
		if k.day >= recent {
			p.dirty[k] = true
		}
	}
	return nil
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
