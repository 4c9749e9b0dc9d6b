package console

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	rankedRows  = 25  // on the first page of the ranking
	rankedMost  = 200 // each row costs a history
	shownAlerts = 8
	sparkDays   = 30
)

// indexView is the overview.
type indexView struct {
	Day        string
	Date       ueba.Day
	Prev, Next string // neighbouring days with scores, as links
	Open       bool   // the day is not closed
	AnyScores  bool
	AnyEvents  bool
	Levels     []levelCount
	Live       map[string]string
	Rows       []rankRow
	MoreURL    string
	Hidden     int
	Alerts     []alertView
	Coverage   coverageView
}

type levelCount struct {
	Key, Label string
	Count      string
	None       bool
}

type rankRow struct {
	Rank      int
	Pseudonym string
	URL       string
	Badge     badge
	Score     string
	Change    change
	Priority  string
	Spark     chart
	Reason    string
	Live      map[string]string
}

// badge is a level, or the state that stands in its place.
type badge struct {
	Key, Label string
	Note       string // the state beside a level
}

// change is a difference with its direction.
type change struct {
	Text, Direction string // up, down, same
}

type alertView struct {
	Time, Pseudonym, URL string
	Badge                badge
	What                 string
	State, StateLabel    string
}

type coverageView struct {
	Strip    []stripItem
	Rows     []coverageRowView
	Unmapped []AccountCount
	Unseen   []Person
	Silent   []string
	Hidden   struct{ Unmapped, Unseen int }
}

type stripItem struct {
	Label, Count string
	Warn         bool
}

type coverageRowView struct {
	CoverageRow
	ExpectedText                                                  string
	ReceivedText, ParsedText, DeadText, DuplicateText, ScoredText string
	AttributedText, SkippedText, StateLabel                       string
	Warn                                                          bool
}

func (h *handler) indexPage(r *http.Request, lang text.Lang) (frame, *template.Template, error) {
	f := h.frame(r, lang)
	f.Title = h.say(lang, "index.title")
	v, err := h.indexView(r, lang)
	if err != nil {
		return f, nil, err
	}
	f.Body = v
	f.LiveURL = liveURL(v.Rows)
	return f, h.pages[lang].index, nil
}

func liveURL(rows []rankRow) string {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Pseudonym
	}
	return "/live?of=" + url.QueryEscape(strings.Join(names, ","))
}

func (h *handler) indexView(r *http.Request, lang text.Lang) (*indexView, error) {
	ctx := r.Context()
	v := &indexView{}
	if err := h.ranking(r, lang, v); err != nil {
		return nil, err
	}
	alerts, err := h.alertViews(ctx, lang)
	if err != nil {
		return nil, err
	}
	v.Alerts = alerts
	cov, err := h.coverage(ctx, &Days{})
	if err != nil {
		return nil, err
	}
	v.Coverage = h.coverageView(lang, cov)
	for _, row := range cov.Rows {
		v.AnyEvents = v.AnyEvents || row.Received > 0
	}
	return v, nil
}

func (h *handler) ranking(r *http.Request, lang text.Lang, v *indexView) error {
	ctx := r.Context()
	lives, err := h.cfg.Services.Live.Today(ctx, "")
	if err != nil {
		return fmt.Errorf("today: %w", err)
	}
	v.Live = h.liveTotals(lang, lives)
	first, last, err := h.cfg.Services.Scores.Span(ctx)
	if err != nil {
		return fmt.Errorf("span of scores: %w", err)
	}
	if last == ueba.NoDay {
		v.Day = h.dayName(lang, h.today())
		return nil
	}
	day := chosenDay(r, first, last)
	scores, err := h.cfg.Services.Scores.Scores(ctx, day, day)
	if err != nil {
		return fmt.Errorf("scores of %s: %w", day, err)
	}
	v.AnyScores, v.Date, v.Day = true, day, h.dayName(lang, day)
	v.Prev, v.Next = neighbours("/", day, first, last)
	v.Levels = h.levelCounts(lang, scores)
	v.Open = len(scores) > 0 && scores[0].Open
	return h.rankRows(r, lang, v, scores, byEmployee(lives))
}

// chosenDay is what the address asks for, kept within the days that have scores.
func chosenDay(r *http.Request, first, last ueba.Day) ueba.Day {
	d, err := ueba.ParseDay(r.URL.Query().Get("day"))
	if err != nil {
		return last
	}
	return min(max(d, first), last)
}

func neighbours(path string, day, first, last ueba.Day) (prev, next string) {
	if day > first {
		prev = path + "?day=" + (day - 1).String()
	}
	if day < last {
		next = path + "?day=" + (day + 1).String()
	}
	return prev, next
}

