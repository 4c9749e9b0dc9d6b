package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/coverage"
	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/internal/company"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// looks answers from the company what the console asks.
type looks struct {
	pipeline *pipeline.Pipeline
	company  *company.Company
}

// Looks implements console.Looks.
func (l looks) Looks(ctx context.Context, q console.LookQuery) ([]ueba.Look, string, error) {
	if q.After == "" { // a list that goes on is as old as its beginning
		if err := l.pipeline.Follow(ctx); err != nil {
			return nil, "", err
		}
	}
	found, next, err := l.company.Looks(ctx, company.LookQuery{
		Employee: q.Employee, Record: q.Record, Service: q.Service, Verdict: q.Verdict,
		From: q.From, To: q.To, Limit: q.Limit, After: q.After,
	})
	if errors.Is(err, company.ErrCursor) {
		return nil, "", console.Refuse(422, "invalid", "after: not a place in this list")
	}
	return found, next, err
}

// ledger makes the coverage ledger from counts, accounts and the directory.
type ledger struct {
	business ueba.Business
	intake   *collector.Intake
	pipeline *pipeline.Pipeline
	company  *company.Company
	book     *directory.Book
	facts    store.Facts
	scores   *scores
	now      func() time.Time
}

// Coverage implements console.CoverageLedger. With days it counts lines and events by the
// day on which they were received, and what was attributed and scored by the event's own.
func (l ledger) Coverage(ctx context.Context, from, to ueba.Day) (console.Coverage, error) {
	counts, err := l.intake.Counts(ctx, from, to)
	if err != nil {
		return console.Coverage{}, err
	}
	if err := l.pipeline.CatchUp(ctx); err != nil {
		return console.Coverage{}, err
	}
	now := l.now()
	in := coverage.Input{
		Today: l.business.DayOf(now), First: from, DayOf: l.business.DayOf, Whole: from == ueba.NoDay,
		Workday: func(d ueba.Day) bool { return l.book.Workday(d, now) },
	}
	for _, c := range counts {
		in.Deliveries = append(in.Deliveries, deliveries(c)...)
	}
	for _, s := range l.book.Systems(now) {
		in.Systems = append(in.Systems, *s)
	}
	for _, e := range l.book.Staff(in.Today, now) {
		in.Staff = append(in.Staff, e.ID)
	}
	if in.Accounts, err = l.accounts(ctx, from, to); err != nil {
		return console.Coverage{}, err
	}
	if from == ueba.NoDay {
		in.First = l.firstDay()
	}
	return shown(coverage.Make(in)), nil
}

func deliveries(c collector.Count) []coverage.Delivery {
	out := []coverage.Delivery{{Source: c.Source, Received: c.Received, Skipped: c.Skipped, Dead: c.Dead}}
	names := make([]string, 0, len(c.Services))
	for name := range c.Services {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := c.Services[name]
		out = append(out, coverage.Delivery{Source: c.Source, Service: name, Parsed: s.Parsed, Duplicate: s.Duplicate})
	}
	return out
}

func (l ledger) firstDay() ueba.Day {
	first := ueba.NoDay
	for _, a := range l.pipeline.Accounts() {
		if d := l.business.DayOf(a.First); first == ueba.NoDay || d < first {
			first = d
		}
	}
	return first
}

// accounts says of each account whose it is and how many of its events are on days that
// were scored.
func (l ledger) accounts(ctx context.Context, from, to ueba.Day) ([]coverage.Account, error) {
	_, lastScored, err := l.scores.Span(ctx)
	if err != nil {
		return nil, err
	}
	var out []coverage.Account
	for _, a := range l.pipeline.Accounts() {
		acct := coverage.Account{Account: ueba.Account{Service: a.Service, User: a.User}, Events: a.Events, Last: a.Last}
		acct.Owner, _ = l.company.Owner(acct.Account, a.Last)
		if acct.Events, acct.Scored, err = l.count(ctx, a, from, to, lastScored); err != nil {
			return nil, err
		}
		out = append(out, acct)
	}
	return out, nil
}

// count gives the account's events of the days, all without any, and how many of them are
// on a day that was scored.
func (l ledger) count(ctx context.Context, a pipeline.Account, from, to, lastScored ueba.Day) (events, scored int64, err error) {
	if from == ueba.NoDay && (lastScored == ueba.NoDay || l.business.DayOf(a.Last) <= lastScored) {
		if lastScored == ueba.NoDay {
			return a.Events, 0, nil
		}
		return a.Events, a.Events, nil
	}
	q := store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{ueba.Account{Service: a.Service, User: a.User}.Key()}}
	if from == ueba.NoDay { // only those after the last scored day must be counted
		q.From = l.business.Begin(lastScored + 1)
		open, err := l.scan(ctx, q, ueba.NoDay)
		return a.Events, a.Events - open.events, err
	}
	q.From, q.To = l.business.Begin(from), l.business.End(to)
	n, err := l.scan(ctx, q, lastScored)
	return n.events, n.scored, err
}

type counted struct{ events, scored int64 }

func (l ledger) scan(ctx context.Context, q store.Query, lastScored ueba.Day) (n counted, err error) {
	for f, err := range l.facts.Scan(ctx, q) {
		if err != nil {
			return n, fmt.Errorf("count events: %w", err)
		}
		n.events++
		if l.business.DayOf(f.Body.Happened()) <= lastScored {
			n.scored++
		}
	}
	return n, nil
}

