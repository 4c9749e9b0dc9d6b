package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// errDamaged: bytes of the store do not read as what was written.
var errDamaged = errors.New("damaged row")

// A row is: when the fact became known, its sequence number in the feed, its body. Time
// and id stand in the row's key. Events and reasons, of which there are many, have a
// binary form; other bodies are the canonical JSON.

func appendRow(dst []byte, known time.Time, seq uint64, body []byte) []byte {
	dst = appendInstant(dst, known)
	dst = binary.AppendUvarint(dst, seq)
	return append(dst, body...)
}

// header is what a row says before its body.
type header struct {
	known time.Time
	seq   uint64
}

// takeHeader returns the row's header and its body.
func takeHeader(row []byte) (header, []byte, error) {
	r := reader{data: row}
	h := header{known: r.instant(), seq: r.uvarint()}
	return h, r.data, r.err
}

// decodeRow reads the fact of a row that stands under the key.
func decodeRow(key, row []byte) (ueba.Fact, error) {
	h, body, err := takeHeader(row)
	if err != nil {
		return ueba.Fact{}, err
	}
	kind, place, err := splitRowKey(key)
	if err != nil {
		return ueba.Fact{}, err
	}
	return decodeFact(kind, place, h.known, body)
}

func decodeFact(kind byte, place []byte, known time.Time, body []byte) (ueba.Fact, error) {
	if int(kind) >= len(kinds) {
		return ueba.Fact{}, errDamaged
	}
	t, id, err := takePlace(place)
	if err != nil {
		return ueba.Fact{}, err
	}
	b, err := decodeBody(kinds[kind], t, body)
	if err != nil {
		return ueba.Fact{}, fmt.Errorf("fact %s: %w", id, err)
	}
	return ueba.Fact{ID: id, Known: known, Body: b}, nil
}

func encodeBody(b ueba.Body) []byte {
	switch b := b.(type) {
	case *ueba.Event:
		return appendEvent(make([]byte, 0, 256), b)
	case *ueba.Reason:
		return appendReason(make([]byte, 0, 128), b)
	}
	return ueba.EncodeBody(nil, b)
}

func decodeBody(kind ueba.Kind, t time.Time, data []byte) (ueba.Body, error) {
	switch kind {
	case ueba.KindEvent:
		return decodeEvent(t, data)
	case ueba.KindReason:
		return decodeReason(t, data)
	}
	return ueba.DecodeBody(kind, data)
}

// The fields of an event that are often empty; their bits say which follow.
const (
	hasDuration = 1 << iota
	hasOutcome
	hasSession
	hasIP
	hasHost
	hasRecord // type and class
	hasIDs
	hasCount
	hasFields
	hasPurpose
	hasLabels
)

func appendEvent(dst []byte, e *ueba.Event) []byte {
	bits := eventBits(e)
	dst = binary.AppendUvarint(dst, bits)
	dst = appendStrings(dst, e.Source, e.Service, e.User, string(e.Action), e.EventID)
	if bits&hasDuration != 0 {
		dst = binary.AppendVarint(dst, int64(e.Duration))
	}
	for _, optional := range [...]struct {
		bit  uint64
		text string
	}{{hasOutcome, e.Outcome}, {hasSession, e.Session}, {hasIP, e.IP}, {hasHost, e.Host}} {
		if bits&optional.bit != 0 {
			dst = appendStrings(dst, optional.text)
		}
	}
	if bits&hasRecord != 0 {
		dst = appendStrings(dst, e.Record.Type, e.Record.Class)
	}
	if bits&hasIDs != 0 {
		dst = appendList(dst, e.Record.IDs)
	}
	if bits&hasCount != 0 {
		dst = binary.AppendVarint(dst, e.Record.Count)
	}
	if bits&hasFields != 0 {
		dst = appendList(dst, e.Record.Fields)
	}
	if bits&hasPurpose != 0 {
		dst = appendStrings(dst, e.Purpose.ID, e.Purpose.Kind)
	}
	if bits&hasLabels != 0 {
		dst = appendLabels(dst, e.Labels)
	}
	return dst
}

