package console

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// visit is a browser's request, with its cookies.
type visit struct {
	method, path, host string
	header             map[string]string
	cookies            []*http.Cookie
	remote             string
}

func (v visit) to(h http.Handler) *httptest.ResponseRecorder {
	if v.method == "" {
		v.method = http.MethodGet
	}
	r := httptest.NewRequest(v.method, v.path, strings.NewReader(""))
	r.Host = "127.0.0.1:8417"
	if v.host != "" {
		r.Host = v.host
	}
	if v.remote != "" {
		r.RemoteAddr = v.remote
	}
	for k, s := range v.header {
		r.Header.Set(k, s)
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// enter follows the link and returns the session.
func enter(t *testing.T, h http.Handler) []*http.Cookie {
	t.Helper()
	w := visit{path: "/?token=" + pageToken}.to(h)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		t.Fatalf("the link gives %d to %q", w.Code, w.Header().Get("Location"))
	}
	return w.Result().Cookies()
}

func TestLinkMakesSession(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" {
		t.Fatalf("cookie %+v", cookies)
	}
	if strings.Contains(cookies[0].Value, pageToken) {
		t.Error("the cookie holds the token itself")
	}
	if w := (visit{path: "/", cookies: cookies}).to(h); w.Code != http.StatusOK {
		t.Errorf("the page with a session: %d", w.Code)
	}
	if w := (visit{path: "/api/v1/scores", cookies: cookies}).to(h); w.Code != http.StatusOK {
		t.Errorf("the API with a session: %d", w.Code)
	}
}

func TestNothingWithoutToken(t *testing.T) {
	c := newCompany()
	h := c.page(t)
	forged := enter(t, h)[0]
	stretched := *forged
	_, seal, _ := strings.Cut(forged.Value, ".")
	stretched.Value = "9999999999." + seal
	for _, path := range []string{
		"/", "/?token=wrong", "/?token=", "/employees/" + pseudonym(0), "/live", "/api/v1/scores", "/api/v1/looks", "/api/openapi.json", "/metrics", "/nothing",
	} {
		for name, v := range map[string]visit{
			"no cookie":                {path: path},
			"a made-up cookie":         {path: path, cookies: []*http.Cookie{{Name: "onlooker", Value: "1.abc"}}},
			"a longer life":            {path: path, cookies: []*http.Cookie{&stretched}},
			"a wrong bearer":           {path: path, header: map[string]string{"Authorization": "Bearer " + pageToken + "x"}},
			"the bearer as a password": {path: path, header: map[string]string{"Authorization": "Basic " + pageToken}},
		} {
			w := v.to(h)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", path, name, w.Code)
			}
			if strings.Contains(w.Body.String(), pageToken) || strings.Contains(w.Body.String(), pseudonym(0)) && !strings.Contains(path, pseudonym(0)) {
				t.Errorf("%s with %s: the refusal tells something", path, name)
			}
		}
	}
	if body := (visit{path: "/"}).to(h).Body.String(); !strings.Contains(body, "/var/lib/onlooker/page-link") {
		t.Error("the refusal does not say where the link is")
	}
}

func TestSessionEnds(t *testing.T) {
	c := newCompany()
	cfg := c.config()
	at := now
	cfg.Now = func() time.Time { return at }
	h, err := Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cookies := enter(t, h)
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{sessionLife - time.Second, 200}, {sessionLife, 401}, {-time.Minute, 401}} {
		at = now.Add(step.after)
		if w := (visit{path: "/", cookies: cookies}).to(h); w.Code != step.want {
			t.Errorf("%s later: %d, want %d", step.after, w.Code, step.want)
		}
	}
	cfg.PageToken = "another-token-of-the-page-0123456789"
	if h, err = Handler(cfg); err != nil {
		t.Fatal(err)
	}
	at = now
	if w := (visit{path: "/", cookies: cookies}).to(h); w.Code != http.StatusUnauthorized {
		t.Errorf("a new token leaves old sessions alive: %d", w.Code)
	}
}

func TestHostIsChecked(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	for host, want := range map[string]int{
		"localhost:8417": 200, "127.0.0.1": 200, "[::1]:8417": 200, "10.2.3.4:80": 200, "LOCALHOST": 200, "localhost.": 200,
		"onlooker.example": 200, "Onlooker.Example:443": 200,
		"evil.example": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "onlooker.example.evil": 421, "": 200,
	} {
		if w := (visit{path: "/", host: host, cookies: cookies}).to(h); w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	w := visit{path: "/api/v1/scores", host: "evil.example", header: map[string]string{"Authorization": "Bearer " + pageToken}}.to(h)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("the API by a foreign name: %d", w.Code)
	}
	if w := (visit{path: "/healthz", host: "10-0-0-7.pod.cluster"}).to(h); w.Code != http.StatusOK {
		t.Errorf("a probe by a foreign name: %d", w.Code)
	}
}

