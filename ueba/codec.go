package ueba

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// EncodeBody appends the body's canonical JSON to dst: the same body always gives the
// same bytes. Events are written in ECS names, as DecodeEvent reads them, with the
// authenticated source under onlooker.source, which DecodeEvent refuses from outside.
// Times are written in UTC. Text that is not valid UTF-8 is written with U+FFFD.
func EncodeBody(dst []byte, b Body) []byte {
	if e, ok := b.(*Event); ok {
		return appendEvent(dst, e)
	}
	text, err := json.Marshal(inUTC(b))
	if err != nil {
		// Only a time outside the years 0 to 9999 cannot be written; no decoder
		// of ours lets one in.
		panic(fmt.Sprintf("encode %s: %v", b.Kind(), err))
	}
	return append(dst, text...)
}

// DecodeBody reads what EncodeBody wrote.
func DecodeBody(kind Kind, data []byte) (Body, error) {
	if kind == KindEvent {
		return decodeStored(data)
	}
	body, err := emptyBody(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, body); err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	return body, nil
}

func emptyBody(kind Kind) (Body, error) {
	switch kind {
	case KindReason:
		return new(Reason), nil
	case KindEmployee:
		return new(Employee), nil
	case KindRecord:
		return new(Record), nil
	case KindSystem:
		return new(System), nil
	case KindHoliday:
		return new(Holiday), nil
	case KindReview:
		return new(Review), nil
	case KindStep:
		return new(Step), nil
	case KindSetting:
		return new(Setting), nil
	case KindDead:
		return new(DeadLetter), nil
	}
	return nil, fmt.Errorf("decode: unknown kind of fact %q", kind)
}

// inUTC returns a copy whose times are in UTC, so that a row read under another time
// zone is the same fact.
func inUTC(b Body) Body {
	switch v := b.(type) {
	case *Reason:
		c := *v
		c.ValidFrom, c.ValidTo, c.Created = c.ValidFrom.UTC(), c.ValidTo.UTC(), c.Created.UTC()
		return &c
	case *Employee:
		c := *v
		c.ValidFrom = c.ValidFrom.UTC()
		return &c
	case *Record:
		c := *v
		c.ValidFrom = c.ValidFrom.UTC()
		return &c
	case *System:
		c := *v
		c.ValidFrom = c.ValidFrom.UTC()
		return &c
	}
	return stampInUTC(b)
}

func stampInUTC(b Body) Body {
	switch v := b.(type) {
	case *Review:
		c := *v
		c.Time = c.Time.UTC()
		return &c
	case *Step:
		c := *v
		c.Time = c.Time.UTC()
		return &c
	case *Setting:
		c := *v
		c.Time = c.Time.UTC()
		return &c
	case *DeadLetter:
		c := *v
		c.Time = c.Time.UTC()
		return &c
	}
	return b
}

// MarshalJSON writes the event as EncodeBody does.
func (e *Event) MarshalJSON() ([]byte, error) { return appendEvent(nil, e), nil }

// UnmarshalJSON is the inverse of MarshalJSON. It believes onlooker.source, so lines of
// senders go through DecodeEvent instead.
func (e *Event) UnmarshalJSON(data []byte) error {
	body, err := decodeStored(data)
	if err != nil {
		return err
	}
	*e = *body.(*Event)
	return nil
}

func appendEvent(dst []byte, e *Event) []byte {
	w := writer{buf: append(dst, '{')}
	w.key("@timestamp")
	w.buf = append(w.buf, '"')
	w.buf = e.Time.UTC().AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, '"')
	w.open("event")
	w.text("id", e.EventID)
	w.text("action", string(e.Action))
	if e.HasDuration {
		w.key("duration")
		w.buf = strconv.AppendInt(w.buf, int64(e.Duration), 10)
	}
	w.text("outcome", e.Outcome)
	w.close()
	w.one("user", "id", e.User)
	w.one("service", "name", e.Service)
	w.one("session", "id", e.Session)
	w.one("source", "ip", e.IP)
	w.one("host", "name", e.Host)
	w.record(&e.Record)
	w.open("purpose")
	w.text("id", e.Purpose.ID)
	w.text("kind", e.Purpose.Kind)
	w.close()
	w.labels(e.Labels)
	w.one("onlooker", "source", e.Source)
	return append(w.buf, '}')
}

// writer writes JSON objects; members without content are left out.
type writer struct {
	buf   []byte
	start int // where the open inner object's key began
}

func (w *writer) key(name string) {
	if last := w.buf[len(w.buf)-1]; last != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

func (w *writer) open(name string) {
	w.start = len(w.buf)
	w.key(name)
	w.buf = append(w.buf, '{')
}

// close takes back an object that stayed empty.
func (w *writer) close() {
	if w.buf[len(w.buf)-1] == '{' {
		w.buf = w.buf[:w.start]
		return
	}
	w.buf = append(w.buf, '}')
}

func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.key(name)
	w.buf = appendString(w.buf, value)
}

func (w *writer) one(object, name, value string) {
	w.open(object)
	w.text(name, value)
	w.close()
}

func (w *writer) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.key(name)
	w.buf = append(w.buf, '[')
	for i, v := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = appendString(w.buf, v)
	}
	w.buf = append(w.buf, ']')
}

func (w *writer) record(r *EventRecord) {
	w.open("record")
	w.text("type", r.Type)
	w.list("id", r.IDs)
	w.text("class", r.Class)
	if r.Count != 0 {
		w.key("count")
		w.buf = strconv.AppendInt(w.buf, r.Count, 10)
	}
	w.list("fields", r.Fields)
	w.close()
}

func (w *writer) labels(labels map[string]string) {
	var stack [16]string
	w.open("labels")
	for i, name := range sortedNames(stack[:0], labels) {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = appendString(w.buf, name)
		w.buf = append(w.buf, ':')
		w.buf = appendString(w.buf, labels[name])
	}
	w.close()
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string. Only what JSON demands is escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		if c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
