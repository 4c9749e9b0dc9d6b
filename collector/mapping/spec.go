package mapping

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// spec is a mapping as it is written.
type spec struct {
	file    string
	about   scalar
	records scalar
	decode  decodeSpec
	require []scalar
	extract []extractSpec
	keep    []ruleSpec
	drop    []ruleSpec
	fanout  *fanoutSpec
	time    timeSpec
	set     []setSpec
	dedupe  []scalar
	tests   []testSpec
	place   place
}

// scalar is a text with its place.
type scalar struct {
	text  string
	tag   string
	place place
}

type place struct{ line, column int }

type decodeSpec struct {
	format, regex, comma, quote, escape, pairs, equals scalar
	columns                                            []scalar
	syslog                                             bool
	place                                              place
}

type extractSpec struct {
	when, from, prefix, regex, into, name, value, pairs, equals scalar
	csv                                                         []scalar
	json, optional, kv                                          bool
	place                                                       place
}

type ruleSpec struct{ name, when scalar }

type fanoutSpec struct {
	from, as, keep scalar
	max            int
}

type timeSpec struct {
	from    []scalar
	layouts []scalar
	zone    scalar
	place   place
}

type setSpec struct{ target, value scalar }

type testSpec struct {
	name, input, zone, service, drop, err scalar
	events                                []*yaml.Node
	place                                 place
}

// reader reads the YAML of a mapping and gathers what is wrong with it.
type reader struct {
	file   string
	faults []error
}

func (r *reader) fault(p place, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d:%d: %s", r.file, p.line, p.column, fmt.Sprintf(format, args...)))
}

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// readSpec reads one file. All its faults come as one error.
func readSpec(file string, data []byte) (*spec, error) {
	r := &reader{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil, fmt.Errorf("%s: empty file", file)
	}
	s := r.spec(doc.Content[0])
	return s, errors.Join(r.faults...)
}

func (r *reader) spec(n *yaml.Node) *spec {
	s := &spec{file: r.file, place: placeOf(n)}
	r.object(n, map[string]func(*yaml.Node){
		"about":   r.text(&s.about),
		"records": r.text(&s.records),
		"decode":  func(n *yaml.Node) { r.decode(n, &s.decode) },
		"require": r.texts(&s.require),
		"extract": func(n *yaml.Node) { r.list(n, func(n *yaml.Node) { s.extract = append(s.extract, r.extract(n)) }) },
		"keep":    r.rules(&s.keep),
		"drop":    r.rules(&s.drop),
		"fanout":  func(n *yaml.Node) { s.fanout = r.fanout(n) },
		"time":    func(n *yaml.Node) { r.time(n, &s.time) },
		"set":     func(n *yaml.Node) { r.set(n, s) },
		"dedupe":  r.texts(&s.dedupe),
		"tests":   func(n *yaml.Node) { r.list(n, func(n *yaml.Node) { s.tests = append(s.tests, r.test(n)) }) },
	})
	return s
}

// object reads a mapping node by the names it may have.
func (r *reader) object(n *yaml.Node, members map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fault(placeOf(n), "want keys")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, known := members[key.Value]
		switch {
		case !known:
			r.fault(placeOf(key), "unknown key %s", key.Value)
		case seen[key.Value]:
			r.fault(placeOf(key), "%s is there twice", key.Value)
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

func (r *reader) list(n *yaml.Node, item func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fault(placeOf(n), "want a list")
		return
	}
	for _, c := range n.Content {
		item(c)
	}
}

func (r *reader) scalar(n *yaml.Node) scalar {
	if n.Kind != yaml.ScalarNode {
		r.fault(placeOf(n), "want a text")
	}
	return scalar{n.Value, n.Tag, placeOf(n)}
}

func (r *reader) text(to *scalar) func(*yaml.Node) {
	return func(n *yaml.Node) { *to = r.scalar(n) }
}

// texts reads one text or a list of them.
func (r *reader) texts(to *[]scalar) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			*to = append(*to, r.scalar(n))
			return
		}
		r.list(n, func(n *yaml.Node) { *to = append(*to, r.scalar(n)) })
	}
}

func (r *reader) flag(to *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			r.fault(placeOf(n), "want true or false")
		}
	}
}

