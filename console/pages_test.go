package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// open asks for a page as a browser with a session does.
func open(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := visit{path: path, cookies: enter(t, h)}.to(h)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body.String())
	}
	return w.Body.String()
}

func wants(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestIndexInBothLanguages(t *testing.T) {
	h := newCompany().page(t)
	wants(t, open(t, h, "/?lang=zh"),
		`lang="zh-CN"`, "风险总览", "2026-11-02 星期一", pseudonym(0), "严重", "92.0", "&#43;10.6", "无业务理由查看 142 名",
		"5.7 小时", "crm:svc_batch", "静默系统", "funds", "未监测", "无业务理由查看 VIP 客户记录", "风险级别升至严重")
	wants(t, open(t, h, "/?lang=en"),
		`lang="en"`, "Risk overview", "2026-11-02 Mon", "critical", "142 distinct customers", "not monitored", "Accounts of nobody",
		"VIP record without a business reason", "Level rose to critical")
}

func TestLanguageIsRemembered(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	w := visit{path: "/?lang=en", cookies: cookies}.to(h)
	w = visit{path: "/", cookies: append(cookies, w.Result().Cookies()...), header: map[string]string{"Accept-Language": "zh-CN"}}.to(h)
	wants(t, w.Body.String(), "Risk overview")
	for accept, want := range map[string]string{"": "风险总览", "zh-TW,en": "风险总览", "fr, en;q=0.8": "Risk overview", "de": "风险总览"} {
		w := visit{path: "/", cookies: cookies, header: map[string]string{"Accept-Language": accept}}.to(h)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("Accept-Language %q does not give %q", accept, want)
		}
	}
}

func TestIndexOfAnotherDay(t *testing.T) {
	h := newCompany().page(t)
	page := open(t, h, "/?day=2026-10-20")
	wants(t, page, "2026-10-20", "/?day=2026-10-19", "/?day=2026-10-21")
	if page := open(t, h, "/?day=1999-01-01"); !strings.Contains(page, "2026-09-04") {
		t.Error("a day before the first does not show the first")
	}
	if page := open(t, h, "/?rows=3"); strings.Count(page, `class="num rank"`) != 3 || !strings.Contains(page, "rows=12") {
		t.Error("three rows were asked for, and the way to more")
	}
}

func TestEmptyPagesHelp(t *testing.T) {
	c := &company{ready: true}
	page := open(t, c.page(t), "/?lang=en")
	wants(t, page, "Nothing received yet", "/v1/events", "onlooker demo", "No alerts")
	c.ledger.Rows = []CoverageRow{{System: "crm", Received: 17, State: "ok"}}
	wants(t, open(t, c.page(t), "/?lang=en"), "nothing is scored yet", "onlooker score")
}

func TestEmployeePage(t *testing.T) {
	h := newCompany().page(t)
	page := open(t, h, "/employees/"+pseudonym(0)+"?lang=en")
	wants(t, page, "92.00", "42.32", "Purpose", "New evidence: distinct customers without a reason", "&#43;9.40", "−2.13", "84.73",
		"C1000293", "T261102-00001", "41 s", "under 1 s", "1,250 records (ids not given)", "unmask", "off hours", "one in 3,200 person-days", "polyline")
	if strings.Contains(page, "0 min<") {
		t.Error("less than a second became nothing")
	}
	wants(t, open(t, h, "/employees/"+pseudonym(9)+"?lang=zh"), "缺少业务理由数据", "数据不全")
	unmonitored := open(t, h, "/employees/"+pseudonym(11)+"?lang=en")
	wants(t, unmonitored, "Nothing was ever received", "no score")
	if strings.Contains(unmonitored, "0.00</b><span>/ 100") {
		t.Error("who is not monitored is shown with a score of 0")
	}
	for _, who := range []string{"P-NOBODY", employeeID(0), employeeName(0), "..%2f..%2fetc"} {
		if w := (visit{path: "/employees/" + who, cookies: enter(t, h)}).to(h); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", who, w.Code)
		}
	}
}

