package fakees

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// request is the body of a search.
type request struct {
	Size        *int             `json:"size"`
	Query       map[string]any   `json:"query"`
	Sort        []map[string]any `json:"sort"`
	SearchAfter []any            `json:"search_after"`
	Source      any              `json:"_source"`
	SeqNo       bool             `json:"seq_no_primary_term"`
	TrackTotal  any              `json:"track_total_hits"`
}

// found is a document that a query found.
type found struct {
	index, id string
	doc       doc
	sort      []any
}

func (s *Server) search(r *http.Request, target string, body []byte) (any, *refusal) {
	var q request
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return nil, refuse(http.StatusBadRequest, "parsing_exception", "%v", err)
	}
	size := 10
	if q.Size != nil {
		size = *q.Size
	}
	if size > maxWindow {
		return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "Result window is too large, from + size must be less than or equal to: [%d] but was [%d]", maxWindow, size)
	}
	if len(q.SearchAfter) > 0 && len(q.SearchAfter) != len(q.Sort) {
		return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "search_after has %d value(s) but sort has %d.", len(q.SearchAfter), len(q.Sort))
	}
	names, no := s.find(r, target)
	if no != nil {
		return nil, no
	}
	var all []found
	for _, name := range names {
		hits, err := s.cluster.indices[name].search(name, q)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "search_phase_execution_exception", "%v", err)
		}
		all = append(all, hits...)
	}
	slices.SortStableFunc(all, func(a, b found) int { return compare(a.sort, b.sort, q.descending()) })
	if len(q.SearchAfter) > 0 {
		after, err := q.after(all)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "%v", err)
		}
		all = slices.DeleteFunc(all, func(f found) bool { return compare(f.sort, after, q.descending()) <= 0 })
	}
	return q.answer(all[:min(size, len(all))], len(names)), nil
}

func (q request) answer(hits []found, shards int) any {
	out := make([]any, len(hits))
	for i, f := range hits {
		h := object{"_index": f.index, "_id": f.id, "sort": f.sort}
		switch source := q.Source.(type) {
		case nil:
			h["_source"] = f.doc.source
		case []any:
			var paths []string
			for _, p := range source {
				paths = append(paths, fmt.Sprint(p))
			}
			h["_source"] = f.doc.only(paths)
		}
		if q.SeqNo {
			h["_seq_no"], h["_primary_term"] = f.doc.seq, f.doc.term
		}
		out[i] = h
	}
	return object{
		"took": 1, "timed_out": false, "_shards": object{"total": shards, "successful": shards, "failed": 0},
		"hits": object{"hits": out},
	}
}

// sortField returns the field of one order.
func sortField(order map[string]any) (name string, descending bool, unmapped string) {
	for field, v := range order {
		name = field
		if o, ok := v.(object); ok {
			descending = o["order"] == "desc"
			unmapped, _ = o["unmapped_type"].(string)
		}
	}
	return name, descending, unmapped
}

func (q request) descending() []bool {
	out := make([]bool, len(q.Sort))
	for i, o := range q.Sort {
		_, out[i], _ = sortField(o)
	}
	return out
}

// after reads search_after by the kinds of values that the hits are sorted by.
func (q request) after(all []found) ([]any, error) {
	out := make([]any, len(q.SearchAfter))
	for i, v := range q.SearchAfter {
		out[i] = v
		if n, ok := v.(json.Number); ok {
			long, err := n.Int64()
			if err != nil {
				return nil, fmt.Errorf("Failed to parse search_after value for field [%d]: %w", i, err) //nolint:staticcheck // the server's words
			}
			out[i] = long
		}
		for _, f := range all[:min(1, len(all))] {
			if f.sort[i] != nil && fmt.Sprintf("%T", f.sort[i]) != fmt.Sprintf("%T", out[i]) {
				return nil, fmt.Errorf("Failed to parse search_after value [%v]", v) //nolint:staticcheck // the server's words
			}
		}
	}
	return out, nil
}

