package collector

import (
	"bytes"
	"strconv"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Delivery says who delivers a stream, and how it is read.
type Delivery struct {
	Options
	// Known says when a body became known; nil, or a zero time, lets the store
	// stamp it. Imports use KnownThen.
	Known func(ueba.Body) time.Time
}

// KnownThen is the Known of imports: an event became known when it happened, a reason
// when its system made it.
func KnownThen(b ueba.Body) time.Time {
	switch v := b.(type) {
	case *ueba.Event:
		return v.Time
	case *ueba.Reason:
		if !v.Created.IsZero() {
			return v.Created
		}
		return v.ValidFrom
	}
	return time.Time{}
}

// Stream is one parser at work on the raw records of one delivery, in order. It is not
// safe for concurrent use; its batches may be appended while it reads on.
type Stream struct {
	format   string
	delivery Delivery
	now      func() time.Time
	parser   Parser
	keys     keyer
	book     book
	batch    *Batch
	emitting func(ueba.Body)

	// The record that the parser is reading.
	raw    []byte
	at     Place
	key    string // its natural key, once asked for
	bodies int
}

// NewStream starts a parser of the format.
func (in *Intake) NewStream(f Format, d Delivery) *Stream {
	s := &Stream{format: f.Name, delivery: d, now: in.now, parser: f.New(d.Options)}
	s.batch = newBatch(d.Source)
	s.emitting = s.emit
	return s
}

// Take reads one raw record. The error of one that does not parse is returned for the
// sender's sake; it is a dead letter of the batch already.
func (s *Stream) Take(rec Record, at Place) error {
	s.batch.tally.Received++
	s.batch.tally.Bytes += int64(rec.Size)
	if rec.Err != nil {
		return s.bury(rec, at, rec.Err)
	}
	s.raw, s.at, s.key, s.bodies = bytes.TrimSpace(rec.Raw), at, "", 0
	err := s.parser.Parse(s.raw, s.emitting)
	s.book.bodies += s.bodies
	if err != nil {
		return s.bury(rec, at, err)
	}
	s.book.records++
	s.account()
	return nil
}

// Flush makes the parser speak of what it holds.
func (s *Stream) Flush() {
	s.bodies = 0
	s.parser.Flush(s.emitting)
	s.book.bodies += s.bodies
	s.account()
}

// account counts the records that made no event of their own: of those the parser has
// spoken of, as many as there are more than bodies.
func (s *Stream) account() {
	waiting := s.parser.Waiting()
	if n := s.book.records - waiting - s.book.bodies - s.book.skipped; n > 0 {
		s.book.skipped += n
		s.batch.tally.Skipped += int64(n)
	}
	if waiting == 0 {
		s.book = book{}
	}
}

// book is what was read since the parser last held nothing.
type book struct{ records, bodies, skipped int }

// Waiting is how many of the newest records the batches do not speak of yet.
func (s *Stream) Waiting() int { return s.parser.Waiting() }

// Len is the number of facts gathered since the last Cut.
func (s *Stream) Len() int { return len(s.batch.facts) }

// Bytes is the size of the records taken since the last Cut.
func (s *Stream) Bytes() int64 { return s.batch.tally.Bytes }

// Cut gives what was gathered since the last Cut.
func (s *Stream) Cut() *Batch {
	b := s.batch
	s.batch = newBatch(s.delivery.Source)
	s.batch.facts = make([]ueba.Fact, 0, len(b.facts))
	return b
}

// Gap notes that records may have been lost before they were seen.
func (s *Stream) Gap() { s.batch.tally.Gaps++ }

func (s *Stream) emit(b ueba.Body) {
	switch v := b.(type) {
	case *ueba.Event:
		v.Source = s.delivery.Source
		if v.EventID == "" {
			v.EventID = s.natural()
		}
	case *ueba.Reason:
		v.Source = s.delivery.Source
		if v.ID == "" {
			v.ID = s.natural()
		}
	}
	s.bodies++
	s.batch.add(b, s.known(b))
}

// natural is the key of the record being read, with a number where it makes several bodies.
func (s *Stream) natural() string {
	if s.key == "" {
		s.key = s.keys.key(s.raw, s.at)
	}
	if s.bodies == 0 {
		return s.key
	}
	return s.key + "." + strconv.Itoa(s.bodies)
}

func (s *Stream) known(b ueba.Body) time.Time {
	if s.delivery.Known == nil {
		return time.Time{}
	}
	return s.delivery.Known(b)
}

func (s *Stream) bury(rec Record, at Place, err error) error {
	s.batch.tally.Dead++
	s.batch.add(&ueba.DeadLetter{
		Time:   s.now().UTC(),
		Source: s.delivery.Source,
		Format: s.format,
		Place:  at.String(),
		Reason: err.Error(),
		Raw:    bytes.Clone(rec.Raw),
		Size:   rec.Size,
	}, time.Time{})
	return err
}

// Batch is what a stream gathered: facts to append and what to count once they are.
type Batch struct {
	source string
	facts  []ueba.Fact
	tally  Tally
}

func newBatch(source string) *Batch { return &Batch{source: source} }

func (b *Batch) empty() bool { return len(b.facts) == 0 && b.tally == Tally{} }

func (b *Batch) add(body ueba.Body, known time.Time) {
	b.facts = append(b.facts, ueba.Fact{Known: known, Body: body})
}