func TestWritesWantTheirOwnOrigin(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	path := "/api/v1/alerts/x/steps"
	for _, e := range []struct {
		header  map[string]string
		refused bool
	}{
		{map[string]string{}, true},
		{map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		{map[string]string{"Sec-Fetch-Site": "same-site"}, true},
		{map[string]string{"Sec-Fetch-Site": "none"}, true},
		{map[string]string{"Origin": "http://evil.example"}, true},
		{map[string]string{"Origin": "null"}, true},
		{map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8417"}, true},
		{map[string]string{"Sec-Fetch-Site": "same-origin"}, false},
		{map[string]string{"Origin": "http://127.0.0.1:8417"}, false},
	} {
		w := visit{method: http.MethodPost, path: path, header: e.header, cookies: cookies}.to(h)
		if got := w.Code == http.StatusForbidden; got != e.refused {
			t.Errorf("%v: %d", e.header, w.Code)
		}
	}
	w := visit{method: http.MethodPost, path: path, header: map[string]string{"Authorization": "Bearer " + pageToken}}.to(h)
	if w.Code == http.StatusForbidden {
		t.Error("a program with the token is taken for a foreign page")
	}
}

func TestSecurityHeadersOnEverything(t *testing.T) {
	h := newCompany().page(t)
	cookies := enter(t, h)
	for _, path := range []string{"/", "/employees/" + pseudonym(0), "/live", "/api/v1/scores", "/healthz", "/nothing", "/assets/none.css"} {
		hd := visit{path: path, cookies: cookies}.to(h).Header()
		csp := hd.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if hd.Get("X-Content-Type-Options") != "nosniff" || hd.Get("Referrer-Policy") != "no-referrer" || hd.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, hd)
		}
	}
}

func TestLinkFromElsewhereIsOpenedAgain(t *testing.T) {
	h := newCompany().page(t)
	from := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
	w := visit{path: "/employees/P-X?day=2026-11-02", header: from}.to(h)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `content="0; url=/employees/P-X?day=2026-11-02"`) {
		t.Errorf("%d %s", w.Code, w.Body.String())
	}
	for _, path := range []string{"//evil.example/x", "/%2F/evil.example"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path}
		r.Host = "localhost"
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if strings.Contains(rec.Body.String(), "url=//") || strings.Contains(rec.Body.String(), `href="//`) {
			t.Errorf("%s leads away: %s", path, rec.Body.String())
		}
	}
	if w := (visit{path: "/api/v1/scores", header: from}).to(h); w.Code != http.StatusUnauthorized {
		t.Errorf("the API: %d", w.Code)
	}
	from["Sec-Fetch-Site"] = "same-origin"
	if w := (visit{path: "/", header: from}).to(h); w.Code != http.StatusUnauthorized {
		t.Errorf("the second time: %d, so that it would go on for ever", w.Code)
	}
}

func TestProbesAndMetrics(t *testing.T) {
	c := newCompany()
	h := c.page(t)
	if w := (visit{path: "/readyz"}).to(h); w.Code != 200 || w.Body.String() != "ready\n" {
		t.Errorf("readyz %d %q", w.Code, w.Body.String())
	}
	c.ready = false
	if w := (visit{path: "/readyz"}).to(h); w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready\n" {
		t.Errorf("readyz of a daemon that is not: %d %q", w.Code, w.Body.String())
	}
	if w := (visit{path: "/healthz"}).to(h); w.Code != 200 {
		t.Errorf("healthz %d", w.Code)
	}
	for _, e := range []struct {
		visit
		want int
	}{
		{visit{path: "/metrics", remote: "127.0.0.1:5000"}, 200},
		{visit{path: "/metrics", remote: "[::1]:5000"}, 200},
		{visit{path: "/metrics", remote: "10.0.0.9:5000"}, 401},
		{visit{path: "/metrics", remote: "10.0.0.9:5000", header: map[string]string{"Authorization": "Bearer " + pageToken}}, 200},
		{visit{path: "/metrics", remote: "127.0.0.1:5000", header: map[string]string{"X-Forwarded-For": "10.0.0.9"}}, 401},
		{visit{path: "/metrics", remote: "127.0.0.1:5000", host: "evil.example"}, 421},
	} {
		if w := e.to(h); w.Code != e.want || e.want == 200 && !strings.Contains(w.Body.String(), "onlooker_test 1") {
			t.Errorf("metrics from %s by %q: %d, want %d", e.remote, e.host, w.Code, e.want)
		}
	}
}

func TestRefusalsSpeakTheFormOfThePath(t *testing.T) {
	h := newCompany().page(t)
	w := visit{path: "/api/v1/scores"}.to(h)
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != "session" || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("the API: %v %s", err, w.Body.String())
	}
	w = visit{path: "/", header: map[string]string{"Accept-Language": "en-US"}}.to(h)
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") || !strings.Contains(w.Body.String(), "Open it by its link") {
		t.Errorf("the page: %s", w.Body.String())
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"a short token":        func(c *Config) { c.PageToken = "short" },
		"no people":            func(c *Config) { c.Services.People = nil },
		"no clock":             func(c *Config) { c.Now = nil },
		"an operator w/o jobs": func(c *Config) { c.Operator, c.Services.Jobs = true, nil },
	} {
		cfg := newCompany().config()
		spoil(&cfg)
		if _, err := Handler(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
