package simulate

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// eventWriter writes events.ndjson in the order of delivery.
type eventWriter struct {
	*file
	services [systemCount]string // quoted
	zone     *time.Location
	line     []byte
	count    int
}

func newEventWriter(dir string, cfg Config) (*eventWriter, error) {
	f, err := create(dir, "events.ndjson")
	if err != nil {
		return nil, err
	}
	w := &eventWriter{file: f, zone: cfg.Zone}
	for i, name := range cfg.Systems {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("simulate: system %q: %w", name, err)
		}
		w.services[i] = string(quoted)
	}
	return w, nil
}

// write writes and forgets the events that are delivered before the instant, and returns the others.
func (w *eventWriter) write(events []event, before int64) []event {
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.deliver, b.deliver), cmp.Compare(a.id, b.id)) })
	n, _ := slices.BinarySearchFunc(events, before, func(e event, t int64) int { return cmp.Compare(e.deliver, t) })
	for i := range events[:n] {
		w.line = w.appendEvent(w.line[:0], &events[i])
		_, _ = w.Write(append(w.line, '\n')) // the error stays in the file
		w.count++
	}
	return slices.Delete(events, 0, n)
}

func (w *eventWriter) appendEvent(b []byte, e *event) []byte {
	if e.raw != "" {
		return append(b, e.raw...)
	}
	b = append(b, `{"@timestamp":"`...)
	b = time.UnixMilli(e.at).In(w.zone).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","event":{"id":"`...)
	var id [8]byte
	for i := range id {
		id[i] = byte(e.id >> (56 - 8*i))
	}
	b = hex.AppendEncode(b, id[:])
	b = append(b, `","action":"`...)
	b = append(b, actionNames[e.act]...)
	if e.lasts >= 0 {
		b = append(b, `","duration":`...)
		b = strconv.AppendInt(b, e.lasts*int64(time.Millisecond), 10)
		b = append(b, `,"outcome":"`...)
	} else {
		b = append(b, `","outcome":"`...)
	}
	if e.failed {
		b = append(b, `failure"}`...)
	} else {
		b = append(b, `success"}`...)
	}
	b = w.appendWho(b, e)
	b = appendRecord(b, e)
	b = appendPurpose(b, e.purpose)
	return append(b, '}')
}

// appendPurpose writes a claim; its kind stands in the first letter of the id.
func appendPurpose(b []byte, claim string) []byte {
	if claim == "" {
		return b
	}
	b = append(b, `,"purpose":{"id":"`...)
	b = append(b, claim...)
	for _, k := range reasonsOf {
		if k.prefix == claim[:1] {
			b = append(b, `","kind":"`...)
			b = append(b, k.name...)
		}
	}
	return append(b, `"}`...)
}

func (w *eventWriter) appendWho(b []byte, e *event) []byte {
	user := e.person.user
	if e.system == payments {
		user = e.person.paymentsUser()
	}
	b = append(b, `,"user":{"id":"`...)
	b = append(b, user...)
	b = append(b, `"},"service":{"name":`...)
	b = append(b, w.services[e.system]...)
	b = append(b, `},"session":{"id":"s-`...)
	b = strconv.AppendUint(b, uint64(e.session), 36)
	b = append(b, `"},"source":{"ip":"`...)
	b = append(b, e.desk.ip...)
	b = append(b, `"},"host":{"name":"`...)
	b = append(b, e.desk.host...)
	return append(b, `"}`...)
}

// unmaskable are the fields that a screen masks, in the order in which people ask for them.
var unmaskable = [...]string{`"phone"`, `"id_card"`, `"bank_card"`}

func appendRecord(b []byte, e *event) []byte {
	switch e.act {
	case login, logout:
		return b
	case search:
		return append(b, `,"record":{"type":"customer"}`...)
	}
	b = append(b, `,"record":{"type":"customer"`...)
	if e.record >= 0 {
		b = append(b, `,"id":["`...)
		b = append(b, recordID(e.record)...)
		b = append(b, `"]`...)
	} else {
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, int64(e.rows), 10)
	}
	if systems[e.system].class {
		b = append(b, `,"class":"C2"`...)
	}
	if e.fields > 0 {
		b = append(b, `,"fields":[`...)
		b = append(b, strings.Join(unmaskable[:e.fields], ",")...)
		b = append(b, ']')
	}
	return append(b, '}')
}
