package directory

import (
	"fmt"
	"strings"
)

// maxProblems is how many problems of a file are told before reading it stops.
const maxProblems = 20

// Problem is one thing that is wrong with a file, or that is ignored in it.
type Problem struct {
	File   string
	Line   int    // from 1
	Column int    // in bytes, from 1, as editors count
	Field  string // the name of the column, where one is at fault
	Text   string
}

func (p Problem) String() string {
	field := p.Field
	if field != "" {
		field += ": "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, field, p.Text)
}

// FileError tells every problem of a file, in the order of its lines.
type FileError struct {
	Problems []Problem
	Stopped  bool // there were too many; the rest of the file was not read
}

func (e *FileError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if e.Stopped {
		lines = append(lines, fmt.Sprintf("(stopped after %d problems)", len(e.Problems)))
	}
	return strings.Join(lines, "\n")
}
