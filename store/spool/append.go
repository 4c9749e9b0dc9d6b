package spool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	queueLength = 64      // calls that wait for the writer; more wait to get in
	groupFacts  = 4096    // of one entry; one call may have more
	groupBytes  = 2 << 20 // of one entry; one call may have more
)

// request is one Append on its way into the spool.
type request struct {
	ctx     context.Context
	records []record
	bytes   int64
	spooled chan error // says that it is durable, or why not
	verdict chan verdict
}

// verdict is what the remote said of the request's facts; nil: it is not waited for.
type verdict struct {
	facts    []ueba.Fact
	outcomes []store.Outcome
}

// waiter is a request within an entry.
type waiter struct {
	*request
	from int // its first fact's place in the entry
}

// Append implements store.Facts; the package comment says what its outcomes mean while
// the remote is away.
func (s *Store) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	if err := ctx.Err(); err != nil || len(facts) == 0 {
		return nil, err
	}
	r := &request{ctx: ctx, records: make([]record, len(facts)), spooled: make(chan error, 1), verdict: make(chan verdict, 1)}
	for i := range facts {
		b := facts[i].Body
		if b == nil {
			return nil, fmt.Errorf("append: fact %d has no body", i)
		}
		r.records[i] = record{b.Kind(), facts[i].Known, ueba.EncodeBody(nil, b)}
		r.bytes += r.records[i].size()
	}
	if err := s.enqueue(ctx, r); err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	return s.judge(ctx, r, facts), nil
}

// enqueue returns when the request is durable. A call whose context ends while it is
// being written is told so; its facts may be in the spool then, as those of any call
// that was not answered.
func (s *Store) enqueue(ctx context.Context, r *request) error {
	select {
	case <-s.ending:
		return errClosed
	default:
	}
	select {
	case s.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ending:
		return errClosed
	}
	select {
	case err := <-r.spooled:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.written:
	}
	select {
	case err := <-r.spooled:
		return err
	default:
		return errClosed
	}
}

// judge waits for the remote's judgement as long as that makes sense, and sets what is
// known of the facts.
func (s *Store) judge(ctx context.Context, r *request, facts []ueba.Fact) []store.Outcome {
	var v verdict
	patience := time.NewTimer(s.opts.Patience)
	defer patience.Stop()
	select {
	case v = <-r.verdict:
	case <-ctx.Done():
	case <-patience.C:
		s.mu.Lock()
		s.behind = true // those who come next do not wait for a slow remote
		s.mu.Unlock()
	}
	if v.facts == nil {
		for i := range facts {
			facts[i].ID, _ = ueba.Identity(facts[i].Body)
			facts[i].Known = r.records[i].known
		}
		return make([]store.Outcome, len(facts)) // Stored
	}
	for i := range facts {
		facts[i].ID, facts[i].Known = v.facts[i].ID, v.facts[i].Known
	}
	return v.outcomes
}

// write is the one goroutine that writes to the spool. Calls that wait while it writes
// share the next entry and its fsync.
func (s *Store) write() {
	defer close(s.written)
	for {
		select {
		case r := <-s.requests:
			s.writeGroup(s.gather(r))
		case <-s.ending:
			return
		}
	}
}

func (s *Store) gather(first *request) []*request {
	group := []*request{first}
	facts, bytes := len(first.records), first.bytes
	for facts < groupFacts && bytes < groupBytes {
		select {
		case r := <-s.requests:
			group = append(group, r)
			facts, bytes = facts+len(r.records), bytes+r.bytes
		default:
			return group
		}
	}
	return group
}

// writeGroup makes an entry of the calls for which there is room.
func (s *Store) writeGroup(group []*request) {
	now := s.opts.Now().UTC().Round(0)
	body := appendHeader(nil, now)
	var taken []waiter
	facts := 0
	for _, r := range group {
		if err := s.admit(r, int64(len(body))); err != nil {
			r.spooled <- err
			continue
		}
		taken = append(taken, waiter{r, facts})
		facts += len(r.records)
		body = s.appendRequest(body, r)
	}
	if len(taken) == 0 {
		return
	}
	number := s.next
	s.next++ // never given twice, though its write fail
	err := s.local.Put(context.Background(),
		store.Doc{Kind: kindEntry, ID: entryID(number), Day: ueba.NoDay, Body: body},
		store.Doc{Kind: kindState, ID: stateID, Day: ueba.NoDay, Body: appendInstant(nil, s.stamp)})
	if err != nil {
		err = fmt.Errorf("spool: %w", err)
		for _, w := range taken {
			w.spooled <- err
		}
		return
	}
	s.spooledEntry(number, now, taken, facts, int64(len(body)))
}

// admit refuses a call that is over, or for which there is no room.
func (s *Store) admit(r *request, before int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.bytes+before+r.bytes <= s.opts.MaxBytes {
		return nil
	}
	err := fmt.Errorf("%w: the spool holds %d bytes of at most %d (store.spool_bytes); it drains when the remote store answers",
		store.ErrFull, s.queue.bytes, s.opts.MaxBytes)
	if s.lastErr != nil {
		return errors.Join(err, s.lastErr)
	}
	return err
}

func (s *Store) appendRequest(body []byte, r *request) []byte {
	for i := range r.records {
		rec := &r.records[i]
		if rec.known.IsZero() {
			rec.known = s.stampNow()
		}
		rec.known = rec.known.UTC()
		body = rec.append(body)
		rec.body = nil
	}
	return body
}

// stampNow returns now, or the newest stamp when the clock fell behind it.
func (s *Store) stampNow() time.Time {
	if now := s.opts.Now().UTC().Round(0); now.After(s.stamp) {
		s.stamp = now
	}
	return s.stamp
}

// spooledEntry lets the drain see the entry and answers those who made it.
func (s *Store) spooledEntry(number uint64, now time.Time, taken []waiter, facts int, bytes int64) {
	s.mu.Lock()
	s.queue.durable = number
	s.queue.facts += int64(facts)
	s.queue.bytes += bytes
	if s.queue.oldest.IsZero() {
		s.queue.oldest = now
	}
	s.waiting[number] = taken
	if s.behind {
		s.release()
	}
	s.mu.Unlock()
	for _, w := range taken {
		w.spooled <- nil
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// release answers all who wait for the remote; the caller holds mu.
func (s *Store) release() {
	for _, group := range s.waiting {
		for _, w := range group {
			w.verdict <- verdict{}
		}
	}
	clear(s.waiting)
}
