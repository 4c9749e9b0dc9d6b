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
	h := digest(stack[:0])
	identity := digest(nil)
	switch v := b.(type) {
	case *Event:
		h = h.event(v)
		if v.EventID != "" {
			var stack [256]byte
			identity = digest(stack[:0]).text("event-id").text(v.Source).text(v.Service).text(v.EventID)
		}
	case *Reason:
		h = h.reason(v)
		if v.ID != "" {
			identity = digest(nil).text("reason-id").text(v.Source).text(v.ID)
		}
	case *DeadLetter:
		h = h.letter(v)
	default:
		h = append(h.text(string(b.Kind())), EncodeBody(nil, b)...)
	}
	content = h.sum()
	sum := content
	if identity != nil {
		sum = identity.sum()
	}
	var text [32]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]), content
}

// digest collects the bytes to hash. Every part is written with its length, so that
// no two different bodies give the same bytes.
type digest []byte

func (h digest) sum() (out [16]byte) {
	full := sha256.Sum256(h)
	copy(out[:], full[:])
	return out
}

func (h digest) number(n int64) digest { return binary.AppendVarint(h, n) }

func (h digest) text(s string) digest {
	return append(binary.AppendUvarint(h, uint64(len(s))), s...)
}

func (h digest) list(parts []string) digest {
	h = h.number(int64(len(parts)))
	for _, s := range parts {
		h = h.text(s)
	}
	return h
}

// time keeps the zero time apart from every other one.
func (h digest) time(t time.Time) digest {
	return h.number(t.Unix()).number(int64(t.Nanosecond()))
}

func (h digest) event(e *Event) digest {
	h = h.text("event").text(e.EventID).text(e.Source).text(e.Service).text(e.User)
	h = h.text(string(e.Action)).text(e.Outcome).time(e.Time)
	duration := int64(-1)
	if e.HasDuration {
		duration = int64(e.Duration)
	}
	h = h.number(duration).text(e.Session).text(e.IP).text(e.Host)
	h = h.text(e.Record.Type).text(e.Record.Class).list(e.Record.IDs).number(e.Record.Count).list(e.Record.Fields)
	return h.text(e.Purpose.ID).text(e.Purpose.Kind).labels(e.Labels)
}

func (h digest) labels(labels map[string]string) digest {
	var stack [16]string
	names := sortedNames(stack[:0], labels)
	h = h.number(int64(len(names)))
	for _, name := range names {
		h = h.text(name).text(labels[name])
	}
	return h
}

func (h digest) reason(r *Reason) digest {
	h = h.text("reason").text(r.ID).text(r.RecordID).text(r.EmployeeID).text(r.Type).text(r.MadeBy).text(r.Source)
	return h.time(r.ValidFrom).time(r.ValidTo).time(r.Created)
}

func (h digest) letter(d *DeadLetter) digest {
	h = h.text(string(KindDead)).text(d.Source).text(d.Format).text(d.Place).text(string(d.Raw))
	return h.number(int64(d.Size))
}

func sortedNames(names []string, labels map[string]string) []string {
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
