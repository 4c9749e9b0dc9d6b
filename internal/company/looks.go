package company

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/profile"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ErrCursor says that a page's place cannot be read.
var ErrCursor = errors.New("not a place in this list")

// LookQuery says which looks; an empty field asks nothing.
type LookQuery struct {
	Employee string
	Record   string
	Service  string
	Verdict  ueba.Verdict
	From, To time.Time // From ≤ t < To
	Limit    int       // 0: no limit
	After    string    // where the page before ended
}

func (q *LookQuery) wants(l *ueba.Look) bool {
	t := l.Event.Time
	return (q.Employee == "" || l.Employee == q.Employee) &&
		(q.Record == "" || l.RecordID == q.Record) &&
		(q.Service == "" || l.Event.Service == q.Service) &&
		(q.Verdict == "" || l.Verdict == q.Verdict) &&
		(q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// place is where a page of looks ended.
type place struct {
	Time   time.Time `json:"t"`
	Ref    string    `json:"e"`
	Record string    `json:"r"`
}

func placeOf(l *ueba.Look) place { return place{l.Event.Time, l.EventRef, l.RecordID} }

func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain fields
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePlace(s string) (*place, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, ErrCursor
	}
	p := &place{}
	if json.Unmarshal(b, p) != nil {
		return nil, ErrCursor
	}
	return p, nil
}

// newestFirst orders looks; it is the order of every list of them.
func newestFirst(a, b ueba.Look) int { return comparePlaces(placeOf(&b), placeOf(&a)) }

func comparePlaces(a, b place) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Record, b.Record))
}

// Looks gives one page of looks, newest first, and where the next one begins.
func (c *Company) Looks(ctx context.Context, q LookQuery) ([]ueba.Look, string, error) {
	after, err := parsePlace(q.After)
	if err != nil {
		return nil, "", err
	}
	page := &page{q: q, after: after}
	if q.Record != "" {
		err = c.looksAt(ctx, page)
	} else {
		err = c.looksByDay(ctx, page)
	}
	if err != nil || q.Limit == 0 || len(page.looks) <= q.Limit {
		return page.looks, "", err
	}
	looks := page.looks[:q.Limit]
	return looks, placeOf(&looks[q.Limit-1]).String(), nil
}

// page gathers looks until it is full: one more than the limit tells that there are more.
type page struct {
	q     LookQuery
	after *place
	looks []ueba.Look
}

func (p *page) add(looks []ueba.Look) {
	for i := range looks {
		if p.q.wants(&looks[i]) && (p.after == nil || comparePlaces(placeOf(&looks[i]), *p.after) < 0) {
			p.looks = append(p.looks, looks[i])
		}
	}
}

func (p *page) full() bool { return p.q.Limit > 0 && len(p.looks) > p.q.Limit }

// looksByDay folds the days one after the other, newest first.
func (c *Company) looksByDay(ctx context.Context, p *page) error {
	from, to, any := c.span(p.q)
	if p.after != nil && p.after.Time.Before(to) {
		to = p.after.Time.Add(1)
	}
	if !any || !from.Before(to) {
		return nil
	}
	b := c.settings.Business
	for day := b.DayOf(to.Add(-1)); day >= b.DayOf(from) && !p.full(); day-- {
		looks, err := c.sortedLooks(ctx, p, day)
		if err != nil {
			return err
		}
		p.add(looks)
	}
	return nil
}

// folded is the day that was folded last for a list of looks: the list's next page most
// often begins in it, and to fold a busy day for every page would take the square of it.
type folded struct {
	day      ueba.Day
	employee string
	looks    []ueba.Look
}

// sortedLooks gives a day's looks, newest first. A first page always folds: only what goes
// on may be as old as its beginning.
func (c *Company) sortedLooks(ctx context.Context, p *page, day ueba.Day) ([]ueba.Look, error) {
	c.mu.RLock()
	last := c.last
	c.mu.RUnlock()
	if p.after != nil && last.day == day && last.employee == p.q.Employee && last.looks != nil {
		return last.looks, nil
	}
	looks, err := c.looksOf(ctx, p.q, day)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(looks, newestFirst)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = folded{}
	if p.q.Limit > 0 && len(looks) > p.q.Limit { // else the page goes beyond the day
		c.last = folded{day, p.q.Employee, looks}
	}
	return looks, nil
}

