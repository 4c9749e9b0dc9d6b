package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ask sends a request with the page token and returns status and body.
func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8417"
	r.Header.Set("Authorization", "Bearer "+pageToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// read asks for a list or a thing that must be there.
func read[T any](t *testing.T, h http.Handler, path string) T {
	t.Helper()
	status, body := ask(t, h, http.MethodGet, path, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	return decode[T](t, body)
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

// refused asks for what must be refused with a problem of that status and code.
func refused(t *testing.T, h http.Handler, method, path, body string, status int, code string) Problem {
	t.Helper()
	got, answer := ask(t, h, method, path, body)
	p := decode[Problem](t, answer)
	if got != status || p.Status != status || p.Code != code || p.Title == "" {
		t.Errorf("%s %s: %d %s, want %d %s", method, path, got, answer, status, code)
	}
	return p
}

func TestScoresOfNewestDay(t *testing.T) {
	h := newCompany().operator(t)
	got := read[Page[ScoreRow]](t, h, "/api/v1/scores")
	if len(got.Items) != 12 || got.Next != "" {
		t.Fatalf("%d scores, next %q", len(got.Items), got.Next)
	}
	first, last := got.Items[0], got.Items[11]
	if first.EmployeeID != employeeID(0) || first.Pseudonym != pseudonym(0) || first.Day != lastDay || *first.Score != 92 || first.Level != ueba.Critical {
		t.Errorf("first is %+v", first)
	}
	if last.State != ueba.Unmonitored || last.Score != nil {
		t.Errorf("who is not monitored has score %v: must be none, not 0", last.Score)
	}
}

func TestScorePagesAreTheWholeList(t *testing.T) {
	h := newCompany().operator(t)
	whole := read[Page[ScoreRow]](t, h, "/api/v1/scores?from=2026-10-30&to=2026-11-02").Items
	var pages []ScoreRow
	path := "/api/v1/scores?from=2026-10-30&to=2026-11-02&limit=7"
	for after := ""; ; {
		p := read[Page[ScoreRow]](t, h, path+after)
		pages = append(pages, p.Items...)
		if p.Next == "" {
			break
		}
		after = "&after=" + p.Next
	}
	if len(whole) != 48 || fmt.Sprint(ids(pages)) != fmt.Sprint(ids(whole)) {
		t.Errorf("pages give %v,\nwhole list %v", ids(pages), ids(whole))
	}
}

func ids(rows []ScoreRow) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Day.String()+r.EmployeeID)
	}
	return out
}

func TestScoresBeforeThereAreAny(t *testing.T) {
	h := (&company{ready: true}).operator(t)
	if _, body := ask(t, h, http.MethodGet, "/api/v1/scores", ""); strings.TrimSpace(body) != `{"items":[]}` {
		t.Errorf("got %s", body)
	}
	status := read[StatusAnswer](t, h, "/api/v1/status")
	if status.First != ueba.NoDay || status.Today.String() != "2026-11-03" || !status.Ready {
		t.Errorf("status %+v", status)
	}
}

func TestHistoryAndExplain(t *testing.T) {
	h := newCompany().operator(t)
	for _, who := range []string{employeeID(0), pseudonym(0)} {
		got := read[Page[ScoreRow]](t, h, "/api/v1/employees/"+who+"/scores")
		if len(got.Items) != 30 || got.Items[29].Day != lastDay {
			t.Errorf("%s: %d Days", who, len(got.Items))
		}
	}
	d := read[ScoreDetail](t, h, "/api/v1/employees/"+employeeID(0)+"/scores/latest?lang=en")
	var sum float64
	for _, p := range d.Parts {
		sum += p.R
	}
	if fmt.Sprintf("%.2f", sum) != fmt.Sprintf("%.2f", *d.Score) || len(d.Explanation.Points) != len(d.Parts) {
		t.Errorf("parts add up to %.2f of %.2f, %d sentences", sum, *d.Score, len(d.Explanation.Points))
	}
	if d.Employee == nil || d.Employee.Name != employeeName(0) || d.Hash == "" {
		t.Errorf("the operator misses name or hash: %+v %q", d.Employee, d.Hash)
	}
	if !strings.Contains(d.Explanation.Headline, "business reason") {
		t.Errorf("headline %q is not English", d.Explanation.Headline)
	}
}

func TestToday(t *testing.T) {
	h := newCompany().operator(t)
	if all := read[Page[LiveRow]](t, h, "/api/v1/today").Items; len(all) != 9 {
		t.Errorf("%d people", len(all))
	}
	one := read[Page[LiveRow]](t, h, "/api/v1/today?employee="+employeeID(2)).Items
	if len(one) != 1 || one[0].Looks != 26 || one[0].ViewMS != 26*60000 || one[0].EmployeeID != employeeID(2) {
		t.Errorf("got %+v", one)
	}
}

