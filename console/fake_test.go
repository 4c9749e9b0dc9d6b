package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The made-up company: twelve employees, sixty days of scores, one open day.
var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	lastDay  = mustDay("2026-11-02")
	now      = time.Date(2026, 11, 3, 10, 31, 5, 0, shanghai)
)

const pageToken = "s3cret-token-of-the-page-0123456789"

func mustDay(s string) ueba.Day {
	d, err := ueba.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// company is every service at once, over data in memory.
type company struct {
	scores    []ueba.RiskScore
	live      []LiveDay
	looks     []ueba.Look
	alerts    []ueba.Alert
	ledger    Coverage
	letters   []DeadLetter
	staff     []string
	steps     []ueba.Step
	asked     []LookQuery
	imported  string
	request   ImportRequest
	ready     bool
	err       error // what every service says, if set
	jobErr    error
	explained func(ueba.RiskScore, text.Lang) Explanation
}

// Real ids and names, none of which may ever reach the page.
func employeeID(i int) string { return fmt.Sprintf("wang.wei%03d", i) }

func employeeName(i int) string { return fmt.Sprintf("王伟%03d", i) }

func pseudonym(i int) string { return fmt.Sprintf("P-%c%dK%cQ", 'A'+rune(i), i%10, 'M'-rune(i)) }

func newCompany() *company {
	c := &company{ready: true}
	for i := range 12 {
		c.staff = append(c.staff, employeeID(i))
	}
	for day := lastDay - 59; day <= lastDay; day++ {
		c.addScores(day)
	}
	c.addToday()
	c.addLooks()
	c.addAlerts()
	c.addLedger()
	return c
}

// addScores lets one person rise over the last week, a few wander, one be unmonitored.
func (c *company) addScores(day ueba.Day) {
	from := len(c.scores)
	for i, id := range c.staff {
		age := float64(lastDay - day)
		r := 12 + 9*math.Sin(float64(i)+age/(4+float64(i%3))) + 22*math.Exp(-float64(i)/3)
		r += []float64{58, 34, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0}[i] * math.Exp(-math.Abs(age-float64(i*2))/4)
		c.scores = append(c.scores, fakeScore(id, day, math.Round(min(max(r, 0), 97)*100)/100, i))
	}
	of := c.scores[from:]
	sort.SliceStable(of, func(a, b int) bool { return of[a].Priority > of[b].Priority })
}

func fakeScore(id string, day ueba.Day, r float64, i int) ueba.RiskScore {
	s := ueba.RiskScore{
		Employee: id, Day: day, Revision: 1, At: day.Midnight().Add(30 * time.Hour), State: ueba.Scored, R: r, A: r / 8,
		Level: levelOf(r), H: r / 12, P: 0.00031, Evidence: r / 20, Priority: r / 9, Version: "1", Config: "cfg", Seal: "seal",
		Hash: "hash-of-" + id,
	}
	switch i {
	case 11:
		s.State, s.R, s.Priority, s.Level = ueba.Unmonitored, 0, 0, ueba.Low
		return s
	case 10:
		s.State = ueba.Learning
	case 9:
		s.State, s.Missing = ueba.Partial, []string{"reasons"}
	}
	s.Parts = fakeParts(day, r)
	s.Causes = []ueba.Cause{
		{Kind: "evidence", Model: "purpose", Feature: "unexplained_records", Day: day, R: 9.4},
		{Kind: "decay", Day: ueba.NoDay, R: -2.13},
	}
	return s
}

func levelOf(r float64) ueba.RiskLevel {
	switch {
	case r >= 80:
		return ueba.Critical
	case r >= 60:
		return ueba.High
	case r >= 40:
		return ueba.Medium
	}
	return ueba.Low
}

type fakeShare struct {
	model, feature string
	share          float64
	back           ueba.Day
}

// fakeParts add up to r.
func fakeParts(day ueba.Day, r float64) []ueba.Part {
	shares := []fakeShare{
		{"purpose", "unexplained_records", .46, 0}, {"purpose", "unexplained_new", .21, 0}, {"target", "unexplained_vip", .14, 1},
		{"timing", "off_hours", .1, 0}, {"rule", "a9ba618d-6b37-4777-a81c-49c9135f955a", .06, 1}, {"volume", "records", .03, 2},
	}
	var parts []ueba.Part
	left := r
	for i, s := range shares {
		part := math.Round(r*s.share*100) / 100
		if i == len(shares)-1 {
			part = math.Round(left*100) / 100
		}
		left -= part
		parts = append(parts, ueba.Part{Day: day - s.back, Model: s.model, Feature: s.feature, R: part, A: part / 8, Detail: "detection-of-" + s.feature})
	}
	return parts
}

func (c *company) addToday() {
	for i := range 9 {
		c.live = append(c.live, LiveDay{
			Employee: employeeID(i), Day: lastDay + 1, Looks: 12 + i*7, Records: 9 + i*5, View: time.Duration(14+i*6) * time.Minute,
			Unexplained: max(0, 11-3*i), Flagged: max(0, 3-i), Updated: now,
		})
	}
}

func (c *company) addLooks() {
	views := []ueba.ViewTime{
		{Value: 41200 * time.Millisecond, Low: 41200 * time.Millisecond, High: 41200 * time.Millisecond, Method: ueba.MethodExplicit},
		{Value: 3 * time.Minute, Low: 0, High: 4 * time.Minute, Method: ueba.MethodGap},
		{Low: 0, High: -1, Method: ueba.MethodNone},
		{Value: 400 * time.Millisecond, Low: 400 * time.Millisecond, High: 400 * time.Millisecond, Method: ueba.MethodExplicit},
	}
	actions := []ueba.Action{ueba.ActionView, ueba.ActionView, ueba.ActionUnmask, ueba.ActionExport}
	services := []string{"credit-engine", "crm", "marketing"}
	begin := time.Date(2026, 11, 2, 19, 40, 0, 0, shanghai)
	for i := range 26 {
		l := ueba.Look{
			Event: &ueba.Event{
				EventID: fmt.Sprint(i), Time: begin.Add(-time.Duration(i) * 7 * time.Minute).UTC(), Service: services[i%3],
				User: employeeID(0), Action: actions[i%4],
			},
			EventRef: "ref-" + fmt.Sprint(i), Day: lastDay, Employee: employeeID(0), RecordID: fmt.Sprintf("C10%05d", 293+i*17), Count: 1,
			Class: []string{"C2", "C3", ""}[i%3], View: views[i%4], Verdict: ueba.Unexplained, OffHours: i < 6,
		}
		if i%3 == 1 {
			l.Verdict, l.ReasonID = ueba.Explained, fmt.Sprintf("T261102-%05d", i)
		}
		if i%5 == 0 {
			l.Flags = ueba.FlagVIP
		}
		if i == 3 {
			l.RecordID, l.Count = "", 1250
		}
		c.looks = append(c.looks, l)
	}
	c.looks = append(c.looks, ueba.Look{
		Event:    &ueba.Event{Time: begin.Add(-8 * time.Hour).UTC(), Service: "crm", User: "svc_batch", Action: ueba.ActionList},
		RecordID: "C1000293", Count: 1, View: views[2], Verdict: ueba.Unexplained,
	})
}

func (c *company) addAlerts() {
	for i, rule := range []string{"score.level", "a9ba618d-6b37-4777-a81c-49c9135f955a", "score.day", "0118e3b5-5d4b-4840-a860-71638aee8fbc", "burst-of-records"} {
		titles := []string{"", "VIP record without a reason", "", "Export of C3 data", "Burst of distinct records"}
		c.alerts = append(c.alerts, ueba.Alert{
			ID: ueba.AlertID(lastDay, employeeID(i), rule, ""), Time: now.Add(-time.Duration(i*197) * time.Minute), Day: lastDay, Employee: employeeID(i),
			Level: []ueba.RiskLevel{ueba.Critical, ueba.High, ueba.High, ueba.High, ueba.Medium}[i], Rule: rule, Title: titles[i],
			Score: 84.31 - float64(i)*9, Count: 3 + i, State: []ueba.AlertState{ueba.AlertNew, ueba.AlertNew, ueba.AlertAcknowledged, ueba.AlertNew, ueba.AlertClosed}[i],
			Looks: []string{"ref-of-" + employeeID(i)},
		})
	}
}

func (c *company) addLedger() {
	expected := int64(5000)
	c.ledger = Coverage{
		Rows: []CoverageRow{
			{System: "credit-engine", Source: "http/core", Expected: &expected, Received: 5120, Parsed: 5118, Dead: 2, Duplicate: 14, Attributed: 5080, Scored: 5080, State: "ok"},
			{System: "crm", Source: "file/crm", Received: 18233, Skipped: 120, Parsed: 18113, Duplicate: 3, Attributed: 17990, Scored: 17990, State: "ok"},
			{System: "funds", Source: "http/core", Expected: &expected, State: "silent"},
			{System: "marketing", Source: "http/mkt", Received: 902, Parsed: 902, Attributed: 902, Scored: 902, State: "unregistered"},
		},
		Unmapped: []AccountCount{{Account: "crm:svc_batch", Events: 123, Last: now}, {Account: "credit-engine:anna.crm", Events: 38, Last: now}},
		Unseen:   []string{employeeID(11)},
		Silent:   []string{"funds"},
	}
	c.letters = []DeadLetter{{ID: "d1", Time: now, Source: "http/core", Format: "ecsjson", Place: "line 3", Reason: "no @timestamp", Size: 20, Raw: []byte(`{"user":"wang.wei001"}`)}}
}

func (c *company) Span(context.Context) (ueba.Day, ueba.Day, error) {
	if len(c.scores) == 0 {
		return ueba.NoDay, ueba.NoDay, c.err
	}
	return c.scores[0].Day, c.scores[len(c.scores)-1].Day, c.err
}

func (c *company) Scores(_ context.Context, from, to ueba.Day) ([]ueba.RiskScore, error) {
	return c.scoresWhere(func(s ueba.RiskScore) bool { return s.Day >= from && s.Day <= to }), c.err
}

func (c *company) Score(_ context.Context, id string, day ueba.Day) (ueba.RiskScore, error) {
	of := c.scoresWhere(func(s ueba.RiskScore) bool { return s.Employee == id && s.Day == day })
	if len(of) == 0 {
		return ueba.RiskScore{}, fmt.Errorf("score: %w", store.ErrNotFound)
	}
	return of[0], c.err
}

func (c *company) History(_ context.Context, id string, from, to ueba.Day) ([]ueba.RiskScore, error) {
	return c.scoresWhere(func(s ueba.RiskScore) bool { return s.Employee == id && s.Day >= from && s.Day <= to }), c.err
}

func (c *company) scoresWhere(want func(ueba.RiskScore) bool) []ueba.RiskScore {
	var out []ueba.RiskScore
	for _, s := range c.scores {
		if want(s) {
			out = append(out, s)
		}
	}
	return out
}

func (c *company) Today(_ context.Context, id string) ([]LiveDay, error) {
	var out []LiveDay
	for _, l := range c.live {
		if id == "" || l.Employee == id {
			out = append(out, l)
		}
	}
	return out, c.err
}

func (c *company) Looks(_ context.Context, q LookQuery) ([]ueba.Look, string, error) {
	c.asked = append(c.asked, q)
	var out []ueba.Look
	for _, l := range c.looks {
		t := l.Event.Time
		if (q.Employee == "" || l.Employee == q.Employee) && (q.Record == "" || l.RecordID == q.Record) &&
			(q.Service == "" || l.Event.Service == q.Service) && (q.Verdict == "" || l.Verdict == q.Verdict) &&
			(q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To)) {
			out = append(out, l)
		}
	}
	start := 0
	if q.After != "" {
		_, _ = fmt.Sscan(q.After, &start)
	}
	out = out[min(start, len(out)):]
	if q.Limit > 0 && len(out) > q.Limit {
		return out[:q.Limit], fmt.Sprint(start + q.Limit), c.err
	}
	return out, "", c.err
}

