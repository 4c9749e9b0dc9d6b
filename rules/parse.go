package rules

import (
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds a rule file, in bytes.
const maxFile = 1 << 20

// word is a scalar as written, with its place.
type word struct {
	text  string
	at    place
	null  bool
	plain bool // not quoted: its text begins right at its place
	block bool // folded or literal: its text begins on a later line
}

func (w word) is() bool { return w.at.line > 0 }

// writtenRule is one YAML document of a rule file.
type writtenRule struct {
	*reporter
	at place

	title, id, name, status, description, level word
	tags                                        []word

	logsource   *yaml.Node
	selections  []selection
	condition   word
	parsed      condition
	detection   place // zero: there is none
	correlation *writtenCorrelation
	options     writtenOptions
}

// selection is a named part of a detection: an "or" of "and"s of items.
type selection struct {
	name         word
	alternatives [][]item
}

// item is "field|modifier: values".
type item struct {
	field     word
	modifiers []word
	values    []word
}

type writtenCorrelation struct {
	at        place
	kind      word
	rules     []word
	groupBy   []word
	timespan  word
	operators []pair
	field     word
	generate  word
}

type writtenOptions struct {
	immediate, wait, evidence, grave word
}

type pair struct{ key, value word }

var (
	ruleKeys = []string{
		"title", "id", "name", "status", "description", "level", "tags", "logsource", "detection", "correlation", "onlooker",
		"references", "author", "date", "modified", "license", "related", "fields", "falsepositives",
	}
	refusedKeys = map[string]string{
		"filter":   "Sigma filters are not supported",
		"action":   "rule collections (action) are not supported; write each rule as a document of its own",
		"taxonomy": "taxonomy is not supported; fields are those of Onlooker",
		"scope":    "scope is not supported",
	}
	correlationKeys  = []string{"type", "rules", "group-by", "timespan", "condition", "generate"}
	optionKeys       = []string{"immediate", "wait", "evidence", "grave"}
	refusedDetection = map[string]string{
		"timeframe": "timeframe is not supported; write a correlation rule",
	}
)

// parseFile turns the documents of a file into what is written in them.
func parseFile(r *reporter, source []byte) []*writtenRule {
	if len(source) > maxFile {
		r.fail(place{}, "the file is larger than %d bytes", maxFile)
		return nil
	}
	r.lines = strings.Split(string(source), "\n")
	var docs []yaml.Node
	if err := yaml.Load(source, &docs, yaml.WithAllDocuments()); err != nil {
		r.failYAML(err)
		return nil
	}
	var out []*writtenRule
	for i := range docs {
		if len(docs[i].Content) == 1 {
			out = append(out, parseRule(r, docs[i].Content[0]))
		}
	}
	if len(out) == 0 {
		r.fail(place{}, "there is no rule in the file")
	}
	return out
}

func (r *reporter) failYAML(err error) {
	var load *yaml.LoadError
	if errors.As(err, &load) {
		r.fail(place{load.Mark.Line, load.Mark.Column}, "not valid YAML: %s", load.Message)
		return
	}
	r.fail(place{}, "not valid YAML: %v", err)
}

func parseRule(r *reporter, n *yaml.Node) *writtenRule {
	w := &writtenRule{reporter: r, at: placeOf(n)}
	r.eachKey(n, "rule", func(key word, value *yaml.Node) {
		switch key.text {
		case "title":
			w.title = r.scalar(value, key.text)
		case "id":
			w.id = r.scalar(value, key.text)
		case "name":
			w.name = r.scalar(value, key.text)
		case "status":
			w.status = r.scalar(value, key.text)
		case "description":
			w.description = r.scalar(value, key.text)
		case "level":
			w.level = r.scalar(value, key.text)
		case "tags":
			w.tags = r.scalars(value, key.text)
		case "logsource":
			w.logsource = value
		case "detection":
			w.detection = key.at
			w.parseDetection(value)
		case "correlation":
			w.correlation = parseCorrelation(r, key, value)
		case "onlooker":
			w.parseOptions(value)
		default:
			r.unknownKey(key, "key", ruleKeys, refusedKeys)
		}
	})
	return w
}

// unknownKey passes the keys of known, which are only for people, and refuses the rest.
func (r *reporter) unknownKey(key word, what string, known []string, refused map[string]string) {
	switch why := refused[key.text]; {
	case why != "":
		r.fail(key.at, "%s", why)
	case !slices.Contains(known, key.text):
		r.failNear(key.at, what, key.text, known)
	}
}

func (w *writtenRule) parseDetection(n *yaml.Node) {
	w.eachKey(n, "detection", func(key word, value *yaml.Node) {
		switch {
		case refusedDetection[key.text] != "":
			w.fail(key.at, "%s", refusedDetection[key.text])
		case key.text == "condition" && value.Kind == yaml.SequenceNode:
			w.fail(placeOf(value), "several conditions are not supported; write one with or")
		case key.text == "condition":
			w.condition = w.scalar(value, "condition")
			w.parsed = parseCondition(w.reporter, w.condition)
		default:
			w.selections = append(w.selections, selection{key, w.parseSelection(key, value)})
		}
	})
}

// parseSelection reads a map (all of its items) or a list of maps (any of them).
func (w *writtenRule) parseSelection(name word, n *yaml.Node) [][]item {
	switch n.Kind {
	case yaml.MappingNode:
		return [][]item{w.parseItems(n)}
	case yaml.SequenceNode:
		var out [][]item
		for _, c := range n.Content {
			if c.Kind != yaml.MappingNode {
				w.fail(placeOf(c), "search for keywords without a field is not supported")
				continue
			}
			out = append(out, w.parseItems(c))
		}
		if len(n.Content) == 0 {
			w.fail(placeOf(n), "selection %q is empty", name.text)
		}
		return out
	}
	w.fail(placeOf(n), "selection %q must be a map of fields or a list of such maps", name.text)
	return nil
}

func (w *writtenRule) parseItems(n *yaml.Node) []item {
	var out []item
	w.eachKey(n, "selection", func(key word, value *yaml.Node) {
		out = append(out, w.parseItem(key, value))
	})
	if len(n.Content) == 0 {
		w.fail(placeOf(n), "the selection is empty")
	}
	return out
}

func (w *writtenRule) parseItem(key word, value *yaml.Node) item {
	it := item{field: key}
	column := key.at.col
	if !key.plain {
		column++ // the quote
	}
	for i, part := range strings.Split(key.text, "|") {
		at := word{text: part, at: place{key.at.line, column}}
		if i == 0 {
			it.field = at
		} else {
			it.modifiers = append(it.modifiers, at)
		}
		column += len([]rune(part)) + 1
	}
	it.values = w.scalars(value, it.field.text)
	if value.Kind == yaml.SequenceNode && len(value.Content) == 0 {
		w.fail(placeOf(value), "%s: the list of values is empty", it.field.text)
	}
	return it
}

func parseCorrelation(r *reporter, key word, n *yaml.Node) *writtenCorrelation {
	c := &writtenCorrelation{at: key.at}
	r.eachKey(n, "correlation", func(key word, value *yaml.Node) {
		switch key.text {
		case "type":
			c.kind = r.scalar(value, key.text)
		case "rules":
			c.rules = r.scalars(value, key.text)
		case "group-by":
			c.groupBy = r.scalars(value, key.text)
		case "timespan":
			c.timespan = r.scalar(value, key.text)
		case "generate":
			c.generate = r.scalar(value, key.text)
		case "condition":
			c.parseCondition(r, value)
		case "aliases":
			r.fail(key.at, "correlation aliases are not supported")
		default:
			r.failNear(key.at, "correlation key", key.text, correlationKeys)
		}
	})
	return c
}

func (c *writtenCorrelation) parseCondition(r *reporter, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		r.fail(placeOf(n), "a correlation's condition must be a map such as {gte: 10}")
		return
	}
	r.eachKey(n, "condition", func(key word, value *yaml.Node) {
		if key.text == "field" {
			c.field = r.scalar(value, key.text)
			return
		}
		c.operators = append(c.operators, pair{key, r.scalar(value, key.text)})
	})
}