func TestLooks(t *testing.T) {
	c := newCompany()
	h := c.operator(t)
	who := read[Page[LookRow]](t, h, "/api/v1/looks?record=C1000293").Items
	if len(who) != 2 || who[0].Account != "credit-engine:wang.wei000" || who[1].EmployeeID != "" || who[1].Account != "crm:svc_batch" {
		t.Errorf("who looked at the record: %+v", who)
	}
	if *who[0].ViewMS != 41200 || who[1].ViewMS != nil || who[1].ViewHighMS != nil {
		t.Errorf("view times %v %v %v", who[0].ViewMS, who[1].ViewMS, who[1].ViewHighMS)
	}
	un := read[Page[LookRow]](t, h, "/api/v1/looks?verdict=unexplained&service=crm&employee="+pseudonym(0)).Items
	for _, l := range un {
		if l.Verdict != ueba.Unexplained || l.Service != "crm" {
			t.Errorf("asked for unexplained looks in crm, got %+v", l)
		}
	}
	read[Page[LookRow]](t, h, "/api/v1/looks?from=2026-11-01&to=2026-11-02")
	q := c.asked[len(c.asked)-1]
	if q.From.UTC().Format("02T15") != "31T16" || q.To.UTC().Format("02T15") != "02T16" {
		t.Errorf("days became %s to %s: want them in the business zone, the last included", q.From, q.To)
	}
}

func TestLooksStreamIsEveryPage(t *testing.T) {
	c := newCompany()
	one := c.looks[0]
	for range 2 * streamPage {
		c.looks = append(c.looks, one)
	}
	_, body := ask(t, c.operator(t), http.MethodGet, "/api/v1/looks/stream", "")
	if n := strings.Count(body, "\n"); n != len(c.looks) {
		t.Errorf("%d lines of %d looks", n, len(c.looks))
	}
}

func TestAlerts(t *testing.T) {
	c := newCompany()
	h := c.operator(t)
	all := read[Page[AlertRow]](t, h, "/api/v1/alerts").Items
	if len(all) != 5 || all[0].EmployeeID != employeeID(0) || all[0].Rule != "score.level" {
		t.Fatalf("got %+v", all)
	}
	if open := read[Page[AlertRow]](t, h, "/api/v1/alerts?state=new").Items; len(open) != 3 {
		t.Errorf("%d new alerts", len(open))
	}
	path := "/api/v1/alerts/" + all[0].ID + "/steps"
	status, body := ask(t, h, http.MethodPost, path, `{"state":"closed","outcome":"expected","note":"leave cover"}`)
	if got := decode[AlertRow](t, body); status != http.StatusOK || got.State != ueba.AlertClosed || got.Outcome != "expected" {
		t.Errorf("%d %s", status, body)
	}
	want := ueba.Step{AlertID: all[0].ID, State: ueba.AlertClosed, Outcome: "expected", Note: "leave cover", By: "operator", Time: now}
	if len(c.steps) != 1 || c.steps[0] != want {
		t.Errorf("stored %+v, want %+v", c.steps, want)
	}
	refused(t, h, http.MethodPost, path, `{"state":"closed"}`, 422, "invalid")
	refused(t, h, http.MethodPost, path, `{"state":"acknowledged","outcome":"expected"}`, 422, "invalid")
	refused(t, h, http.MethodPost, path, `{"state":"new"}`, 422, "invalid")
	refused(t, h, http.MethodPost, "/api/v1/alerts/nope/steps", `{"state":"acknowledged"}`, 404, "unknown_alert")
}

func TestChannels(t *testing.T) {
	h := newCompany().operator(t)
	_, body := ask(t, h, http.MethodPost, "/api/v1/channels/security/test", "")
	if a := decode[ChannelAnswer](t, body); a.Outcome != "delivered" {
		t.Errorf("got %s", body)
	}
	refused(t, h, http.MethodPost, "/api/v1/channels/nope/test", "", 404, "unknown_channel")
	if d := read[Page[Delivery]](t, h, "/api/v1/alerts/x/deliveries").Items; len(d) != 1 || d[0].Attempts != 2 {
		t.Errorf("deliveries %+v", d)
	}
	if status, body := ask(t, h, http.MethodPost, "/api/v1/alerts/x/resend", ""); status != http.StatusOK {
		t.Errorf("resend: %d %s", status, body)
	}
}

