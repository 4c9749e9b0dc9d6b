package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxFanout is the greatest cap that a mapping may set on the events of one record.
const maxFanout = 10_000

// Mapping is one format, compiled. It does not change and may be used by many streams.
type Mapping struct {
	Name  string
	About string
	File  string

	quoted  bool // records may span lines within quotes
	decode  decoder
	require []*expression
	extract []extractor
	rules   []rule
	fanout  *fanout
	from    []*expression // of the time
	clock   clock
	set     []setter
	dedupe  []*expression
	tests   []testSpec
}

// rule keeps or drops records.
type rule struct {
	name string // "drop NAME (file:line)"
	keep bool
	when *expression
}

type fanout struct {
	from, keep *expression
	as         string
	max        int
}

type setter struct {
	target string
	kind   targetKind
	value  *expression
	fixed  any // where there is no expression
}

// builder compiles a spec and gathers what is wrong with it.
type builder struct {
	*reader
	c *compiler
}

// compile makes a mapping of a file and runs its tests. All that is wrong comes as one
// error, each with its place.
func compile(name, file string, data []byte, sql SQL) (*Mapping, error) {
	s, err := readSpec(file, data)
	if err != nil {
		return nil, err
	}
	b := &builder{&reader{file: file}, newCompiler(sql)}
	m := b.mapping(name, s)
	if err := errors.Join(b.faults...); err != nil {
		return nil, err
	}
	return m, m.check()
}

func (b *builder) mapping(name string, s *spec) *Mapping {
	m := &Mapping{Name: name, About: s.about.text, File: s.file, tests: s.tests}
	switch s.records.text {
	case "", "lines":
	case "quoted":
		m.quoted = true
	default:
		b.fault(s.records.place, "records: want lines or quoted")
	}
	m.decode = b.decoder(&s.decode)
	m.require = b.expressions(s.require)
	for i := range s.extract {
		m.extract = append(m.extract, b.extractor(&s.extract[i]))
	}
	m.rules = append(b.rules("keep", s.keep), b.rules("drop", s.drop)...)
	if f := s.fanout; f != nil {
		m.fanout = &fanout{from: b.expression(f.from), keep: b.optional(f.keep), as: f.as.text, max: f.max}
	}
	b.time(m, s)
	b.set(m, s)
	m.dedupe = b.expressions(s.dedupe)
	if len(s.tests) == 0 {
		b.fault(s.place, "tests: want at least one")
	}
	return m
}

func (b *builder) expression(s scalar) *expression {
	e, err := b.c.compile(s.text)
	if err != nil {
		b.fault(s.place, "%v", err)
	}
	return e
}

func (b *builder) optional(s scalar) *expression {
	if s.text == "" {
		return nil
	}
	return b.expression(s)
}

func (b *builder) expressions(list []scalar) (out []*expression) {
	for _, s := range list {
		out = append(out, b.expression(s))
	}
	return out
}

func (b *builder) rules(kind string, specs []ruleSpec) (out []rule) {
	for _, s := range specs {
		name := s.name.text
		if name == "" {
			name = strings.Join(strings.Fields(s.when.text), " ")
		}
		out = append(out, rule{
			name: fmt.Sprintf("%s %s (%s:%d)", kind, name, b.file, s.when.place.line),
			keep: kind == "keep", when: b.expression(s.when),
		})
	}
	return out
}

func (b *builder) regex(s scalar) *regexp.Regexp {
	re, err := regexp.Compile(s.text)
	if err != nil {
		b.fault(s.place, "regex: %v", err)
		return nil
	}
	if !slices.ContainsFunc(re.SubexpNames(), func(n string) bool { return n != "" }) {
		b.fault(s.place, "regex: want a named group, as in (?P<user>\\w+)")
	}
	return re
}

// one reads a setting of a single character.
func (b *builder) one(key string, s scalar, fallback byte) byte {
	switch {
	case s.text == "":
		return fallback
	case s.text == `\t`:
		return '\t'
	case len(s.text) > 1:
		b.fault(s.place, "%s: want one character", key)
	}
	return s.text[0]
}

func (b *builder) decoder(s *decodeSpec) decoder {
	d := decoder{format: s.format.text, syslog: s.syslog}
	if !slices.Contains(decodeFormats, d.format) {
		p := s.format.place
		if p.line == 0 {
			p = s.place
		}
		b.fault(p, "decode.format: want one of %s", strings.Join(decodeFormats, ", "))
		return d
	}
	b.csv(&d, s.columns, s.comma, s.quote, s.escape)
	b.kv(&d, s.pairs, s.equals)
	if d.format == "csv" && len(d.columns) == 0 {
		b.fault(s.place, "decode.columns: want the names of the columns")
	}
	if d.format == "regex" {
		d.regex = b.regex(s.regex)
	} else if s.regex.text != "" {
		b.fault(s.regex.place, "decode.regex: only with format regex")
	}
	return d
}

