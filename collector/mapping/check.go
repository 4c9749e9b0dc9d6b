package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// check runs the mapping's own tests. Of an event it compares the fields that the test
// names; one that is named with null has to be absent.
func (m *Mapping) check() error {
	var errs []error
	for i := range m.tests {
		t := &m.tests[i]
		if err := m.try(t); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: test %q: %w", m.File, t.place.line, t.place.column, t.name.text, err))
		}
	}
	return errors.Join(errs...)
}

func (m *Mapping) try(t *testSpec) error {
	o := Options{Source: "test", Service: t.service.text}
	if t.zone.text != "" {
		zone, err := time.LoadLocation(t.zone.text)
		if err != nil {
			return fmt.Errorf("no such time zone %q", t.zone.text)
		}
		o.Zone = zone
	}
	var bodies []ueba.Body
	trial, err := newEngine(o).apply(m, []byte(strings.TrimSpace(t.input.text)), func(b ueba.Body) { bodies = append(bodies, b) })
	switch want := t.err.text; {
	case err != nil && want == "":
		return err
	case want != "" && err == nil:
		return fmt.Errorf("want an error with %q, found none", want)
	case want != "":
		if !strings.Contains(err.Error(), want) {
			return fmt.Errorf("want an error with %q, found: %w", want, err)
		}
		return nil
	}
	if want := t.drop.text; want != "" {
		if trial.dropped == "" {
			return fmt.Errorf("want it dropped, found %d events", len(bodies))
		}
		if want != "true" && !strings.Contains(trial.dropped, want) {
			return fmt.Errorf("want it dropped by %q, found %s", want, trial.dropped)
		}
		return nil
	}
	if trial.dropped != "" {
		return fmt.Errorf("dropped by %s", trial.dropped)
	}
	return compare(bodies, t.events)
}

func compare(bodies []ueba.Body, want []*yaml.Node) error {
	if len(bodies) != len(want) {
		return fmt.Errorf("want %d events, found %d", len(want), len(bodies))
	}
	var errs []error
	for i, n := range want {
		found, err := flatBody(bodies[i])
		if err != nil {
			return err
		}
		var fields map[string]any
		if err := n.Decode(&fields); err != nil {
			return fmt.Errorf("line %d: want fields: %w", n.Line, err)
		}
		for _, name := range sortedNames(fields) {
			if w, f := shown(fields[name]), found[name]; w != f {
				errs = append(errs, fmt.Errorf("event %d: %s: want %q, found %q", i+1, name, w, f))
			}
		}
	}
	return errors.Join(errs...)
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// shown writes an expected value as flatBody writes a found one.
func shown(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = shown(item)
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}

// flatBody gives the fields of an event or reason by their dotted names, as texts.
func flatBody(b ueba.Body) (map[string]string, error) {
	var tree map[string]any
	d := json.NewDecoder(strings.NewReader(string(ueba.EncodeBody(nil, b))))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	out := map[string]string{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		if m, ok := v.(map[string]any); ok {
			for name, inner := range m {
				walk(prefix+name+".", inner)
			}
			return
		}
		out[strings.TrimSuffix(prefix, ".")] = shown(v)
	}
	walk("", tree)
	return out, nil
}