func TestCoverage(t *testing.T) {
	c := newCompany()
	for i := range maxNamed + 5 {
		c.ledger.Unmapped = append(c.ledger.Unmapped, AccountCount{Account: fmt.Sprint("crm:x", i), Events: 1})
	}
	for query, want := range map[string]string{
		"": " ", "?from=2026-11-01": "2026-11-01 2026-11-03", "?from=2026-11-05": "2026-11-05 2026-11-05", "?from=2026-10-01&to=2026-10-02": "2026-10-01 2026-10-02",
	} {
		if a := read[CoverageAnswer](t, c.operator(t), "/api/v1/coverage"+query); a.From.String()+" "+a.To.String() != want {
			t.Errorf("coverage%s is of %s %s, want %s", query, a.From, a.To, want)
		}
	}
	got := read[CoverageAnswer](t, c.operator(t), "/api/v1/coverage?from=2026-11-01&to=2026-11-03")
	if len(got.Rows) != 4 || got.Rows[0].Received != 5120 || *got.Rows[0].Expected != 5000 || got.Rows[1].Expected != nil {
		t.Errorf("rows %+v", got.Rows)
	}
	if len(got.Unmapped) != maxNamed || got.UnmappedCount != maxNamed+7 || got.Unseen[0].EmployeeID != employeeID(11) || got.Silent[0] != "funds" {
		t.Errorf("%d accounts of %d, unseen %v, silent %v", len(got.Unmapped), got.UnmappedCount, got.Unseen, got.Silent)
	}
}

func TestDead(t *testing.T) {
	h := newCompany().operator(t)
	if got := read[Page[DeadLetter]](t, h, "/api/v1/dead").Items; len(got) != 1 || got[0].Raw != nil {
		t.Errorf("got %+v", got)
	}
	if got := read[DeadLetter](t, h, "/api/v1/dead/d1"); string(got.Raw) != `{"user":"wang.wei001"}` {
		t.Errorf("raw %q", got.Raw)
	}
	refused(t, h, http.MethodGet, "/api/v1/dead/none", "", 404, "not_found")
	_, body := ask(t, h, http.MethodPost, "/api/v1/dead/replay", `{"ids":["d1"]}`)
	if s := decode[ReplaySummary](t, body); s.Resolved != 1 {
		t.Errorf("got %s", body)
	}
}

func TestScoreJobStreams(t *testing.T) {
	_, body := ask(t, newCompany().operator(t), http.MethodPost, "/api/v1/score?from=2026-11-01&to=2026-11-02&dry_run=true", "")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q", body)
	}
	p, r := decode[Line[ScoreSummary]](t, lines[0]), decode[Line[ScoreSummary]](t, lines[1])
	if p.Progress == nil || p.Progress.Total != 2 || p.Progress.Day != lastDay {
		t.Errorf("progress %s", lines[0])
	}
	if r.Result == nil || r.Result.From.String() != "2026-11-01" || r.Result.Changes[0].Computed != nil || *r.Result.Changes[0].Stored != 3.5 {
		t.Errorf("result %s", lines[1])
	}
}

func TestJobThatFailsEndsWithItsProblem(t *testing.T) {
	c := newCompany()
	c.jobErr = Refuse(http.StatusConflict, "busy", "another run is under way")
	_, body := ask(t, c.operator(t), http.MethodPost, "/api/v1/score", "")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	if l := decode[Line[ScoreSummary]](t, lines[len(lines)-1]); l.Error == nil || l.Error.Code != "busy" || l.Result != nil {
		t.Errorf("got %s", body)
	}
	refused(t, c.operator(t), http.MethodPost, "/api/v1/score?at=yesterday", "", 422, "invalid")
	refused(t, c.operator(t), http.MethodPost, "/api/v1/import?zone=Mars/Olympus", "", 422, "invalid")
}

// TestImportOverSocket sends more than any buffer holds through a real unix socket, while
// progress comes back.
func TestImportOverSocket(t *testing.T) {
	c := newCompany()
	var taken string
	cfg := c.config()
	cfg.Operator = true
	cfg.Services.Jobs = tapped{jobs{c}, &taken}
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	srv.Start()
	defer srv.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	sent := strings.Repeat("a line of the log\n", 500_000)
	resp, err := client.Post("http://onlooker/api/v1/import?format=ecsjson&source=s&zone=Asia%2FShanghai&no_score=true", "application/octet-stream", strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var last Line[ImportSummary]
	progress := 0
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		last = decode[Line[ImportSummary]](t, sc.Text())
		if last.Progress != nil {
			progress++
		}
	}
	if last.Result == nil || last.Result.Received != 500_000 || progress < 10 {
		t.Errorf("%d lines of progress, then %+v", progress, last)
	}
	if taken != sent {
		t.Errorf("%d bytes of %d arrived", len(taken), len(sent))
	}
	if want := (ImportRequest{Format: "ecsjson", Source: "s", Zone: "Asia/Shanghai", NoScore: true}); c.request != want {
		t.Errorf("asked for %+v", c.request)
	}
}