// span is the time of the query, cut to the time of which anything was heard.
func (c *Company) span(q LookQuery) (from, to time.Time, any bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, h := range c.heard {
		if !any || h.first.Before(from) {
			from = h.first
		}
		if !any || !h.last.Before(to) {
			to = h.last.Add(1)
		}
		any = true
	}
	if q.From.After(from) {
		from = q.From
	}
	if !q.To.IsZero() && q.To.Before(to) {
		to = q.To
	}
	return from, to, any
}

// looksOf folds everybody's day, or one employee's, and the days of accounts that belong
// to nobody.
func (c *Company) looksOf(ctx context.Context, q LookQuery, day ueba.Day) ([]ueba.Look, error) {
	people, strangers := c.active(day, q.Employee)
	var mu sync.Mutex
	var out []ueba.Look
	gather := func(looks []ueba.Look) {
		mu.Lock()
		defer mu.Unlock()
		out = append(out, looks...)
	}
	err := parallel(ctx, len(people)+len(strangers), func(i int) error {
		if i >= len(people) {
			looks, err := c.FoldStranger(ctx, strangers[i-len(people)], day)
			gather(looks)
			return err
		}
		_, looks, err := c.Fold(ctx, people[i], day, time.Time{})
		if errors.Is(err, store.ErrNotFound) {
			return nil // he came later
		}
		gather(looks)
		return err
	})
	return out, err
}

// active lists the employees who may have acted on the day, and the accounts that may have
// been nobody's.
func (c *Company) active(day ueba.Day, employee string) (people []string, strangers []ueba.Account) {
	b := c.settings.Business
	begin, end := b.Begin(day), b.End(day)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, h := range c.heard {
		if h.last.Before(begin) || !h.first.Before(end) {
			continue
		}
		claimants := c.book.Claimants(h.account)
		people = append(people, claimants...)
		_, first := c.book.EmployeeOf(h.account, begin, time.Time{})
		_, last := c.book.EmployeeOf(h.account, end.Add(-1), time.Time{})
		if always := first && last && len(claimants) == 1; !always && employee == "" {
			strangers = append(strangers, h.account)
		}
	}
	if employee != "" {
		people = slices.DeleteFunc(people, func(e string) bool { return e != employee })
	}
	slices.Sort(people)
	return slices.Compact(people), strangers
}

// looksAt finds the looks at one record. It folds of each day only what the looks at that
// record rest on, so that the answer comes at once however busy the days were.
func (c *Company) looksAt(ctx context.Context, p *page) error {
	q := store.Query{
		Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{p.q.Record},
		From: p.q.From, To: p.q.To, Reverse: true,
	}
	if p.after != nil {
		q.After = store.Place{Time: p.after.Time, ID: p.after.Ref}
	}
	if p.q.Limit > 0 {
		q.Limit = p.q.Limit + 1
	}
	for !p.full() {
		events, err := c.scan(ctx, q)
		if err != nil {
			return err
		}
		if err := c.addVisit(ctx, p, events); err != nil {
			return err
		}
		if len(events) == 0 || len(events) < q.Limit || q.Limit == 0 {
			break
		}
		last := events[len(events)-1]
		q.After = store.Place{Time: last.Body.Happened(), ID: last.ID}
	}
	slices.SortFunc(p.looks, newestFirst)
	return nil
}

// addVisit adds the looks that the events on the record are.
func (c *Company) addVisit(ctx context.Context, p *page, events []ueba.Fact) error {
	if len(events) == 0 {
		return nil
	}
	visit, err := c.visitOf(ctx, p.q.Record, events)
	if err != nil {
		return err
	}
	for _, key := range visit.order {
		looks, err := c.visitLooks(ctx, visit, key)
		if err != nil {
			return err
		}
		p.add(looks)
	}
	return nil
}