func (w *writtenRule) parseOptions(n *yaml.Node) {
	w.eachKey(n, "onlooker", func(key word, value *yaml.Node) {
		switch v := w.scalar(value, key.text); key.text {
		case "immediate":
			w.options.immediate = v
		case "wait":
			w.options.wait = v
		case "evidence":
			w.options.evidence = v
		case "grave":
			w.options.grave = v
		default:
			w.failNear(key.at, "onlooker key", key.text, optionKeys)
		}
	})
}

// eachKey walks a mapping and refuses what hides meaning: other kinds of nodes, aliases,
// and a key that stands there twice.
func (r *reporter) eachKey(n *yaml.Node, what string, do func(key word, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fail(placeOf(n), "%s must be a map", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := r.scalar(n.Content[i], "a key of "+what)
		switch {
		case !key.is():
		case seen[key.text]:
			r.fail(key.at, "key %q is there twice", key.text)
		case n.Content[i+1].Kind == yaml.AliasNode:
			r.fail(placeOf(n.Content[i+1]), "YAML aliases are not supported")
		default:
			do(key, n.Content[i+1])
		}
		seen[key.text] = true
	}
}

func (r *reporter) scalar(n *yaml.Node, what string) word {
	switch n.Kind {
	case yaml.ScalarNode:
		return word{
			text:  n.Value,
			at:    placeOf(n),
			null:  n.ShortTag() == "!!null",
			plain: n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0,
			block: n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0,
		}
	case yaml.AliasNode:
		r.fail(placeOf(n), "YAML aliases are not supported")
	default:
		r.fail(placeOf(n), "%s must be a single value", what)
	}
	return word{}
}

// scalars reads one value or a list of values.
func (r *reporter) scalars(n *yaml.Node, what string) []word {
	if n.Kind != yaml.SequenceNode {
		if w := r.scalar(n, what); w.is() {
			return []word{w}
		}
		return nil
	}
	var out []word
	for _, c := range n.Content {
		if w := r.scalar(c, what); w.is() {
			out = append(out, w)
		}
	}
	return out
}

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }
