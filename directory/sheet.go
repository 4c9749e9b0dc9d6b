package directory

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// ReadOptions says how a file is read.
type ReadOptions struct {
	// Zone is that of dates, and of times that do not name one; nil means UTC.
	Zone *time.Location
	// Warn hears, once each, of what is ignored: an unknown column, an account that is
	// a placeholder. It may be nil.
	Warn func(Problem)
}

func (o ReadOptions) zone() *time.Location {
	if o.Zone == nil {
		return time.UTC
	}
	return o.Zone
}

// column is one that a file may have; its place in a reader's list is its number.
type column struct {
	name     string
	required bool
}

// sheet reads one CSV file row by row and gathers its problems.
type sheet struct {
	file     string
	opt      ReadOptions
	csv      *csv.Reader
	columns  []column
	place    []int // of each column in a row; -1 where the file has none
	row      []string
	warned   map[string]bool
	problems []Problem
	stopped  bool
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// readSheet reads the header and then calls fn for every row. A row on which fn reports a
// problem is fn's to leave out.
func readSheet(r io.Reader, file string, opt ReadOptions, columns []column, fn func(*sheet) error) (*sheet, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if head, _ := buffered.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = buffered.Discard(len(byteOrderMark))
	}
	s := &sheet{file: file, opt: opt, csv: csv.NewReader(buffered), columns: columns, warned: map[string]bool{}}
	s.csv.ReuseRecord = true
	if err := s.header(); err != nil {
		return s, err
	}
	if len(s.problems) > 0 {
		return s, s.err()
	}
	return s, s.rows(fn)
}

func (s *sheet) header() error {
	row, err := s.csv.Read()
	if errors.Is(err, io.EOF) {
		s.report(1, 1, "", "file is empty: want a header")
		return nil
	}
	if err != nil {
		return s.broken(err)
	}
	s.row = row
	if !s.clean() {
		return nil
	}
	found := map[string]int{}
	for i, name := range row {
		name = strings.ToLower(strings.TrimSpace(name))
		if first, twice := found[name]; twice && name != "" {
			line, col := s.csv.FieldPos(i)
			s.report(line, col, name, fmt.Sprintf("column is there twice, first as number %d", first+1))
			continue
		}
		found[name] = i
	}
	s.match(found)
	return nil
}

// match finds the reader's columns among those of the file.
func (s *sheet) match(found map[string]int) {
	s.place = make([]int, len(s.columns))
	for i, c := range s.columns {
		at, ok := found[c.name]
		if !ok {
			at = -1
		}
		if !ok && c.required {
			s.report(1, 1, c.name, "column is missing")
		}
		s.place[i] = at
		delete(found, c.name)
	}
	for i, name := range s.row {
		name = strings.ToLower(strings.TrimSpace(name))
		if at, unknown := found[name]; unknown && at == i && name != "" {
			line, col := s.csv.FieldPos(i)
			s.warn(line, col, name, "column is not known and is ignored")
		}
	}
}

func (s *sheet) rows(fn func(*sheet) error) error {
	for !s.stopped {
		row, err := s.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if err := s.broken(err); err != nil {
				return err
			}
			continue
		}
		s.row = row
		if s.blank() || !s.clean() {
			continue
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return s.err()
}

// broken reports what is wrong with the CSV itself; other errors are the reader's own.
func (s *sheet) broken(err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("read %s: %w", s.file, err)
	}
	text := p.Err.Error()
	if errors.Is(p.Err, csv.ErrFieldCount) {
		text = "row has more or fewer fields than the header"
	}
	s.report(p.Line, p.Column, "", text)
	return nil
}

// blank reports a row of empty fields, which spreadsheets leave behind.
func (s *sheet) blank() bool {
	for _, f := range s.row {
		if f != "" {
			return false
		}
	}
	return true
}

// clean reports what no field may hold. Control characters would break keys made of
// several fields and the terminals on which they are shown.
func (s *sheet) clean() bool {
	before := len(s.problems)
	for i, f := range s.row {
		switch {
		case !utf8.ValidString(f):
			s.failAt(i, `is not UTF-8 (from Excel, save as "CSV UTF-8")`)
		case hasControl(f):
			s.failAt(i, "holds a line break or another control character")
		}
	}
	return len(s.problems) == before
}