func byEmployee(lives []LiveDay) map[string]*LiveDay {
	m := make(map[string]*LiveDay, len(lives))
	for i := range lives {
		m[lives[i].Employee] = &lives[i]
	}
	return m
}

func (h *handler) rankRows(r *http.Request, lang text.Lang, v *indexView, scores []ueba.RiskScore, lives map[string]*LiveDay) error {
	n, err := strconv.Atoi(r.URL.Query().Get("rows"))
	if err != nil || n < 1 {
		n = rankedRows
	}
	n = min(n, rankedMost, len(scores))
	if v.Hidden = len(scores) - n; v.Hidden > 0 && n < rankedMost {
		v.MoreURL = fmt.Sprintf("/?day=%s&rows=%d", v.Date, min(n*4, rankedMost))
	}
	eyes, err := h.look(r.Context(), idsOf(scores[:n], employeeOfScore))
	if err != nil {
		return err
	}
	for i := range scores[:n] {
		row, err := h.rankRow(r.Context(), lang, &scores[i], eyes)
		if err != nil {
			return err
		}
		row.Rank = i + 1
		row.Live = h.liveTexts(lang, lives[scores[i].Employee])
		v.Rows = append(v.Rows, row)
	}
	return nil
}

func (h *handler) rankRow(ctx context.Context, lang text.Lang, s *ueba.RiskScore, eyes view) (rankRow, error) {
	past, err := h.cfg.Services.Scores.History(ctx, s.Employee, s.Day-sparkDays+1, s.Day)
	if err != nil {
		return rankRow{}, fmt.Errorf("history: %w", err)
	}
	name := eyes.person(s.Employee).Pseudonym
	return rankRow{
		Pseudonym: name, URL: "/employees/" + url.PathEscape(name) + "?day=" + s.Day.String(),
		Badge: h.badge(lang, s), Score: scoreText(s, 1), Change: changeFrom(past, s), Priority: fmt.Sprintf("%.1f", s.Priority),
		Spark: sparkline(past, s.Day-sparkDays+1, s.Day), Reason: h.mainReason(lang, s),
	}, nil
}

func (h *handler) mainReason(lang text.Lang, s *ueba.RiskScore) string {
	if s.State == ueba.Unmonitored {
		return h.say(lang, "unmonitored_reason")
	}
	e := h.cfg.Services.Explainer.Explain(*s, lang)
	if len(e.Points) > 0 && e.Points[0].R > 0 {
		return sentence(e.Points[0].Text)
	}
	return h.say(lang, "nothing_unusual")
}

// sentence is clean for our own sentences, which are longer than a field.
func sentence(s string) string {
	var b strings.Builder
	for _, word := range strings.SplitAfter(s, " ") {
		b.WriteString(clean(word))
	}
	return b.String()
}

func (h *handler) badge(lang text.Lang, s *ueba.RiskScore) badge {
	state := h.cfg.Text.Say(lang, "state."+string(s.State), nil)
	if s.State == ueba.Unmonitored {
		return badge{Key: "none", Label: state}
	}
	b := badge{Key: string(s.Level), Label: h.cfg.Text.Say(lang, "level."+string(s.Level), nil)}
	if s.State != ueba.Scored {
		b.Note = state
	}
	return b
}

func scoreText(s *ueba.RiskScore, digits int) string {
	if s.State == ueba.Unmonitored {
		return "–"
	}
	return strconv.FormatFloat(s.R, 'f', digits, 64)
}

// changeFrom compares with the day before, if that was scored.
func changeFrom(past []ueba.RiskScore, s *ueba.RiskScore) change {
	for i := range past {
		if p := &past[i]; p.Day == s.Day-1 && p.State != ueba.Unmonitored && s.State != ueba.Unmonitored {
			return changeText(s.R-p.R, 1)
		}
	}
	return change{}
}

func changeText(d float64, digits int) change {
	t := strconv.FormatFloat(d, 'f', digits, 64)
	switch zero := strings.Trim(t, "-0.") == ""; {
	case zero:
		return change{"±0", "same"}
	case d > 0:
		return change{"+" + t, "up"}
	}
	return change{"−" + strings.TrimPrefix(t, "-"), "down"}
}

func (h *handler) levelCounts(lang text.Lang, scores []ueba.RiskScore) []levelCount {
	levels, states := map[ueba.RiskLevel]int{}, map[ueba.ScoreState]int{}
	for i := range scores {
		states[scores[i].State]++
		if scores[i].State != ueba.Unmonitored {
			levels[scores[i].Level]++
		}
	}
	var out []levelCount
	item := func(key, textKey string, n int) {
		out = append(out, levelCount{key, h.cfg.Text.Say(lang, textKey, nil), text.Number(float64(n)), n == 0})
	}
	for _, l := range []ueba.RiskLevel{ueba.Critical, ueba.High, ueba.Medium, ueba.Low} {
		item(string(l), "level."+string(l), levels[l])
	}
	item("learning", "state.learning", states[ueba.Learning])
	item("none", "state.unmonitored", states[ueba.Unmonitored])
	return out
}

