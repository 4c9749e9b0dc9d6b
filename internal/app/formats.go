package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/mapping"
	"github.com/onlooker-ueba/onlooker/collector/parse"
)

// MappingsConfig names the folders of the organisation's own mappings.
type MappingsConfig struct {
	Dirs []string `mapstructure:"dirs"`
}

// formatTable is the raw formats that can be read: those written in Go, the native one
// first, then the mappings.
type formatTable struct {
	mappings *mapping.Set
	all      []collector.Format
}

// loadFormats compiles the mappings and runs their tests.
func loadFormats(c MappingsConfig) (*formatTable, error) {
	set, err := mapping.Load(readSQL, c.Dirs...)
	if err != nil {
		return nil, err
	}
	t := &formatTable{mappings: set, all: codedFormats()}
	for _, f := range t.all {
		if set.Has(f.Name) {
			return nil, fmt.Errorf("load mappings: %s is the name of a format of Onlooker's own", f.Name)
		}
	}
	for _, f := range set.Formats() {
		t.all = append(t.all, collector.Format{Name: f.Name, Split: f.Split, New: func(o collector.Options) collector.Parser {
			return f.New(mapping.Options(o))
		}})
	}
	return t, nil
}

// named finds a format; the empty name is the native one.
func (t *formatTable) named(name string) (collector.Format, error) {
	if name == "" {
		return t.all[0], nil
	}
	names := make([]string, len(t.all))
	for i, f := range t.all {
		if f.Name == name {
			return f, nil
		}
		names[i] = f.Name
	}
	return collector.Format{}, fmt.Errorf("unknown format %q; known are %s", name, strings.Join(names, ", "))
}

// watch takes changed mappings into force, all or none. What is wrong is a fault, and the
// old ones stay.
func (t *formatTable) watch(ctx context.Context, every time.Duration, changed func(), fault func(error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		taken, err := t.mappings.Reload()
		switch {
		case err == nil && taken:
			changed()
			said = ""
		case err == nil:
			said = ""
		case err.Error() != said: // once, not at each tick
			said = err.Error()
			fault(err)
		}
	}
}

// readSQL gives mappings the reader of SQL.
func readSQL(text, dialect string) map[string]any {
	s := parse.ReadStatement(text, dialect)
	out := map[string]any{"conditional": s.Conditional}
	put := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	put("action", string(s.Action))
	put("table", s.Table)
	put("ticket", s.Purpose.ID)
	put("purpose", s.Purpose.Kind)
	if len(s.IDs) > 0 {
		ids := make([]any, len(s.IDs))
		for i, id := range s.IDs {
			ids[i] = id
		}
		out["ids"] = ids
	}
	return out
}
