// Package parse turns raw records of built-in formats into events: one file for each
// format, and a small SQL reader for database logs.
//
// It guarantees: a parser never panics on input; the same records in the same order give
// the same events with the same ids, wherever the stream was cut between two of them;
// a record that makes no sense is an error, one that is none of Onlooker's business is
// passed over. An error says what is wrong and where, and shows at most a few bytes of
// the record. Nothing here reads a clock.
//
// It does not guarantee that an event's record ids are all that a statement touched: they
// are those that stand in it.
package parse

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

// Parser turns the raw records of one stream into bodies, in order.
type Parser interface {
	// Parse takes the next raw record. An error makes it a dead letter; neither an
	// error nor a body means that it was passed over on purpose, or waits.
	Parse(raw []byte, emit func(ueba.Body)) error
	// Flush emits what waits.
	Flush(emit func(ueba.Body))
	// Waiting is how many of the newest raw records the parser has taken but not yet
	// spoken of.
	Waiting() int
}

// Format is one raw format: how a stream is cut into records, and who reads them.
type Format struct {
	Name  string
	Split func() bufio.SplitFunc
	New   func(Options) Parser
}

// Formats lists the built-in formats.
func Formats() []Format {
	return []Format{
		{Name: "ecsjson", Split: lines, New: newECSJSON},
		{Name: "pgaudit", Split: pgRecords, New: newPgaudit},
		{Name: "mariadb", Split: lines, New: newMariaDB},
	}
}

func lines() bufio.SplitFunc { return bufio.ScanLines }
