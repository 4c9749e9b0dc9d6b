package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// scores reads the newest revisions. What it read of a day it keeps until the next run
// of the scorer, because the page asks for the same month again and again.
type scores struct {
	docs store.Docs

	mu   sync.Mutex
	days map[ueba.Day][]ueba.RiskScore
}

func newScores(docs store.Docs) *scores {
	return &scores{docs: docs, days: map[ueba.Day][]ueba.RiskScore{}}
}

// forget is called when scores were added.
func (s *scores) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.days)
}

// Span implements console.Scores.
func (s *scores) Span(ctx context.Context) (first, last ueba.Day, err error) {
	if first, err = s.edge(ctx, false); err != nil || first == ueba.NoDay {
		return ueba.NoDay, ueba.NoDay, err
	}
	last, err = s.edge(ctx, true)
	return first, last, err
}

func (s *scores) edge(ctx context.Context, newest bool) (ueba.Day, error) {
	for doc, err := range s.docs.List(ctx, scorer.DocScore, "", "", newest) {
		if err != nil {
			return ueba.NoDay, fmt.Errorf("list scores: %w", err)
		}
		return doc.Day, nil
	}
	return ueba.NoDay, nil
}

// Scores implements console.Scores.
func (s *scores) Scores(ctx context.Context, from, to ueba.Day) ([]ueba.RiskScore, error) {
	var out []ueba.RiskScore
	for day := from; day <= to; day++ {
		of, err := s.of(ctx, day)
		if err != nil {
			return nil, err
		}
		out = append(out, of...)
	}
	return out, nil
}

// of gives a day's newest revisions by falling priority, then employee.
func (s *scores) of(ctx context.Context, day ueba.Day) ([]ueba.RiskScore, error) {
	s.mu.Lock()
	kept, ok := s.days[day]
	s.mu.Unlock()
	if ok {
		return kept, nil
	}
	from, to := scorer.ScoreRange(day)
	var out []ueba.RiskScore
	for doc, err := range s.docs.List(ctx, scorer.DocScore, from, to, false) {
		if err != nil {
			return nil, fmt.Errorf("list scores of %s: %w", day, err)
		}
		var r ueba.RiskScore
		if err := json.Unmarshal(doc.Body, &r); err != nil {
			return nil, fmt.Errorf("read score %s: %w", doc.ID, err)
		}
		if n := len(out); n > 0 && out[n-1].Employee == r.Employee {
			out[n-1] = r // ids ascend by revision: the newest stays
			continue
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b ueba.RiskScore) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Employee, b.Employee))
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	const most = 45 // days; more are asked for rarely and would only cost memory
	if len(s.days) >= most {
		clear(s.days)
	}
	s.days[day] = out
	return out, nil
}

// Score implements console.Scores.
func (s *scores) Score(ctx context.Context, employee string, day ueba.Day) (ueba.RiskScore, error) {
	prefix := day.String() + "/" + url.PathEscape(employee)
	for doc, err := range s.docs.List(ctx, scorer.DocScore, prefix+"/", prefix+"0", true) {
		var r ueba.RiskScore
		if err == nil {
			err = json.Unmarshal(doc.Body, &r)
		}
		if err != nil {
			return r, fmt.Errorf("read score of %s on %s: %w", employee, day, err)
		}
		return r, nil
	}
	return ueba.RiskScore{}, fmt.Errorf("score of %s on %s: %w", employee, day, store.ErrNotFound)
}

// revisions gives every revision of an employee's day, the oldest first.
func (s *scores) revisions(ctx context.Context, employee string, day ueba.Day) ([]ueba.RiskScore, error) {
	prefix := day.String() + "/" + url.PathEscape(employee)
	var out []ueba.RiskScore
	for doc, err := range s.docs.List(ctx, scorer.DocScore, prefix+"/", prefix+"0", false) {
		var r ueba.RiskScore
		if err == nil {
			err = json.Unmarshal(doc.Body, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("read score of %s on %s: %w", employee, day, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// History implements console.Scores.
func (s *scores) History(ctx context.Context, employee string, from, to ueba.Day) ([]ueba.RiskScore, error) {
	var out []ueba.RiskScore
	for day := from; day <= to; day++ {
		r, err := s.Score(ctx, employee, day)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// explainer makes sentences of scores.
type explainer struct{ words *text.Catalogue }

// Explain implements console.Explainer.
func (e explainer) Explain(s ueba.RiskScore, lang text.Lang) console.Explanation {
	x := scorer.Explain(e.words, lang, s)
	out := console.Explanation{Headline: x.Headline, Notes: x.Notes, Points: make([]console.Point, len(x.Points))}
	for i, p := range x.Points {
		out.Points[i] = console.Point{Text: p.Text, R: p.R, Day: p.Day, Model: p.Model, Feature: p.Feature}
	}
	return out
}

// live shows the open day of the pipeline.
type live struct{ pipeline *pipeline.Pipeline }

// Today implements console.Live.
func (l live) Today(ctx context.Context, employee string) ([]console.LiveDay, error) {
	day, profiles, err := l.pipeline.Today(ctx, employee)
	if err != nil {
		return nil, err
	}
	out := make([]console.LiveDay, len(profiles))
	for i, p := range profiles {
		f := p.Features
		out[i] = console.LiveDay{
			Employee: p.Employee, Day: day,
			Looks: int(f[ueba.FeatureLooks]), Records: int(f[ueba.FeatureRecords]),
			View:        p.ViewValue.Round(time.Millisecond),
			Unexplained: int(f[ueba.FeatureUnexplained]), Flagged: p.Flagged, Updated: p.Known,
		}
	}
	return out, nil
}
