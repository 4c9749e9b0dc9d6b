package httpin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func (d *desk) elastic() *Elastic {
	e := NewElastic(d.Handler, silent())
	e.patience = 50 * time.Millisecond
	return e
}

func bulkRequest(path string, body io.Reader, header ...string) *http.Request {
	r := request(body, header...)
	r.URL.Path = path
	return r
}

// post sends a bulk request and returns the answer, or "closed" when there is none.
func post(e *Elastic, r *http.Request) (w *httptest.ResponseRecorder, closed bool) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			closed = true
		}
	}()
	w = httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w, false
}

const create = `{"create":{"_index":"x"}}` + "\n"

func created(n int) string {
	item := `{"create":{"_index":"x","status":201}}`
	return strings.TrimSuffix(strings.Repeat(item+",", n), ",")
}

func TestBulkBodies(t *testing.T) {
	three := create + line(1) + "\n" + create + line(2) + "\n" + create + line(3) + "\n"
	type want struct {
		Stored, Dead int
		Items        string
	}
	cases := []struct {
		name, path, body string
		want             want
	}{
		{"documents", "/_bulk", three, want{3, 0, created(3)}},
		{"no last line end", "/_bulk", strings.TrimSpace(three), want{3, 0, created(3)}},
		{"empty lines anywhere", "/_bulk", "\n\n" + strings.ReplaceAll(three, "\n", "\n\n \n"), want{3, 0, created(3)}},
		{"windows", "/_bulk", strings.ReplaceAll(three, "\n", "\r\n"), want{3, 0, created(3)}},
		{"below es", "/es/_bulk", three, want{3, 0, created(3)}},
		{"nothing", "/_bulk", "", want{}},
		{"index of the path", "/hr/_bulk", `{"create":{}}` + "\n" + line(1), want{1, 0, `{"create":{"_index":"hr","status":201}}`}},
		{"rsyslog's type", "/_bulk", `{"index":{"_index": "x","_type":"events"}}` + "\n" + line(1), want{1, 0, `{"index":{"_index":"x","status":201}}`}},
		{"otelcol's data stream", "/_bulk", `{"create":{"_index":"logs-generic.otel-default","require_data_stream":true}}` + "\n" + line(1),
			want{1, 0, `{"create":{"_index":"logs-generic.otel-default","status":201}}`}},
		{"format of a data stream", "/_bulk", `{"create":{"_index":"logs-plain-prod"}}` + "\n" + sourcetest.Line(1, "li", "C1", "") + "\n" + create + line(2),
			want{2, 0, `{"create":{"_index":"logs-plain-prod","status":201}},` + created(1)}},
		{"bad document", "/_bulk", create + "bad\n" + create + line(2) + "\n", want{1, 1, created(2)}},
		{"long document", "/_bulk", create + `"` + strings.Repeat("x", 5000) + "\"\n" + create + line(2), want{1, 1, created(2)}},
		{"broken action is one dead letter", "/_bulk", `{"create":{"_index":"x"}` + "\n" + line(1) + "\n" + create + line(2),
			want{2, 1, `{"index":{"_index":"","status":201}},{"index":{"_index":"","status":201}},` + created(1)}},
		{"document without an action", "/_bulk", line(1) + "\n" + create + line(2), want{2, 0, `{"index":{"_index":"","status":201}},` + created(1)}},
		{"action without a document", "/_bulk", create + line(1) + "\n" + create, want{1, 1, created(2)}},
		{"delete has no document", "/_bulk", `{"delete":{"_index":"x","_id":"1"}}` + "\n" + create + line(2), want{1, 0, `{"delete":{"_index":"x","status":404}},` + created(1)}},
		{"update is kept aside", "/_bulk", `{"update":{"_index":"x","_id":"1"}}` + "\n" + `{"doc":{}}` + "\n" + create + line(2),
			want{1, 1, `{"update":{"_index":"x","status":200}},` + created(1)}},
		{"quotes in the index", "/_bulk", `{"create":{"_index":"a\"b"}}` + "\n" + line(1), want{1, 0, `{"create":{"_index":"a\"b","status":201}}`}},
	}
	for _, c := range cases {
		for encoding, body := range map[string][]byte{"": []byte(c.body), "gzip": gzipped(c.body)} {
			t.Run(strings.TrimSpace(c.name+" "+encoding), func(t *testing.T) {
				d := newDesk(t, func(c *Config) { c.MaxLine = 1000 })
				w, closed := post(d.elastic(), bulkRequest(c.path, bytes.NewReader(body), "Content-Encoding", encoding, "Content-Type", "text/morse"))
				if closed || w.Code != http.StatusOK {
					t.Fatalf("closed %v, status %d %s", closed, w.Code, w.Body)
				}
				_, items, _ := strings.Cut(w.Body.String(), `,"errors":false,"items":[`)
				got := want{len(d.facts(ueba.KindEvent)), len(d.facts(ueba.KindDead)), strings.TrimSuffix(items, "]}")}
				if diff := cmp.Diff(c.want, got); diff != "" || !json.Valid(w.Body.Bytes()) {
					t.Errorf("%s (-want +got)\n%s", w.Body, diff)
				}
			})
		}
	}
}

