package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
)

// A fact's sequence number is its writer's number and its number within that writer.
const (
	numberBits = 32
	maxNumber  = 1<<numberBits - 1
)

func sequence(writer, number int64) int64 { return writer<<numberBits | number }

const (
	// abandonAfter is for how long a writer may say nothing before a reader closes it.
	abandonAfter = 20 * time.Second
	// leaseFor is for how long after it last spoke a writer may acknowledge without asking
	// whether it was closed.
	leaseFor = abandonAfter / 2
	// beatEvery is how often a writer speaks when it has nothing new to say, and
	// publishEvery when it has.
	beatEvery    = abandonAfter / 4
	publishEvery = 250 * time.Millisecond
)

// writer numbers what this process appends.
type writer struct {
	mu      sync.Mutex
	number  int64 // of the writer; 0: none yet
	last    int64 // the newest number given
	tickets []*ticket
	stamp   time.Time // the newest time at which a fact was stamped as known

	publishing sync.Mutex // one publishes at a time; guards the following
	version    version
	beats      int64
	said       int64     // how far it is known to be written
	saidFor    int64     // … of which writer
	saidAt     time.Time // when that was sent
	published  chan struct{}
}

// ticket is an append under way: its numbers are given and not yet all written.
type ticket struct{ writer, from, to int64 }

// state is a writer's document. Done is how far all of its facts are written or will never
// be. A closed writer writes nothing any more.
type state struct {
	Done   int64     `json:"done"`
	Closed bool      `json:"closed"`
	Beat   int64     `json:"beat"`
	Stamp  time.Time `json:"stamp"`
	Op     string    `json:"op"`
}

func writerID(number int64) string { return fmt.Sprintf("writer-%d", number) }

// done returns how far everything of the writer in force is written.
func (w *writer) done() (number, done int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.number, w.doneLocked()
}

func (w *writer) doneLocked() int64 {
	done := w.last
	for _, t := range w.tickets {
		if t.writer == w.number {
			done = min(done, t.from-1)
		}
	}
	return done
}

// number gives the rows their numbers, in order, and stamps those without a time of becoming
// known.
func (s *Store) number(ctx context.Context, rows []*row) (*ticket, error) {
	if err := s.confirm(ctx); err != nil {
		return nil, err
	}
	now := s.opts.Now().UTC().Round(0)
	w := &s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.After(w.stamp) {
		w.stamp = now
	}
	t := &ticket{w.number, w.last + 1, w.last + int64(len(rows))}
	for i, r := range rows {
		r.seq = sequence(t.writer, t.from+int64(i))
		if r.known.IsZero() {
			r.known = w.stamp
		}
	}
	w.last = t.to
	w.tickets = append(w.tickets, t)
	return t, nil
}

// finish gives the ticket back: its rows are written or never will be.
func (w *writer) finish(t *ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tickets = slices.DeleteFunc(w.tickets, func(o *ticket) bool { return o == t })
	select {
	case w.published <- struct{}{}:
	default:
	}
}

// confirm returns when this process is sure to be a writer that nobody has closed.
func (s *Store) confirm(ctx context.Context) error {
	w := &s.writer
	w.publishing.Lock()
	defer w.publishing.Unlock()
	w.mu.Lock()
	number, last := w.number, w.last
	w.mu.Unlock()
	switch {
	case number == 0 || last > maxNumber/2:
		return s.enrol(ctx)
	case time.Since(w.saidAt) < leaseFor:
		return nil
	}
	return s.publish(ctx, false)
}

// holds reports whether the ticket's writer is still the one in force, asking if need be.
func (s *Store) holds(ctx context.Context, t *ticket) (bool, error) {
	if err := s.confirm(ctx); err != nil {
		return false, err
	}
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.number == t.writer, nil
}