func shown(l coverage.Ledger) console.Coverage {
	out := console.Coverage{Unseen: l.Unseen, Silent: l.Silent}
	for _, r := range l.Rows {
		out.Rows = append(out.Rows, console.CoverageRow{
			System: r.System, Source: r.Source, Expected: r.Expected, Received: r.Received, Skipped: r.Skipped,
			Parsed: r.Parsed, Dead: r.Dead, Duplicate: r.Duplicate, Attributed: r.Attributed, Scored: r.Scored, State: string(r.State),
		})
	}
	for _, a := range l.Unmapped {
		out.Unmapped = append(out.Unmapped, console.AccountCount{Account: a.Account.String(), Events: a.Events, Last: a.Last})
	}
	return out
}

// deadLetters lists and replays what could not be parsed.
type deadLetters struct {
	store   store.Store
	intake  *collector.Intake
	formats *formatTable
	zone    *time.Location
	wake    func()
}

// List implements console.Dead.
func (d deadLetters) List(ctx context.Context, q console.DeadQuery) ([]console.DeadLetter, string, error) {
	query := store.Query{Kind: ueba.KindDead, Reverse: true}
	if q.Source != "" {
		query.By, query.Keys = store.ByKey, []string{q.Source}
	}
	after, err := parseDeadPlace(q.After)
	if err != nil {
		return nil, "", err
	}
	query.After = after
	var out []console.DeadLetter
	for f, err := range d.store.Scan(ctx, query) {
		if err != nil {
			return nil, "", fmt.Errorf("list dead letters: %w", err)
		}
		letter, err := d.letter(ctx, f)
		if err != nil {
			return nil, "", err
		}
		if letter.Resolved && !q.Resolved {
			continue
		}
		if q.Limit > 0 && len(out) == q.Limit {
			last := out[len(out)-1]
			return out, last.Time.UTC().Format(time.RFC3339Nano) + "/" + last.ID, nil
		}
		letter.Raw = nil
		out = append(out, letter)
	}
	return out, "", nil
}

func parseDeadPlace(s string) (store.Place, error) {
	if s == "" {
		return store.Place{}, nil
	}
	when, id, ok := strings.Cut(s, "/")
	t, err := time.Parse(time.RFC3339Nano, when)
	if err != nil || !ok {
		return store.Place{}, console.Refuse(422, "invalid", "after: not a place in this list")
	}
	return store.Place{Time: t, ID: id}, nil
}

func (d deadLetters) letter(ctx context.Context, f ueba.Fact) (console.DeadLetter, error) {
	b := f.Body.(*ueba.DeadLetter)
	_, err := d.store.Get(ctx, collector.ResolvedKind, f.ID)
	if err != nil && !isNotFound(err) {
		return console.DeadLetter{}, fmt.Errorf("dead letter %s: %w", f.ID, err)
	}
	return console.DeadLetter{
		ID: f.ID, Time: b.Time, Source: b.Source, Format: b.Format, Place: b.Place, Reason: b.Reason,
		Size: b.Size, Raw: b.Raw, Resolved: err == nil,
	}, nil
}

// Get implements console.Dead. The id may be cut as long as it names one letter.
func (d deadLetters) Get(ctx context.Context, id string) (console.DeadLetter, error) {
	for f, err := range d.store.Scan(ctx, store.Query{Kind: ueba.KindDead}) {
		if err != nil {
			return console.DeadLetter{}, fmt.Errorf("find dead letter: %w", err)
		}
		if strings.HasPrefix(f.ID, id) {
			return d.letter(ctx, f)
		}
	}
	return console.DeadLetter{}, fmt.Errorf("dead letter %s: %w", id, store.ErrNotFound)
}

// Replay implements console.Dead. Letters go through the parser of their own format unless
// the request names another.
func (d deadLetters) Replay(ctx context.Context, r console.ReplayRequest) (console.ReplaySummary, error) {
	byFormat := map[string][]ueba.Fact{}
	q := store.Query{Kind: ueba.KindDead}
	if r.Source != "" {
		q.By, q.Keys = store.ByKey, []string{r.Source}
	}
	for f, err := range collector.Letters(ctx, d.store, d.store, q) {
		if err != nil {
			return console.ReplaySummary{}, fmt.Errorf("read dead letters: %w", err)
		}
		if len(r.IDs) > 0 && !slices.ContainsFunc(r.IDs, func(id string) bool { return strings.HasPrefix(f.ID, id) }) {
			continue
		}
		name := r.Format
		if name == "" {
			name = f.Body.(*ueba.DeadLetter).Format
		}
		byFormat[name] = append(byFormat[name], f)
	}
	var sum console.ReplaySummary
	for _, name := range sortedKeys(byFormat) {
		format, err := d.formats.named(name)
		if err != nil {
			return sum, console.Refuse(422, "invalid", "format: "+err.Error())
		}
		done, err := d.intake.Replay(ctx, each(byFormat[name]), format, collector.Options{Zone: d.zone})
		if err != nil {
			return sum, err
		}
		sum.Tried += int(done.Letters)
		sum.Resolved += int(done.Resolved)
		sum.Dead += int(done.Letters - done.Resolved)
	}
	d.wake()
	return sum, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func each(facts []ueba.Fact) iter.Seq2[ueba.Fact, error] {
	return func(yield func(ueba.Fact, error) bool) {
		for _, f := range facts {
			if !yield(f, nil) {
				return
			}
		}
	}
}
