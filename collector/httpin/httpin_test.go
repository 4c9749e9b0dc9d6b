package httpin

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quoted is Plain with each line a JSON string, so that an array of them is JSON.
func quotedFormat() collector.Format {
	f := sourcetest.Plain()
	f.Name = "quoted"
	f.New = func(o collector.Options) collector.Parser { return quotedParser{sourcetest.Plain().New(o)} }
	return f
}

type quotedParser struct{ collector.Parser }

func (p quotedParser) Parse(raw []byte, emit func(ueba.Body)) error {
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return fmt.Errorf("quoted: no JSON string")
	}
	return p.Parser.Parse([]byte(line), emit)
}

// desk is a handler with its store.
type desk struct {
	*Handler
	store *storetest.Memory
	t     *testing.T
}

func newDesk(t *testing.T, change func(*Config)) *desk {
	t.Helper()
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, time.Now)
	formats := Formats{quotedFormat(), sourcetest.Plain(), sourcetest.Held()}
	return &desk{New(c, in, formats, collector.Options{}), m, t}
}

func request(body io.Reader, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, Path, body)
	r.Host = "127.0.0.1:8417"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (d *desk) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// answer sends a body and wants a 200.
func (d *desk) answer(r *http.Request) Answer {
	d.t.Helper()
	w := d.send(r)
	if w.Code != http.StatusOK {
		d.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var a Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *desk) facts(kind ueba.Kind) []ueba.Fact {
	d.t.Helper()
	var all []ueba.Fact
	for f, err := range d.store.Scan(d.t.Context(), store.Query{Kind: kind}) {
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// empty wants nothing stored.
func (d *desk) empty() {
	d.t.Helper()
	if e, l := d.facts(ueba.KindEvent), d.facts(ueba.KindDead); len(e)+len(l) > 0 {
		d.t.Errorf("%d events and %d dead letters are stored", len(e), len(l))
	}
}

// line is event n in the native format.
func line(n int) string {
	return `"` + sourcetest.Line(n, "wang", fmt.Sprintf("C%d", n), "") + `"`
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

func gzipped(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.Bytes()
}

func TestBodies(t *testing.T) {
	good := Answer{Received: 3, Stored: 3}
	cases := []struct {
		name, body string
		want       Answer
	}{
		{"lines", lines(3), good},
		{"no last line end", strings.TrimSpace(lines(3)), good},
		{"windows", "\xef\xbb\xbf" + strings.ReplaceAll(lines(3), "\n", "\r\n"), good},
		{"blank lines", "\n\n" + strings.ReplaceAll(lines(3), "\n", "\n \n"), good},
		{"nothing", "", Answer{}},
		{"array", "[" + line(1) + "," + line(2) + "," + line(3) + "]", good},
		{"array over lines", " [\n" + line(1) + " ,\n\n" + line(2) + "\n,\t" + line(3) + "\n]\n", good},
		{"empty array", " [ ] ", Answer{}},
		{"twice the same", line(1) + "\n" + line(1) + "\n", Answer{Received: 2, Stored: 2}},
		{"some bad lines", line(1) + "\nbad\n" + line(2) + "\n{\"a\":[}\n", Answer{Received: 4, Stored: 2, Dead: 2, Errors: []LineError{
			{2, "quoted: no JSON string"}, {4, "quoted: no JSON string"}}}},
		{"some bad elements", "[" + line(1) + ",\nbad,\n" + line(2) + "\n,{\"a\":[1,2]}]", Answer{Received: 4, Stored: 2, Dead: 2, Errors: []LineError{
			{2, "quoted: no JSON string"}, {4, "quoted: no JSON string"}}}},
		{"array that does not end", "[" + line(1) + "," + line(2)[:20], Answer{Received: 2, Stored: 1, Dead: 1, Errors: []LineError{{1, "quoted: no JSON string"}}}},
		{"something after the array", "[" + line(1) + "]\n" + line(2) + " x", Answer{Received: 2, Stored: 1, Dead: 1, Errors: []LineError{{2, "quoted: no JSON string"}}}},
		{"a line too long", line(1) + "\n\"" + strings.Repeat("x", 2000) + "\"\n" + line(2), Answer{Received: 3, Stored: 2, Dead: 1, Errors: []LineError{
			{2, "record too long: no end within 1000 bytes"}}}},
		{"an element too long", "[" + line(1) + ",\"" + strings.Repeat("x", 2000) + "\"," + line(2) + "]", Answer{Received: 3, Stored: 2, Dead: 1, Errors: []LineError{
			{1, "record too long: 2002 bytes, the limit is 1000"}}}},
	}
	for _, c := range cases {
		for encoding, body := range map[string][]byte{"": []byte(c.body), "gzip": gzipped(c.body)} {
			t.Run(strings.TrimSpace(c.name+" "+encoding), func(t *testing.T) {
				d := newDesk(t, func(c *Config) { c.MaxLine = 1000 })
				got := d.answer(request(bytes.NewReader(body), "Content-Encoding", encoding))
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if e, l := len(d.facts(ueba.KindEvent)), len(d.facts(ueba.KindDead)); int64(e) != c.want.Stored || int64(l) != c.want.Dead {
					t.Errorf("%d events and %d dead letters are stored", e, l)
				}
			})
		}
	}
}

func TestSameRequestAgain(t *testing.T) {
	d := newDesk(t, nil)
	for i, want := range []Answer{{Received: 3, Stored: 3}, {Received: 3, Duplicate: 3}} {
		if got := d.answer(request(strings.NewReader(lines(3)))); !cmp.Equal(want, got) {
			t.Errorf("delivery %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestManyBadLinesAreNotAllNamed(t *testing.T) {
	d := newDesk(t, nil)
	got := d.answer(request(strings.NewReader(strings.Repeat("bad\n", 250))))
	if got.Dead != 250 || len(got.Errors) != 100 || got.Errors[99].Line != 100 {
		t.Errorf("%d dead, %d named", got.Dead, len(got.Errors))
	}
}

func TestOtherFormats(t *testing.T) {
	d := newDesk(t, nil)
	plain := strings.ReplaceAll(lines(2), `"`, "") + sourcetest.Line(9, "li", "C9", "x")
	for _, name := range []string{"plain", "held"} {
		r := request(strings.NewReader(plain))
		r.URL.RawQuery = "format=" + name + "&source=" + name
		if got := d.answer(r); got.Stored != 3 {
			t.Errorf("%s: %+v, want 3 stored", name, got)
		}
	}
	r := request(strings.NewReader("[x] is no array in this format"))
	r.URL.RawQuery = "format=plain"
	if got := d.answer(r); got.Dead != 1 {
		t.Errorf("%+v, want one dead letter", got)
	}
	r = request(strings.NewReader(plain))
	r.URL.RawQuery = "format=morse"
	if w := d.send(r); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "quoted, plain, held") {
		t.Errorf("unknown format: %d %s", w.Code, w.Body)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		r      *http.Request
		status int
	}{
		{"method", nil, httptest.NewRequest(http.MethodGet, Path, nil), http.StatusMethodNotAllowed},
		{"encoding", nil, request(strings.NewReader(lines(1)), "Content-Encoding", "br"), http.StatusUnsupportedMediaType},
		{"no gzip", nil, request(strings.NewReader(lines(1)), "Content-Encoding", "gzip"), http.StatusBadRequest},
		{"half gzip", nil, request(bytes.NewReader(gzipped(lines(500))[:900]), "Content-Encoding", "gzip"), http.StatusBadRequest},
		{"something after gzip", nil, request(bytes.NewReader(append(gzipped(lines(5)), "garbage, twenty bytes"...)), "Content-Encoding", "gzip"), http.StatusBadRequest},
		{"body that breaks off", nil, request(io.MultiReader(strings.NewReader(lines(5)), iotest.ErrReader(io.ErrUnexpectedEOF))), http.StatusBadRequest},
		{"too large, said", small, request(strings.NewReader(lines(500))), http.StatusRequestEntityTooLarge},
		{"too large, not said", small, request(struct{ io.Reader }{strings.NewReader(lines(500))}), http.StatusRequestEntityTooLarge},
		{"too large by a byte", small, request(struct{ io.Reader }{strings.NewReader(strings.Repeat(" ", 1<<12+1))}), http.StatusRequestEntityTooLarge},
		{"too large without gzip", small, request(bytes.NewReader(gzipped(lines(500))), "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge},
		{"too large before gzip is undone", small, request(struct{ io.Reader }{bytes.NewReader(gzipped(noise(1 << 12)))}, "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge},
		{"bomb", nil, request(bytes.NewReader(gzipped(strings.Repeat("\x00", 32<<20))), "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge},
		{"no token", tokens, request(strings.NewReader(lines(1))), http.StatusUnauthorized},
		{"other scheme", tokens, request(strings.NewReader(lines(1)), "Authorization", "Basic one"), http.StatusUnauthorized},
		{"wrong token", tokens, request(strings.NewReader(lines(1)), "Authorization", "Bearer one1"), http.StatusUnauthorized},
		{"empty token", tokens, request(strings.NewReader(lines(1)), "Authorization", "Bearer "), http.StatusUnauthorized},
		{"web page of another site", nil, request(strings.NewReader(lines(1)), "Origin", "https://evil.example"), http.StatusForbidden},
		{"web page of another site, newer browser", nil, request(strings.NewReader(lines(1)), "Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"name that resolves to loopback", nil, hosted("evil.example:8417"), http.StatusForbidden},
		{"source that is none", nil, sourced("a/b"), http.StatusBadRequest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, c.change)
			w := d.send(c.r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			var said refusal
			if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.Code == "" || said.Message == "" {
				t.Errorf("answer %s, %v", w.Body, err)
			}
			if asks := w.Header().Get("WWW-Authenticate") != ""; asks != (c.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate %q", w.Header().Get("WWW-Authenticate"))
			}
			d.empty()
			if n := d.bodies.inFlight.Load(); n != 0 {
				t.Errorf("%d bytes are still booked", n)
			}
		})
	}
}

// noise does not get shorter by gzip.
func noise(n int) string {
	var b strings.Builder
	for sum := sha256.Sum256(nil); b.Len() < n; sum = sha256.Sum256(sum[:]) {
		b.Write(sum[:])
	}
	return b.String()
}

func small(c *Config)  { c.MaxBody, c.MaxLine = 1<<12, 1000 }
func tokens(c *Config) { c.Tokens = map[string][]Secret{"app": {"one", "two"}, "loans": {"three"}} }

func hosted(host string) *http.Request {
	r := request(strings.NewReader(lines(1)))
	r.Host = host
	return r
}

func sourced(source string) *http.Request {
	r := request(strings.NewReader(lines(1)))
	r.URL.RawQuery = "source=" + source
	return r
}

func TestSources(t *testing.T) {
	with := func(token string) *http.Request {
		r := sourced("forged")
		r.Header.Set("Authorization", token)
		return r
	}
	cases := []struct {
		name   string
		change func(*Config)
		r      *http.Request
		want   string
	}{
		{"none", nil, request(strings.NewReader(lines(1))), "http"},
		{"said", nil, sourced("crm-1"), "crm-1"},
		{"IPv6", nil, hosted("[::1]:8417"), "http"},
		{"localhost", nil, hosted("localhost"), "http"},
		{"own page", nil, request(strings.NewReader(lines(1)), "Origin", "http://127.0.0.1:8417"), "http"},
		{"token", tokens, with("Bearer one"), "app"},
		{"second token", tokens, with("bearer  two "), "app"},
		{"other source's token", tokens, with("Bearer three"), "loans"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, c.change)
			d.answer(c.r)
			if got := d.facts(ueba.KindEvent)[0].Body.(*ueba.Event).Source; got != c.want {
				t.Errorf("source %q, want %q", got, c.want)
			}
		})
	}
}

func TestStoreThatRefuses(t *testing.T) {
	d := newDesk(t, nil)
	for _, refusal := range []error{store.ErrFull, store.ErrBroken, errors.New("anything else")} {
		d.store.Refuse(refusal)
		w := d.send(request(strings.NewReader(lines(3) + "bad\n")))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: status %d, Retry-After %q", refusal, w.Code, w.Header().Get("Retry-After"))
		}
		if strings.Contains(w.Body.String(), refusal.Error()) {
			t.Errorf("the answer tells internals: %s", w.Body)
		}
	}
	d.store.Refuse(nil)
	d.empty()
	if got := d.answer(request(strings.NewReader(lines(3)))); got.Stored != 3 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestNothingIsAnsweredBeforeTheStoreHasIt(t *testing.T) {
	slow := &slowStore{Memory: storetest.NewMemory(), begun: make(chan struct{}), release: make(chan struct{})}
	h := New(DefaultConfig(), collector.NewIntake(slow, slow, time.Now), Formats{quotedFormat()}, collector.Options{})
	w := httptest.NewRecorder()
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(w, request(strings.NewReader(lines(2))).WithContext(ctx))
	}()
	<-slow.begun
	if w.Body.Len() > 0 {
		t.Errorf("answered %s before the append returned", w.Body)
	}
	leave() // the sender goes away: what is being stored is stored and counted
	close(slow.release)
	<-done
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"stored":2`) {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}

type slowStore struct {
	*storetest.Memory
	begun, release chan struct{}
}

func (s *slowStore) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	close(s.begun)
	<-s.release
	return s.Memory.Append(ctx, facts)
}

func TestTooManyRequests(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxRequests = 2 })
	var senders sync.WaitGroup
	var hold []*io.PipeWriter
	for range 2 {
		r, w := io.Pipe()
		hold = append(hold, w)
		senders.Go(func() { d.send(request(r)) })
		if _, err := w.Write([]byte(line(len(hold)) + "\n")); err != nil { // read, so the slot is taken
			t.Fatal(err)
		}
	}
	w := d.send(request(strings.NewReader(lines(1))))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	for _, h := range hold {
		h.Close()
	}
	senders.Wait()
	if got := d.answer(request(strings.NewReader(line(7)))); got.Stored != 1 {
		t.Errorf("afterwards: %+v", got)
	}
	if n := len(d.facts(ueba.KindEvent)); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func TestTooManyBytes(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxBody, c.MaxLine, c.MaxMemory = 1<<20, 1000, 1<<20 })
	r, w := io.Pipe()
	var sender sync.WaitGroup
	sender.Go(func() { d.send(request(r)) })
	if _, err := w.Write(bytes.Repeat([]byte(" "), 700<<10)); err != nil {
		t.Fatal(err)
	}
	if got := d.send(request(strings.NewReader(lines(5000)))); got.Code != http.StatusTooManyRequests {
		t.Errorf("status %d, want 429", got.Code)
	}
	w.Close()
	sender.Wait()
	if n := d.bodies.inFlight.Load(); n != 0 {
		t.Errorf("%d bytes are still booked", n)
	}
}

func TestClientThatHangsUp(t *testing.T) {
	d := newDesk(t, nil)
	server := httptest.NewServer(d)
	defer server.Close()
	for _, header := range []string{"Content-Length: 100000", "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body := lines(100)
		if strings.HasPrefix(header, "Transfer") {
			body = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n%s", Path, header, body)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d, want 400 or none", header, resp.StatusCode)
		}
		conn.Close()
	}
	server.Close()
	d.empty()
}

func TestParallelSenders(t *testing.T) {
	d := newDesk(t, nil)
	server := httptest.NewServer(d)
	defer server.Close()
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			for j := range 20 {
				body := line(i*1000+j) + "\n" + line(i*1000+500+j) + "\n"
				resp, err := http.Post(server.URL+Path, "application/x-ndjson", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				var a Answer
				if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a.Stored != 2 {
					t.Errorf("answer %+v, %v", a, err)
				}
				resp.Body.Close()
			}
		})
	}
	senders.Wait()
	http.DefaultClient.CloseIdleConnections()
	if n := len(d.facts(ueba.KindEvent)); n != 320 {
		t.Errorf("%d events, want 320", n)
	}
}

// FuzzElements: whatever the text, nothing but white space, commas and the closing
// bracket lies outside the elements, and a JSON array gives the elements a JSON reader sees.
func FuzzElements(f *testing.F) {
	for _, s := range []string{`[]`, `[1,"a,]\"",{"b":[1,{}]}]`, "[1,\n2", `[}`, `[[`, `["`, `["\`, `[1]]`, `[,,]`, ` [ 1 ] x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isArray([]byte(text)) {
			return
		}
		end := strings.IndexByte(text, '[') + 1
		var got []string
		for rec := range elements([]byte(text), 1<<20) {
			outside := text[end:rec.Offset]
			if strings.Trim(outside, " \t\r\n,]}") != "" {
				t.Fatalf("%q was passed over", outside)
			}
			end = int(rec.Offset) + rec.Size
			got = append(got, string(rec.Raw))
		}
		if rest := text[end:]; strings.Trim(rest, " \t\r\n,]}") != "" {
			t.Fatalf("%q was left", rest)
		}
		var want []json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d elements, want %d", len(got), len(want))
		}
		for i := range want {
			if strings.TrimSpace(got[i]) != string(want[i]) {
				t.Fatalf("element %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}
