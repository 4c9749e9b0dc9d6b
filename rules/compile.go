package rules

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxPattern    = 1024 // characters of a string or a regular expression
	maxExpression = 256
)

var (
	modifiers        = []string{"contains", "startswith", "endswith", "all", "gt", "gte", "lt", "lte", "cidr", "exists", "cased", "re", "i", "m", "s"}
	refusedModifiers = []string{
		"base64", "base64offset", "utf16", "utf16le", "utf16be", "wide", "windash", "expand", "fieldref",
		"neq", "minute", "hour", "day", "week", "month", "year",
	}
)

// compileDetection turns what is written into a predicate. It returns nil after it
// reported a problem.
func (w *writtenRule) compileDetection() predicate {
	compiled := map[string]predicate{}
	for _, s := range w.selections {
		compiled[s.name.text] = w.compileSelection(s)
	}
	if w.parsed == nil {
		return nil
	}
	return w.compileCondition(w.parsed, compiled)
}

func (w *writtenRule) compileCondition(c condition, named map[string]predicate) predicate {
	switch c := c.(type) {
	case bothOf:
		return every{w.compileCondition(c.left, named), w.compileCondition(c.right, named)}
	case eitherOf:
		return some{w.compileCondition(c.left, named), w.compileCondition(c.right, named)}
	case noneOf:
		return negate{w.compileCondition(c.inner, named)}
	case quantified:
		return w.compileQuantified(c, named)
	case selected:
		p, ok := named[c.name.text]
		if !ok {
			w.failNear(c.name.at, "selection", c.name.text, w.selectionNames())
		}
		return p
	}
	return nil
}

func (w *writtenRule) compileQuantified(q quantified, named map[string]predicate) predicate {
	var chosen []predicate
	them := strings.EqualFold(q.pattern.text, "them")
	p := newPattern(q.pattern.text, true)
	for _, name := range w.selectionNames() {
		if them && !strings.HasPrefix(name, "_") || !them && p.match(name) {
			chosen = append(chosen, named[name])
		}
	}
	if len(chosen) == 0 {
		w.fail(q.pattern.at, "condition: no selection is named like %q", q.pattern.text)
	}
	if q.all {
		return every(chosen)
	}
	return some(chosen)
}

func (w *writtenRule) selectionNames() []string {
	names := make([]string, len(w.selections))
	for i, s := range w.selections {
		names[i] = s.name.text
	}
	return names
}

func (w *writtenRule) compileSelection(s selection) predicate {
	var alternatives some
	for _, items := range s.alternatives {
		var all every
		for _, it := range items {
			all = append(all, w.compileItem(it))
		}
		alternatives = append(alternatives, oneOrAll(all))
	}
	if len(alternatives) == 1 {
		return alternatives[0]
	}
	return alternatives
}

func oneOrAll(ps every) predicate {
	if len(ps) == 1 {
		return ps[0]
	}
	return ps
}

// compileItem joins the values of an item: any of them, or all with the modifier all.
func (w *writtenRule) compileItem(it item) predicate {
	f, ok := fieldNamed(it.field.text)
	if !ok {
		w.failField(it.field)
	}
	mods, modsOK := w.checkModifiers(it)
	if !ok || !modsOK {
		return nil
	}
	var out []predicate
	for _, v := range it.values {
		if p := w.compileValue(f, mods, v); p != nil {
			out = append(out, p)
		}
	}
	switch {
	case len(out) == 1:
		return out[0]
	case mods.all:
		return every(out)
	}
	return some(out)
}

func (w *writtenRule) failField(name word) {
	if name.text == "" {
		w.fail(name.at, "search for keywords without a field is not supported")
		return
	}
	w.failNear(name.at, "field", name.text, fieldNames())
}

// matching is what the modifiers of an item ask for.
type matching struct {
	how        string // "", contains, startswith, endswith, re, cidr, exists, gt, gte, lt, lte
	all, cased bool
	flags      string // of a regular expression
}

func (w *writtenRule) checkModifiers(it item) (matching, bool) {
	var m matching
	ok := true
	fail := func(at place, format string, args ...any) {
		w.fail(at, format, args...)
		ok = false
	}
	for _, mod := range it.modifiers {
		switch name := mod.text; {
		case slices.Contains(refusedModifiers, name):
			fail(mod.at, "modifier %q is not supported", name)
		case !slices.Contains(modifiers, name):
			w.failNear(mod.at, "modifier", name, modifiers)
			ok = false
		case name == "all":
			m.all = true
		case name == "cased":
			m.cased = true
		case slices.Contains([]string{"i", "m", "s"}, name):
			m.flags += name
		case m.how != "":
			fail(mod.at, "modifier %q cannot follow %q", name, m.how)
		default:
			m.how = name
		}
	}
	if ok && m.flags != "" && m.how != "re" {
		fail(it.field.at, "modifiers i, m and s belong to re")
	}
	if ok && m.all && len(it.values) < 2 {
		fail(it.field.at, "modifier all wants a list of at least two values")
	}
	return m, ok
}

