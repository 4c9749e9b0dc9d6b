package elastic_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/elastic"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// refusal opens a store that must not open and returns the sentence.
func refusal(t *testing.T, c elastic.Config) error {
	t.Helper()
	s, err := elastic.Open(t.Context(), c, elastic.Options{})
	if err == nil {
		_ = s.Close()
		t.Fatal("it opened")
	}
	return err
}

func says(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error does not say %q: %v", p, err)
		}
	}
}

func TestNothingAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	says(t, refusal(t, elastic.Config{Config: esclient.Config{Addresses: []string{address}}}), "nothing answers at "+address, "store.elastic.addresses")
}

// answering answers every request alike.
func answering(t *testing.T, status int, product, body string) elastic.Config {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if product != "" {
			w.Header().Set("X-Elastic-Product", product)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return elastic.Config{Config: esclient.Config{Addresses: []string{srv.URL}}}
}

func TestAnotherProductAnswers(t *testing.T) {
	says(t, refusal(t, answering(t, 200, "", `{"version":{"number":"2.19.1"}}`)), "not Elasticsearch", "store.elastic.flavour")
}

func TestServerIsTooOld(t *testing.T) {
	says(t, refusal(t, answering(t, 200, "Elasticsearch", `{"version":{"number":"7.17.3"}}`)), "7.17.3", "too old", "8.0")
	c := answering(t, 200, "", `{"version":{"number":"1.3.20"}}`)
	c.Flavour = esclient.OpenSearch
	says(t, refusal(t, c), "opensearch 1.3.20", "too old")
}

func TestWrongPassword(t *testing.T) {
	c := server(t, "elasticsearch-secure")
	c.Password = "wrong"
	says(t, refusal(t, c), "wrong password", "store.elastic.username")
}

func TestMissingPrivilege(t *testing.T) {
	c := server(t, "elasticsearch-secure")
	c.Prefix = "other" // its role is for onlooker-*
	says(t, refusal(t, c), "lacks a privilege", "docs/elasticsearch.md")
}

func TestCertificateOfNobody(t *testing.T) {
	c := server(t, "elasticsearch-secure")
	c.CAFile = ""
	says(t, refusal(t, c), "not to be trusted", "store.elastic.ca_file", "expired")
	c.CAFingerprint = strings.Repeat("00", 32)
	says(t, refusal(t, c), "ca_fingerprint")
}

func TestForeignIndex(t *testing.T) {
	c := server(t, "elasticsearch")
	t.Cleanup(func() { clean(t, c) })
	other := c
	other.Prefix = prefix()
	t.Cleanup(func() { clean(t, other) })
	s := open(t, other)
	name := c.Prefix + "-docs-foreign" // made before any template of ours is there
	if err := s.Do(t.Context(), esapi.IndicesCreateRequest{Index: name}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	says(t, refusal(t, c), name, "not one of Onlooker's", "store.elastic.prefix")
}

func TestNewerIndexAndOlderOne(t *testing.T) {
	c := server(t, "elasticsearch")
	t.Cleanup(func() { clean(t, c) })
	s := open(t, c)
	if err := s.Put(t.Context(), store.Doc{Kind: "any", ID: "a", Day: ueba.NoDay, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	name := c.Prefix + "-docs-any"
	mark := func(format string) {
		body := bytes.NewBufferString(`{"_meta":{"onlooker":{"format":` + format + `}}}`)
		if err := s.Do(t.Context(), esapi.IndicesPutMappingRequest{Index: []string{name}, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	mark("99")
	err := refusal(t, c)
	says(t, err, name, "99")
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("%v is not ErrNewer", err)
	}
	mark("-1") // as of an older version
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the upgrade, and a start after it
		if err := open(t, c).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTemplateChangedByHand(t *testing.T) {
	c := server(t, "elasticsearch")
	t.Cleanup(func() { clean(t, c) })
	if err := open(t, c).Close(); err != nil {
		t.Fatal(err)
	}
	var warned []string
	again := func() *elastic.Store {
		warned = nil
		s, err := elastic.Open(t.Context(), c, elastic.Options{Warn: func(m string) { warned = append(warned, m) }})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := again()
	if len(warned) > 0 {
		t.Fatalf("an untouched template warns: %v", warned)
	}
	body := map[string]any{
		"index_patterns": []string{c.Prefix + "-events-*"}, "priority": 500, "version": 1,
		"_meta":    map[string]any{"onlooker": map[string]any{"format": 1}},
		"template": map[string]any{"settings": map[string]any{"index.refresh_interval": "60s"}},
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context(), esapi.IndicesPutIndexTemplateRequest{Name: c.Prefix + "-events", Body: bytes.NewReader(text)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := again().Close(); err != nil || len(warned) != 1 || !strings.Contains(warned[0], "changed by hand") {
		t.Fatalf("after the change: %v, %v", warned, err)
	}
	if err := again().Close(); err != nil || len(warned) > 0 {
		t.Fatalf("after the repair: %v, %v", warned, err)
	}
}

// TestRefusedByMapping writes an event that the server refuses, beside good ones: it is kept
// whole, found by its record, and blocks nothing.
func TestRefusedByMapping(t *testing.T) {
	c := server(t, "elasticsearch")
	t.Cleanup(func() { clean(t, c) })
	s := open(t, c)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	facts := looksOf(0, 0, 3)
	facts[1].Body.(*ueba.Event).Labels = map[string]string{"a\x00b": "a null byte in a label's name"}
	facts[2].Body.(*ueba.Event).IP = "no address"
	want := facts[1].Body.(*ueba.Event)
	if _, err := s.Append(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
	found := 0
	for f, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C1"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e := f.Body.(*ueba.Event); e.EventID == want.EventID && e.Labels["a\x00b"] != "" {
			found++
		}
		found++
	}
	if found != 4 || s.Stats()["facts_refused_total"] != 1 {
		t.Errorf("found %d, refused %v; want all 3 and the labels, 1 refused", found, s.Stats()["facts_refused_total"])
	}
}

// TestTwoProcesses appends through two stores: each sees the other's facts in the feed, once.
func TestTwoProcesses(t *testing.T) {
	c := server(t, "elasticsearch")
	t.Cleanup(func() { clean(t, c) })
	a, b := open(t, c), open(t, c)
	for i, s := range []*elastic.Store{a, b, a} {
		if _, err := s.Append(t.Context(), looksOf(i, i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range map[string]*elastic.Store{"a": a, "b": b} {
		seen := map[string]int{}
		var cursor store.Cursor
		for begin := time.Now(); len(seen) < 30 && time.Since(begin) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
			facts, next, err := s.Changes(t.Context(), cursor, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range facts {
				seen[f.ID]++
			}
			cursor = next
		}
		if len(seen) != 30 {
			t.Errorf("%s is given %d facts of 30", name, len(seen))
		}
	}
	for _, s := range []*elastic.Store{a, b} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
