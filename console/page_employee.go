package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	chartDays  = 60
	narrowDays = 30 // on a phone
	shownParts = 12
	shownLooks = 100
)

// employeeView is one employee's page.
type employeeView struct {
	Pseudonym  string
	Day        string
	Prev, Next string
	Scored     bool // there is a score for the day
	Badge      badge
	Score      string
	Open, Held bool
	Priority   string
	Rarity     string
	Headline   string
	Notes      []string
	Missing    []string
	Wide       chart
	Narrow     chart
	Parts      []partView
	Total      string
	Causes     []causeView
	Before     string
	Change     change
	Live       map[string]string
	Looks      []lookView
	NextLooks  string
	Paged      bool // not the first page of looks
}

type partView struct {
	Text, Model, Day string
	R                string
	Width            float64 // of 100, the largest part
}

type causeView struct {
	Text   string
	Change change
}

type lookView struct {
	Time, Service, Action string
	Record, RecordNote    string
	NoID                  bool // Record says how many, not which
	View, Bounds          string
	Explained             bool
	VerdictLabel, Reason  string
	Flags                 []string
	OffHours              bool
}

func (h *handler) employeePage(r *http.Request, lang text.Lang) (frame, *template.Template, error) {
	f := h.frame(r, lang)
	name := r.PathValue("pseudonym")
	id, err := h.employee(r.Context(), name)
	if err != nil {
		return f, nil, err
	}
	v := &employeeView{Pseudonym: name}
	if err := h.fillEmployee(r, lang, id, v); err != nil {
		return f, nil, err
	}
	f.Title, f.Body = name, v
	f.LiveURL = "/live?of=" + url.QueryEscape(name)
	return f, h.pages[lang].employee, nil
}

func (h *handler) fillEmployee(r *http.Request, lang text.Lang, id string, v *employeeView) error {
	ctx := r.Context()
	lives, err := h.cfg.Services.Live.Today(ctx, id)
	if err != nil {
		return fmt.Errorf("today: %w", err)
	}
	v.Live = h.liveTexts(lang, byEmployee(lives)[id])
	first, last, err := h.cfg.Services.Scores.Span(ctx)
	if err != nil {
		return fmt.Errorf("span of scores: %w", err)
	}
	if last == ueba.NoDay {
		first, last = h.today(), h.today()
	}
	day := chosenDay(r, first, last)
	path := "/employees/" + url.PathEscape(v.Pseudonym)
	v.Day = h.dayName(lang, day)
	v.Prev, v.Next = neighbours(path, day, first, last)
	if err := h.fillChart(ctx, id, day, last, v); err != nil {
		return err
	}
	if err := h.fillScore(ctx, lang, id, day, v); err != nil {
		return err
	}
	return h.fillLooks(r, lang, id, day, path, v)
}

// fillChart shows the sixty days up to the newest, or around the chosen one when it lies
// before them.
func (h *handler) fillChart(ctx context.Context, id string, day, last ueba.Day, v *employeeView) error {
	to := last
	if day <= last-chartDays {
		to = day + chartDays/2
	}
	past, err := h.cfg.Services.Scores.History(ctx, id, to-chartDays+1, to)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	v.Wide = history(past, to-chartDays+1, to, day, 1160, h.cfg.Bands)
	if day <= to-narrowDays {
		to = day + narrowDays/2
	}
	v.Narrow = history(past, to-narrowDays+1, to, day, 356, h.cfg.Bands)
	return nil
}

func (h *handler) fillScore(ctx context.Context, lang text.Lang, id string, day ueba.Day, v *employeeView) error {
	s, err := h.cfg.Services.Scores.Score(ctx, id, day)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("score of %s: %w", day, err)
	}
	v.Scored, v.Badge, v.Score = true, h.badge(lang, &s), scoreText(&s, 2)
	v.Open, v.Held, v.Priority = s.Open, s.Held != "", fmt.Sprintf("%.1f", s.Priority)
	if s.State == ueba.Unmonitored {
		v.Headline = h.say(lang, "unmonitored_reason")
		return nil
	}
	v.Rarity = h.rarity(lang, s.P)
	for _, m := range s.Missing {
		v.Missing = append(v.Missing, h.sayOr(lang, "missing."+m, m))
	}
	h.fillParts(lang, &s, v)
	h.fillCauses(lang, &s, v)
	return nil
}

func (h *handler) rarity(lang text.Lang, p float64) string {
	if p <= 0 || p >= 0.1 {
		return h.say(lang, "rarity_usual")
	}
	n := 1 / p
	round := math.Pow(10, math.Floor(math.Log10(n))-1)
	return h.say(lang, "rarity", "days", math.Round(n/round)*round)
}

type partKey struct {
	day            ueba.Day
	model, feature string
}

