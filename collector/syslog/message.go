package syslog

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// opener takes messages out of their envelopes. It is not safe for concurrent use.
type opener struct {
	newer, older gosyslog.Machine
	last         uint64 // sequenceId
}

func newOpener() *opener {
	return &opener{
		newer: rfc5424.NewParser(),
		older: rfc3164.NewParser(rfc3164.WithBestEffort(), rfc3164.WithRFC3339(), rfc3164.WithSecondFractions(),
			rfc3164.WithLenientDay(), rfc3164.WithEmbeddedNewlines()),
	}
}

var errEnvelope = errors.New("syslog: neither RFC 5424 nor RFC 3164")

// open gives what a message carries, and whether messages before it are missing by the
// sender's own numbers. A line without a priority is what it carries.
func (o *opener) open(message []byte) (body []byte, gap bool, err error) {
	if len(message) == 0 || message[0] != '<' {
		return message, false, nil
	}
	end := bytes.IndexByte(message, '>')
	if end < 0 || end > 4 {
		return nil, false, errEnvelope
	}
	if isVersioned(message[end+1:]) {
		return o.openNewer(message, message[end+1:])
	}
	return o.openOlder(message, message[end+1:]), false, nil
}

// isVersioned reports whether RFC 5424's version follows the priority.
func isVersioned(rest []byte) bool {
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	return digits > 0 && digits < 4 && len(rest) > digits && rest[digits] == ' '
}

func (o *opener) openNewer(message, rest []byte) ([]byte, bool, error) {
	m, err := o.newer.Parse(message)
	if err != nil {
		body, err := cutNewer(rest)
		return body, false, err
	}
	said, ok := m.(*rfc5424.SyslogMessage)
	if !ok {
		return nil, false, errEnvelope
	}
	gap := said.StructuredData != nil && o.jumped((*said.StructuredData)["meta"]["sequenceId"])
	if said.Message == nil {
		return nil, gap, nil
	}
	return []byte(strings.TrimPrefix(*said.Message, "\ufeff")), gap, nil
}

// cutNewer passes over a header whose fields are not quite as they should be: times in
// nanoseconds, as many loggers write them, or names that are not ASCII.
func cutNewer(rest []byte) ([]byte, error) {
	for range 6 { // version, time, host, program, process, kind
		_, after, ok := bytes.Cut(rest, []byte(" "))
		if !ok {
			return nil, errEnvelope
		}
		rest = after
	}
	n := dataLength(rest)
	if n == 0 || n < len(rest) && rest[n] != ' ' {
		return nil, errEnvelope
	}
	return bytes.TrimPrefix(bytes.TrimPrefix(rest[n:], []byte(" ")), []byte("\ufeff")), nil
}

// dataLength is the length of the structured data that rest begins with, 0 if it is none.
func dataLength(rest []byte) int {
	if bytes.HasPrefix(rest, []byte("-")) {
		return 1
	}
	quoted, open := false, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case !open && c == '[':
			open = true
		case !open:
			return i
		case c == ']':
			open = false
		}
	}
	if open {
		return 0
	}
	return len(rest)
}

// jumped notes a sender's number and reports whether numbers before it are missing.
func (o *opener) jumped(number string) bool {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return false
	}
	gap := o.last > 0 && n > o.last+1
	o.last = n
	return gap
}

// tagged is a program's name that was not told from what follows it: too long a name, or
// no blank after the colon. Only JSON is sure to be no part of a name.
var tagged = regexp.MustCompile(`^[^\s:{]{1,200}:\s*\{`)

func (o *opener) openOlder(message, rest []byte) []byte {
	m, err := o.older.Parse(message)
	if said, ok := m.(*rfc3164.SyslogMessage); ok && err == nil && said.Message != nil {
		rest = []byte(*said.Message)
	}
	if at := tagged.FindIndex(rest); at != nil {
		return rest[at[1]-1:]
	}
	return rest
}
