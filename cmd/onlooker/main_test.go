package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asOnlooker in the environment makes the test's own binary be the program, living at the
// instant that it names, so that tests can start and kill real processes without building
// anything.
const asOnlooker = "TEST_AS_ONLOOKER"

func TestMain(m *testing.M) {
	if now := os.Getenv(asOnlooker); now != "" {
		os.Exit(beOnlooker(now))
	}
	goleak.VerifyTestMain(m)
}

func beOnlooker(now string) int {
	t, err := time.Parse(time.RFC3339, now)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := newCLI(nil, os.Stdout, os.Stderr, "en")
	c.now = from(t)
	return c.execute(ctx, os.Args[1:])
}

// noon is the instant at which tests live that do not say otherwise: a Monday in Shanghai.
var noon = time.Date(2026, 11, 2, 4, 0, 0, 0, time.UTC)

// from is a clock that begins at an instant and goes on from there, as a daemon needs it.
func from(t time.Time) func() time.Time {
	begin := time.Now()
	return func() time.Time { return t.Add(time.Since(begin)) }
}

// stage is one installation: a data folder, a configuration and a clock.
type stage struct {
	t     *testing.T
	data  string
	flags []string
	now   func() time.Time
}

func newStage(t *testing.T, flags ...string) *stage {
	t.Helper()
	return &stage{t: t, data: filepath.Join(t.TempDir(), "data"), flags: flags, now: func() time.Time { return noon }}
}

// elsewhere is the same installation with an empty data folder.
func (s *stage) elsewhere() *stage {
	other := *s
	other.data = filepath.Join(s.t.TempDir(), "data")
	return &other
}

// result is how a command ended.
type result struct {
	code        int
	out, errout string
}

// try runs a command and returns how it ended.
func (s *stage) try(args ...string) result {
	s.t.Helper()
	var out, errout safeBuffer
	all := append([]string{"--data", s.data, "--lang", "en"}, append(s.flags, args...)...)
	c := newCLI(nil, &out, &errout, "en")
	c.now = s.now
	code := c.execute(s.t.Context(), all)
	return result{code, out.String(), errout.String()}
}

// run is try for a command that must succeed; it returns what was printed.
func (s *stage) run(args ...string) string {
	s.t.Helper()
	r := s.try(args...)
	if r.code != exitDone {
		s.t.Fatalf("onlooker %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.errout)
	}
	return r.out
}

// rows runs a command that prints CSV and returns its rows by column.
func (s *stage) rows(args ...string) []map[string]string {
	s.t.Helper()
	return parseCSV(s.t, s.run(append(args, "--output", "csv")...))
}

func parseCSV(t *testing.T, text string) []map[string]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(lines) == 0 {
		t.Fatalf("not CSV: %v\n%s", err, text)
	}
	var out []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		out = append(out, row)
	}
	return out
}

// daemon is a running serve.
type daemon struct {
	*stage
	url  string // of the listener
	link string // with the page's token
	log  *safeBuffer
	stop func() // ends it and waits; a second call does nothing
}

// serve runs the daemon in this process, until the test ends at the latest.
func (s *stage) serve(args ...string) *daemon {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d := &daemon{stage: s, log: &safeBuffer{}}
	c := newCLI(nil, &safeBuffer{}, d.log, "en")
	c.now = from(s.now())
	all := append([]string{"--data", s.data, "--lang", "en", "--set", "http.listen=127.0.0.1:0"}, append(s.flags, args...)...)
	ended := make(chan int, 1)
	go func() { ended <- c.execute(ctx, append(all, "serve")) }()
	var once sync.Once
	d.stop = func() {
		once.Do(func() {
			cancel()
			if code := <-ended; code != exitDone {
				s.t.Errorf("the daemon ended with exit code %d\n%s", code, d.log)
			}
		})
	}
	s.t.Cleanup(d.stop)
	d.awaitLink(ended)
	return d
}

var linkLine = regexp.MustCompile(`open the page: (http://[^/]+)(/\?token=\S+)`)

func (d *daemon) awaitLink(ended chan int) {
	d.t.Helper()
	for range 1000 {
		if m := linkLine.FindStringSubmatch(d.log.String()); m != nil {
			d.url, d.link = m[1], m[1]+m[2]
			return
		}
		select {
		case code := <-ended:
			ended <- code
			d.t.Fatalf("the daemon ended with exit code %d before it served\n%s", code, d.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
	d.t.Fatalf("the daemon prints no link\n%s", d.log)
}

// await waits for what must come true within five seconds.
func (d *daemon) await(what string, done func() bool) {
	d.t.Helper()
	for begin := time.Now(); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			d.t.Fatalf("not within five seconds: %s\n%s", what, d.log)
		}
	}
}

// post sends lines to the daemon as a source does.
func (d *daemon) post(token, body string) (status int, answer string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/v1/events", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return d.do(req)
}

// get asks the daemon for a page with these headers.
func (d *daemon) get(path string, header ...string) (status int, answer string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	return d.do(req)
}

func (d *daemon) do(req *http.Request) (status int, answer string) {
	d.t.Helper()
	return d.doWith(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

func (d *daemon) doWith(client *http.Client, req *http.Request) (status int, answer string) {
	d.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, body.String()
}

// safeBuffer is a buffer that several goroutines may write and read.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// process is the program as a process of its own.
type process struct {
	*exec.Cmd
	log *safeBuffer
	out *safeBuffer
}

// start starts the program as a process; it does not outlive the test.
func (s *stage) start(args ...string) *process {
	s.t.Helper()
	p := &process{exec.Command(os.Args[0]), &safeBuffer{}, &safeBuffer{}}
	p.Args = append(p.Args, append([]string{"--data", s.data, "--lang", "en"}, append(s.flags, args...)...)...)
	p.Env = []string{asOnlooker + "=" + s.now().Format(time.RFC3339), "TMPDIR=" + os.TempDir()}
	p.Stderr, p.Stdout = p.log, p.out
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended already, as a rule
	return p
}

// awaitLink returns the address of a daemon that was started as a process.
func (p *process) awaitLink(t *testing.T) string {
	t.Helper()
	for range 1500 {
		if m := linkLine.FindStringSubmatch(p.log.String()); m != nil {
			return m[1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the daemon prints no link\n%s", p.log)
	return ""
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // says that it was killed
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// view is the line of a look at a record.
func view(id string, at time.Time, user, record string) string {
	return fmt.Sprintf(`{"@timestamp":%q,"event":{"id":%q,"action":"view","duration":30000000000},"user":{"id":%q},"service":{"name":"crm"},"session":{"id":%q},"record":{"type":"customer","id":%q}}`+"\n",
		at.Format(time.RFC3339Nano), id, user, "s-"+user, record)
}