// alertBook, ledger and so on exist because Go knows a method by its name alone.
type alertBook struct{ *company }

func (b alertBook) List(_ context.Context, q AlertQuery) ([]ueba.Alert, string, error) {
	var out []ueba.Alert
	for _, a := range b.alerts {
		if (q.State == "" || a.State == q.State) && (q.Employee == "" || a.Employee == q.Employee) &&
			(q.From == ueba.NoDay || a.Day >= q.From) && (q.To == ueba.NoDay || a.Day <= q.To) {
			out = append(out, a)
		}
	}
	if len(out) > q.Limit {
		return out[:q.Limit], out[q.Limit].ID, b.err
	}
	return out, "", b.err
}

func (b alertBook) Step(_ context.Context, s ueba.Step) (ueba.Alert, error) {
	for i := range b.alerts {
		if b.alerts[i].ID == s.AlertID {
			b.steps = append(b.steps, s)
			b.alerts[i].State, b.alerts[i].Outcome = s.State, s.Outcome
			return b.alerts[i], b.err
		}
	}
	return ueba.Alert{}, Refuse(http.StatusNotFound, "unknown_alert", "no alert "+s.AlertID)
}

func (b alertBook) Deliveries(context.Context, string) ([]Delivery, error) {
	return []Delivery{{Channel: "security", State: "delivered", Attempts: 2, Answer: `{"errcode":0}`}}, b.err
}

