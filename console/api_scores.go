package console

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func typeFor[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (h *handler) mountScores(api huma.API) {
	add(h, api, get("status", "/status", "How the daemon fares, and which days have scores"), h.status)
	add(h, api, get("scores", "/scores", "Scores by day, then falling priority; by default of the newest day"), h.scores)
	add(h, api, get("history", "/employees/{employee}/scores", "One employee's scores by day; by default the last 30"), h.history)
	add(h, api, get("explain", "/employees/{employee}/scores/{date}", "One score with its parts, causes and sentences"), h.explain)
	add(h, api, get("today", "/today", "The open day as it is now"), h.live)
}

func (h *handler) status(ctx context.Context, _ *struct{}) (StatusAnswer, error) {
	first, last, err := h.cfg.Services.Scores.Span(ctx)
	if err != nil {
		return StatusAnswer{}, fmt.Errorf("span of scores: %w", err)
	}
	return StatusAnswer{
		Health: h.cfg.Services.Status.Health(ctx), Version: h.cfg.Version,
		Now: h.cfg.Now(), Today: h.today(), First: first, Last: last,
	}, nil
}

type scoresInput struct {
	Days
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
	After string `query:"after" maxLength:"32" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{1,9}$"`
}

// scores walks day by day, so that a page costs about its own size and not the range's.
func (h *handler) scores(ctx context.Context, in *scoresInput) (Page[ScoreRow], error) {
	from, to, err := h.scoreDays(ctx, in.Days)
	if err != nil || to == ueba.NoDay {
		return Page[ScoreRow]{Items: []ScoreRow{}}, err
	}
	skip := 0
	if in.After != "" {
		if from, skip, err = parsePlace(in.After, from, to); err != nil {
			return Page[ScoreRow]{}, err
		}
	}
	found, next, err := h.collectScores(ctx, from, to, skip, in.Limit)
	if err != nil {
		return Page[ScoreRow]{}, err
	}
	v, err := h.look(ctx, idsOf(found, employeeOfScore))
	return Page[ScoreRow]{Items: mapped(found, v.scoreRow), Next: next}, err
}

func employeeOfScore(s *ueba.RiskScore) string { return s.Employee }

func (h *handler) scoreDays(ctx context.Context, d Days) (from, to ueba.Day, err error) {
	_, last, err := h.cfg.Services.Scores.Span(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("span of scores: %w", err)
	}
	return d.or(last, last)
}

func (h *handler) collectScores(ctx context.Context, from, to ueba.Day, skip, limit int) ([]ueba.RiskScore, string, error) {
	var found []ueba.RiskScore
	for day := from; day <= to; day++ {
		of, err := h.cfg.Services.Scores.Scores(ctx, day, day)
		if err != nil {
			return nil, "", fmt.Errorf("scores of %s: %w", day, err)
		}
		skip = min(skip, len(of))
		of = of[skip:]
		if room := limit - len(found); len(of) > room {
			return append(found, of[:room]...), fmt.Sprintf("%s/%d", day, skip+room), nil
		}
		found, skip = append(found, of...), 0
	}
	return found, "", nil
}

// parsePlace reads "2026-11-02/150": the day, and how many of its scores are done.
func parsePlace(s string, from, to ueba.Day) (ueba.Day, int, error) {
	d, n, _ := strings.Cut(s, "/")
	day, err := ueba.ParseDay(d)
	done, err2 := strconv.Atoi(n)
	if err != nil || err2 != nil || day < from || day > to {
		return 0, 0, Refuse(422, "invalid", "after is not of this list")
	}
	return day, done, nil
}

type historyInput struct {
	Employee string `path:"employee" maxLength:"256" doc:"A pseudonym; on the socket also an employee id"`
	Days
}

func (h *handler) history(ctx context.Context, in *historyInput) (Page[ScoreRow], error) {
	id, err := h.employee(ctx, in.Employee)
	if err != nil {
		return Page[ScoreRow]{}, err
	}
	_, last, err := h.cfg.Services.Scores.Span(ctx)
	if err != nil {
		return Page[ScoreRow]{}, fmt.Errorf("span of scores: %w", err)
	}
	if last == ueba.NoDay {
		return Page[ScoreRow]{Items: []ScoreRow{}}, nil
	}
	from, to, err := in.or(last-29, last)
	if err != nil {
		return Page[ScoreRow]{}, err
	}
	found, err := h.cfg.Services.Scores.History(ctx, id, from, to)
	if err != nil {
		return Page[ScoreRow]{}, fmt.Errorf("history: %w", err)
	}
	v, err := h.look(ctx, []string{id})
	return Page[ScoreRow]{Items: mapped(found, v.scoreRow)}, err
}

type explainInput struct {
	Employee string `path:"employee" maxLength:"256"`
	Date     string `path:"date" pattern:"^(latest|[0-9]{4}-[0-9]{2}-[0-9]{2})$" doc:"A business day, or latest"`
	Lang     string `query:"lang" enum:"zh,en" default:"zh"`
}

func (h *handler) explain(ctx context.Context, in *explainInput) (ScoreDetail, error) {
	id, err := h.employee(ctx, in.Employee)
	if err != nil {
		return ScoreDetail{}, err
	}
	s, err := h.scoreOf(ctx, id, in.Date)
	if err != nil {
		return ScoreDetail{}, err
	}
	v, err := h.look(ctx, []string{id})
	if err != nil {
		return ScoreDetail{}, err
	}
	d := v.scoreDetail(&s, h.cfg.Services.Explainer.Explain(s, text.Lang(in.Lang)))
	if v.operator {
		d.Employee = h.info(ctx, id)
	}
	return d, nil
}

// scoreOf gets the score of a day written as a date or as latest.
func (h *handler) scoreOf(ctx context.Context, id, date string) (ueba.RiskScore, error) {
	day, err := ueba.ParseDay(date)
	if date == "latest" {
		_, day, err = h.cfg.Services.Scores.Span(ctx)
	} else if err != nil {
		return ueba.RiskScore{}, Refuse(422, "invalid", err.Error())
	}
	if err != nil {
		return ueba.RiskScore{}, fmt.Errorf("span of scores: %w", err)
	}
	s, err := h.cfg.Services.Scores.Score(ctx, id, day)
	if err != nil {
		return s, fmt.Errorf("score of %s: %w", day, err)
	}
	return s, nil
}

// info is nil for who left the directory: the score stays readable.
func (h *handler) info(ctx context.Context, id string) *EmployeeInfo {
	e, err := h.cfg.Services.People.Employee(ctx, id)
	if err != nil {
		return nil
	}
	return &EmployeeInfo{Name: e.Name, Department: e.Department, Role: e.Role}
}

type liveInput struct {
	Employee string `query:"employee" maxLength:"256"`
}

func (h *handler) live(ctx context.Context, in *liveInput) (Page[LiveRow], error) {
	id, err := h.employee(ctx, in.Employee)
	if err != nil {
		return Page[LiveRow]{}, err
	}
	found, err := h.cfg.Services.Live.Today(ctx, id)
	if err != nil {
		return Page[LiveRow]{}, fmt.Errorf("today: %w", err)
	}
	v, err := h.look(ctx, idsOf(found, func(l *LiveDay) string { return l.Employee }))
	return Page[LiveRow]{Items: mapped(found, v.liveRow)}, err
}