func TestBulkIDStandsInForTheEvents(t *testing.T) {
	d := newDesk(t, nil)
	body := `{"create":{"_index":"x","_id":"doc-1"}}` + "\n" + line(1) + "\n" +
		`{"create":{"_index":"x","_id":42}}` + "\n" + line(2) + "\n" +
		`{"create":{"_index":"x","_id":"doc-3"}}` + "\n" + `"` + sourcetest.Line(3, "li", "C3", "own") + "\"\n"
	for range 2 {
		if w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(body))); closed || w.Code != http.StatusOK {
			t.Fatalf("closed %v, status %d", closed, w.Code)
		}
	}
	var ids []string
	for _, f := range d.facts(ueba.KindEvent) {
		ids = append(ids, f.Body.(*ueba.Event).EventID)
	}
	if diff := cmp.Diff([]string{"doc-1", "42", "own"}, ids); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBulkAnswerStaysSmall(t *testing.T) {
	d := newDesk(t, nil)
	var body strings.Builder
	for i := range 20_000 {
		body.WriteString(create + line(i) + "\n")
	}
	w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(body.String())))
	if closed || !strings.HasSuffix(w.Body.String(), `,"errors":false,"items":[]}`) {
		t.Errorf("closed %v, answer of %d bytes: %.80s", closed, w.Body.Len(), w.Body)
	}
	if n := len(d.facts(ueba.KindEvent)); n != 20_000 {
		t.Errorf("%d events", n)
	}
}

// TestBulkClosesWithoutAnAnswer holds what every shipper survives: no status is given
// while nothing can be stored, and nothing of the request is there afterwards.
func TestBulkClosesWithoutAnAnswer(t *testing.T) {
	three := create + line(1) + "\n" + create + line(2) + "\n" + create + line(3) + "\n"
	t.Run("store refuses", func(t *testing.T) {
		d := newDesk(t, nil)
		d.store.Refuse(errors.New("disk full"))
		if w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(three))); !closed {
			t.Errorf("status %d", w.Code)
		}
		d.store.Refuse(nil)
		d.empty()
	})
	t.Run("store refuses for a moment", func(t *testing.T) {
		d := newDesk(t, nil)
		e := d.elastic()
		e.patience = time.Minute
		d.store.Refuse(errors.New("disk full"))
		time.AfterFunc(50*time.Millisecond, func() { d.store.Refuse(nil) })
		if w, closed := post(e, bulkRequest("/_bulk", strings.NewReader(three))); closed || w.Code != http.StatusOK {
			t.Errorf("closed %v", closed)
		}
	})
	t.Run("overload", func(t *testing.T) {
		d := newDesk(t, func(c *Config) { c.MaxRequests = 1 })
		d.slots <- struct{}{}
		if w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(three))); !closed {
			t.Errorf("status %d", w.Code)
		}
		d.empty()
	})
	t.Run("body breaks off", func(t *testing.T) {
		d := newDesk(t, nil)
		body := io.MultiReader(strings.NewReader(three+create+line(4)[:9]), iotest.ErrReader(io.ErrUnexpectedEOF))
		if w, closed := post(d.elastic(), bulkRequest("/_bulk", body)); !closed {
			t.Errorf("status %d", w.Code)
		}
		d.empty()
	})
	t.Run("gzip breaks off", func(t *testing.T) {
		d := newDesk(t, nil)
		whole := gzipped(three)
		if w, closed := post(d.elastic(), bulkRequest("/_bulk", bytes.NewReader(whole[:len(whole)-9]), "Content-Encoding", "gzip")); !closed {
			t.Errorf("status %d", w.Code)
		}
		d.empty()
	})
}