type tapped struct {
	jobs
	taken *string
}

func (j tapped) Import(ctx context.Context, r ImportRequest, body io.Reader, progress func(Progress)) (ImportSummary, error) {
	var b strings.Builder
	s, err := j.jobs.Import(ctx, r, io.TeeReader(body, &b), progress)
	*j.taken = b.String()
	return s, err
}

func TestBadInputIsNamed(t *testing.T) {
	h := newCompany().operator(t)
	for _, path := range []string{
		"/api/v1/scores?from=yesterday", "/api/v1/scores?from=2026-11-31", "/api/v1/scores?limit=0", "/api/v1/scores?limit=999999",
		"/api/v1/scores?after=zzz", "/api/v1/scores?frm=2026-11-01", "/api/v1/looks?verdict=guilty", "/api/v1/looks?limit=5001",
		"/api/v1/looks?from=tomorrow", "/api/v1/looks?from=2026-11-02T09:00:00", "/api/v1/alerts?state=lost",
		"/api/v1/employees/" + pseudonym(0) + "/scores/monday", "/api/v1/employees/" + pseudonym(0) + "/scores/2026-02-30",
		"/api/v1/employees/" + pseudonym(0) + "/scores/latest?lang=fr",
		"/api/v1/scores?after=2020-01-01/5", "/api/v1/looks?record=" + strings.Repeat("x", 600),
	} {
		if p := refused(t, h, http.MethodGet, path, "", 422, "invalid"); len(p.Errors) == 0 && p.Detail == "" {
			t.Errorf("%s: nothing says what is wrong", path)
		}
	}
	for _, path := range []string{
		"/api/v1/scores?from=2026-11-02&to=2026-11-01", "/api/v1/scores?from=1000-01-01&to=2026-11-01",
		"/api/v1/looks?from=2026-11-02&to=2026-11-01",
	} {
		refused(t, h, http.MethodGet, path, "", 422, "invalid_range")
	}
	refused(t, h, http.MethodGet, "/api/v1/employees/nobody/scores", "", 404, "unknown_employee")
	refused(t, h, http.MethodGet, "/api/v1/employees/"+pseudonym(0)+"/scores/2020-01-01", "", 404, "not_found")
	refused(t, h, http.MethodGet, "/api/v9/whatever", "", 404, "no_endpoint")
	refused(t, h, http.MethodPost, "/api/v1/dead/replay", `{"ids":`, 400, "invalid")
	refused(t, h, http.MethodPost, "/api/v1/dead/replay", `{"ids":["`+strings.Repeat("x", 2<<20)+`"]}`, 413, "too_large")
}

func TestProblemsShowNothingOfTheInside(t *testing.T) {
	c := newCompany()
	h := c.operator(t)
	for _, e := range []struct {
		err    error
		status int
		code   string
	}{
		{errors.New("open /var/lib/onlooker/000012.sst: wang.wei001"), 500, "internal"},
		{fmt.Errorf("append: %w", store.ErrFull), 503, "store_full"},
		{fmt.Errorf("append: %w", store.ErrBroken), 503, "store_broken"},
		{fmt.Errorf("put /secret: %w", store.ErrConflict), 409, "conflict"},
	} {
		c.err = e.err
		p := refused(t, h, http.MethodGet, "/api/v1/today", "", e.status, e.code)
		if strings.Contains(p.Detail, "/") && e.status == 500 || strings.Contains(p.Detail, "secret") {
			t.Errorf("the problem tells %q", p.Detail)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	c := newCompany()
	page := read[map[string]any](t, c.page(t), "/api/openapi.json")
	operator := read[map[string]any](t, c.operator(t), "/api/openapi.json")
	if page["openapi"] != "3.1.0" {
		t.Errorf("version %v", page["openapi"])
	}
	pagePaths, allPaths := page["paths"].(map[string]any), operator["paths"].(map[string]any)
	for _, p := range []string{"/api/v1/import", "/api/v1/score", "/api/v1/dead", "/api/v1/channels/{channel}/test"} {
		if pagePaths[p] != nil || allPaths[p] == nil {
			t.Errorf("%s: must be for the operator only", p)
		}
	}
	for path, methods := range allPaths {
		for method, op := range methods.(map[string]any) {
			checkOperation(t, method+" "+path, op.(map[string]any))
		}
	}
}

func checkOperation(t *testing.T, name string, op map[string]any) {
	t.Helper()
	answers := op["responses"].(map[string]any)
	if op["summary"] == "" || answers["200"] == nil {
		t.Errorf("%s: no summary or no answer", name)
	}
	problem, ok := answers["default"].(map[string]any)
	if !ok || problem["content"].(map[string]any)["application/problem+json"] == nil {
		t.Errorf("%s does not describe its problems", name)
	}
}
