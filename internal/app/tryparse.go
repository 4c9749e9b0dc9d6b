package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/mapping"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ParseOptions says how a sample is parsed.
type ParseOptions struct{ Format, Zone, Service string }

// ParsedRecord is what became of one raw record. Of a format that joins records, events
// stand with the record at which they were complete.
type ParsedRecord struct {
	Line    int               `json:"line"` // 0 for what a parser still held at the end
	Before  string            `json:"before"`
	Fields  map[string]any    `json:"fields,omitempty"` // as a mapping decoded it
	After   []json.RawMessage `json:"after,omitempty"`
	Dropped string            `json:"dropped,omitempty"` // the rule of a mapping
	Error   string            `json:"error,omitempty"`   // why it is a dead letter
}

// Parse tries a format on a sample and tells of each record. Nothing is stored.
func Parse(ctx context.Context, c Config, o ParseOptions, r io.Reader, tell func(ParsedRecord) error) error {
	formats, err := loadFormats(c.Mappings)
	if err != nil {
		return err
	}
	format, err := formats.named(o.Format)
	if err != nil {
		return err
	}
	options := collector.Options{Source: "parse", Service: o.Service}
	if o.Zone != "" {
		if options.Zone, err = time.LoadLocation(o.Zone); err != nil {
			return fmt.Errorf("--zone: no such time zone %q", o.Zone)
		}
	}
	text, err := collector.Gunzip(r)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	try, flush := trier(formats, format, options)
	for rec, err := range collector.NewRecords(text, format.Split(), 0, 0).Rest() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		p := ParsedRecord{Error: errorText(rec.Err)}
		if rec.Err == nil {
			p = try(rec.Raw)
		}
		p.Line, p.Before = rec.Line, string(rec.Raw)
		if err := tell(p); err != nil {
			return err
		}
	}
	if p := flush(); len(p.After) > 0 {
		return tell(p)
	}
	return nil
}

// trier gives what tries a record, and what ends a stream.
func trier(formats *formatTable, format collector.Format, o collector.Options) (try func(raw []byte) ParsedRecord, flush func() ParsedRecord) {
	if formats.mappings.Has(format.Name) {
		return func(raw []byte) ParsedRecord {
			t := formats.mappings.Try(format.Name, raw, mapping.Options(o))
			return ParsedRecord{Fields: t.Fields, After: encoded(t.Bodies), Dropped: t.Dropped, Error: errorText(t.Err)}
		}, func() ParsedRecord { return ParsedRecord{} }
	}
	p := format.New(o)
	var bodies []ueba.Body
	emit := func(b ueba.Body) { bodies = append(bodies, b) }
	return func(raw []byte) ParsedRecord {
			bodies = nil
			err := p.Parse(raw, emit)
			return ParsedRecord{After: encoded(bodies), Error: errorText(err)}
		}, func() ParsedRecord {
			bodies = nil
			p.Flush(emit)
			return ParsedRecord{After: encoded(bodies)}
		}
}

func encoded(bodies []ueba.Body) (out []json.RawMessage) {
	for _, b := range bodies {
		out = append(out, ueba.EncodeBody(nil, b))
	}
	return out
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestMappings loads the built-in and the configured mappings, which runs their tests, and
// tells how many each passed.
func TestMappings(c Config) (map[string]int, error) {
	formats, err := loadFormats(c.Mappings)
	if err != nil {
		return nil, err
	}
	return formats.mappings.Tests(), nil
}
