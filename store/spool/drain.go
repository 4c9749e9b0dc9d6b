package spool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// drain reaches for the remote and appends what was spooled to it, in order, until ctx
// ends.
func (s *Store) drain(ctx context.Context) {
	b := backoff{pause: s.opts.Pause}
	if !s.reach(ctx, &b) {
		return
	}
	chunk := s.opts.Batch
	for ctx.Err() == nil {
		entries, all, err := s.read(ctx)
		switch {
		case err != nil:
			s.failed(err)
			b.sleep(ctx)
		case len(entries) == 0:
			s.caughtUp()
			s.sleep(ctx, &b)
		default:
			b.reset()
			if all {
				s.caughtUp() // those who come from now on wait for the remote again
			}
			outcomes, facts, ok := s.deliver(ctx, entries, &b, &chunk)
			if !ok {
				return
			}
			s.delivered(entries, facts, outcomes)
			s.remove(ctx, entries)
		}
	}
}

// reach dials until the remote answers; false when ctx ends first.
func (s *Store) reach(ctx context.Context, b *backoff) bool {
	for first := true; ctx.Err() == nil; first = false {
		attempt, cancel := context.WithTimeout(ctx, s.opts.Attempt)
		remote, err := s.dial(attempt)
		cancel()
		if err != nil {
			s.failed(err)
		} else {
			s.use(remote)
		}
		if first {
			close(s.tried)
		}
		if err == nil {
			b.reset()
			return true
		}
		b.sleep(ctx)
	}
	return false
}

func (s *Store) use(remote store.Store) {
	s.mu.Lock()
	s.remote = remote
	s.mu.Unlock()
	s.succeeded()
}

// sleep waits for something to do.
func (s *Store) sleep(ctx context.Context, b *backoff) {
	if len(s.trash) > 0 {
		b.sleep(ctx)
		s.remove(ctx, nil)
		return
	}
	select {
	case <-s.wake:
	case <-ctx.Done():
	}
}

// read reads the next entries, about a batch of them, and whether these are all.
func (s *Store) read(ctx context.Context) (entries []entry, all bool, err error) {
	s.mu.Lock()
	head, durable := s.queue.head, s.queue.durable
	s.mu.Unlock()
	if head > durable {
		return nil, true, nil
	}
	facts := 0
	var bytes int64
	for doc, err := range s.local.List(ctx, kindEntry, entryID(head), entryID(durable+1), false) {
		if err != nil {
			return nil, false, fmt.Errorf("read the spool: %w", err)
		}
		e, err := decodeEntry(doc)
		if err != nil {
			if err := s.putAside(ctx, doc, err); err != nil {
				return nil, false, err
			}
		}
		entries = append(entries, e)
		facts, bytes = facts+len(e.facts), bytes+e.bytes
		if facts >= s.opts.Batch || bytes >= 2*groupBytes {
			return entries, e.number == durable, nil
		}
	}
	if len(entries) == 0 {
		return nil, false, fmt.Errorf("read the spool: entries %d to %d are not there", head, durable)
	}
	return entries, true, nil
}

// putAside keeps an entry that cannot be read where it hinders nobody.
func (s *Store) putAside(ctx context.Context, doc store.Doc, reason error) error {
	if !errors.Is(reason, errDamaged) {
		return fmt.Errorf("read the spool: %w", reason)
	}
	s.opts.Log(fmt.Sprintf("an entry of the spool cannot be read and is kept aside: %v", reason))
	doc.Kind = kindDamaged
	if err := s.local.Put(ctx, doc); err != nil {
		return fmt.Errorf("keep a damaged entry aside: %w", err)
	}
	s.mu.Lock()
	s.counts.damaged++
	s.mu.Unlock()
	return nil
}