func (w *writtenRule) compileValue(f field, m matching, v word) predicate {
	switch {
	case m.how == "exists":
		return w.compileExists(f, v)
	case v.null || v.text == "" && f.word != nil:
		return w.compileAbsent(f, m, v)
	case f.number != nil:
		return w.compileNumber(f, m, v)
	case f.truth != nil:
		return w.compileTruth(f, m, v)
	}
	test := w.compileText(f, m, v)
	if test == nil {
		return nil
	}
	if f.words != nil {
		return wordsHave{f.words, test}
	}
	return wordIs{f.word, test}
}

func (w *writtenRule) compileExists(f field, v word) predicate {
	want, err := strconv.ParseBool(v.text)
	if err != nil {
		w.fail(v.at, "%s|exists must be true or false", f.name)
		return nil
	}
	if f.truth != nil {
		w.fail(v.at, "%s always exists", f.name)
		return nil
	}
	if want {
		return negate{absent(f)}
	}
	return absent(f)
}

func (w *writtenRule) compileAbsent(f field, m matching, v word) predicate {
	if m.how != "" || f.truth != nil {
		w.fail(v.at, "%s: null and empty stand for a field that is not there; they take no modifier", f.name)
		return nil
	}
	return absent(f)
}

func absent(f field) predicate {
	switch {
	case f.words != nil:
		return wordsAbsent{f.words}
	case f.number != nil:
		return numberAbsent{f.number}
	}
	return wordAbsent{f.word}
}

func (w *writtenRule) compileNumber(f field, m matching, v word) predicate {
	compare, ok := comparisons[m.how]
	if !ok {
		w.fail(v.at, "%s is a number; modifier %q does not fit", f.name, m.how)
		return nil
	}
	bound, err := strconv.ParseFloat(v.text, 64)
	if err != nil || math.IsNaN(bound) || math.IsInf(bound, 0) {
		w.fail(v.at, "%s is a number; %q is none", f.name, v.text)
		return nil
	}
	return numberIs{f.number, compare, bound}
}

func (w *writtenRule) compileTruth(f field, m matching, v word) predicate {
	want, err := strconv.ParseBool(v.text)
	if err != nil || m.how != "" {
		w.fail(v.at, "%s must be true or false, without a modifier", f.name)
		return nil
	}
	return truthIs{f.truth, want}
}

func (w *writtenRule) compileText(f field, m matching, v word) textual {
	if len([]rune(v.text)) > maxPattern {
		w.fail(v.at, "%s: the value is longer than %d characters", f.name, maxPattern)
		return nil
	}
	switch m.how {
	case "re":
		return w.compileExpression(m, v)
	case "cidr":
		return w.compileNetwork(v)
	case "gt", "gte", "lt", "lte":
		w.fail(v.at, "%s is no number; modifier %q does not fit", f.name, m.how)
		return nil
	}
	p := newPattern(v.text, m.cased)
	p = p.between(m.how == "contains" || m.how == "endswith", m.how == "contains" || m.how == "startswith")
	if f.closed != nil && !slices.ContainsFunc(f.closed, p.match) {
		w.failNear(v.at, f.name, v.text, f.closed)
		return nil
	}
	return p
}

// compileExpression reads RE2, which takes linear time and knows no backward references.
func (w *writtenRule) compileExpression(m matching, v word) textual {
	source := v.text
	if len(source) > maxExpression {
		w.fail(v.at, "the regular expression is longer than %d bytes", maxExpression)
		return nil
	}
	if m.flags != "" {
		source = "(?" + m.flags + ")" + source
	}
	re, err := regexp.Compile(source)
	if err != nil {
		w.fail(v.at, "%v", err)
		return nil
	}
	return expression{re}
}

func (w *writtenRule) compileNetwork(v word) textual {
	prefix, err := netip.ParsePrefix(v.text)
	if err != nil {
		w.fail(v.at, "%q is no network such as 10.0.0.0/8", v.text)
		return nil
	}
	return network{prefix.Masked()}
}