func TestPartsOnThePageAddUp(t *testing.T) {
	c := newCompany()
	for i := range c.scores {
		s := &c.scores[i]
		if s.Day != lastDay || s.Employee != employeeID(0) {
			continue
		}
		s.Parts = nil
		for p := range 40 {
			s.Parts = append(s.Parts, ueba.Part{Day: lastDay - ueba.Day(p), Model: "purpose", Feature: "unexplained", R: 2.3})
		}
	}
	c.explained = func(ueba.RiskScore, text.Lang) Explanation { return Explanation{} }
	page := open(t, c.page(t), "/employees/"+pseudonym(0)+"?lang=en")
	wants(t, page, "28 further parts", "64.40", "unexplained looks")
	var sum float64
	for _, m := range regexp.MustCompile(`<td class="num"><b>([0-9.]+)</b></td>\s*<td><p>`).FindAllStringSubmatch(page, -1) {
		var r float64
		if _, err := fmt.Sscan(m[1], &r); err != nil {
			t.Fatal(err)
		}
		sum += r
	}
	if fmt.Sprintf("%.2f", sum) != "92.00" {
		t.Errorf("the bars add up to %.2f, the score is 92.00", sum)
	}
}

func TestLooksPageOn(t *testing.T) {
	c := newCompany()
	one := c.looks[0]
	for range 150 {
		c.looks = append(c.looks, one)
	}
	h := c.page(t)
	page := open(t, h, "/employees/"+pseudonym(0)+"?lang=en")
	wants(t, page, "Older looks", "after=100#looks")
	if n := strings.Count(open(t, h, "/employees/"+pseudonym(0)+"?lang=en&after=100"), `class="verdict-cell"`); n != 76 {
		t.Errorf("%d looks on the second page, want 76", n)
	}
}

func TestLiveValues(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	w := visit{path: "/live?of=" + pseudonym(1) + "," + pseudonym(11), cookies: cookies, header: map[string]string{"Accept-Language": "en"}}.to(h)
	values := decode[map[string]string](t, w.Body.String())
	for k, want := range map[string]string{
		"total.looks": "360", "total.active": "9", "total.at": "10:31:05", pseudonym(1) + ".looks": "19",
		pseudonym(1) + ".view": "20 min", pseudonym(11) + ".looks": "–",
	} {
		if values[k] != want {
			t.Errorf("%s = %q, want %q", k, values[k], want)
		}
	}
	for _, key := range regexp.MustCompile(`data-k="([^"]+)"`).FindAllStringSubmatch(open(t, h, "/employees/"+pseudonym(1)), -1) {
		if _, ok := values[key[1]]; !ok {
			t.Errorf("the page waits for %s, which never comes", key[1])
		}
	}
}

// everything is every address that TCP serves.
func everything() []string {
	paths := []string{
		"/", "/?day=2026-10-20", "/live", "/api/openapi.json", "/api/v1/status", "/api/v1/scores", "/api/v1/scores?from=2026-10-01&to=2026-11-02&limit=10000",
		"/api/v1/today", "/api/v1/looks", "/api/v1/looks?record=C1000293", "/api/v1/looks/stream", "/api/v1/alerts", "/api/v1/coverage", "/metrics",
	}
	for i := range 12 {
		p := pseudonym(i)
		paths = append(paths, "/employees/"+p, "/live?of="+p, "/api/v1/employees/"+p+"/scores", "/api/v1/employees/"+p+"/scores/latest",
			"/api/v1/today?employee="+p, "/api/v1/looks?employee="+p, "/api/v1/alerts?employee="+p)
	}
	return paths
}

