package httpin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// ElasticPrefix is where the bulk protocol lies on the listener that it shares with the
// page.
const ElasticPrefix = "/es"

// elasticVersion is the version that shippers are told; they refuse an Elasticsearch older
// than themselves, so that a beat is told its own.
const elasticVersion = "8.9.0"

var beatVersion = regexp.MustCompile(`^(?i:elastic)[A-Za-z-]*/(\d{1,3}\.\d{1,3}\.\d{1,3})`)

// Before serves the paths of the bulk protocol and leaves all others to next: what lies
// below /es, and at the root what no page's path can be, a first part that begins with _
// or a last one that is _bulk.
func (e *Elastic) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isElastic(r.URL.Path) {
			e.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isElastic(path string) bool {
	if path == ElasticPrefix || strings.HasPrefix(path, ElasticPrefix+"/") || strings.HasPrefix(path, "/_") {
		return true
	}
	index, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && index != "" && rest == "_bulk"
}

// ServeHTTP implements http.Handler for a listener of its own, where / is the protocol's
// too.
func (e *Elastic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, ElasticPrefix)
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	index := first
	if first == "_bulk" && rest == "" {
		index, rest = "", "_bulk"
	}
	if rest != "_bulk" || strings.HasPrefix(index, "_") {
		e.greet(w, r, first, rest)
		return
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		e.refuse(w, r, refuse(http.StatusMethodNotAllowed, "method", "want POST"))
		return
	}
	if no := e.bulk(w, r, index); no != nil {
		e.refuse(w, r, no)
	}
}

// greetings are what shippers ask before they send, by the path's first part.
var greetings = map[string]string{
	"_license":            `{"license":{"uid":"onlooker","type":"basic","status":"active","expiry_date_in_millis":4000000000000}}`,
	"_xpack":              `{"build":{},"features":{},"license":{"status":"active"}}`,
	"_nodes":              `{}`,
	"_ilm":                `{}`,
	"_index_template":     `{}`,
	"_component_template": `{}`,
	"_template":           `{}`,
	"_ingest":             `{}`,
	"_data_stream":        `{}`,
	"_logstash":           `{}`,
}

const health = `{"cluster_name":"onlooker","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1}`

// greet answers what is asked before and between bulk requests. The answers are the same
// for everybody and tell nothing of what is stored.
func (e *Elastic) greet(w http.ResponseWriter, r *http.Request, first, rest string) {
	switch {
	case r.Method == http.MethodDelete:
	case first == "":
		writeElastic(w, r, http.StatusOK, about(r))
		return
	case first == "_cluster" && rest == "health":
		writeElastic(w, r, http.StatusOK, []byte(health))
		return
	case first == "_cat" && rest == "health":
		product(w)
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, _ = w.Write([]byte("onlooker green 1 1\n")) // whoever has gone away reads no answer
		return
	case greetings[first] != "":
		writeElastic(w, r, http.StatusOK, []byte(greetings[first]))
		return
	}
	e.refuse(w, r, refuse(http.StatusNotFound, "not_found", "Onlooker takes _bulk and nothing else of Elasticsearch"))
}

func about(r *http.Request) []byte {
	version := elasticVersion
	if m := beatVersion.FindStringSubmatch(r.UserAgent()); m != nil {
		version = m[1]
	}
	return []byte(`{"name":"onlooker","cluster_name":"onlooker","cluster_uuid":"b25sb29rZXI0ZXZlbnRzIQ",` +
		`"version":{"number":"` + version + `","build_flavor":"default","build_type":"docker","build_hash":"unknown",` +
		`"build_date":"2026-01-01T00:00:00.000Z","build_snapshot":false,"lucene_version":"9.7.0",` +
		`"minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"},` +
		`"tagline":"You Know, for Search"}`)
}

// refuse writes a refusal as Elasticsearch would.
func (e *Elastic) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	no.headers(w)
	if no.status == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", `Basic realm="onlooker"`)
		w.Header().Add("WWW-Authenticate", "ApiKey")
	}
	body, err := json.Marshal(map[string]any{
		"error":  map[string]any{"type": no.Code, "reason": no.Message},
		"status": no.status,
	})
	if err != nil {
		panic("write refusal: " + err.Error()) // plain data of ours
	}
	writeElastic(w, r, no.status, body)
}

// product tells clients that they may speak: they refuse a server that does not say it.
func product(w http.ResponseWriter) { w.Header().Set("X-Elastic-Product", "Elasticsearch") }

// elasticType is the media type that newer clients ask for, and want back.
var elasticType = regexp.MustCompile(`application/vnd\.elasticsearch\+(?:x-nd)?json; ?compatible-with=(\d)`)

func writeElastic(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	product(w)
	kind := "application/json"
	if m := elasticType.FindStringSubmatch(r.Header.Get("Accept")); m != nil {
		kind = "application/vnd.elasticsearch+json;compatible-with=" + m[1]
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever has gone away reads no answer
	}
}