func (b *builder) csv(d *decoder, columns []scalar, comma, quote, escape scalar) {
	for _, c := range columns {
		d.columns = append(d.columns, c.text)
	}
	d.comma, d.quote, d.escape = b.one("comma", comma, ','), b.one("quote", quote, '"'), b.one("escape", escape, 0)
}

func (b *builder) kv(d *decoder, pairs, equals scalar) {
	d.pairs, d.equals = " ", "="
	if pairs.text != "" {
		d.pairs = strings.ReplaceAll(pairs.text, `\t`, "\t")
	}
	if equals.text != "" {
		d.equals = equals.text
	}
}

func (b *builder) extractor(s *extractSpec) extractor {
	x := extractor{when: b.optional(s.when), prefix: s.prefix.text, into: s.into.text, optional: s.optional, what: fmt.Sprintf("extract (%s:%d)", b.file, s.place.line)}
	kinds := 0
	if s.regex.text != "" {
		x.kind, x.regex, kinds = "regex", b.regex(s.regex), kinds+1
	}
	if len(s.csv) > 0 {
		x.kind, kinds = "csv", kinds+1
		b.csv(&x.csv, s.csv, scalar{}, scalar{}, scalar{})
	}
	if s.kv {
		x.kind, kinds = "kv", kinds+1
		b.kv(&x.csv, s.pairs, s.equals)
	}
	if s.json {
		x.kind, kinds = "json", kinds+1
		if x.into == "" {
			b.fault(s.place, "extract: json wants a name under into")
		}
	}
	if s.value.text != "" {
		x.kind, x.into, x.from, kinds = "value", s.name.text, b.expression(s.value), kinds+1
		if !isPath.MatchString(x.into) || s.from.text != "" {
			b.fault(s.place, "extract: a value wants a name, and no from")
		}
	} else {
		if s.from.text == "" {
			b.fault(s.place, "extract: want from, or name and value")
			return x
		}
		x.from = b.expression(s.from)
	}
	if kinds != 1 {
		b.fault(s.place, "extract: want one of regex, csv, kv, json and value")
	}
	return x
}

func (b *builder) time(m *Mapping, s *spec) {
	if len(s.time.from) == 0 {
		b.fault(s.place, "time.from: want the field that says when it happened")
	}
	m.from = b.expressions(s.time.from)
	for _, l := range s.time.layouts {
		if _, err := readTime(l.text, "x", time.UTC); err == nil || !isLayout(l.text) {
			b.fault(l.place, "time.layout: want iso, unix, unix_ms, unix_us, unix_ns or Go's reference time as in 2006-01-02 15:04:05")
		}
		m.clock.layouts = append(m.clock.layouts, l.text)
	}
	if len(m.clock.layouts) == 0 {
		m.clock.layouts = []string{layoutISO}
	}
	if z := s.time.zone; z.text != "" {
		zone, err := time.LoadLocation(z.text)
		if err != nil || z.text == "Local" {
			b.fault(z.place, "time.zone: no such time zone %q", z.text)
		}
		m.clock.zone = zone
	}
}

func isLayout(l string) bool {
	switch l {
	case layoutISO, layoutUnix, layoutMillis, layoutMicros, layoutNanos:
		return true
	}
	return (strings.Contains(l, "06") || strings.Contains(l, "2006")) && strings.Contains(l, "15") && strings.Contains(l, "04") ||
		strings.Contains(l, "03") && strings.Contains(l, "PM")
}

func (b *builder) set(m *Mapping, s *spec) {
	has := map[string]bool{}
	for _, one := range s.set {
		kind, ok := targetOf(one.target.text)
		if !ok {
			b.fault(one.target.place, "unknown field %s%s", one.target.text, meant(one.target.text))
			continue
		}
		has[one.target.text] = true
		st := setter{target: one.target.text, kind: kind}
		switch one.value.tag {
		case "!!int", "!!float", "!!bool":
			st.fixed = one.value.text
		default:
			st.value = b.expression(one.value)
		}
		m.set = append(m.set, st)
	}
	for _, need := range []string{"user.id", "service.name", "event.action"} {
		if !has[need] && !has["reason.kind"] {
			b.fault(s.place, "set: %s is missing", need)
		}
	}
	if has["event.id"] && len(s.dedupe) > 0 {
		b.fault(s.place, "set event.id or write dedupe, not both")
	}
}