func TestNoEmployeeOnAnyByteOfTCP(t *testing.T) {
	h := newCompany().page(t)
	secret := regexp.MustCompile(`wang\.wei|王伟|hash-of|detection-of|ref-of|ref-\d`)
	for _, path := range everything() {
		for _, lang := range []string{"zh", "en"} {
			w := visit{path: path, header: map[string]string{"Authorization": "Bearer " + pageToken, "Accept-Language": lang}}.to(h)
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", path, w.Code, w.Body.String())
			}
			if found := secret.FindString(w.Body.String()); found != "" {
				t.Errorf("%s shows %q", path, found)
			}
		}
	}
	for _, path := range []string{
		"/api/v1/dead", "/api/v1/dead/d1", "/api/v1/alerts/x/deliveries", "/api/v1/employees/" + employeeID(0) + "/scores", "/api/v1/looks?employee=" + employeeID(0),
	} {
		w := visit{path: path, header: map[string]string{"Authorization": "Bearer " + pageToken}}.to(h)
		if w.Code != http.StatusNotFound || secret.MatchString(w.Body.String()) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body.String())
		}
	}
	for _, path := range []string{"/api/v1/import", "/api/v1/score", "/api/v1/dead/replay", "/api/v1/channels/security/test"} {
		w := visit{method: http.MethodPost, path: path, header: map[string]string{"Authorization": "Bearer " + pageToken}}.to(h)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestNobodyWithoutPseudonym wants an error rather than an answer with an id in it.
func TestNobodyWithoutPseudonym(t *testing.T) {
	c := newCompany()
	for i := range c.scores {
		if c.scores[i].Employee == employeeID(5) {
			c.scores[i].Employee = "wang.wei-unknown"
		}
	}
	w := visit{path: "/api/v1/scores", header: map[string]string{"Authorization": "Bearer " + pageToken}}.to(c.page(t))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "wang.wei") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
}

var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `</title><svg/onload=alert(1)>`,
	`{{.}}`, "\u202egnp.exe", "a\x00b\x1b[31mc", `%3Cscript%3E`, `&lt;script&gt;`, "@all", `]]><script>`, "\u2066x\u2069", strings.Repeat("W", 5000),
}

func TestHostileNames(t *testing.T) {
	for _, evil := range hostile {
		c := newCompany()
		c.spoil(evil)
		h := c.page(t)
		for _, path := range []string{"/?lang=en", "/employees/" + pseudonym(0) + "?lang=zh"} {
			checkHarmless(t, evil, open(t, h, path))
		}
	}
}

// spoil writes evil wherever a sender has a say.
func (c *company) spoil(evil string) {
	for i := range c.looks {
		l := &c.looks[i]
		l.RecordID, l.ReasonID, l.Class = evil, evil, evil
		l.Event.Service, l.Event.User, l.Event.Action = evil, evil, ueba.Action(evil)
	}
	for i := range c.alerts {
		c.alerts[i].Title, c.alerts[i].Rule = evil, evil
	}
	c.ledger.Rows[0].System, c.ledger.Rows[0].Source, c.ledger.Rows[0].State = evil, evil, evil
	c.ledger.Unmapped[0].Account, c.ledger.Silent[0] = evil, evil
	for i := range c.scores {
		s := &c.scores[i]
		if len(s.Parts) > 0 {
			s.Parts[0].Model, s.Parts[0].Feature, s.Causes[0].Kind, s.Causes[0].Feature = evil, evil, evil, evil
		}
	}
	c.explained = func(ueba.RiskScore, text.Lang) Explanation {
		return Explanation{Headline: evil, Notes: []string{evil}, Points: []Point{{Text: evil, R: 1}}}
	}
}

// ours are the only scripts and attributes that a page may have.
var (
	scripts  = regexp.MustCompile(`(?i)<script[^>]*>`)
	ours     = regexp.MustCompile(`^<script src="/assets/live\.[0-9a-f]+\.js" defer>$`)
	inTag    = regexp.MustCompile(`(?i)<[a-z][^<>]*\s(on[a-z]+|style)=`)
	badLinks = regexp.MustCompile(`(?i)(href|src)="(javascript|data|https?:|//)`)
)

