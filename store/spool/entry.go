package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The documents of the local store.
const (
	kindEntry   = "spool"         // by number: the facts of one or more Appends
	kindDamaged = "spool_damaged" // entries that could not be read
	kindState   = "spool_state"   // one document, stateID
	stateID     = "stamp"
)

// format is the first byte of an entry.
const format = 1

var errDamaged = errors.New("damaged entry")

func entryID(n uint64) string { return fmt.Sprintf("%016x", n) }

// record is one fact as it is spooled: a body in its canonical form.
type record struct {
	kind  ueba.Kind
	known time.Time
	body  []byte
}

// size is about how many bytes the record takes in an entry.
func (r *record) size() int64 { return int64(len(r.body) + len(r.kind) + 16) }

// appendHeader begins an entry.
func appendHeader(dst []byte, spooled time.Time) []byte {
	return appendInstant(append(dst, format), spooled)
}

func (r *record) append(dst []byte) []byte {
	dst = appendBytes(dst, []byte(r.kind))
	dst = appendInstant(dst, r.known)
	return appendBytes(dst, r.body)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendInstant(dst []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}

// entry is what one document of the local store says.
type entry struct {
	number  uint64
	spooled time.Time
	facts   []ueba.Fact
	bytes   int64
}

func decodeEntry(doc store.Doc) (entry, error) {
	e := entry{bytes: int64(len(doc.Body))}
	var err error
	if e.number, err = strconv.ParseUint(doc.ID, 16, 64); err != nil {
		return e, fmt.Errorf("entry %q: that is no number of an entry", doc.ID)
	}
	if len(doc.Body) > 0 && doc.Body[0] > format {
		return e, fmt.Errorf("entry %s: %w: format %d", doc.ID, store.ErrNewer, doc.Body[0])
	}
	r := reader{data: doc.Body}
	if r.byte() != format {
		return e, fmt.Errorf("entry %s: %w", doc.ID, errDamaged)
	}
	e.spooled = r.instant()
	for r.err == nil && len(r.data) > 0 {
		e.facts = append(e.facts, r.fact())
	}
	if r.err != nil {
		e.facts = nil
		return e, fmt.Errorf("entry %s: %w: %w", doc.ID, errDamaged, r.err)
	}
	return e, nil
}

// reader takes values off bytes; after the first that is not there it keeps the error.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail() { r.data, r.err = nil, errors.New("cut off") }

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) instant() time.Time {
	seconds, n := binary.Varint(r.data)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	r.data = r.data[n:]
	nanos, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return time.Time{}
	}
	r.data = r.data[n:]
	return time.Unix(seconds, int64(nanos)).UTC()
}

func (r *reader) bytes() []byte {
	length, n := binary.Uvarint(r.data)
	if n <= 0 || length > uint64(len(r.data)-n) {
		r.fail()
		return nil
	}
	b := r.data[n : n+int(length)]
	r.data = r.data[n+int(length):]
	return b
}

func (r *reader) fact() ueba.Fact {
	kind := ueba.Kind(r.bytes())
	f := ueba.Fact{Known: r.instant()}
	text := r.bytes()
	if r.err != nil {
		return f
	}
	f.Body, r.err = ueba.DecodeBody(kind, text)
	return f
}

// load finds what waits from before.
func (s *Store) load(ctx context.Context) error {
	doc, err := s.local.Get(ctx, kindState, stateID)
	switch {
	case err == nil:
		r := reader{data: doc.Body}
		if s.stamp = r.instant(); r.err != nil {
			return fmt.Errorf("read the newest stamp: %w", r.err)
		}
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("read the newest stamp: %w", err)
	}
	for doc, err := range s.local.List(ctx, kindEntry, "", "", false) {
		if err != nil {
			return fmt.Errorf("read what waits: %w", err)
		}
		e, err := decodeEntry(doc)
		if err != nil && !errors.Is(err, errDamaged) {
			return err
		}
		if s.queue.facts += int64(len(e.facts)); s.queue.head == 0 {
			s.queue.head, s.queue.oldest = e.number, e.spooled
		}
		s.queue.bytes += e.bytes
		s.queue.durable = max(s.queue.durable, e.number)
	}
	s.next = s.queue.durable + 1
	if s.behind = s.queue.head != 0; !s.behind {
		s.queue.head = s.next
	}
	return nil
}