func TestBulkRefusals(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		r      *http.Request
		status int
	}{
		{"method", nil, httptest.NewRequest(http.MethodGet, "http://localhost/_bulk", nil), http.StatusMethodNotAllowed},
		{"encoding", nil, bulkRequest("/_bulk", strings.NewReader(create), "Content-Encoding", "zstd"), http.StatusUnsupportedMediaType},
		{"no gzip", nil, bulkRequest("/_bulk", strings.NewReader(create+line(1)), "Content-Encoding", "gzip"), http.StatusBadRequest},
		{"bomb", nil, bulkRequest("/_bulk", bytes.NewReader(gzipped(strings.Repeat("x\n", 16<<20))), "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge},
		{"format", nil, bulkRequest("/_bulk", strings.NewReader(create), FormatHeader, "morse"), http.StatusBadRequest},
		{"no token", tokens, bulkRequest("/_bulk", strings.NewReader(create)), http.StatusUnauthorized},
		{"wrong password", tokens, bulkRequest("/_bulk", strings.NewReader(create), "Authorization", "Basic dXNlcjp4"), http.StatusUnauthorized},
		{"search", nil, bulkRequest("/x/_search", strings.NewReader("{}")), http.StatusNotFound},
		{"bulk of an inner thing", nil, bulkRequest("/_x/_bulk", strings.NewReader("{}")), http.StatusNotFound},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, c.change)
			w, closed := post(d.elastic(), c.r)
			if closed || w.Code != c.status || !json.Valid(w.Body.Bytes()) {
				t.Errorf("closed %v, status %d, want %d: %s", closed, w.Code, c.status, w.Body)
			}
			if w.Header().Get("X-Elastic-Product") != "Elasticsearch" {
				t.Error("no X-Elastic-Product")
			}
			if n := len(d.facts(ueba.KindEvent)); n > 0 {
				t.Errorf("%d events", n)
			}
		})
	}
}

func TestBulkCredentials(t *testing.T) {
	for _, authorization := range []string{
		"Bearer one", "ApiKey one", "ApiKey aWQ6b25l" /* id:one */, "Basic YW55Ym9keTpvbmU=" /* anybody:one */, "basic YW55Ym9keTpvbmU=",
	} {
		d := newDesk(t, tokens)
		w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(create+line(1)), "Authorization", authorization))
		if closed || w.Code != http.StatusOK {
			t.Errorf("%s: status %d", authorization, w.Code)
			continue
		}
		if got := d.facts(ueba.KindEvent)[0].Body.(*ueba.Event).Source; got != "app" {
			t.Errorf("%s: source %q", authorization, got)
		}
	}
}

// TestBulkRefusalsAreSaidOnceAMinute: what is refused is lost, so it is said loudly, but a
// shipper that tries for ever does not fill the log.
func TestBulkRefusalsAreSaidOnceAMinute(t *testing.T) {
	d := newDesk(t, tokens)
	var said bytes.Buffer
	log := logrus.New()
	log.SetOutput(&said)
	e := NewElastic(d.Handler, log)
	for range 5 {
		post(e, bulkRequest("/_bulk", strings.NewReader(create)))
	}
	if n := strings.Count(said.String(), "level=error"); n != 1 {
		t.Errorf("said %d times: %s", n, said.String())
	}
}

// TestHandshakes holds what shippers ask before they send.
func TestHandshakes(t *testing.T) {
	d := newDesk(t, tokens)
	e := d.elastic()
	cases := []struct{ method, path, agent, says string }{
		{"GET", "/", "", `"number":"8.9.0"`},
		{"GET", "/", "Elastic-filebeat/8.17.3 (linux; amd64)", `"number":"8.17.3"`},
		{"HEAD", "/", "", ""},
		{"GET", "/es", "", `"tagline":"You Know, for Search"`},
		{"GET", "/es/", "", `"tagline":"You Know, for Search"`},
		{"GET", "/_license", "", `"type":"basic","status":"active"`},
		{"GET", "/_xpack", "", `"license":{"status":"active"}`},
		{"GET", "/_cluster/health", "", `"status":"green"`},
		{"GET", "/_cat/health", "", "green"},
		{"GET", "/_nodes/http", "", "{}"},
		{"PUT", "/_ilm/policy/filebeat", "", "{}"},
		{"HEAD", "/_index_template/logs", "", ""},
		{"PUT", "/_ingest/pipeline/x", "", "{}"},
		{"PUT", "/_component_template/x", "", "{}"},
		{"GET", "/_data_stream/x", "", "{}"},
		{"GET", "/es/_logstash/pipeline", "", "{}"},
	}
	for _, c := range cases {
		r := httptest.NewRequest(c.method, "http://localhost"+c.path, nil)
		r.Header.Set("User-Agent", c.agent)
		r.Header.Set("Accept", "application/vnd.elasticsearch+json; compatible-with=8,text/plain")
		w, _ := post(e, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), c.says) || c.says == "" && w.Body.Len() > 0 {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if w.Header().Get("X-Elastic-Product") != "Elasticsearch" {
			t.Errorf("%s %s: no X-Elastic-Product", c.method, c.path)
		}
		if kind := w.Header().Get("Content-Type"); c.path != "/_cat/health" && kind != "application/vnd.elasticsearch+json;compatible-with=8" {
			t.Errorf("%s %s: Content-Type %q", c.method, c.path, kind)
		}
	}
}

