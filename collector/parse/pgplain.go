package parse

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// The stderr log of PostgreSQL with log_line_prefix = '%m [%p] %q%u@%d/%a %r '. Its
// details (CONTEXT, STATEMENT …) are records of their own that follow, and a record goes on
// in the lines that begin with a tab.
//
// An application's name and a statement may imitate the head of a line: a record in which
// a head stands twice is refused.

var (
	plainHead = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+) \[(\d+)\] `)
	plainMark = regexp.MustCompile(`(?:^| )(?:\S+\(\d+\) |\[local\] )?(LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  `)
	plainWho  = regexp.MustCompile(`^([^@]*)@([^/]*)/(.*?) ?(?:(\S+)\((\d+)\)|\[local\])?$`)
)

// isPlainLog tells the stderr log from csvlog, which has a comma after its time.
func isPlainLog(data []byte) bool { return plainHead.Match(data[:min(len(data), 64)]) }

// plainEnd finds the newline that no line beginning with a tab follows, or -1 while that
// is not known.
func plainEnd(data []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(data[from:], '\n')
		if i < 0 || from+i+1 == len(data) {
			return -1
		}
		if from += i; data[from+1] != '\t' {
			return from
		}
		from++
	}
}

func readPlainLog(raw []byte) (r pgRecord, at string, err error) {
	text := strings.ReplaceAll(string(raw), "\n\t", "\n")
	head := plainHead.FindStringSubmatch(text)
	rest := text[len(head[0]):]
	marks := plainMark.FindAllStringSubmatchIndex(rest, 2)
	if len(marks) == 0 {
		return r, "", errors.New("pgaudit: stderr log: no LOG: or ERROR: — is log_line_prefix '%m [%p] %q%u@%d/%a %r '?")
	}
	if len(marks) > 1 {
		return r, "", errors.New("pgaudit: stderr log: the head of a line stands in it twice: an application's name or a statement imitates one")
	}
	m := marks[0]
	r = pgRecord{plain: true, session: head[2], severity: rest[m[2]:m[3]], message: rest[m[1]:]}
	if before := strings.TrimSpace(rest[:m[2]]); before != "" {
		who := plainWho.FindStringSubmatch(before)
		if who == nil {
			return r, "", fmt.Errorf("pgaudit: stderr log: %q is not user@database/application host(port)", clip(before))
		}
		r.user, r.database, r.application, r.host = unknownless(who[1]), unknownless(who[2]), unknownless(who[3]), socketless(who[4])
		if who[5] != "" {
			r.session += "-" + who[5]
		}
	}
	return r, head[1], nil
}

func unknownless(s string) string {
	if s == "[unknown]" {
		return ""
	}
	return s
}

// key is what tells a session from every other. Numbers of processes come again: in the
// stderr log the time is part of it.
func (r *pgRecord) key() string {
	if !r.plain {
		return r.session
	}
	return r.session + "-" + r.time.Format("20060102T150405.000")
}

// pgHeld is a record of the stderr log whose details may still come.
type pgHeld struct {
	record pgRecord
	first  int // number of its record
}

// hold keeps a record until its session writes the next one.
func (p *pgaudit) hold(r pgRecord, emit func(ueba.Body)) error {
	err := p.release(emit, func(h *pgHeld) bool { return r.time.Sub(h.record.time) > unitQuiet })
	p.closeQuiet(r.time, emit)
	h := p.heldOf(r.session)
	switch r.severity {
	case "CONTEXT", "STATEMENT", "DETAIL", "HINT", "QUERY", "LOCATION":
		if h != nil {
			return errors.Join(err, h.detail(r))
		}
		return err
	}
	if h != nil {
		err = errors.Join(err, p.release(emit, func(one *pgHeld) bool { return one == h }))
	}
	if audit, isAudit := strings.CutPrefix(r.message, "AUDIT: "); isAudit {
		if _, err := readAudit(r, audit); err != nil {
			return err // with the line that bears it
		}
	}
	if strings.HasPrefix(r.message, "permission denied for ") && r.severity == "ERROR" {
		r.state = "42501"
	}
	if len(p.held) >= maxUnits {
		oldest := p.held[0]
		err = errors.Join(err, p.release(emit, func(one *pgHeld) bool { return one == oldest }))
	}
	p.held = append(p.held, &pgHeld{r, p.taken - 1})
	return err
}

func (p *pgaudit) heldOf(session string) *pgHeld {
	for _, h := range p.held {
		if h.record.session == session {
			return h
		}
	}
	return nil
}

// detail adds a detail. One that shows a forgery empties the record and is the error.
func (h *pgHeld) detail(r pgRecord) error {
	switch r.severity {
	case "CONTEXT":
		h.record.context = r.message
		if strings.HasSuffix(r.message, " at RAISE") && strings.HasPrefix(h.record.message, "AUDIT: ") {
			h.record.message = ""
			return errors.New("pgaudit: audit line made by RAISE, not by pgaudit: a forgery")
		}
	case "STATEMENT":
		h.record.statement = r.message
	}
	return nil
}

// release works on the records that are complete.
func (p *pgaudit) release(emit func(ueba.Body), done func(*pgHeld) bool) error {
	var err error
	kept := p.held[:0:0]
	for _, h := range p.held {
		if !done(h) {
			kept = append(kept, h)
			continue
		}
		p.current = h.first
		err = errors.Join(err, p.work(h.record, emit))
	}
	p.held = kept
	return err
}