func checkHarmless(t *testing.T, evil, page string) {
	t.Helper()
	for _, s := range scripts.FindAllString(page, -1) {
		if !ours.MatchString(s) {
			t.Errorf("%q became %s", evil, s)
		}
	}
	quoted := regexp.MustCompile(`"[^"]*"`).ReplaceAllStringFunc(page, func(s string) string {
		return strings.NewReplacer("<", "", ">", "", "=", "").Replace(s)
	})
	if m := inTag.FindString(quoted); m != "" {
		t.Errorf("%q became %s", evil, m)
	}
	if m := badLinks.FindString(page); m != "" {
		t.Errorf("%q became %s", evil, m)
	}
	if strings.ContainsAny(page, "\u202e\u2066\u2069\x00\x1b") {
		t.Errorf("%q keeps its control characters", evil)
	}
	if strings.Contains(page, strings.Repeat("W", 600)) {
		t.Error("a name fills the page")
	}
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	h := newCompany().page(t)
	for _, path := range []string{"/", "/employees/" + pseudonym(0)} {
		page := open(t, h, path)
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !strings.HasPrefix(m[1], "/") && !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "?") || strings.HasPrefix(m[1], "//") {
				t.Errorf("%s refers to %s", path, m[1])
			}
			if strings.HasPrefix(m[1], "/assets/") {
				w := visit{path: m[1]}.to(h)
				if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
					t.Errorf("%s: %d %s", m[1], w.Code, w.Header().Get("Cache-Control"))
				}
			}
		}
		if n := len(page); n > 120_000 {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
}

func TestPagesHaveEverySentence(t *testing.T) {
	h := newCompany().page(t)
	missing := regexp.MustCompile(`\{[a-z_]+[.a-z_0-9]*\}`)
	for _, lang := range []string{"zh", "en"} {
		for _, path := range []string{"/?lang=" + lang, "/employees/" + pseudonym(0) + "?lang=" + lang} {
			page := regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(open(t, h, path), "")
			if m := missing.FindAllString(page, -1); m != nil {
				t.Errorf("%s: no sentence for %v", path, m)
			}
		}
	}
	cat := text.MustLoad()
	for f := ueba.Feature(0); f < ueba.FeatureCount; f++ {
		if !cat.Has("console.feature." + f.String()) {
			t.Errorf("feature %s has no name", f)
		}
	}
	for _, why := range []string{"session", "token", "host", "origin", "not_found", "invalid", "internal"} {
		if !cat.Has("console.refuse."+why) || !cat.Has("console.refuse."+why+"_title") {
			t.Errorf("refusal %s has no sentence", why)
		}
	}
}

func TestPageOfABrokenStore(t *testing.T) {
	c := newCompany()
	h := c.page(t)
	cookies := enter(t, h)
	c.err = fmt.Errorf("read /var/lib/x: wang.wei001")
	w := visit{path: "/", cookies: cookies}.to(h)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "/var/lib/x") || !strings.Contains(w.Body.String(), "暂时无法显示") {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"C1000293": "C1000293", "王伟": "王伟", "a\nb": "a\ufffdb", "x\u202ey": "x\ufffdy", strings.Repeat("é", 130): strings.Repeat("é", 120) + "…",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestViewTimeIsHonest(t *testing.T) {
	h := &handler{cfg: newCompany().config()}
	for _, e := range []struct {
		in            ueba.ViewTime
		value, bounds string
	}{
		{ueba.ViewTime{Value: 41 * time.Second, Low: 41 * time.Second, High: 41 * time.Second, Method: ueba.MethodExplicit}, "41 s", "measured by the system"},
		{ueba.ViewTime{Value: 200 * time.Millisecond, Low: 0, High: time.Minute, Method: ueba.MethodGap}, "under 1 s", "0 s – 1 min · until the next action"},
		{ueba.ViewTime{High: -1, Method: ueba.MethodNone}, "unknown", "last of its session"},
		{ueba.ViewTime{Low: 2 * time.Minute, High: -1, Method: ueba.MethodNone}, "unknown", "at least 2 min · last of its session"},
	} {
		if value, bounds := h.viewTime(text.English, e.in); value != e.value || bounds != e.bounds {
			t.Errorf("%+v: %q %q, want %q %q", e.in, value, bounds, e.value, e.bounds)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	cfg := newCompany().config()
	h, err := Handler(cfg)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+pageToken)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