// visit is what the looks at one record rest on, by viewer and day.
type visit struct {
	record  string
	records map[string]*ueba.Record
	reasons []ueba.Fact // for this record
	events  map[viewerDay][]ueba.Fact
	order   []viewerDay
}

type viewerDay struct {
	account  string
	employee string // empty for nobody known
	day      ueba.Day
}

func (c *Company) visitOf(ctx context.Context, record string, events []ueba.Fact) (*visit, error) {
	v := &visit{record: record, events: map[viewerDay][]ueba.Fact{}}
	var err error
	if v.records, _, err = c.records(ctx, []string{record}, time.Time{}); err != nil {
		return nil, err
	}
	q := store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{record}}
	if v.reasons, err = c.scan(ctx, q); err != nil {
		return nil, err
	}
	for _, f := range events {
		e := f.Body.(*ueba.Event)
		key := viewerDay{account: e.Account().Key(), employee: c.ownerOf(f), day: c.settings.Business.DayOf(e.Time)}
		if _, there := v.events[key]; !there {
			v.order = append(v.order, key)
		}
		v.events[key] = append(v.events[key], f)
	}
	return v, nil
}

// visitLooks folds the events on the record together with those that follow each and so
// tell how long it was on the screen.
func (c *Company) visitLooks(ctx context.Context, v *visit, key viewerDay) ([]ueba.Look, error) {
	d := profile.Day{Day: key.day, Type: ueba.Workday, Reasons: v.reasons}
	var employee *ueba.Employee
	if key.employee != "" {
		if e, ok := c.book.Employee(key.employee, c.settings.Business.End(key.day).Add(-1), time.Time{}); ok {
			employee, d.Employee = e, e
			d.Type = c.book.DayType(e, key.day, time.Time{})
			general, err := c.generalReasons(ctx, e, key.day)
			if err != nil {
				return nil, err
			}
			d.Reasons = append(general, v.reasons...)
		}
	}
	for _, f := range v.events[key] {
		window, err := c.screen(ctx, key, f.Body.(*ueba.Event))
		if err != nil {
			return nil, err
		}
		d.Events = append(d.Events, window...)
	}
	dir := &view{company: c, ctx: ctx, employee: employee, day: key.day, records: v.records, seen: true}
	_, looks := profile.Fold(c.settings, d, dir)
	return slices.DeleteFunc(looks, func(l ueba.Look) bool { return l.RecordID != v.record || !inEvents(v.events[key], l.EventRef) }), dir.err
}

// screen gives the events of the account from e to the one that ends e's view: the next of
// its session that is no sign of life, however late in the day.
func (c *Company) screen(ctx context.Context, key viewerDay, e *ueba.Event) ([]ueba.Fact, error) {
	q := store.Query{
		Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{key.account}, From: e.Time, To: c.settings.Until(key.day),
	}
	var out []ueba.Fact
	for f, err := range c.facts.Scan(ctx, q) {
		if err != nil {
			return nil, fmt.Errorf("read what followed a look: %w", err)
		}
		if c.ownerOf(f) != key.employee {
			continue // the account has changed hands
		}
		out = append(out, f)
		if profile.EndsView(e, f.Body.(*ueba.Event)) {
			break
		}
	}
	return out, nil
}

func inEvents(events []ueba.Fact, ref string) bool {
	return slices.ContainsFunc(events, func(f ueba.Fact) bool { return f.ID == ref })
}

// generalReasons gives his reasons for any record.
func (c *Company) generalReasons(ctx context.Context, e *ueba.Employee, day ueba.Day) ([]ueba.Fact, error) {
	b := c.settings.Business
	all, err := c.scan(ctx, store.Query{
		Kind: ueba.KindReason, By: store.ByEmployee, Keys: names(e), From: b.Begin(day), To: b.End(day),
	})
	return slices.DeleteFunc(all, func(f ueba.Fact) bool { return f.Body.(*ueba.Reason).RecordID != "" }), err
}

// parallel calls work(0) … work(n-1) on all processors and joins the errors.
func parallel(ctx context.Context, n int, work func(i int) error) error {
	next := make(chan int)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := range next {
				if errs[w] == nil {
					errs[w] = work(i)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	return nil
}
