package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// engine applies mappings to the records of one stream. Its machine and buffers are used
// again for each record.
type engine struct {
	options Options
	machine vm.VM
	line    line
	parts   []string
}

func newEngine(o Options) *engine {
	return &engine{options: o, machine: vm.VM{MemoryBudget: memoryBudget}}
}

// trial is what became of a record on the way.
type trial struct {
	fields  fields // after decode and extract
	dropped string // the rule that dropped it
}

// apply takes one record through a mapping. A record that makes no event was dropped by
// the rule that the trial names.
func (e *engine) apply(m *Mapping, raw []byte, emit func(ueba.Body)) (t trial, err error) {
	env, err := m.decode.read(raw)
	if err != nil {
		return t, fmt.Errorf("%s: %w", m.Name, err)
	}
	t.fields = env
	for i := range m.extract {
		if err := m.extract[i].run(e, env); err != nil {
			return t, fmt.Errorf("%s: %s: %w", m.Name, m.extract[i].what, err)
		}
	}
	for _, r := range m.require {
		if v, err := r.run(&e.machine, env); err != nil || v == nil {
			return t, fmt.Errorf("%s: %s is missing: not a record of this format", m.Name, r.text)
		}
	}
	for i := range m.rules {
		r := &m.rules[i]
		ok, err := r.when.holds(&e.machine, env)
		if err != nil {
			return t, fmt.Errorf("%s: %s: %w", m.Name, r.name, err)
		}
		if ok != r.keep {
			t.dropped = r.name
			return t, nil
		}
	}
	if m.fanout == nil {
		return t, e.event(m, env, "", -1, emit)
	}
	return t, e.fan(m, env, &t, emit)
}

// fan makes an event of each item of a list, and one more that counts those beyond the
// cap. Nothing is emitted unless all of them fit.
func (e *engine) fan(m *Mapping, env fields, t *trial, emit func(ueba.Body)) error {
	v, err := m.fanout.from.run(&e.machine, env)
	if err != nil {
		return fmt.Errorf("%s: fanout: %w", m.Name, err)
	}
	items, ok := v.([]any)
	if !ok && v != nil {
		return fmt.Errorf("%s: fanout: want a list, found %s", m.Name, nameOf(v))
	}
	var bodies []ueba.Body
	gather := func(b ueba.Body) { bodies = append(bodies, b) }
	made, rest := 0, 0
	for i, item := range items {
		env[m.fanout.as] = apart(item, env)
		if m.fanout.keep != nil {
			ok, err := m.fanout.keep.holds(&e.machine, env)
			if err != nil {
				return fmt.Errorf("%s: fanout.keep: %w", m.Name, err)
			}
			if !ok {
				continue
			}
		}
		if made == m.fanout.max {
			rest++
			continue
		}
		made++
		if err := e.event(m, env, "."+strconv.Itoa(i+1), -1, gather); err != nil {
			return err
		}
	}
	if rest > 0 {
		env[m.fanout.as] = nil
		if err := e.event(m, env, ".rest", rest, gather); err != nil {
			return err
		}
	}
	if made == 0 {
		t.dropped = "fanout: no item is left"
	}
	for _, b := range bodies {
		emit(b)
	}
	return nil
}

// event makes one event of the fields. A rest of 0 or more stands for that many records
// without ids.
func (e *engine) event(m *Mapping, env fields, suffix string, rest int, emit func(ueba.Body)) error {
	at, err := e.time(m, env)
	if err != nil {
		return fmt.Errorf("%s: time: %w", m.Name, err)
	}
	l := &e.line
	l.begin(at)
	counted := false
	for i := range m.set {
		s := &m.set[i]
		if rest >= 0 && (s.target == "record.id" || s.target == "record.count") || s.target == "service.name" && e.options.Service != "" {
			continue
		}
		v := s.fixed
		if s.value != nil {
			if v, err = s.value.run(&e.machine, env); err != nil {
				return fmt.Errorf("%s: set %s: %w", m.Name, s.target, err)
			}
		}
		if err := l.put(s.target, s.kind, v); err != nil {
			return fmt.Errorf("%s: set %s: %w", m.Name, s.target, err)
		}
		counted = counted || s.target == "record.count" && v != nil && v != ""
	}
	switch {
	case rest >= 0:
		_ = l.put("record.count", takesAmount, rest)
	case l.count > 0 && !counted:
		_ = l.put("record.count", takesAmount, int(l.count))
	}
	if e.options.Service != "" {
		_ = l.put("service.name", takesText, e.options.Service)
	}
	if err := e.identity(m, env, suffix); err != nil {
		return err
	}
	body, err := ueba.DecodeEvent(l.end(), ueba.DecodeOptions{Source: e.options.Source, MaxBytes: 64 << 20})
	if err != nil {
		var broken *ueba.DecodeError
		if errors.As(err, &broken) {
			return fmt.Errorf("%s: %s: %s", m.Name, broken.Field, broken.Problem)
		}
		return fmt.Errorf("%s: %w", m.Name, err)
	}
	emit(body)
	return nil
}

func (e *engine) time(m *Mapping, env fields) (time.Time, error) {
	var v any
	for _, from := range m.from {
		var err error
		if v, err = from.run(&e.machine, env); err != nil {
			return time.Time{}, err
		}
		if v != nil && v != "" {
			break
		}
	}
	return m.clock.read(v, e.options.Zone)
}

func (e *engine) identity(m *Mapping, env fields, suffix string) error {
	if len(m.dedupe) == 0 {
		return nil
	}
	e.parts = e.parts[:0]
	for _, d := range m.dedupe {
		v, err := d.run(&e.machine, env)
		if err != nil {
			return fmt.Errorf("%s: dedupe %s: %w", m.Name, d.text, err)
		}
		s, _ := textOf(v)
		e.parts = append(e.parts, s)
	}
	if k := key(e.parts); k != "" {
		return e.line.put("event.id", takesText, k+suffix)
	}
	return nil
}