// compare orders by the values, those without one last either way.
func compare(a, b []any, descending []bool) int {
	for i := range a {
		c := compareOne(a[i], b[i])
		if descending[i] && a[i] != nil && b[i] != nil {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func compareOne(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// search finds the refreshed documents that a query asks for, with what they are sorted by.
func (i *index) search(name string, q request) ([]found, error) {
	var out []found
	for _, o := range q.Sort {
		field, _, unmapped := sortField(o)
		if _, ok := i.fields[field]; !ok && unmapped == "" {
			return nil, fmt.Errorf("No mapping found for [%s] in order to sort on", field) //nolint:staticcheck // the server's words
		}
	}
	for id, d := range i.visible {
		ok, err := i.match(d, q.Query)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		f := found{index: name, id: id, doc: d, sort: make([]any, len(q.Sort))}
		for n, o := range q.Sort {
			field, descending, _ := sortField(o)
			f.sort[n] = i.sortValue(d, field, descending)
		}
		out = append(out, f)
	}
	// Without an order any is as good; one that is the same each time is kinder to tests.
	slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.id, b.id) })
	return out, nil
}

func (i *index) sortValue(d doc, path string, descending bool) any {
	values := i.values(d, path)
	if len(values) == 0 {
		return nil
	}
	if descending {
		return slices.MaxFunc(values, compareOne)
	}
	return slices.MinFunc(values, compareOne)
}

// values returns what is indexed of a document under a path.
func (i *index) values(d doc, path string) []any {
	f, ok := i.fields[path]
	if !ok {
		return nil
	}
	var out []any
	for _, v := range at(d.value, strings.Split(path, ".")) {
		if t, indexed, err := f.term(v); indexed && err == nil {
			out = append(out, t)
		}
	}
	return out
}

// match reports whether a query finds a document.
func (i *index) match(d doc, query map[string]any) (bool, error) {
	if len(query) == 0 {
		return true, nil
	}
	for kind, arg := range query {
		body, ok := arg.(object)
		if !ok || len(query) != 1 {
			return false, fmt.Errorf("[%s] query malformed", kind)
		}
		switch kind {
		case "match_all":
			return true, nil
		case "bool":
			return i.matchBool(d, body)
		case "exists":
			return len(i.values(d, fmt.Sprint(body["field"]))) > 0, nil
		case "terms":
			return i.matchTerms(d, body)
		case "term":
			for path, v := range body {
				return i.matchTerms(d, object{path: []any{v}})
			}
		case "range":
			return i.matchRange(d, body)
		}
		return false, fmt.Errorf("unknown query [%s]", kind)
	}
	return false, nil
}

func (i *index) matchBool(d doc, body object) (bool, error) {
	for _, clause := range []string{"filter", "must", "must_not", "should"} {
		queries, ok := body[clause].([]any)
		if one, single := body[clause].(object); single {
			queries, ok = []any{one}, true
		}
		if !ok {
			continue
		}
		matched := 0
		for _, q := range queries {
			inner, _ := q.(object)
			hit, err := i.match(d, inner)
			if err != nil {
				return false, err
			}
			if hit {
				matched++
			}
		}
		_, filtered := body["filter"]
		switch {
		case clause == "must_not" && matched > 0,
			(clause == "filter" || clause == "must") && matched < len(queries),
			clause == "should" && matched == 0 && !filtered:
			return false, nil
		}
	}
	return true, nil
}

func (i *index) matchTerms(d doc, body object) (bool, error) {
	for path, arg := range body {
		wanted, ok := arg.([]any)
		if !ok {
			return false, fmt.Errorf("[terms] query malformed")
		}
		if len(wanted) > maxTerms {
			return false, fmt.Errorf("the number of terms [%d] used in the Terms Query request has exceeded the allowed maximum of [%d]", len(wanted), maxTerms)
		}
		for _, v := range i.values(d, path) {
			if slices.ContainsFunc(wanted, func(w any) bool { return fmt.Sprint(w) == fmt.Sprint(v) }) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (i *index) matchRange(d doc, body object) (bool, error) {
	for path, arg := range body {
		bounds, ok := arg.(object)
		if !ok {
			return false, fmt.Errorf("[range] query malformed")
		}
		f := i.fields[path]
		for _, v := range i.values(d, path) {
			in, err := f.within(v, bounds)
			if err != nil || in {
				return in, err
			}
		}
	}
	return false, nil
}

func (f field) within(v any, bounds object) (bool, error) {
	for name, b := range bounds {
		if name == "format" {
			continue
		}
		bound, err := f.bound(b, bounds["format"])
		if err != nil {
			return false, err
		}
		c := compareOne(v, bound)
		ok, known := map[string]bool{"gt": c > 0, "gte": c >= 0, "lt": c < 0, "lte": c <= 0}[name]
		if !known {
			return false, fmt.Errorf("[range] query does not support [%s]", name)
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// bound reads a bound as values of the field are indexed.
func (f field) bound(b, format any) (any, error) {
	if f.kind == "date" && format == "epoch_millis" {
		n, ok := b.(json.Number)
		if !ok {
			return nil, fmt.Errorf("failed to parse date field [%v]", b)
		}
		return n.Int64()
	}
	f.above = 0
	t, _, err := f.term(b)
	return t, err
}
