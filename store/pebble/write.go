package pebble

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	queueLength     = 64      // calls that wait for the writer; more wait to get in
	committedLength = 4       // batches on their way to the disk
	maxGroupBytes   = 4 << 20 // of one batch; one call may be larger
	maxGroupCalls   = 64
	refuseAfter     = 3 * time.Second // a call that still waits when there is trouble
)

// request is one writing call. apply reads first and then adds to the group, so that an
// error adds nothing.
type request struct {
	ctx     context.Context
	apply   func(*group) error
	deletes bool // it may use the held-back room, and has a group of its own: it reads what the disk holds
	err     error
	done    chan struct{}
}

// group is the calls that share a batch and an fsync, with what the batch holds that
// the database does not have yet.
type group struct {
	engine     *engine
	newcomers  *newcomers
	batch      *pebble.Batch
	state      state
	now        func() time.Time
	identities map[[2 + idSize]byte]identity
	docs       map[string][]byte // by key; nil for a deleted one
	fresh      []change
	dropped    []uint64 // sequence numbers
	requests   []*request
	begun      time.Time
}

// do has the writer do a call and waits until it is on the disk.
func (s *Store) do(ctx context.Context, deletes bool, apply func(*group) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, apply: apply, deletes: deletes, done: make(chan struct{})}
	select {
	case <-s.closing:
		return errClosed
	default:
	}
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
	return s.await(ctx, r)
}

// await waits for the answer. When the disk is in trouble the engine may be stuck in a
// write; then the caller is told so, and does not hang with it.
func (s *Store) await(ctx context.Context, r *request) error {
	tick := time.NewTicker(refuseAfter)
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopped:
			return r.late()
		case <-tick.C:
			if err := s.refusal(); err != nil {
				return err
			}
		}
	}
}

// late returns the answer of a call that the store closed upon.
func (r *request) late() error {
	select {
	case <-r.done:
		return r.err
	default:
		return errClosed
	}
}

func (r *request) answer(err error) {
	r.err = err
	close(r.done)
}

// write is the one goroutine that writes. It ends when the store closes, after the
// calls that are in the queue by then.
func (s *Store) write() {
	defer close(s.committed)
	for {
		r, ok := s.next()
		if !ok {
			return
		}
		if err := s.ready(r.deletes); err != nil {
			r.answer(err)
			continue
		}
		s.commit(s.gather(r))
	}
}

// next waits for a call; once the store closes it only takes those that wait.
func (s *Store) next() (*request, bool) {
	if r := s.held; r != nil {
		s.held = nil
		return r, true
	}
	select {
	case r := <-s.queue:
		return r, true
	case <-s.closing:
	}
	select {
	case r := <-s.queue:
		return r, true
	default:
		return nil, false
	}
}

// gather makes a group of the call and those that wait behind it.
func (s *Store) gather(first *request) *group {
	g := &group{
		engine: s.engine, newcomers: &s.newcomers, batch: s.engine.db.NewBatch(), state: s.state, now: s.opts.Now,
		identities: make(map[[2 + idSize]byte]identity),
		docs:       make(map[string][]byte),
	}
	g.add(first)
	for !first.deletes && len(g.requests) < maxGroupCalls && g.batch.Len() < maxGroupBytes {
		select {
		case r := <-s.queue:
			if r.deletes {
				s.held = r
				return g
			}
			g.add(r)
		default:
			return g
		}
	}
	return g
}

func (g *group) add(r *request) {
	if err := r.ctx.Err(); err != nil {
		r.answer(err)
		return
	}
	if err := r.apply(g); err != nil {
		r.answer(err)
		return
	}
	g.requests = append(g.requests, r)
}

// commit hands the batch to the engine and, without waiting for the fsync, to the
// acknowledger.
func (s *Store) commit(g *group) {
	g.begun = time.Now()
	if !g.batch.Empty() {
		err := g.batch.Set(stateKey, g.state.encode(), nil)
		if err == nil {
			err = g.engine.db.ApplyNoSyncWait(g.batch, pebble.Sync)
		}
		if err != nil {
			g.engine.disk.fail(err)
		}
		s.state = g.state
		s.newcomers.add(g)
	}
	s.inflight.Add(1)
	s.committed <- g
}

// acknowledge waits for the fsyncs, in order, and answers the calls.
func (s *Store) acknowledge() {
	for g := range s.committed {
		s.answer(g, g.sync())
		s.inflight.Done()
	}
}

// sync returns when the batch is on the disk, or the reason why it is not.
func (g *group) sync() error {
	if g.batch.Empty() {
		return errors.Join(g.engine.disk.failed(), g.batch.Close())
	}
	if g.engine.disk.failed() != nil {
		return g.engine.disk.failed() // it may never have been queued: nothing to wait for
	}
	err := g.batch.SyncWait()
	if err == nil {
		err = g.engine.disk.failed()
	}
	if err == nil {
		err = g.batch.Close()
	}
	return err
}

func (s *Store) answer(g *group, err error) {
	if err != nil {
		s.refuse(err)
		err = s.refusal()
	} else if len(g.requests) > 0 {
		s.recent.add(g.fresh, g.state.seq)
		s.recent.forget(g.dropped)
		s.gauges.synced(g.state, time.Since(g.begun))
	}
	for _, r := range g.requests {
		r.answer(err)
	}
}
