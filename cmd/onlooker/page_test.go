package main

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestThePage is opened by the printed link and by nothing else, and shows nobody by name.
func TestThePage(t *testing.T) {
	s, dir := company(t)
	s.try("import", filepath.Join(dir, "events.ndjson"))
	d := s.serve()

	if status, _ := d.get("/"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	if status, _ := d.get("/?token=wrong-wrong-wrong-wrong-wrong-wrong"); status != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", status)
	}
	if status, _ := d.get("/", "Host", "evil.example"); status != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", status)
	}

	browser := d.browser()
	pages := []string{d.page(browser, "/")}
	employee := regexp.MustCompile(`/employees/P-[A-Z0-9]{5}`)
	paths := employee.FindAllString(pages[0], -1)
	if len(paths) < 10 {
		t.Fatalf("the ranking names %d employees:\n%s", len(paths), pages[0])
	}
	for _, path := range paths[:5] {
		pages = append(pages, d.page(browser, path))
	}
	for _, person := range parseCSV(t, strings.Join(linesOf(t, filepath.Join(dir, "employees.csv")), "\n")) {
		for _, secret := range append(strings.Split(person["accounts"], ";"), person["employee_id"], person["name"]) {
			for i, page := range pages {
				if at := strings.Index(page, secret); at >= 0 {
					t.Errorf("page %d holds %s: …%s…", i, secret, page[max(0, at-40):min(len(page), at+40)])
				}
			}
		}
	}
}

func (d *daemon) browser() *http.Client {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	b := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.link, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := b.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK || resp.Request.URL.RawQuery != "" {
		d.t.Fatalf("the link leads to %s: %d, %v", resp.Request.URL, resp.StatusCode, err)
	}
	return b
}

func (d *daemon) page(browser *http.Client, path string) string {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	status, body := d.doWith(browser, req)
	if status != http.StatusOK {
		d.t.Fatalf("GET %s: %d\n%s", path, status, body)
	}
	return body
}

// TestStatus: probes need no token, metrics tell no names.
func TestStatus(t *testing.T) {
	s := newStage(t)
	d := s.serve()
	d.post("", view("e-1", noon.Add(-time.Minute), "wang.wei", "C1000293"))
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := d.get(path, "Host", "probe.internal"); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	d.await("the metrics count the event", func() bool {
		status, body := d.get("/metrics")
		if strings.Contains(body, "wang.wei") || strings.Contains(body, "C1000293") {
			t.Fatalf("metrics tell names:\n%s", body)
		}
		return status == http.StatusOK && strings.Contains(body, `onlooker_source_total{outcome="parsed",source="http"} 1`)
	})
	if r := s.try("health"); r.code != exitDone {
		t.Errorf("health beside a daemon: exit code %d %s", r.code, r.errout)
	}
	d.stop()
	if r := s.try("health"); r.code != exitFailed || !strings.Contains(r.errout, "no daemon runs") {
		t.Errorf("health without a daemon: exit code %d %s", r.code, r.errout)
	}
}

// TestDemo makes, scores and ranks a small company and ends when told not to serve.
func TestDemo(t *testing.T) {
	s := newStage(t)
	args := []string{"demo", "--no-serve", "--staff", "20", "--days", "14", "--end", "2026-10-30"}
	out := s.run(args...)
	if !strings.Contains(out, "The ranking of 2026-10-") && !strings.Contains(out, "The ranking of 2026-11-") {
		t.Errorf("demo: %s", out)
	}
	if n := strings.Count(out, "P-"); n < 10 {
		t.Errorf("the ranking names %d people:\n%s", n, out)
	}
	if rows := s.rows("scores"); len(rows) < 15 {
		t.Errorf("%d scores", len(rows))
	}
	s.run(args...) // its own folder is made anew

	other := newStage(t)
	writeFile(t, filepath.Join(other.data, "precious.txt"), "x")
	if r := other.try(args...); r.code != exitFailed || !strings.Contains(r.errout, "holds something else") {
		t.Errorf("a folder with something else: exit code %d %s", r.code, r.errout)
	}
}

// TestNothingIsLeftBehind: a daemon that was ended can be started on the same folder and
// address at once. (TestMain looks for goroutines that stay.)
func TestNothingIsLeftBehind(t *testing.T) {
	s := newStage(t)
	for range 3 {
		d := s.serve()
		d.browser()
		d.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := (&http.Client{}).Do(req); err == nil {
			_ = resp.Body.Close()
			t.Error("it still listens")
		}
		cancel()
	}
}
