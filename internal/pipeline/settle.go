package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// chunk is how many employee-days Settle folds before it writes.
const chunk = 512

// Settle folds every touched employee-day that is over by now into a stored profile,
// raises what the rules find in it, and takes the note away. progress may be nil.
func (p *Pipeline) Settle(ctx context.Context, now time.Time, progress func(done, total int)) error {
	p.settling.Lock()
	defer p.settling.Unlock()
	todo := p.notesBefore(p.cfg.Business.DayOf(now))
	for done := 0; done < len(todo); {
		n := min(chunk, len(todo)-done)
		if err := p.settleChunk(ctx, todo[done:done+n], now); err != nil {
			return err
		}
		done += n
		if progress != nil {
			progress(done, len(todo))
		}
	}
	return nil
}

// note is a touched employee-day with the touch that is being folded.
type note struct {
	employeeDay
	touched
}

func (p *Pipeline) newestSettled() ueba.Day {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settled
}

func (p *Pipeline) loadSettled(ctx context.Context) error {
	for doc, err := range p.cfg.Docs.List(ctx, KindProfile, "", "", true) {
		if err != nil {
			return fmt.Errorf("find the newest profile: %w", err)
		}
		p.settled = doc.Day
		break
	}
	return nil
}

func (p *Pipeline) notesBefore(open ueba.Day) []note {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []note
	for k, t := range p.touched {
		if k.day < open {
			out = append(out, note{k, t})
			p.settled = max(p.settled, k.day) // before it is folded: what comes meanwhile must touch it
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id() < out[j].id() })
	return out
}

// settled is what folding one note gave.
type settled struct {
	note
	doc    store.Doc
	events int
	alerts []ueba.Alert
	waits  bool // the note stays: something became known later, or a rule waits for late reasons
}

// settleChunk raises alerts before it stores profiles, and takes notes away last, so that
// a crash in between only repeats work.
func (p *Pipeline) settleChunk(ctx context.Context, notes []note, now time.Time) error {
	results := make([]settled, len(notes))
	at := make([]int, len(notes))
	for i := range at {
		at[i] = i
	}
	err := parallel(ctx, at, func(i int) (err error) {
		results[i], err = p.settleOne(ctx, notes[i], now)
		return err
	})
	if err != nil {
		return err
	}
	var alerts []ueba.Alert
	for _, r := range results {
		alerts = append(alerts, r.alerts...)
	}
	if len(alerts) > 0 {
		if err := p.cfg.Raiser.Raise(ctx, alerts...); err != nil {
			return fmt.Errorf("raise the alerts of closed days: %w", err)
		}
	}
	if err := p.storeProfiles(ctx, results); err != nil {
		return fmt.Errorf("store profiles: %w", err)
	}
	return p.unnote(ctx, results)
}

// storeProfiles puts the profiles of days with events. One that has lost its events to
// another is kept empty: at an earlier instant it had them.
func (p *Pipeline) storeProfiles(ctx context.Context, results []settled) error {
	var docs []store.Doc
	for _, r := range results {
		if r.events == 0 {
			_, err := p.cfg.Docs.Get(ctx, KindProfile, r.id())
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
		}
		if r.doc.ID != "" {
			docs = append(docs, r.doc)
		}
	}
	return p.cfg.Docs.Put(ctx, docs...)
}

// settleOne folds a note from what was known at now. What became known later keeps the
// note.
func (p *Pipeline) settleOne(ctx context.Context, n note, now time.Time) (settled, error) {
	profile, _, err := p.cfg.Company.Fold(ctx, n.employee, n.day, now)
	if errors.Is(err, store.ErrNotFound) {
		// Not there on that day, or not known yet: then what makes him known is a later touch.
		return settled{note: n, waits: n.known.After(now)}, nil
	}
	if err != nil {
		return settled{}, fmt.Errorf("fold %s of %s: %w", n.day, n.employee, err)
	}
	found, due := p.cfg.Company.Alerting(profile.Detections, now)
	r := settled{note: n, events: profile.Events, waits: !due.IsZero() || n.known.After(now)}
	for _, d := range found {
		r.alerts = append(r.alerts, AlertOf(d))
	}
	if profile.Events == 0 {
		profile.Known = now
	}
	r.doc = store.Doc{Kind: KindProfile, ID: n.id(), Day: n.day, Body: mustJSON(profile)}
	return r, nil
}

