package ueba

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"
)

// Identity returns a body's identity, 32 lower-case hex characters, and the hash of
// everything it says. Two facts of one kind with the same id and content are one fact;
// the same id with other content means that somebody reported the same thing differently.
//
// An event is identified by (Source, Service, EventID), a reason by (Source, ID). Every
// other body, and an event or a reason without an id, is identified by its content: each
// version of a directory row is a fact of its own. Both hashes are SHA-256 cut to 128
// bits, because an insider gains by finding an id that suppresses another's event.
// A dead letter is identified by its raw record and the place it came from: neither the
// time nor the reason of a second delivery makes it another.
// Neither hash depends on when the fact became known, nor on the order of Labels.
func Identity(b Body) (id string, content [16]byte) {
	var stack [1024]byte
	h := digest{stack[:0]}
	switch v := b.(type) {
	case *Event:
		h.event(v)
		content = h.sum()
		if v.EventID != "" {
			h.reset()
			h.text("event-id", v.Source, v.Service, v.EventID)
		}
	case *Reason:
		h.reason(v)
		content = h.sum()
		if v.ID != "" {
			h.reset()
			h.text("reason-id", v.Source, v.ID)
		}
	case *DeadLetter:
		h.letter(v)
		content = h.sum()
	default:
		h.text(string(b.Kind()))
		h.buf = EncodeBody(h.buf, b)
		content = h.sum()
	}
	sum := h.sum()
	var text [32]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]), content
}

// digest collects the bytes to hash. Every part is written with its length, so that
// no two different bodies give the same bytes.
type digest struct{ buf []byte }

func (h *digest) reset() { h.buf = h.buf[:0] }

func (h *digest) sum() (out [16]byte) {
	full := sha256.Sum256(h.buf)
	copy(out[:], full[:])
	return out
}

func (h *digest) number(n int64) { h.buf = binary.AppendVarint(h.buf, n) }

func (h *digest) text(parts ...string) {
	for _, s := range parts {
		h.buf = binary.AppendUvarint(h.buf, uint64(len(s)))
		h.buf = append(h.buf, s...)
	}
}

func (h *digest) list(parts []string) {
	h.number(int64(len(parts)))
	h.text(parts...)
}

// time keeps the zero time apart from every other one.
func (h *digest) time(t time.Time) {
	h.number(t.Unix())
	h.number(int64(t.Nanosecond()))
}

func (h *digest) event(e *Event) {
	h.text("event", e.EventID, e.Source, e.Service, e.User, string(e.Action), e.Outcome)
	h.time(e.Time)
	duration := int64(-1)
	if e.HasDuration {
		duration = int64(e.Duration)
	}
	h.number(duration)
	h.text(e.Session, e.IP, e.Host, e.Record.Type, e.Record.Class)
	h.list(e.Record.IDs)
	h.number(e.Record.Count)
	h.list(e.Record.Fields)
	h.text(e.Purpose.ID, e.Purpose.Kind)
	h.labels(e.Labels)
}

func (h *digest) labels(labels map[string]string) {
	var stack [16]string
	names := sortedNames(stack[:0], labels)
	h.number(int64(len(names)))
	for _, name := range names {
		h.text(name, labels[name])
	}
}

func (h *digest) reason(r *Reason) {
	h.text("reason", r.ID, r.RecordID, r.EmployeeID, r.Type, r.MadeBy, r.Source)
	h.time(r.ValidFrom)
	h.time(r.ValidTo)
	h.time(r.Created)
}

func sortedNames(names []string, labels map[string]string) []string {
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (h *digest) letter(d *DeadLetter) {
	h.text(string(KindDead), d.Source, d.Format, d.Place, string(d.Raw))
	h.number(int64(d.Size))
}