func (b alertBook) Resend(context.Context, string) error { return b.err }

func (b alertBook) Test(_ context.Context, channel string) (ChannelAnswer, error) {
	if channel != "security" {
		return ChannelAnswer{}, Refuse(http.StatusNotFound, "unknown_channel", "there is no channel "+channel)
	}
	return ChannelAnswer{Outcome: "delivered"}, b.err
}

func (c *company) Coverage(context.Context, ueba.Day, ueba.Day) (Coverage, error) {
	return c.ledger, c.err
}

type deadBook struct{ *company }

func (b deadBook) List(context.Context, DeadQuery) ([]DeadLetter, string, error) {
	out := append([]DeadLetter(nil), b.letters...)
	for i := range out {
		out[i].Raw = nil
	}
	return out, "", b.err
}

func (b deadBook) Get(_ context.Context, id string) (DeadLetter, error) {
	for _, d := range b.letters {
		if d.ID == id {
			return d, b.err
		}
	}
	return DeadLetter{}, store.ErrNotFound
}

func (b deadBook) Replay(_ context.Context, r ReplayRequest) (ReplaySummary, error) {
	return ReplaySummary{Tried: len(r.IDs), Resolved: len(r.IDs)}, b.err
}

type jobs struct{ *company }

func (j jobs) Import(_ context.Context, r ImportRequest, body io.Reader, progress func(Progress)) (ImportSummary, error) {
	j.request = r
	var all []byte
	chunk := make([]byte, 1<<16)
	for {
		n, err := body.Read(chunk)
		all = append(all, chunk[:n]...)
		progress(Progress{Stage: "read", Done: int64(len(all)), Day: ueba.NoDay})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ImportSummary{}, err
		}
	}
	j.imported = string(all)
	lines := int64(strings.Count(j.imported, "\n"))
	return ImportSummary{Received: lines, Parsed: lines, Stored: lines}, j.jobErr
}

