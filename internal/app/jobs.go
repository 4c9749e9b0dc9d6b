package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// jobs does what takes long. Scoring runs one at a time; imports run beside each other.
type jobs struct {
	app     *App
	scoring sync.Mutex
}

// Import implements console.Jobs.
func (j *jobs) Import(ctx context.Context, r console.ImportRequest, body io.Reader, progress func(console.Progress)) (console.ImportSummary, error) {
	format, err := j.app.formats.named(r.Format)
	if err != nil {
		return console.ImportSummary{}, console.Refuse(422, "invalid", "format: "+err.Error())
	}
	o := collector.ImportOptions{Progress: func(s collector.Summary) {
		progress(console.Progress{Stage: "read", Done: s.Received, Day: ueba.NoDay})
	}}
	o.Source = r.Source
	if r.Zone != "" {
		if o.Zone, err = time.LoadLocation(r.Zone); err != nil {
			return console.ImportSummary{}, console.Refuse(422, "invalid", "zone: no such time zone")
		}
	}
	if !r.KnownAtNow {
		o.Known = collector.KnownThen
	}
	sum, err := j.app.intake.Import(ctx, body, format, o)
	out := console.ImportSummary{
		Received: sum.Received, Skipped: sum.Skipped, Parsed: sum.Parsed, Stored: sum.Stored,
		Duplicate: sum.Duplicate, Collision: sum.Collision, Dead: sum.Dead,
	}
	if err != nil || r.NoScore {
		return out, err
	}
	scored, err := j.scoreClosed(ctx, progress)
	if err == nil && scored.Eligible > 0 {
		out.Scored = &scored
	}
	return out, err
}

// scoreClosed scores from the first day that something touched to the last closed one.
func (j *jobs) scoreClosed(ctx context.Context, progress func(console.Progress)) (console.ScoreSummary, error) {
	if err := j.catchUp(ctx, progress); err != nil {
		return console.ScoreSummary{}, err
	}
	now := j.app.now()
	from, err := j.owed(ctx)
	last := j.lastClosed(now)
	if err != nil || from > last {
		return console.ScoreSummary{}, err
	}
	return summaryOf(j.run(ctx, scorer.Tick{At: now, From: from, To: last}, progress))
}

// lastClosed is the newest day that is closed at the instant.
func (j *jobs) lastClosed(at time.Time) ueba.Day {
	day := j.app.clock.DayOf(at)
	for j.app.clock.Close(day).After(at) {
		day--
	}
	return day
}

// Score implements console.Jobs. Without days it scores what new facts touched, and
// today.
func (j *jobs) Score(ctx context.Context, r console.ScoreRequest, progress func(console.Progress)) (console.ScoreSummary, error) {
	if err := j.catchUp(ctx, progress); err != nil {
		return console.ScoreSummary{}, err
	}
	now := j.app.now()
	t := scorer.Tick{At: now, From: r.From, To: r.To}
	if !r.At.IsZero() {
		t.At = r.At
	}
	if t.To == ueba.NoDay {
		t.To = j.app.clock.DayOf(t.At)
	}
	if t.From == ueba.NoDay {
		t.From = t.To
		if r.At.IsZero() && r.To == ueba.NoDay {
			first, err := j.owed(ctx)
			if err != nil {
				return console.ScoreSummary{}, err
			}
			t.From = min(first, t.To)
		}
	}
	if t.At.After(now) {
		return console.ScoreSummary{}, console.Refuse(422, "invalid", "at: is in the future")
	}
	if t.From > t.To || t.To > j.app.clock.DayOf(t.At) {
		return console.ScoreSummary{}, console.Refuse(422, "invalid", "from, to: want days in order, of which the last has begun")
	}
	// What is as known at an earlier time is shown, never stored over what is known now.
	if r.DryRun || !r.At.IsZero() {
		return j.compare(ctx, t)
	}
	return summaryOf(j.run(ctx, t, progress))
}

// clock drives the scheduled runs.
func (j *jobs) clock(cronExpression string) (*scorer.Clock, error) {
	return scorer.NewClock(scorer.ClockConfig{
		Business: j.app.clock, Cron: cronExpression,
		Cursor: func(ctx context.Context) (scorer.Cursor, error) { return scorer.LoadCursor(ctx, j.app.store) },
		Touched: func(ctx context.Context, _, _ time.Time) (ueba.Day, error) {
			if err := j.catchUp(ctx, silent); err != nil {
				return ueba.NoDay, err
			}
			first, err := j.owed(ctx)
			if first == math.MaxInt32 {
				first = ueba.NoDay
			}
			return first, err
		},
		Done: func(sum scorer.Summary, err error) {
			log := j.app.log.WithField("part", "scorer").WithField("scored", sum.Scored).WithField("revisions", sum.Written)
			if err != nil {
				log.Error(err)
				return
			}
			log.Info("scored")
		},
	}, j)
}

func silent(console.Progress) {}

