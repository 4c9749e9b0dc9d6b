package collector

import (
	"bufio"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Options are what a source's configuration tells a parser.
type Options struct {
	Zone    *time.Location // of times without a zone; nil: such times are refused
	Service string         // service.name for formats that have none
	Source  string
}

// Parser turns raw records of one stream into bodies, in order.
type Parser interface {
	// Parse takes the next raw record. An error makes it a dead letter; neither an
	// error nor a body means that it was skipped on purpose, or waits for the next.
	Parse(raw []byte, emit func(ueba.Body)) error
	// Flush emits what waits.
	Flush(emit func(ueba.Body))
	// Waiting is how many of the newest raw records were taken but not yet spoken
	// of. A parser that waits gives its events ids of their own.
	Waiting() int
}

// Format is one raw format: how its records are cut, and who reads them.
type Format struct {
	Name  string
	Split func() bufio.SplitFunc
	New   func(Options) Parser
}