func (h *handler) alertViews(ctx context.Context, lang text.Lang) ([]alertView, error) {
	page, err := h.alertPage(ctx, AlertQuery{From: ueba.NoDay, To: ueba.NoDay, Limit: shownAlerts})
	if err != nil {
		return nil, err
	}
	out := make([]alertView, len(page.Items))
	for i, a := range page.Items {
		out[i] = alertView{
			Time: h.cfg.Business.Local(a.Time).Format("01-02 15:04"), Pseudonym: a.Pseudonym,
			URL:   "/employees/" + url.PathEscape(a.Pseudonym) + "?day=" + a.Day.String(),
			Badge: badge{Key: string(a.Level), Label: h.cfg.Text.Say(lang, "level."+string(a.Level), nil)},
			What:  h.alertTitle(lang, &a), State: string(a.State), StateLabel: h.sayOr(lang, "alert."+string(a.State), string(a.State)),
		}
	}
	return out, nil
}

// alertTitle is the built-in rule's title in the reader's language, else the rule's own.
func (h *handler) alertTitle(lang text.Lang, a *AlertRow) string {
	otherwise := a.Title
	if otherwise == "" {
		otherwise = a.Rule
	}
	if a.Rule == "score.level" || a.Rule == "score.day" {
		return h.say(lang, "rule."+a.Rule, "score", a.Score, "level", h.cfg.Text.Say(lang, "level."+string(a.Level), nil))
	}
	return h.ruleTitle(lang, a.Rule, otherwise)
}

func (h *handler) ruleTitle(lang text.Lang, id, otherwise string) string {
	if key := "rule." + id; h.cfg.Text.Has(key) {
		return h.cfg.Text.Say(lang, key, nil)
	}
	return clean(otherwise)
}

// namedOnPage is how many accounts and people the page lists by name; the rest is a number.
const namedOnPage = 12

func (h *handler) coverageView(lang text.Lang, c CoverageAnswer) coverageView {
	v := coverageView{
		Unmapped: c.Unmapped[:min(len(c.Unmapped), namedOnPage)],
		Unseen:   c.Unseen[:min(len(c.Unseen), namedOnPage)],
	}
	for i := range v.Unmapped {
		v.Unmapped[i].Account = clean(v.Unmapped[i].Account)
	}
	for _, s := range c.Silent {
		v.Silent = append(v.Silent, clean(s))
	}
	v.Hidden.Unmapped, v.Hidden.Unseen = c.UnmappedCount-len(v.Unmapped), c.UnseenCount-len(v.Unseen)
	var sum CoverageRow
	for i := range c.Rows {
		row := &c.Rows[i]
		v.Rows = append(v.Rows, h.coverageRow(lang, row))
		sum.Received += row.Received
		sum.Parsed += row.Parsed
		sum.Dead += row.Dead
		sum.Duplicate += row.Duplicate
	}
	item := func(key string, n int64, bad bool) {
		v.Strip = append(v.Strip, stripItem{h.say(lang, "coverage."+key), text.Number(float64(n)), bad && n > 0})
	}
	item("received", sum.Received, false)
	item("parsed", sum.Parsed, false)
	item("dead", sum.Dead, true)
	item("duplicate", sum.Duplicate, false)
	item("unmapped", int64(c.UnmappedCount), true)
	item("silent", int64(len(c.Silent)), true)
	item("unseen", int64(c.UnseenCount), true)
	return v
}

func (h *handler) coverageRow(lang text.Lang, row *CoverageRow) coverageRowView {
	n := func(i int64) string { return text.Number(float64(i)) }
	v := coverageRowView{
		CoverageRow: *row, ExpectedText: "–", ReceivedText: n(row.Received), SkippedText: n(row.Skipped), ParsedText: n(row.Parsed),
		DeadText: n(row.Dead), DuplicateText: n(row.Duplicate), AttributedText: n(row.Attributed), ScoredText: n(row.Scored),
		StateLabel: h.sayOr(lang, "coverage.state."+row.State, row.State), Warn: row.State != "ok",
	}
	v.System, v.Source = clean(row.System), clean(row.Source)
	if v.System == "" {
		v.System = h.say(lang, "coverage.no_system")
	}
	if row.Expected != nil {
		v.ExpectedText = n(*row.Expected)
	}
	return v
}
