package fakees_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/fakees"
)

// client asks a fake as curl would.
type client struct {
	*testing.T
	*fakees.Server
	url string
}

func start(t *testing.T) *client {
	t.Helper()
	s := fakees.New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &client{t, s, h.URL}
}

// ask returns the status and the answer; status 0 means that there was none.
func (c *client) ask(method, path, body string) (int, string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// good asks and wants a good answer.
func (c *client) good(method, path, body string) string {
	c.Helper()
	status, text := c.ask(method, path, body)
	if status != http.StatusOK {
		c.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func (c *client) hits(query string) int {
	c.Helper()
	var answer struct {
		Hits struct {
			Hits []json.RawMessage `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal([]byte(c.good("POST", "/a-1/_search", query)), &answer); err != nil {
		c.Fatal(err)
	}
	return len(answer.Hits.Hits)
}

func (c *client) template() {
	c.Helper()
	c.good("PUT", "/_index_template/a", `{"index_patterns":["a-*"],"template":{"mappings":{"dynamic":false,"properties":{
		"n":{"type":"long"},"name":{"type":"keyword","ignore_above":5},"at":{"type":"date"},"raw":{"type":"object","enabled":false}}}}}`)
}

func line(action, id, source string) string {
	out := `{"` + action + `":{"_index":"a-1","_id":"` + id + `"}}` + "\n"
	if source != "" {
		out += source + "\n"
	}
	return out
}

// TestSearchSeesWhatWasRefreshed, and nothing else; reading by id sees everything.
func TestSearchSeesWhatWasRefreshed(t *testing.T) {
	c := start(t)
	c.template()
	c.good("POST", "/_bulk", line("create", "x", `{"n":1}`))
	if n := c.hits(`{}`); n != 0 {
		t.Errorf("%d hits before a refresh", n)
	}
	if got := c.good("POST", "/_mget", `{"docs":[{"_index":"a-1","_id":"x"}]}`); !strings.Contains(got, `"found":true`) {
		t.Errorf("by id before a refresh: %s", got)
	}
	c.good("POST", "/a-1/_refresh", "")
	c.good("POST", "/_bulk", line("delete", "x", ""))
	if n := c.hits(`{}`); n != 1 {
		t.Errorf("%d hits after a refresh, want 1", n)
	}
}

// TestMappingsDecide what is found and what is refused.
func TestMappingsDecide(t *testing.T) {
	c := start(t)
	c.template()
	got := c.good("POST", "/_bulk", line("create", "a", `{"n":9007199254740993,"name":["li","longer"],"at":"2026-11-02T00:00:00.5Z","raw":{"n":5},"more":7}`)+
		line("create", "b", `{"n":"many"}`)+line("create", "c", `{"at":"yesterday"}`)+line("create", strings.Repeat("i", 600), `{}`)+line("create", "d", `{"n":"2"}`))
	if strings.Count(got, "document_parsing_exception") != 2 || strings.Count(got, `"status":400`) != 3 || strings.Count(got, `"status":201`) != 2 {
		t.Errorf("answer: %s", got)
	}
	c.good("POST", "/a-1/_refresh", "")
	for query, want := range map[string]int{
		`{"terms":{"name":["li"]}}`:                                      1,
		`{"terms":{"name":["longer"]}}`:                                  0,
		`{"terms":{"more":[7]}}`:                                         0,
		`{"terms":{"raw.n":[5]}}`:                                        0,
		`{"range":{"n":{"gt":9007199254740992}}}`:                        1,
		`{"range":{"n":{"gt":9007199254740993}}}`:                        0,
		`{"range":{"n":{"gte":2,"lt":3}}}`:                               1,
		`{"exists":{"field":"at"}}`:                                      1,
		`{"bool":{"must_not":{"exists":{"field":"n"}}}}`:                 0,
		`{"range":{"at":{"lte":1793577600500,"format":"epoch_millis"}}}`: 1,
		`{"range":{"at":{"lte":1793577600499,"format":"epoch_millis"}}}`: 0,
	} {
		if n := c.hits(`{"query":` + query + `}`); n != want {
			t.Errorf("%s: %d hits, want %d", query, n, want)
		}
	}
}

// TestLimits are those of a real server.
func TestLimits(t *testing.T) {
	c := start(t)
	c.good("POST", "/_bulk", line("create", "x", `{}`))
	c.good("POST", "/a-1/_refresh", "")
	for _, tt := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"POST", "/a-1/_search", `{"size":10001}`, "Result window", 400},
		{"POST", "/a-1/_search", `{"sort":[{"n":{"order":"asc"}}]}`, "No mapping found", 400},
		{"POST", "/a-1/_search", `{"query":{"fuzzy":{}}}`, "unknown query", 400},
		{"POST", "/a-1/_search", `{"pit":{"id":"x"}}`, "parsing_exception", 400},
		{"POST", "/none/_search", `{}`, "index_not_found", 404},
		{"POST", "/" + strings.Repeat("a-1,", 1500) + "/_search", `{}`, "too_long_http_line", 400},
		{"POST", "/_bulk", `{"create":{"_index":"a-1","_id":"y"}}` + "\n{}", "newline", 400},
		{"GET", "/_cat/indices", "", "no handler", 400},
	} {
		if status, text := c.ask(tt.method, tt.path, tt.body); status != tt.status || !strings.Contains(text, tt.want) {
			t.Errorf("%s %.40s: %d %s; want %d %q", tt.method, tt.path, status, text, tt.status, tt.want)
		}
	}
}

// TestVersions: compare-and-set goes by sequence number and term.
func TestVersions(t *testing.T) {
	c := start(t)
	set := func(seq, term string) string {
		return `{"index":{"_index":"a-1","_id":"x","if_seq_no":` + seq + `,"if_primary_term":` + term + "}}\n{}\n"
	}
	c.good("POST", "/_bulk", line("create", "x", `{}`))
	for _, tt := range []struct {
		body string
		want string
	}{
		{line("create", "x", `{}`), `"status":409`},
		{set("7", "1"), `"status":409`},
		{set("0", "1"), `"status":200`},
		{set("0", "1"), `"status":409`},
		{line("delete", "none", ""), `"status":404`},
	} {
		if got := c.good("POST", "/_bulk", tt.body); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.body, got, tt.want)
		}
	}
	restore := c.Snapshot()
	c.good("POST", "/_bulk", line("create", "y", `{}`))
	restore()
	if n := c.Count("a-*"); n != 1 {
		t.Errorf("%d documents after the snapshot is back, want 1", n)
	}
}

// TestFaults hit as often as they should, and what they apply is applied.
func TestFaults(t *testing.T) {
	c := start(t)
	write := func(id string) (int, string) { return c.ask("POST", "/_bulk", line("create", id, `{}`)) }
	busy := fakees.Busy()
	busy.Times, busy.Skip = 1, 1
	c.Inject(busy)
	for i, want := range []int{200, 429, 200} {
		if status, _ := write(string(rune('a' + i))); status != want {
			t.Errorf("request %d: %d, want %d", i, status, want)
		}
	}
	c.Inject(fakees.Fault{Times: 1, Cut: true})
	if status, _ := write("cut"); status != 0 || c.Count("a-1") != 2 {
		t.Errorf("cut: status %d, %d documents", status, c.Count("a-1"))
	}
	c.Inject(fakees.Fault{Times: 1, Cut: true, Apply: true})
	if status, _ := write("applied"); status != 0 || c.Count("a-1") != 3 {
		t.Errorf("applied, then cut: status %d, %d documents", status, c.Count("a-1"))
	}
	lift := c.Inject(fakees.Fault{Delay: 50 * time.Millisecond})
	begin := time.Now()
	if status, _ := write("slow"); status != 200 || time.Since(begin) < 50*time.Millisecond {
		t.Errorf("slow: status %d after %s", status, time.Since(begin))
	}
	lift()
	c.Block(true)
	if _, text := write("full"); !strings.Contains(text, "cluster_block_exception") {
		t.Errorf("blocked: %s", text)
	}
}