func (j jobs) Score(_ context.Context, r ScoreRequest, progress func(Progress)) (ScoreSummary, error) {
	progress(Progress{Stage: "score", Done: 1, Total: 2, Day: lastDay})
	stored := 3.5
	return ScoreSummary{From: r.From, To: r.To, Eligible: 12, Scored: 12, Changes: []ScoreChange{
		{Employee: employeeID(1), Day: lastDay, Stored: &stored},
	}}, j.jobErr
}

func (c *company) Explain(s ueba.RiskScore, lang text.Lang) Explanation {
	if c.explained != nil {
		return c.explained(s, lang)
	}
	e := Explanation{Headline: "Looks without a business reason stand out: 142 distinct customers on Mon 2 Nov, typically 31."}
	if lang == text.Chinese {
		e.Headline = "无业务理由的查看明显多于平日：11月2日查看 142 名不同客户，其平日通常 31 名。"
	}
	zh := []string{
		"11月2日无业务理由查看 142 名不同客户；其平日通常 31 名（20–46），同岗位约 28 名；约每 4 万天一遇。", "其中 58 名为 28 天内未查看过的客户；平日通常 6 名。",
		"11月1日无理由查看 3 名 VIP 客户；同岗位平日几乎没有。", "非工作时间查看 24 次；平日通常 2 次。", "规则命中：无理由查看 VIP 客户。", "查看 187 名不同客户；平日通常 120 名。",
	}
	en := []string{
		"142 distinct customers without a reason on Mon 2 Nov; working days: typically 31 (20–46); colleagues in the same role: 28; 1 in 40,000 days.",
		"58 of them not looked at in the 28 days before; typically 6.", "3 VIP customers without a reason on Sun 1 Nov; colleagues: almost never.",
		"24 looks off hours; typically 2.", "Rule: VIP record without a reason.", "187 distinct customers; typically 120.",
	}
	for i, p := range s.Parts {
		t := en[i]
		if lang == text.Chinese {
			t = zh[i]
		}
		e.Points = append(e.Points, Point{Text: t, R: p.R, Day: p.Day, Model: p.Model, Feature: p.Feature})
	}
	return e
}