// Run implements scorer.Runner.
func (j *jobs) Run(ctx context.Context, t scorer.Tick) (scorer.Summary, error) {
	return j.run(ctx, t, silent)
}

// catchUp waits until every appended fact was followed.
func (j *jobs) catchUp(ctx context.Context, progress func(console.Progress)) error {
	if err := j.app.loadDirectory(ctx, func(stage string, done int64) {
		progress(console.Progress{Stage: stage, Done: done, Day: ueba.NoDay})
	}); err != nil {
		j.app.fault("directory")(err)
	}
	return j.app.pipeline.CatchUp(ctx)
}

// run folds the touched days and scores. The first day that must be scored again stands in
// the store from before its notes are taken away until it was scored, so that a crash in
// between forgets nothing.
func (j *jobs) run(ctx context.Context, t scorer.Tick, progress func(console.Progress)) (scorer.Summary, error) {
	j.scoring.Lock()
	defer j.scoring.Unlock()
	defer j.app.scores.forget()
	owed, err := j.owe(ctx)
	if err != nil {
		return scorer.Summary{Tick: t}, err
	}
	err = j.app.pipeline.Settle(ctx, t.At, func(done, total int) {
		progress(console.Progress{Stage: "settle", Done: int64(done), Total: int64(total), Day: ueba.NoDay})
	})
	if err != nil {
		return scorer.Summary{Tick: t}, err
	}
	progress(console.Progress{Stage: "score", Day: t.To})
	sum, err := j.app.engine.Run(ctx, t)
	if err != nil || owed < t.From || t.To < j.lastClosed(t.At) {
		return sum, err
	}
	return sum, j.app.store.DeleteDoc(ctx, pipeline.KindCursor, owedID)
}

func summaryOf(sum scorer.Summary, err error) (console.ScoreSummary, error) {
	return console.ScoreSummary{
		From: sum.From, To: sum.To, Eligible: sum.Eligible, Scored: sum.Scored, Revisions: sum.Written, Alerts: sum.Alerts,
	}, err
}

// owedID names the document that holds the first day to score again.
const owedID = "owed"

type owedDoc struct {
	From ueba.Day `json:"from"`
}

// owed returns the first day that must be scored again, or the far future.
func (j *jobs) owed(ctx context.Context) (ueba.Day, error) {
	first := ueba.Day(math.MaxInt32)
	doc, err := j.app.store.Get(ctx, pipeline.KindCursor, owedID)
	if err == nil {
		var o owedDoc
		if err := json.Unmarshal(doc.Body, &o); err != nil {
			return first, fmt.Errorf("read what is to be scored: %w", err)
		}
		first = o.From
	} else if !isNotFound(err) {
		return first, fmt.Errorf("read what is to be scored: %w", err)
	}
	if touched, any := j.app.pipeline.Touched(); any {
		first = min(first, touched)
	}
	return first, nil
}

// owe makes the first day that must be scored again durable.
func (j *jobs) owe(ctx context.Context) (ueba.Day, error) {
	first, err := j.owed(ctx)
	if err != nil || first == math.MaxInt32 {
		return first, err
	}
	body, err := json.Marshal(owedDoc{first})
	if err != nil {
		return first, err
	}
	return first, j.app.store.Put(ctx, store.Doc{Kind: pipeline.KindCursor, ID: owedID, Day: ueba.NoDay, Body: body})
}

// compare computes without storing and tells what differs from what is stored.
func (j *jobs) compare(ctx context.Context, t scorer.Tick) (console.ScoreSummary, error) {
	computed, err := j.app.engine.Compute(ctx, t.At, t.From, t.To)
	if err != nil {
		return console.ScoreSummary{}, err
	}
	sum := console.ScoreSummary{From: t.From, To: t.To, Eligible: len(computed), Scored: len(computed)}
	for i := range computed {
		c := &computed[i]
		stored, err := j.storedAt(ctx, c.Employee, c.Day, t.At)
		if err != nil && !isNotFound(err) {
			return sum, err
		}
		if err == nil && stored.Hash == c.Hash {
			continue
		}
		sum.Revisions++
		change := console.ScoreChange{Employee: c.Employee, Day: c.Day, Computed: rounded(c)}
		if err == nil {
			change.Stored = rounded(&stored)
		}
		sum.Changes = append(sum.Changes, change)
	}
	return sum, nil
}

// storedAt gives the revision that was in force at the instant.
func (j *jobs) storedAt(ctx context.Context, employee string, day ueba.Day, at time.Time) (ueba.RiskScore, error) {
	all, err := j.app.scores.revisions(ctx, employee, day)
	if err != nil {
		return ueba.RiskScore{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].At.After(at) {
			return all[i], nil
		}
	}
	return ueba.RiskScore{}, fmt.Errorf("score of %s on %s at %s: %w", employee, day, at, store.ErrNotFound)
}

func rounded(s *ueba.RiskScore) *float64 {
	if s.State == ueba.Unmonitored {
		return nil
	}
	r := math.Round(s.R*100) / 100
	return &r
}
