package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// targetKind is what a field of an event takes.
type targetKind uint8

const (
	takesText targetKind = iota
	takesList
	takesAmount
	takesLabel
)

// targets are the fields that a mapping may set; the time has a section of its own.
var targets = map[string]targetKind{
	"event.id": takesText, "event.action": takesText, "event.outcome": takesText, "event.kind": takesText, "event.duration": takesAmount,
	"user.id": takesText, "service.name": takesText, "session.id": takesText, "source.ip": takesText, "host.name": takesText,
	"record.type": takesText, "record.id": takesList, "record.class": takesText, "record.count": takesAmount, "record.fields": takesList,
	"purpose.id": takesText, "purpose.kind": takesText,
	"reason.id": takesText, "reason.kind": takesText, "reason.valid_from": takesText, "reason.valid_to": takesText,
	"reason.created": takesText, "reason.made_by": takesText, "employee.id": takesText,
}

func targetOf(name string) (targetKind, bool) {
	if label, ok := strings.CutPrefix(name, "labels."); ok {
		return takesLabel, label != "" && !strings.HasPrefix(label, "onlooker.")
	}
	kind, ok := targets[name]
	return kind, ok
}

// meant proposes the known field that shares most with a wrong one.
func meant(name string) string {
	if name == "@timestamp" {
		return "; the time stands under time:"
	}
	_, last, _ := strings.Cut(name, ".")
	var near []string
	for known := range targets {
		if last != "" && (strings.HasSuffix(known, "."+last) || strings.HasPrefix(last, known[strings.IndexByte(known, '.')+1:])) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.Sort(near)
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// longestField is how long a text of an event may be; a longer one is cut and ends in a
// hash of the whole, so that two different ones stay two.
const longestField = 1000

func fitted(s string) string {
	if len(s) <= longestField {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	cut := longestField - 18
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "~" + hex.EncodeToString(sum[:8])
}

// line writes an event as a line in ECS names, for the decoder of the native format.
type line struct {
	buf   []byte
	count int64 // of ids beyond what an event may name
}

func (l *line) begin(at time.Time) {
	l.count = 0
	l.buf = append(l.buf[:0], `{"@timestamp":"`...)
	l.buf = at.AppendFormat(l.buf, time.RFC3339Nano)
	l.buf = append(l.buf, '"')
}

func (l *line) name(name string) {
	l.buf = append(l.buf, ',')
	l.text(name)
	l.buf = append(l.buf, ':')
}

func (l *line) text(s string) {
	l.buf = append(l.buf, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		l.buf = append(l.buf, s[start:i]...)
		start = i + 1
		if c == '"' || c == '\\' {
			l.buf = append(l.buf, '\\', c)
		} else {
			l.buf = fmt.Appendf(l.buf, `\u%04x`, c)
		}
	}
	l.buf = append(append(l.buf, s[start:]...), '"')
}

// put writes one field; what is nil or empty is left out.
func (l *line) put(target string, kind targetKind, v any) error {
	if v == nil || v == "" {
		return nil
	}
	switch kind {
	case takesAmount:
		n, err := amountOf(v)
		if err != nil {
			return err
		}
		l.name(target)
		l.buf = strconv.AppendInt(l.buf, n, 10)
		return nil
	case takesList:
		return l.list(target, v)
	case takesLabel:
		if list, ok := v.([]any); ok {
			s, err := join(list, ",")
			if err != nil {
				return err
			}
			v = s
		}
	}
	s, ok := textOf(v)
	if !ok {
		return fmt.Errorf("want a text, found %s", nameOf(v))
	}
	if s == "" {
		return nil
	}
	if kind == takesText {
		s = fitted(s)
	}
	l.name(target)
	l.text(s)
	return nil
}

func (l *line) list(target string, v any) error {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	if len(items) > ueba.MaxRecordIDs && target == "record.id" {
		l.count = int64(len(items))
		return nil
	}
	l.name(target)
	l.buf = append(l.buf, '[')
	first := true
	for _, item := range items {
		s, ok := textOf(item)
		if !ok && item != nil {
			return fmt.Errorf("want a list of texts, found %s in it", nameOf(item))
		}
		if s == "" {
			continue
		}
		if !first {
			l.buf = append(l.buf, ',')
		}
		first = false
		l.text(fitted(s))
	}
	l.buf = append(l.buf, ']')
	return nil
}

func (l *line) end() []byte {
	l.buf = append(l.buf, '}')
	return l.buf
}

// key joins the values that tell an event from every other of its source; it is "" if
// none is there. A long one is a hash.
func key(parts []string) string {
	size := 0
	for i, p := range parts {
		size += len(p)
		if strings.ContainsAny(p, "/%") {
			parts[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(p)
		}
	}
	if size == 0 {
		return ""
	}
	joined := strings.Join(parts, "/")
	const longest = 200
	if len(joined) <= longest && !strings.ContainsFunc(joined, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return joined
	}
	sum := sha256.Sum256([]byte(joined))
	return "sha256-" + hex.EncodeToString(sum[:16])
}
