package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// decoder turns a raw record into fields.
type decoder struct {
	format  string
	syslog  bool
	columns []string
	comma   byte
	quote   byte
	escape  byte
	pairs   string
	equals  string
	regex   *regexp.Regexp
}

// The formats that decode knows; text gives the whole line as "message".
var decodeFormats = []string{"json", "csv", "kv", "cef", "leef", "regex", "text"}

// read decodes one record.
func (d *decoder) read(raw []byte) (fields, error) {
	if d.format == "json" && !d.syslog {
		return object(readJSON(raw))
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("invalid UTF-8")
	}
	line := string(raw)
	var header fields
	if d.syslog {
		header, line = cutSyslog(line)
	}
	out, err := d.line(line)
	if err == nil && header != nil {
		out["syslog"] = header
	}
	return out, err
}

func (d *decoder) line(line string) (fields, error) {
	out := make(fields, 16)
	switch d.format {
	case "json":
		return object(readJSON([]byte(line)))
	case "csv":
		return out, d.csv(line, out)
	case "kv":
		readPairs(line, d.pairs, d.equals, func(name, value string) { out[name] = value })
	case "cef":
		return out, readCEF(line, out)
	case "leef":
		return out, readLEEF(line, out)
	case "regex":
		if !matchInto(d.regex, line, out) {
			return nil, errors.New("does not match decode.regex")
		}
	default:
		out["message"] = line
	}
	return out, nil
}

func object(v any, err error) (fields, error) {
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("JSON: want an object, found %s", nameOf(v))
	}
	return m, nil
}

// csv gives each column its name; more columns than names are kept out, fewer are an
// error, for they mean another format.
func (d *decoder) csv(line string, out fields) error {
	values, err := readCSV(line, d.comma, d.quote, d.escape)
	if err != nil {
		return err
	}
	if len(values) < len(d.columns) {
		return fmt.Errorf("CSV: %d columns, want %d", len(values), len(d.columns))
	}
	for i, name := range d.columns {
		if name != "" && values[i] != "" {
			out[name] = values[i]
		}
	}
	return nil
}

// matchInto puts the named groups that took part into out.
func matchInto(re *regexp.Regexp, text string, out fields) bool {
	m := re.FindStringSubmatchIndex(text)
	if m == nil {
		return false
	}
	for i, name := range re.SubexpNames() {
		if name != "" && m[2*i] >= 0 && m[2*i] < m[2*i+1] {
			out[name] = text[m[2*i]:m[2*i+1]]
		}
	}
	return true
}

// extractor takes more fields out of one that was decoded, or computes one.
type extractor struct {
	what     string // for errors
	when     *expression
	from     *expression
	prefix   string
	into     string
	kind     string // regex, csv, kv, json or value
	optional bool
	regex    *regexp.Regexp
	csv      decoder
}

func (x *extractor) run(e *engine, env fields) error {
	if x.when != nil {
		if ok, err := x.when.holds(&e.machine, env); err != nil || !ok {
			return err
		}
	}
	v, err := x.from.run(&e.machine, env)
	if err != nil {
		return err
	}
	if x.kind == "value" {
		env[x.into] = apart(v, env)
		return nil
	}
	text, ok := v.(string)
	if !ok {
		return nil // there is nothing to take it out of
	}
	if x.prefix != "" {
		if text, ok = strings.CutPrefix(text, x.prefix); !ok {
			return nil
		}
	}
	out := env
	if x.into != "" && x.kind != "json" {
		out = fields{}
	}
	if err := x.take(text, out, env); err != nil {
		if x.optional {
			return nil
		}
		return err
	}
	if x.into != "" && x.kind != "json" {
		env[x.into] = out
	}
	return nil
}

func (x *extractor) take(text string, out, env fields) error {
	switch x.kind {
	case "regex":
		matchInto(x.regex, text, out)
	case "csv":
		return x.csv.csv(text, out)
	case "kv":
		readPairs(text, x.csv.pairs, x.csv.equals, func(name, value string) { out[name] = value })
	case "json":
		v, err := readText(text)
		if err != nil {
			return err
		}
		env[x.into] = v
	}
	return nil
}
