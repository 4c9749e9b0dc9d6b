package scorer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Raiser takes alerts. Raising an alert again does nothing.
type Raiser interface {
	Raise(ctx context.Context, alerts ...ueba.Alert) error
}

// Tick asks for the scores of From … To as known at At, which is the scheduled instant
// and never the wall clock.
type Tick struct {
	At       time.Time
	From, To ueba.Day
}

// Summary is what a run did.
type Summary struct {
	Tick
	Eligible int `json:"eligible"` // employee-days between hire and leave
	Scored   int `json:"scored"`   // of these, with a revision that says so
	Written  int `json:"written"`  // new revisions
	Seals    int `json:"seals"`    // new seals
	Reseals  int `json:"reseals"`  // … of days that had one
	Alerts   int `json:"alerts"`   // raised, old ones included
}

// namedMissing is how many employees a day an error names; Missing has them all.
const namedMissing = 10

// IncompleteError says that a run scored fewer than it should have.
type IncompleteError struct {
	Missing map[ueba.Day][]string // employees by day
}

func (e *IncompleteError) Error() string {
	days := make([]ueba.Day, 0, len(e.Missing))
	for d := range e.Missing {
		days = append(days, d)
	}
	slices.Sort(days)
	var b strings.Builder
	b.WriteString("not everybody was scored:")
	for _, d := range days {
		names, more := e.Missing[d], ""
		if n := len(names) - namedMissing; n > 0 {
			names, more = names[:namedMissing], fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(&b, " %s: %s%s;", d, strings.Join(names, ", "), more)
	}
	return strings.TrimSuffix(b.String(), ";")
}

// Engine scores a company.
type Engine struct {
	machine machine
	config  Config
	company Company
	docs    store.Docs
	raiser  Raiser
}

// New checks the configuration and makes an engine. For a dry run docs and raiser may be nil.
func New(c Config, company Company, docs store.Docs, raiser Raiser) (*Engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	e := &Engine{config: c, company: company, docs: docs, raiser: raiser}
	e.machine = machine{config: &e.config, specs: flatten(c.Models), hash: c.Hash()}
	return e, nil
}

// Run seals the days that closed, scores everybody employed on each day of the tick and
// stores what changed, in this order: alerts, scores, seals, cursor. A crash in between is
// made good by running again.
func (e *Engine) Run(ctx context.Context, t Tick) (Summary, error) {
	keeper := &keeper{engine: e, tick: t, sum: Summary{Tick: t}, missing: map[ueba.Day][]string{}}
	if err := e.walk(ctx, t, keeper.keep); err != nil {
		return keeper.sum, err
	}
	if len(keeper.missing) > 0 {
		return keeper.sum, &IncompleteError{keeper.missing}
	}
	return keeper.sum, keeper.cursor(ctx)
}

// Compute gives the scores that Run would store, without storing anything: Revision is 0.
// Ordered by day and employee.
func (e *Engine) Compute(ctx context.Context, at time.Time, from, to ueba.Day) ([]ueba.RiskScore, error) {
	var out []ueba.RiskScore
	missing := map[ueba.Day][]string{}
	err := e.walk(ctx, Tick{At: at, From: from, To: to}, func(_ context.Context, res dayResult) error {
		for i := range res.scores {
			out = append(out, res.scores[i].RiskScore)
		}
		if len(res.broken) > 0 {
			missing[res.day] = res.broken
		}
		return nil
	})
	if err == nil && len(missing) > 0 {
		err = &IncompleteError{missing}
	}
	return out, err
}

// walk replays what the tick needs and visits its days in order. Days whose replay
// begins on the same grid day share one pass.
func (e *Engine) walk(ctx context.Context, t Tick, visit func(context.Context, dayResult) error) error {
	if err := e.checkTick(t); err != nil {
		return err
	}
	for from := t.From; from <= t.To; {
		start, to := e.config.start(from), from
		for to < t.To && e.config.start(to+1) == start {
			to++
		}
		if err := e.pass(ctx, t.At, start, from, to, visit); err != nil {
			return err
		}
		from = to + 1
	}
	return nil
}

func (e *Engine) checkTick(t Tick) error {
	today := e.config.Business.DayOf(t.At)
	switch {
	case t.At.IsZero():
		return errors.New("score: the run has no time")
	case t.From > t.To:
		return fmt.Errorf("score: %s is after %s", t.From, t.To)
	case t.To > today:
		return fmt.Errorf("score: %s has not begun at %s", t.To, t.At.Format(time.RFC3339))
	}
	return nil
}

func (e *Engine) pass(ctx context.Context, at time.Time, start, from, to ueba.Day, visit func(context.Context, dayResult) error) error {
	r := newReplay(e.machine, e.company, at)
	for day := start; day <= to; day++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("score %s: %w", day, err)
		}
		res, err := r.step(ctx, day, day >= from)
		if err != nil {
			return fmt.Errorf("score %s: %w", day, err)
		}
		if day < from {
			continue
		}
		if err := visit(ctx, res); err != nil {
			return fmt.Errorf("store scores of %s: %w", day, err)
		}
	}
	return nil
}