func (c *company) Pseudonyms(_ context.Context, ids []string) (map[string]string, error) {
	m := map[string]string{}
	for _, id := range ids {
		for i := range c.staff {
			if c.staff[i] == id {
				m[id] = pseudonym(i)
			}
		}
	}
	return m, c.err
}

func (c *company) Unmask(_ context.Context, name string) (string, error) {
	for i := range c.staff {
		if pseudonym(i) == name {
			return c.staff[i], c.err
		}
	}
	return "", fmt.Errorf("pseudonym: %w", store.ErrNotFound)
}

func (c *company) Employee(_ context.Context, id string) (ueba.Employee, error) {
	for i := range c.staff {
		if c.staff[i] == id {
			return ueba.Employee{ID: id, Name: employeeName(i), Department: "零售信贷部"}, c.err
		}
	}
	return ueba.Employee{}, store.ErrNotFound
}

func (c *company) Health(context.Context) Health {
	return Health{Ready: c.ready, Checks: []Check{{Name: "store", OK: c.ready}}}
}

func (c *company) config() Config {
	log := logrus.New()
	log.SetOutput(io.Discard)
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "onlooker_test"}, func() float64 { return 1 }))
	return Config{
		Services: Services{
			Scores: c, Live: c, Looks: c, Alerts: alertBook{c}, Coverage: c, Dead: deadBook{c}, Jobs: jobs{c},
			Explainer: c, People: c, Status: c,
		},
		Text: text.MustLoad(), Business: ueba.Business{Zone: shanghai}, Now: func() time.Time { return now }, Log: log, Metrics: reg,
		Version: "0.1.0", PageToken: pageToken, TokenFile: "/var/lib/onlooker/page-link", Hosts: []string{"onlooker.example"},
	}
}

func (c *company) page(t *testing.T) http.Handler {
	t.Helper()
	return c.handler(t, false)
}

func (c *company) operator(t *testing.T) http.Handler {
	t.Helper()
	return c.handler(t, true)
}

func (c *company) handler(t *testing.T, operator bool) http.Handler {
	t.Helper()
	cfg := c.config()
	cfg.Operator = operator
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