// enrol takes the next free writer number.
func (s *Store) enrol(ctx context.Context) error {
	for {
		if err := s.look(ctx, true); err != nil {
			return err
		}
		known, stamp := s.views.newest()
		first := state{Op: s.op(), Stamp: stamp}
		sent := time.Now()
		v, err := s.set(ctx, "enrol", s.metaIndex(), writerID(known+1), encode(first).Bytes(), first.Op, nil)
		if errors.Is(err, store.ErrConflict) {
			continue // somebody took it
		}
		if err != nil {
			return err
		}
		w := &s.writer
		w.mu.Lock()
		w.number, w.last = known+1, 0
		if stamp.After(w.stamp) {
			w.stamp = stamp
		}
		w.mu.Unlock()
		w.version, w.said, w.saidFor, w.saidAt = v, 0, known+1, sent
		s.views.own(known + 1)
		return nil
	}
}

// publish says how far everything is written. A writer that was closed by somebody takes a
// new number.
func (s *Store) publish(ctx context.Context, closing bool) error {
	w := &s.writer
	w.mu.Lock()
	number, done, stamp := w.number, w.doneLocked(), w.stamp
	w.mu.Unlock()
	w.beats++
	now := state{Done: done, Closed: closing, Beat: w.beats, Stamp: stamp, Op: s.op()}
	sent := time.Now()
	v, err := s.set(ctx, "publish", s.metaIndex(), writerID(number), encode(now).Bytes(), now.Op, &w.version)
	if errors.Is(err, store.ErrConflict) {
		return s.enrol(ctx)
	}
	if err != nil {
		return err
	}
	w.version, w.said, w.saidFor, w.saidAt = v, done, number, sent
	return nil
}

// beat publishes in the background until the store closes.
func (s *Store) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
		case <-s.writer.published:
			select {
			case <-s.closing:
				return
			case <-time.After(publishEvery):
			}
		}
		s.publishOnce()
	}
}

func (s *Store) publishOnce() {
	w := &s.writer
	number, done := w.done()
	w.publishing.Lock()
	defer w.publishing.Unlock()
	if number == 0 || number == w.saidFor && done == w.said && time.Since(w.saidAt) < beatEvery/2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseFor)
	defer cancel()
	// What fails here is said again by the next beat, or asked before the next
	// acknowledgement.
	_ = s.publish(ctx, false)
}

// retire closes the writer, unless something of it is not settled.
func (s *Store) retire(ctx context.Context) error {
	w := &s.writer
	w.publishing.Lock()
	defer w.publishing.Unlock()
	w.mu.Lock()
	idle := w.number == 0 || len(w.tickets) > 0
	number := w.number
	w.mu.Unlock()
	if idle || number != w.saidFor {
		return nil
	}
	done := w.doneLocked()
	now := state{Done: done, Closed: true, Beat: w.beats + 1, Stamp: w.stamp, Op: s.op()}
	_, err := s.set(ctx, "close", s.metaIndex(), writerID(number), encode(now).Bytes(), now.Op, &w.version)
	if errors.Is(err, store.ErrConflict) {
		return nil // closed by a reader, which saw all there is
	}
	var e *esclient.Error
	if errors.As(err, &e) && e.Temporary() {
		return nil // the server is away: a reader will close it
	}
	return err
}

// set writes one document if its version is still the given one (nil: if there is none) and
// returns the new version, or store.ErrConflict. The document itself says who wrote it: op is in
// source.
func (s *Store) set(ctx context.Context, operation, index, id string, source []byte, op string, old *version) (version, error) {
	i := &item{action: "create", index: index, id: id, source: source}
	if old != nil {
		i.action, i.unchanged = "index", old
	}
	if err := s.bulk(ctx, operation, []*item{i}); err != nil {
		return version{}, err
	}
	switch {
	case i.done():
		return i.version, nil
	case !i.taken():
		return version{}, itemError(operation, i)
	}
	// The server may report a conflict for a write that it has done, answer lost or not.
	found, err := s.mget(ctx, operation, []ref{{index, id}}, nil)
	if err != nil {
		return version{}, err
	}
	var said struct {
		Op  string `json:"op"`
		Doc struct {
			Op string `json:"op"`
		} `json:"doc"`
	}
	if found[0].Found && json.Unmarshal(found[0].Source, &said) == nil && (said.Op == op || said.Doc.Op == op) {
		return version{found[0].Seq, found[0].Term}, nil
	}
	return version{}, fmt.Errorf("%s %s: %w", operation, id, store.ErrConflict)
}