// deliver appends the entries' facts to the remote, in chunks that shrink on failures and
// grow again; false when ctx ended before.
func (s *Store) deliver(ctx context.Context, entries []entry, b *backoff, chunk *int) ([]store.Outcome, []ueba.Fact, bool) {
	var facts []ueba.Fact
	for _, e := range entries {
		facts = append(facts, e.facts...)
	}
	outcomes := make([]store.Outcome, 0, len(facts))
	for len(outcomes) < len(facts) {
		next := facts[len(outcomes):min(len(outcomes)+*chunk, len(facts))]
		attempt, cancel := context.WithTimeout(ctx, s.opts.Attempt)
		got, err := s.remote.Append(attempt, next)
		cancel()
		if ctx.Err() != nil {
			return nil, nil, false
		}
		if err == nil && len(got) != len(next) {
			err = fmt.Errorf("the remote store judged %d facts of %d", len(got), len(next))
		}
		if err != nil {
			*chunk = max(*chunk/2, 1)
			s.failed(err)
			b.sleep(ctx)
			continue
		}
		*chunk = min(*chunk*2, s.opts.Batch)
		b.reset()
		s.succeeded()
		outcomes = append(outcomes, got...)
	}
	return outcomes, facts, true
}

// failed notes an outage: nobody waits for the remote until it is caught up with.
func (s *Store) failed(err error) {
	s.mu.Lock()
	first := s.lastErr == nil
	s.lastErr, s.behind = err, true
	s.counts.failures++
	s.release()
	s.mu.Unlock()
	if first {
		s.opts.Log(fmt.Sprintf("the remote store takes nothing; facts are spooled: %v", err))
	}
}

func (s *Store) succeeded() {
	s.mu.Lock()
	back := s.lastErr != nil
	s.lastErr = nil
	s.mu.Unlock()
	if back {
		s.opts.Log("the remote store takes facts again")
	}
}

// caughtUp notes that nothing more waits than what is being delivered.
func (s *Store) caughtUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastErr == nil {
		s.behind = false
	}
}

// delivered answers those who wait for the entries and moves on.
func (s *Store) delivered(entries []entry, facts []ueba.Fact, outcomes []store.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.answer(e, facts[:len(e.facts)], outcomes[:len(e.facts)])
		facts, outcomes = facts[len(e.facts):], outcomes[len(e.facts):]
		s.queue.facts -= int64(len(e.facts))
		s.counts.drained += uint64(len(e.facts))
		s.queue.head = e.number + 1
	}
	s.queue.oldest = entries[len(entries)-1].spooled // about: the next has not been read
	if s.queue.head > s.queue.durable {
		s.queue.oldest, s.queue.facts = time.Time{}, 0
	}
	close(s.moved)
	s.moved = make(chan struct{})
}

// answer gives the remote's judgement to those who wait; of those who did not, it counts
// what they were told wrongly. The caller holds mu.
func (s *Store) answer(e entry, facts []ueba.Fact, outcomes []store.Outcome) {
	group := s.waiting[e.number]
	delete(s.waiting, e.number)
	for _, w := range group {
		to := w.from + len(w.records)
		if to > len(facts) { // the entry was damaged since
			w.verdict <- verdict{}
			continue
		}
		w.verdict <- verdict{facts[w.from:to:to], outcomes[w.from:to:to]}
	}
	if len(group) > 0 {
		return
	}
	for _, o := range outcomes {
		if o != store.Stored {
			s.counts.corrected++
		}
	}
}

// remove deletes the delivered entries; what it cannot delete it tries again later. A kill
// before that has them delivered again, which the remote finds to be duplicates.
func (s *Store) remove(ctx context.Context, entries []entry) {
	for _, e := range entries {
		s.trash = append(s.trash, entryID(e.number))
		s.trashBytes += e.bytes
	}
	ctx = context.WithoutCancel(ctx) // closing waits for it
	if err := s.local.DeleteDoc(ctx, kindEntry, s.trash...); err != nil {
		s.opts.Log(fmt.Sprintf("delivered facts cannot be deleted from the spool yet: %v", err))
		return
	}
	s.mu.Lock()
	s.queue.bytes -= s.trashBytes
	s.mu.Unlock()
	s.trash, s.trashBytes = nil, 0
}

// backoff doubles its pauses and spreads them, so that many daemons do not knock at once.
type backoff struct {
	pause time.Duration
	times int
}

const mostDoublings = 7 // about a hundredfold

func (b *backoff) reset() { b.times = 0 }

func (b *backoff) sleep(ctx context.Context) {
	d := b.pause << min(b.times, mostDoublings)
	b.times++
	d = d/2 + rand.N(d/2+1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
