package fakees

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The real server's limits.
const (
	maxLine   = 4096      // bytes of a request's first line
	maxBody   = 100 << 20 // bytes of a request
	maxID     = 512       // bytes of a document's id
	maxWindow = 10_000    // hits of a page
	maxTerms  = 65_536    // of one query
	maxTerm   = 32_766    // bytes that can be indexed as one
)

// object is a JSON object.
type object = map[string]any

// Server is the fake; it implements http.Handler.
type Server struct {
	mu       sync.Mutex
	cluster  cluster
	clusters int
	faults   []*Fault
	blocked  bool
	requests map[string]int
}

// cluster is all that the server holds.
type cluster struct {
	uuid      string
	term      int64
	indices   map[string]*index
	templates map[string]template
}

type template struct {
	raw      json.RawMessage
	patterns []string
	priority int
	mappings json.RawMessage
}

// index holds documents; searches see those of the last refresh.
type index struct {
	uuid    string
	raw     json.RawMessage // mappings
	fields  map[string]field
	docs    map[string]doc
	visible map[string]doc
	seq     int64
}

type doc struct {
	source json.RawMessage
	value  object
	seq    int64
	term   int64
}

// New returns an empty server.
func New() *Server {
	s := &Server{requests: map[string]int{}}
	s.Replace()
	return s
}

// Replace puts another, empty cluster in the place of this one.
func (s *Server) Replace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters++
	s.cluster = cluster{uuid: fmt.Sprintf("cluster-%d", s.clusters), term: 1, indices: map[string]*index{}, templates: map[string]template{}}
}

// Snapshot returns what puts the cluster back to how it is now.
func (s *Server) Snapshot() (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.cluster.clone()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		term := s.cluster.term + 1
		s.cluster = kept.clone()
		s.cluster.term = term
	}
}

func (c cluster) clone() cluster {
	indices := make(map[string]*index, len(c.indices))
	for name, i := range c.indices {
		other := *i
		other.docs, other.visible = maps.Clone(i.docs), maps.Clone(i.visible)
		indices[name] = &other
	}
	c.indices, c.templates = indices, maps.Clone(c.templates)
	return c
}

// Block makes every index refuse writes as the flood-stage watermark of a full disk does;
// deleting goes on.
func (s *Server) Block(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked = on
}

// Requests counts the requests so far by their last API word, such as _bulk.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.requests)
}

// Count returns how many documents the indices of the pattern hold, refreshed or not.
func (s *Server) Count(pattern string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, i := range s.cluster.indices {
		if matches(pattern, name) {
			n += len(i.docs)
		}
	}
	return n
}

// refusal is an answer that is an error.
type refusal struct {
	status       int
	kind, reason string
}

func refuse(status int, kind, reason string, args ...any) *refusal {
	return &refusal{status, kind, fmt.Sprintf(reason, args...)}
}

func (r *refusal) body() object {
	cause := object{"type": r.kind, "reason": r.reason}
	return object{"status": r.status, "error": object{"type": r.kind, "reason": r.reason, "root_cause": []any{cause}}}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api := apiOf(r.URL.Path)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, object{"error": "too large"})
		return
	}
	s.mu.Lock()
	s.requests[api]++
	f := s.fault(api, len(body))
	s.mu.Unlock()
	if f != nil && f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return
		}
	}
	status, out := http.StatusOK, any(nil)
	if f == nil || !f.instead() || f.Apply {
		status, out = s.do(r, api, body, f)
	}
	switch {
	case f != nil && f.Cut:
		panic(http.ErrAbortHandler)
	case f != nil && f.Status != 0:
		status, out = f.Status, refuse(f.Status, f.Type, "%s", f.Reason).body()
	}
	answer(w, status, out)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status < http.StatusMultipleChoices {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the client has gone, then
}

// apiOf is the part of a path that begins with an underscore.
func apiOf(path string) string {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "_") {
			return part
		}
	}
	return ""
}

// do does what a request asks.
func (s *Server) do(r *http.Request, api string, body []byte, f *Fault) (int, any) {
	if len(r.Method)+len(r.RequestURI)+len(" HTTP/1.1 ") > maxLine {
		no := refuse(http.StatusBadRequest, "too_long_http_line_exception", "An HTTP line is larger than %d bytes.", maxLine)
		return no.status, no.body()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out, no := s.route(r, api, body, f)
	if no != nil {
		return no.status, no.body()
	}
	return http.StatusOK, out
}

func (s *Server) route(r *http.Request, api string, body []byte, f *Fault) (any, *refusal) {
	target, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case api == "" && r.URL.Path == "/":
		return s.info(), nil
	case api == "" && r.Method == http.MethodDelete:
		return s.deleteIndex(target, r.URL.Query().Get("ignore_unavailable") == "true")
	case api == "_bulk":
		return s.bulk(body, f)
	case api == "_mget":
		return s.mget(body, r.URL.Query().Get("_source_includes"))
	case api == "_search":
		return s.search(r, target, body)
	case api == "_refresh":
		return s.refresh(r, target)
	case api == "_index_template":
		return s.template(r, body)
	case api == "_mapping":
		return s.mapping(r, target, body)
	case api == "_settings":
		return s.each(r, target, func(i *index) any {
			return object{"settings": object{"index": object{"uuid": i.uuid}}}
		})
	case api == "_stats":
		return s.stats(r, target)
	}
	return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "no handler found for uri [%s] and method [%s]", r.URL.Path, r.Method)
}

