package parse

import (
	"bytes"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// ecsJSON reads one event or reason a line in JSON with ECS names.
type ecsJSON struct {
	options ueba.DecodeOptions
	started bool
}

func newECSJSON(o Options) Parser {
	return &ecsJSON{options: ueba.DecodeOptions{Source: o.Source, Zone: o.Zone}}
}

// Parse implements Parser.
func (p *ecsJSON) Parse(raw []byte, emit func(ueba.Body)) error {
	if !p.started {
		p.started = true
		raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	}
	body, err := ueba.DecodeEvent(raw, p.options)
	if err != nil {
		return err
	}
	emit(body)
	return nil
}

// Flush implements Parser; a line never waits.
func (p *ecsJSON) Flush(func(ueba.Body)) {}

// Waiting implements Parser.
func (p *ecsJSON) Waiting() int { return 0 }