func eventBits(e *ueba.Event) uint64 {
	var bits uint64
	for i, there := range [...]bool{
		e.HasDuration, e.Outcome != "", e.Session != "", e.IP != "", e.Host != "",
		e.Record.Type != "" || e.Record.Class != "", len(e.Record.IDs) > 0, e.Record.Count != 0, len(e.Record.Fields) > 0,
		e.Purpose != ueba.Purpose{}, len(e.Labels) > 0,
	} {
		if there {
			bits |= 1 << i
		}
	}
	return bits
}

func decodeEvent(t time.Time, data []byte) (*ueba.Event, error) {
	r := newReader(data)
	bits := r.uvarint()
	e := &ueba.Event{Time: t}
	e.Source, e.Service, e.User = r.string(), r.string(), r.string()
	e.Action, e.EventID = ueba.Action(r.string()), r.string()
	if bits&hasDuration != 0 {
		e.Duration, e.HasDuration = time.Duration(r.varint()), true
	}
	for _, optional := range [...]struct {
		bit  uint64
		text *string
	}{{hasOutcome, &e.Outcome}, {hasSession, &e.Session}, {hasIP, &e.IP}, {hasHost, &e.Host}} {
		if bits&optional.bit != 0 {
			*optional.text = r.string()
		}
	}
	decodeEventRecord(r, bits, &e.Record)
	if bits&hasPurpose != 0 {
		e.Purpose = ueba.Purpose{ID: r.string(), Kind: r.string()}
	}
	if bits&hasLabels != 0 {
		e.Labels = r.labels()
	}
	return e, r.end()
}

func decodeEventRecord(r *reader, bits uint64, record *ueba.EventRecord) {
	if bits&hasRecord != 0 {
		record.Type, record.Class = r.string(), r.string()
	}
	if bits&hasIDs != 0 {
		record.IDs = r.list()
	}
	if bits&hasCount != 0 {
		record.Count = r.varint()
	}
	if bits&hasFields != 0 {
		record.Fields = r.list()
	}
}

func appendReason(dst []byte, r *ueba.Reason) []byte {
	dst = appendStrings(dst, r.ID, r.RecordID, r.EmployeeID, r.Type, r.MadeBy, r.Source)
	dst = appendInstant(dst, r.ValidTo)
	return appendInstant(dst, r.Created)
}

func decodeReason(from time.Time, data []byte) (*ueba.Reason, error) {
	r := newReader(data)
	out := &ueba.Reason{
		ID: r.string(), RecordID: r.string(), EmployeeID: r.string(), Type: r.string(),
		MadeBy: r.string(), Source: r.string(), ValidFrom: from,
	}
	out.ValidTo, out.Created = r.instant(), r.instant()
	return out, r.end()
}

func appendStrings(dst []byte, parts ...string) []byte {
	for _, s := range parts {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

func appendList(dst []byte, list []string) []byte {
	return appendStrings(binary.AppendUvarint(dst, uint64(len(list))), list...)
}

func appendLabels(dst []byte, labels map[string]string) []byte {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		dst = appendStrings(dst, name, labels[name])
	}
	return dst
}

// appendInstant writes seconds since the epoch and nanoseconds; any time.Time fits.
func appendInstant(dst []byte, t time.Time) []byte {
	dst = binary.AppendVarint(dst, t.Unix())
	return binary.AppendUvarint(dst, uint64(t.Nanosecond()))
}

// reader takes values off bytes; after the first that is not there it gives zeros and
// keeps the error.
type reader struct {
	data []byte
	text string // the same bytes, of which strings are cut without a copy each
	err  error
}

func newReader(data []byte) *reader { return &reader{data: data, text: string(data)} }

func (r *reader) fail() { r.data, r.err = nil, errDamaged }

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return ""
	}
	start := len(r.text) - len(r.data)
	r.data = r.data[n:]
	return r.text[start : start+int(n)]
}

func (r *reader) list() []string {
	n := r.uvarint()
	if n > uint64(len(r.data)) { // each takes a byte at least
		r.fail()
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *reader) labels() map[string]string {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	labels := make(map[string]string, n)
	for range n {
		name := r.string()
		labels[name] = r.string()
	}
	return labels
}

func (r *reader) instant() time.Time {
	seconds, nanos := r.varint(), r.uvarint()
	return time.Unix(seconds, int64(nanos)).UTC()
}

// end returns the error, also when something is left over.
func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		return errDamaged
	}
	return r.err
}