func (s *Server) info() any {
	return object{
		"cluster_name": "fake", "cluster_uuid": s.cluster.uuid, "tagline": "You Know, for Search",
		"version": object{"number": "8.17.0", "build_flavor": "default"},
	}
}

// find returns the names of the indices that a list of names and patterns means.
func (s *Server) find(r *http.Request, target string) ([]string, *refusal) {
	lenient := r.URL.Query().Get("ignore_unavailable") == "true"
	var names []string
	for pattern := range strings.SplitSeq(target, ",") {
		found := false
		for name := range s.cluster.indices {
			if matches(pattern, name) {
				names, found = append(names, name), true
			}
		}
		if !found && !lenient && !strings.Contains(pattern, "*") {
			return nil, noIndex(pattern)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func noIndex(name string) *refusal {
	return refuse(http.StatusNotFound, "index_not_found_exception", "no such index [%s]", name)
}

func matches(pattern, name string) bool {
	prefix, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	return strings.HasPrefix(name, prefix) && strings.HasSuffix(name[len(prefix):], rest)
}

// each answers with something of each index.
func (s *Server) each(r *http.Request, target string, of func(*index) any) (any, *refusal) {
	names, no := s.find(r, target)
	if no != nil {
		return nil, no
	}
	out := object{}
	for _, name := range names {
		out[name] = of(s.cluster.indices[name])
	}
	return out, nil
}

func (s *Server) stats(r *http.Request, target string) (any, *refusal) {
	all, no := s.each(r, target, func(i *index) any {
		size := 0
		for _, d := range i.docs {
			size += len(d.source)
		}
		return object{"primaries": object{"docs": object{"count": len(i.visible)}, "store": object{"size_in_bytes": size}}}
	})
	return object{"indices": all}, no
}

func (s *Server) refresh(r *http.Request, target string) (any, *refusal) {
	names, no := s.find(r, target)
	for _, name := range names {
		i := s.cluster.indices[name]
		i.visible = maps.Clone(i.docs)
	}
	return object{"_shards": object{"total": len(names), "successful": len(names), "failed": 0}}, no
}

func (s *Server) deleteIndex(name string, lenient bool) (any, *refusal) {
	if s.cluster.indices[name] == nil && !lenient {
		return nil, noIndex(name)
	}
	delete(s.cluster.indices, name)
	return object{"acknowledged": true}, nil
}

// template puts or gets an index template.
func (s *Server) template(r *http.Request, body []byte) (any, *refusal) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if r.Method == http.MethodGet {
		t, ok := s.cluster.templates[name]
		if !ok {
			return nil, refuse(http.StatusNotFound, "resource_not_found_exception", "index template matching [%s] not found", name)
		}
		return object{"index_templates": []any{object{"name": name, "index_template": t.raw}}}, nil
	}
	var said struct {
		Patterns []string `json:"index_patterns"`
		Priority int      `json:"priority"`
		Template struct {
			Mappings json.RawMessage `json:"mappings"`
		} `json:"template"`
	}
	if err := json.Unmarshal(body, &said); err != nil || len(said.Patterns) == 0 {
		return nil, refuse(http.StatusBadRequest, "x_content_parse_exception", "template [%s]: %v", name, err)
	}
	if _, err := parseMapping(said.Template.Mappings); err != nil {
		return nil, refuse(http.StatusBadRequest, "mapper_parsing_exception", "template [%s]: %v", name, err)
	}
	s.cluster.templates[name] = template{body, said.Patterns, said.Priority, said.Template.Mappings}
	return object{"acknowledged": true}, nil
}

// mapping puts or gets the mapping of indices.
func (s *Server) mapping(r *http.Request, target string, body []byte) (any, *refusal) {
	if r.Method == http.MethodGet {
		return s.each(r, target, func(i *index) any { return object{"mappings": i.raw} })
	}
	fields, err := parseMapping(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "mapper_parsing_exception", "%v", err)
	}
	names, no := s.find(r, target)
	for _, name := range names {
		i := s.cluster.indices[name]
		maps.Copy(i.fields, fields)
		i.raw = body
	}
	return object{"acknowledged": true}, no
}

// open returns the index of the name, and makes it by the template that fits.
func (s *Server) open(name string) (*index, *refusal) {
	if i := s.cluster.indices[name]; i != nil {
		return i, nil
	}
	if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, `\/*?"<>| ,#:`) || strings.ContainsAny(name[:1], "-_+") || len(name) > 255 {
		return nil, refuse(http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name [%s]", name)
	}
	i := &index{
		uuid: "uuid-" + name, raw: json.RawMessage("{}"), fields: map[string]field{},
		docs: map[string]doc{}, visible: map[string]doc{},
	}
	best := -1
	for _, t := range s.cluster.templates {
		if t.priority > best && slices.ContainsFunc(t.patterns, func(p string) bool { return matches(p, name) }) {
			best = t.priority
			i.raw = t.mappings
			i.fields, _ = parseMapping(t.mappings) // it was read once when it was put
		}
	}
	s.cluster.indices[name] = i
	return i, nil
}