// fillParts gives each part its sentence. What is beyond the first dozen, or has decayed to
// nothing, is one row, so that the bars still add up to the score.
func (h *handler) fillParts(lang text.Lang, s *ueba.RiskScore, v *employeeView) {
	e := h.cfg.Services.Explainer.Explain(*s, lang)
	v.Headline = sentence(e.Headline)
	for _, n := range e.Notes {
		v.Notes = append(v.Notes, sentence(n))
	}
	says := map[partKey]string{}
	for _, p := range e.Points {
		says[partKey{p.Day, p.Model, p.Feature}] = sentence(p.Text)
	}
	var sum, rest float64
	most := 0.01
	more := 0
	for _, p := range s.Parts {
		sum += p.R
		most = max(most, p.R)
		if len(v.Parts) >= shownParts || math.Abs(p.R) < 0.005 {
			more++
			rest += p.R
			continue
		}
		t := says[partKey{p.Day, p.Model, p.Feature}]
		if t == "" {
			t = h.featureName(lang, p.Model, p.Feature)
		}
		v.Parts = append(v.Parts, partView{
			Text: t, Model: h.sayOr(lang, "model."+p.Model, p.Model), Day: h.dayName(lang, p.Day),
			R: fmt.Sprintf("%.2f", p.R), Width: round1(100 * p.R / most),
		})
	}
	if more > 0 {
		v.Parts = append(v.Parts, partView{
			Text: h.say(lang, "parts_rest", "count", more), R: fmt.Sprintf("%.2f", rest), Width: min(100, round1(100*rest/most)),
		})
	}
	v.Total = fmt.Sprintf("%.2f", sum)
}

func (h *handler) fillCauses(lang text.Lang, s *ueba.RiskScore, v *employeeView) {
	var sum float64
	for _, c := range s.Causes {
		sum += c.R
		what := h.sayOr(lang, "cause."+c.Kind, c.Kind)
		if c.Feature != "" {
			what += h.say(lang, "colon") + h.featureName(lang, c.Model, c.Feature)
		}
		if c.Day != ueba.NoDay && c.Day != s.Day {
			what += " (" + c.Day.String() + ")"
		}
		v.Causes = append(v.Causes, causeView{Text: what, Change: changeText(c.R, 2)})
	}
	v.Before = fmt.Sprintf("%.2f", math.Abs(s.R-sum))
	v.Change = changeText(sum, 2)
}

// featureName is a feature's short name, or a rule's title.
func (h *handler) featureName(lang text.Lang, model, feature string) string {
	if model == "rule" {
		return h.ruleTitle(lang, feature, feature)
	}
	return h.sayOr(lang, "feature."+feature, model+" "+feature)
}

func (h *handler) fillLooks(r *http.Request, lang text.Lang, id string, day ueba.Day, path string, v *employeeView) error {
	after := r.URL.Query().Get("after")
	found, next, err := h.cfg.Services.Looks.Looks(r.Context(), LookQuery{
		Employee: id, From: h.cfg.Business.Begin(day), To: h.cfg.Business.End(day), Limit: shownLooks, After: after,
	})
	if err != nil {
		return fmt.Errorf("looks: %w", err)
	}
	v.Paged = after != ""
	if next != "" {
		v.NextLooks = path + "?day=" + day.String() + "&after=" + url.QueryEscape(next) + "#looks"
	}
	for i := range found {
		v.Looks = append(v.Looks, h.lookView(lang, &found[i]))
	}
	return nil
}

func (h *handler) lookView(lang text.Lang, l *ueba.Look) lookView {
	v := lookView{
		Record: clean(mask(l.RecordID, l)), Explained: l.Verdict == ueba.Explained, Reason: clean(mask(l.ReasonID, l)), OffHours: l.OffHours,
		VerdictLabel: h.cfg.Text.Say(lang, "verdict."+string(l.Verdict), nil),
	}
	if e := l.Event; e != nil {
		v.Time = h.cfg.Business.Local(e.Time).Format(time.TimeOnly)
		v.Service = clean(e.Service)
		v.Action = h.sayOr(lang, "action."+string(e.Action), string(e.Action))
	}
	if l.RecordID == "" {
		v.NoID = true
		v.Record = h.say(lang, "records_without_id", "count", l.Count)
	}
	v.RecordNote = clean(l.Class)
	v.View, v.Bounds = h.viewTime(lang, l.View)
	for _, f := range l.Flags.Names() {
		v.Flags = append(v.Flags, h.say(lang, "flag."+f))
	}
	return v
}

// viewTime writes the value, and below it the bounds and the method that gave it.
func (h *handler) viewTime(lang text.Lang, t ueba.ViewTime) (value, bounds string) {
	method := h.sayOr(lang, "method."+string(t.Method), string(t.Method))
	if t.Method != ueba.MethodNone {
		value = text.Duration(lang, t.Value)
		if t.Low == t.Value && t.High == t.Value {
			return value, method
		}
	} else {
		value = h.say(lang, "view_unknown")
	}
	if t.High < 0 && t.Low == 0 {
		return value, method
	}
	if t.High < 0 {
		return value, h.say(lang, "view_at_least", "low", t.Low, "method", method)
	}
	return value, h.say(lang, "view_between", "low", t.Low, "high", t.High, "method", method)
}