// unnote takes the notes away to which nothing new came meanwhile. It holds off the
// feed's follower, which would otherwise put a note that is then deleted here.
func (p *Pipeline) unnote(ctx context.Context, results []settled) error {
	p.stepping.Lock()
	defer p.stepping.Unlock()
	var ids []string
	var gone []employeeDay
	p.mu.Lock()
	for _, r := range results {
		if !r.waits && p.touched[r.employeeDay].generation == r.generation {
			gone = append(gone, r.employeeDay)
			ids = append(ids, r.id())
		}
	}
	p.mu.Unlock()
	if err := p.cfg.Remover.DeleteDoc(ctx, KindTouched, ids...); err != nil {
		return fmt.Errorf("take notes of touched days away: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range gone {
		delete(p.touched, k)
	}
	return nil
}

// Profiles gives the profiles of everybody with an event on the day, as known at the
// instant, by employee. employees restricts them when not nil.
func (p *Pipeline) Profiles(ctx context.Context, day ueba.Day, at time.Time, employees []string) ([]ueba.Profile, error) {
	want := map[string]bool{}
	for _, e := range employees {
		want[e] = true
	}
	wanted := func(e string) bool { return employees == nil || want[e] }

	stored, err := p.storedProfiles(ctx, day, wanted)
	if err != nil {
		return nil, err
	}
	byEmployee := make(map[string]ueba.Profile, len(stored))
	var again []string
	for _, s := range stored {
		if s.Known.After(at) {
			again = append(again, s.Employee)
			continue
		}
		if s.Events > 0 {
			byEmployee[s.Employee] = s
		}
	}
	for _, e := range p.touchedOn(day) {
		if wanted(e) {
			again = append(again, e)
			delete(byEmployee, e)
		}
	}
	if err := p.foldAll(ctx, again, day, at, byEmployee); err != nil {
		return nil, err
	}
	return sorted(byEmployee), nil
}

// storedProfiles reads a day's profiles. They are decoded on all processors: a scoring run
// reads those of every employee for months.
func (p *Pipeline) storedProfiles(ctx context.Context, day ueba.Day, wanted func(employee string) bool) ([]ueba.Profile, error) {
	var docs []store.Doc
	for doc, err := range p.cfg.Docs.List(ctx, KindProfile, day.String()+"/", day.String()+"0", false) {
		if err != nil {
			return nil, fmt.Errorf("read profiles of %s: %w", day, err)
		}
		if k, err := parseEmployeeDay(doc.ID); err == nil && wanted(k.employee) {
			docs = append(docs, doc)
		}
	}
	out := make([]ueba.Profile, len(docs))
	const each = 256 // documents that a processor takes at a time
	var begins []int
	for i := 0; i < len(docs); i += each {
		begins = append(begins, i)
	}
	err := parallel(ctx, begins, func(begin int) error {
		for i := begin; i < min(begin+each, len(docs)); i++ {
			if err := json.Unmarshal(docs[i].Body, &out[i]); err != nil {
				return fmt.Errorf("read profile %s: %w", docs[i].ID, err)
			}
		}
		return nil
	})
	return out, err
}

func (p *Pipeline) touchedOn(day ueba.Day) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for k := range p.touched {
		if k.day == day {
			out = append(out, k.employee)
		}
	}
	sort.Strings(out)
	return out
}

func (p *Pipeline) foldAll(ctx context.Context, employees []string, day ueba.Day, at time.Time, into map[string]ueba.Profile) error {
	var mu sync.Mutex
	return parallel(ctx, employees, func(e string) error {
		profile, _, err := p.cfg.Company.Fold(ctx, e, day, at)
		if errors.Is(err, store.ErrNotFound) {
			return nil // nobody knew of him then
		}
		if err != nil {
			return fmt.Errorf("fold %s of %s: %w", day, e, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if profile.Events > 0 {
			into[e] = profile
		}
		return nil
	})
}

func sorted(m map[string]ueba.Profile) []ueba.Profile {
	out := make([]ueba.Profile, 0, len(m))
	for _, p := range m {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Employee < out[j].Employee })
	return out
}

// parallel runs work on every item on all processors and returns the errors joined.
func parallel[T any](ctx context.Context, items []T, work func(T) error) error {
	next := make(chan T)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for item := range next {
				if errs[w] == nil {
					errs[w] = work(item)
				}
			}
		})
	}
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		next <- item
	}
	close(next)
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}
