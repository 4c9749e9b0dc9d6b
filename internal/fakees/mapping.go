package fakees

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is how a member of documents is indexed.
type field struct {
	kind      string
	above     int  // ignore_above; 0: none
	malformed bool // ignore_malformed
}

type mappingNode struct {
	Type       string                 `json:"type"`
	Enabled    *bool                  `json:"enabled"`
	Above      int                    `json:"ignore_above"`
	Malformed  bool                   `json:"ignore_malformed"`
	Dynamic    any                    `json:"dynamic"`
	Properties map[string]mappingNode `json:"properties"`
}

// parseMapping returns the fields of a mapping by their paths. Only mappings that add no
// fields by themselves are known.
func parseMapping(raw json.RawMessage) (map[string]field, error) {
	fields := map[string]field{}
	if len(raw) == 0 {
		return fields, nil
	}
	var root mappingNode
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	if root.Dynamic != nil && root.Dynamic != false && root.Dynamic != "false" {
		return nil, fmt.Errorf("mapping: dynamic %v is not known here", root.Dynamic)
	}
	return fields, root.collect(fields, "")
}

func (n mappingNode) collect(fields map[string]field, prefix string) error {
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		child := n.Properties[name]
		if child.Enabled != nil && !*child.Enabled {
			continue
		}
		switch child.Type {
		case "", "object":
			if err := child.collect(fields, prefix+name+"."); err != nil {
				return err
			}
		case "keyword", "long", "float", "date", "ip", "boolean", "flattened":
			fields[prefix+name] = field{child.Type, child.Above, child.Malformed}
		default:
			return fmt.Errorf("mapping: No handler for type [%s] declared on field [%s]", child.Type, prefix+name)
		}
	}
	return nil
}

// parse reads a document and refuses what its mapping refuses.
func (i *index) parse(id string, source []byte) (object, *refusal) {
	dec := json.NewDecoder(bytes.NewReader(source))
	dec.UseNumber()
	var value object
	if err := dec.Decode(&value); err != nil {
		return nil, refuse(http.StatusBadRequest, "document_parsing_exception", "failed to parse: %v", err)
	}
	for _, path := range slices.Sorted(maps.Keys(i.fields)) {
		f := i.fields[path]
		if f.kind == "flattened" {
			continue
		}
		for _, v := range at(value, strings.Split(path, ".")) {
			if _, _, err := f.term(v); err != nil {
				return nil, refuse(http.StatusBadRequest, "document_parsing_exception",
					"[1:1] failed to parse field [%s] of type [%s] in document with id '%s': %v", path, f.kind, id, err)
			}
		}
	}
	return value, nil
}

// at returns the values at a path; lists stand for their members.
func at(v any, path []string) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var all []any
		for _, one := range v {
			all = append(all, at(one, path)...)
		}
		return all
	case object:
		if len(path) == 0 {
			return []any{v}
		}
		return at(v[path[0]], path[1:])
	}
	if len(path) > 0 {
		return nil
	}
	return []any{v}
}

// term returns a value as it is indexed: text or a number. ok is false when it is not
// indexed; an error refuses the document.
func (f field) term(v any) (out any, ok bool, err error) {
	if _, object := v.(object); object {
		return nil, false, fmt.Errorf("found an object")
	}
	text := fmt.Sprint(v)
	switch f.kind {
	case "keyword":
		if f.above > 0 && len([]rune(text)) > f.above {
			return nil, false, nil
		}
		if len(text) > maxTerm {
			return nil, false, fmt.Errorf("Document contains at least one immense term") //nolint:staticcheck // the server's words
		}
		return text, true, nil
	case "long":
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil, err
	case "float":
		x, err := strconv.ParseFloat(text, 64)
		return x, err == nil, err
	case "boolean":
		return text, true, nil
	case "ip":
		_, err := netip.ParseAddr(text)
		if f.malformed {
			return text, err == nil, nil
		}
		return text, err == nil, err
	case "date":
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, false, fmt.Errorf("failed to parse date field [%s]: %w", text, err)
		}
		return t.UnixMilli(), true, nil
	}
	return nil, false, nil
}

// only returns the source with nothing but the named paths; without names all of it.
func (d doc) only(paths []string) json.RawMessage {
	if len(paths) == 0 {
		return d.source
	}
	out := object{}
	for _, p := range paths {
		pick(out, d.value, strings.Split(p, "."))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		panic(err) // it was JSON
	}
	return text.Bytes()
}

func pick(into, from object, path []string) {
	v, ok := from[path[0]]
	if !ok {
		return
	}
	inner, isObject := v.(object)
	if len(path) == 1 || !isObject {
		into[path[0]] = v
		return
	}
	next, ok := into[path[0]].(object)
	if !ok {
		next = object{}
		into[path[0]] = next
	}
	pick(next, inner, path[1:])
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