func hasControl(f string) bool {
	for i := range len(f) {
		if f[i] < ' ' || f[i] == 0x7f {
			return true
		}
	}
	return false
}

func (s *sheet) failAt(i int, text string) {
	line, col := s.csv.FieldPos(i)
	s.report(line, col, "", text)
}

// fail reports a problem with a column of the current row.
func (s *sheet) fail(c int, format string, args ...any) {
	line, col := s.pos(c)
	s.report(line, col, s.columns[c].name, fmt.Sprintf(format, args...))
}

func (s *sheet) report(line, col int, field, text string) {
	if s.stopped {
		return
	}
	s.problems = append(s.problems, Problem{s.file, line, max(col, 1), field, text})
	s.stopped = len(s.problems) == maxProblems
}

func (s *sheet) warn(line, col int, field, text string) {
	if s.opt.Warn == nil || s.warned[field+text] {
		return
	}
	s.warned[field+text] = true
	s.opt.Warn(Problem{s.file, line, col, field, text})
}

// pos is the place of a column in the current row, or the row's begin.
func (s *sheet) pos(c int) (line, col int) { return s.csv.FieldPos(max(s.place[c], 0)) }

func (s *sheet) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	return &FileError{Problems: s.problems, Stopped: s.stopped}
}

func (s *sheet) text(c int) string {
	if s.place[c] < 0 {
		return ""
	}
	return strings.TrimSpace(s.row[s.place[c]])
}

// need is text that must be there.
func (s *sheet) need(c int) string {
	t := s.text(c)
	if t == "" {
		s.fail(c, "is empty")
	}
	return t
}

// list splits at semicolons, those of Chinese keyboards too, and drops empty parts.
func (s *sheet) list(c int) []string {
	t := s.text(c)
	if t == "" {
		return nil
	}
	var out []string
	for part := range strings.FieldsFuncSeq(t, func(r rune) bool { return r == ';' || r == '；' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// lower is list in lower case, for words of ours such as tags.
func (s *sheet) lower(c int) []string {
	out := s.list(c)
	for i, w := range out {
		out[i] = strings.ToLower(w)
	}
	return out
}

func (s *sheet) day(c int) ueba.Day {
	t := s.text(c)
	if t == "" {
		return ueba.NoDay
	}
	d, err := ueba.ParseDay(t)
	if err != nil || !plausible(d.Midnight()) {
		s.fail(c, "want YYYY-MM-DD, found %q", t)
		return ueba.NoDay
	}
	return d
}

// time reads an instant; a date alone is its first instant.
func (s *sheet) time(c int) time.Time { return s.instant(c, 0) }

// end reads the end of a span. A date alone is a whole day that still belongs to the
// span, and the far future in which some systems write "no end" is no end.
func (s *sheet) end(c int) time.Time { return s.instant(c, 1) }

func (s *sheet) instant(c, addDays int) time.Time {
	t := s.text(c)
	if t == "" {
		return time.Time{}
	}
	at, err := parseTime(t, s.opt.zone(), addDays)
	if err == nil && addDays > 0 && at.Year() > lastYear {
		return time.Time{}
	}
	if err != nil || !plausible(at) {
		s.fail(c, "want a time such as 2026-11-02T09:30:00+08:00, 2026-11-02 09:30 or 2026-11-02, found %q", t)
		return time.Time{}
	}
	return at
}

// Years beyond these are slips or another system's "none"; further out, times in
// nanoseconds overflow.
const firstYear, lastYear = 1900, 2199

func plausible(t time.Time) bool { return t.Year() >= firstYear && t.Year() <= lastYear }

func parseTime(t string, zone *time.Location, addDays int) (time.Time, error) {
	switch {
	case len(t) == len(time.DateOnly):
		at, err := time.ParseInLocation(time.DateOnly, t, zone)
		return at.AddDate(0, 0, addDays).UTC(), err
	case len(t) > 10 && t[10] == 'T':
		at, err := time.Parse(time.RFC3339, t)
		return at.UTC(), err
	case len(t) == len("2006-01-02 15:04"):
		at, err := time.ParseInLocation("2006-01-02 15:04", t, zone)
		return at.UTC(), err
	}
	at, err := time.ParseInLocation(time.DateTime, t, zone)
	return at.UTC(), err
}