// rules reads conditions: a text, or {name, when}, or a list of either.
func (r *reader) rules(to *[]ruleSpec) func(*yaml.Node) {
	one := func(n *yaml.Node) {
		var rule ruleSpec
		if n.Kind == yaml.MappingNode {
			r.object(n, map[string]func(*yaml.Node){"name": r.text(&rule.name), "when": r.text(&rule.when)})
		} else {
			rule.when = r.scalar(n)
		}
		if rule.when.text == "" {
			r.fault(placeOf(n), "want a condition")
		}
		*to = append(*to, rule)
	}
	return func(n *yaml.Node) {
		if n.Kind == yaml.SequenceNode {
			r.list(n, one)
			return
		}
		one(n)
	}
}

func (r *reader) decode(n *yaml.Node, d *decodeSpec) {
	d.place = placeOf(n)
	r.object(n, map[string]func(*yaml.Node){
		"format": r.text(&d.format), "regex": r.text(&d.regex), "columns": r.texts(&d.columns), "comma": r.text(&d.comma),
		"quote": r.text(&d.quote), "escape": r.text(&d.escape), "pairs": r.text(&d.pairs), "equals": r.text(&d.equals),
		"syslog": r.flag(&d.syslog),
	})
}

func (r *reader) extract(n *yaml.Node) extractSpec {
	e := extractSpec{place: placeOf(n)}
	r.object(n, map[string]func(*yaml.Node){
		"when": r.text(&e.when), "from": r.text(&e.from), "prefix": r.text(&e.prefix), "regex": r.text(&e.regex),
		"csv": r.texts(&e.csv), "json": r.flag(&e.json), "kv": r.flag(&e.kv), "pairs": r.text(&e.pairs), "equals": r.text(&e.equals),
		"into": r.text(&e.into), "optional": r.flag(&e.optional), "name": r.text(&e.name), "value": r.text(&e.value),
	})
	return e
}

func (r *reader) fanout(n *yaml.Node) *fanoutSpec {
	f := &fanoutSpec{max: 1000}
	r.object(n, map[string]func(*yaml.Node){
		"from": r.text(&f.from), "as": r.text(&f.as), "keep": r.text(&f.keep),
		"max": func(n *yaml.Node) {
			if n.Decode(&f.max) != nil || f.max < 1 || f.max > maxFanout {
				r.fault(placeOf(n), "max: want a number from 1 to %d", maxFanout)
			}
		},
	})
	if f.from.text == "" || !isPath.MatchString(f.as.text) || strings.Contains(f.as.text, ".") {
		r.fault(placeOf(n), "fanout: want from, and a name under as")
	}
	return f
}

func (r *reader) time(n *yaml.Node, t *timeSpec) {
	t.place = placeOf(n)
	r.object(n, map[string]func(*yaml.Node){
		"from": r.texts(&t.from), "layout": r.texts(&t.layouts), "zone": r.text(&t.zone),
	})
}

func (r *reader) set(n *yaml.Node, s *spec) {
	if n.Kind != yaml.MappingNode {
		r.fault(placeOf(n), "want fields")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		target := r.scalar(n.Content[i])
		if seen[target.text] {
			r.fault(target.place, "%s is there twice", target.text)
		}
		seen[target.text] = true
		s.set = append(s.set, setSpec{target, r.scalar(n.Content[i+1])})
	}
}

func (r *reader) test(n *yaml.Node) testSpec {
	t := testSpec{place: placeOf(n)}
	r.object(n, map[string]func(*yaml.Node){
		"name": r.text(&t.name), "input": r.text(&t.input), "zone": r.text(&t.zone), "service": r.text(&t.service),
		"drop": r.text(&t.drop), "error": r.text(&t.err),
		"event": func(n *yaml.Node) { t.events = []*yaml.Node{n} },
		"events": func(n *yaml.Node) {
			r.list(n, func(n *yaml.Node) { t.events = append(t.events, n) })
		},
	})
	said := 0
	for _, given := range []bool{t.drop.text != "", t.err.text != "", t.events != nil} {
		if given {
			said++
		}
	}
	if t.input.text == "" || said != 1 {
		r.fault(t.place, "test: want input, and one of event, events, drop and error")
	}
	return t
}