// TestPageKeepsItsPaths: on the shared listener nothing of the page's is taken away.
func TestPageKeepsItsPaths(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") })
	h := newDesk(t, nil).elastic().Before(page)
	for path, own := range map[string]bool{
		"/": true, "/api/v1/scores": true, "/v1/events": true, "/essays": true, "/employees/_x": true, "/a/b/_bulk": true,
		"/es": false, "/es/": false, "/_bulk": false, "/x/_bulk": false, "/es/x/_bulk": false, "/_license": false,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if got := w.Body.String() == "page"; got != own {
			t.Errorf("%s is the page's: %v, want %v", path, got, own)
		}
	}
}

// TestBulkMemoryIsBounded sends far more than what is held at once.
func TestBulkMemoryIsBounded(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxBody, c.MaxLine = 1<<20, 1<<20 })
	long := create + `"` + strings.Repeat("x", 4<<20) + "\"\n"
	var body []io.Reader
	for i := range 20 {
		body = append(body, strings.NewReader(long), strings.NewReader(create+line(i)+"\n"))
	}
	w, closed := post(d.elastic(), bulkRequest("/_bulk", io.MultiReader(body...)))
	if closed || w.Code != http.StatusOK {
		t.Fatalf("closed %v", closed)
	}
	if e, l := len(d.facts(ueba.KindEvent)), d.facts(ueba.KindDead); e != 20 || len(l) != 20 || len(l[0].Body.(*ueba.DeadLetter).Raw) > collector.CutTo {
		t.Errorf("%d events, %d dead letters", e, len(l))
	}
}

func TestBulkFromManyAtOnce(t *testing.T) {
	d := newDesk(t, func(c *Config) { c.MaxRequests = 2 })
	e := d.elastic()
	e.patience = time.Minute
	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() {
			if w, closed := post(e, bulkRequest("/_bulk", strings.NewReader(create+line(i)))); closed || w.Code != http.StatusOK {
				t.Errorf("sender %d: closed %v", i, closed)
			}
		})
	}
	senders.Wait()
	if n := len(d.facts(ueba.KindEvent)); n != 20 {
		t.Errorf("%d events", n)
	}
}

// FuzzBulk holds that no body crashes the reader, that the answer is JSON with one item
// for each thing taken, and that every line that is no action is an event, a dead letter
// or a duplicate.
func FuzzBulk(f *testing.F) {
	f.Add(create + line(1) + "\n" + `{"delete":{"_id":"a"}}` + "\n" + create)
	f.Add(`{"index":{}}` + "\n\n" + `{"create":{"_id":1}}`)
	f.Add("{\"create\":null}\n{\"create\":{},\"index\":{}}\n{ \"update\" : {} }\n{}")
	f.Fuzz(func(t *testing.T, body string) {
		d := newDesk(t, func(c *Config) { c.MaxLine = 200 })
		w, closed := post(d.elastic(), bulkRequest("/_bulk", strings.NewReader(body)))
		if closed || w.Code != http.StatusOK {
			t.Fatalf("closed %v", closed)
		}
		var said struct {
			Errors bool
			Items  []map[string]struct{ Status int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.Errors {
			t.Fatalf("%s: %v", w.Body, err)
		}
		kept := 0
		for _, i := range said.Items {
			if _, ok := i["delete"]; !ok {
				kept++
			}
		}
		counts, err := d.intake.Counts(t.Context(), ueba.NoDay, ueba.NoDay)
		if err != nil {
			t.Fatal(err)
		}
		received := int64(0)
		for _, c := range counts {
			received += c.Received
		}
		if received != int64(kept) {
			t.Fatalf("%d answered, %d counted: %s", kept, received, w.Body)
		}
	})
}
