package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
)

var (
	// ErrAway says that the remote store has not been reached yet.
	ErrAway   = errors.New("remote store not reached yet")
	errClosed = errors.New("spool closed")
)

// Dial opens the remote store.
type Dial func(ctx context.Context) (store.Store, error)

// Options are how a spool behaves; the zero value suits.
type Options struct {
	// MaxBytes bounds what waits, as it is encoded; 0 is 2 GiB.
	MaxBytes int64
	// Patience is how long Append waits for the remote's judgement; 0 is 2 s.
	Patience time.Duration
	// Attempt bounds one attempt to reach the remote or to append to it; 0 is a minute.
	Attempt time.Duration
	// Pause is the shortest time between two attempts after a failure; it doubles up
	// to a hundredfold. 0 is 200 ms.
	Pause time.Duration
	// Batch is how many facts are appended to the remote at once; 0 is 2000.
	Batch int
	// Now stamps facts that come without a time of becoming known; nil is time.Now.
	Now func() time.Time
	// Log takes what an operator may want to know; nil keeps silent.
	Log func(message string)
}

func (o *Options) setDefaults() {
	if o.MaxBytes == 0 {
		o.MaxBytes = 2 << 30
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	if o.Attempt == 0 {
		o.Attempt = time.Minute
	}
	if o.Pause == 0 {
		o.Pause = 200 * time.Millisecond
	}
	if o.Batch == 0 {
		o.Batch = 2000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
}

// Store implements store.Store on a remote store with a queue in a local one.
type Store struct {
	local store.Store
	dial  Dial
	opts  Options

	requests  chan *request // to the writer
	wake      chan struct{} // to the drain: something was spooled
	ending    chan struct{} // closed when Close begins
	written   chan struct{} // closed when the writer has ended
	tried     chan struct{} // closed after the first attempt to reach the remote
	stop      context.CancelFunc
	running   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error

	stamp time.Time // the newest stamp given; the writer's own
	next  uint64    // the next entry's number; the writer's own

	trash      []string // delivered entries that could not be deleted yet; the drain's own
	trashBytes int64

	mu      sync.Mutex
	remote  store.Store
	lastErr error // of the newest attempt; nil after a good one
	queue   queue
	waiting map[uint64][]waiter // by entry: who waits for the remote's judgement
	behind  bool                // nobody waits for the remote
	moved   chan struct{}       // closed, and made anew, when the drain moves on
	counts  counts
}

var _ store.Store = (*Store)(nil)

// queue is what the spool knows of its entries without reading them.
type queue struct {
	head    uint64 // the first entry that was not delivered
	durable uint64 // the newest entry on the disk
	facts   int64
	bytes   int64
	oldest  time.Time // when the first of them was spooled; zero when there is none
}

type counts struct {
	drained, corrected, failures, damaged uint64
}

// Open opens the spool in the local store, which it owns from now on and closes, and
// begins to reach for the remote. It does not wait for that: see Ready.
func Open(ctx context.Context, local store.Store, dial Dial, opts Options) (*Store, error) {
	opts.setDefaults()
	s := &Store{
		local: local, dial: dial, opts: opts,
		requests: make(chan *request, queueLength),
		wake:     make(chan struct{}, 1),
		ending:   make(chan struct{}),
		written:  make(chan struct{}),
		tried:    make(chan struct{}),
		waiting:  map[uint64][]waiter{},
		moved:    make(chan struct{}),
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), local.Close())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.running.Go(s.write)
	s.running.Go(func() { s.drain(run) })
	return s, nil
}

// Ready returns nil when the remote has been reached. It waits for the first attempt, and
// returns the error of the newest one when none was good.
func (s *Store) Ready(ctx context.Context) error {
	select {
	case <-s.tried:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := s.reached()
	return err
}

// reached returns the remote for a read.
func (s *Store) reached() (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		return s.remote, nil
	}
	if s.lastErr != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, s.lastErr)
	}
	return nil, ErrAway
}

// LastError is why the newest attempt to reach the remote or to append to it failed; nil
// after a good one.
func (s *Store) LastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastErr
}

// Close ends the drain; what waits is drained after the spool is opened again. Appends
// that wait for the remote return, for their facts are durable.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.ending)
		s.stop()
		s.running.Wait()
		s.mu.Lock()
		s.release()
		remote := s.remote
		s.mu.Unlock()
		if remote != nil {
			s.closeErr = remote.Close()
		}
		s.closeErr = errors.Join(s.closeErr, s.local.Close())
	})
	return s.closeErr
}

// Stats implements store.Store: the remote's, and under spool_* the spool's own. The
// marks full and broken are those of the spool, because it is what acknowledges; the
// remote's are remote_full and remote_broken.
func (s *Store) Stats() map[string]float64 {
	stats := map[string]float64{}
	s.mu.Lock()
	remote := s.remote
	s.mu.Unlock()
	if remote != nil {
		stats = remote.Stats()
	}
	stats["remote_full"], stats["remote_broken"] = stats["full"], stats["broken"]
	local := s.local.Stats()
	stats["broken"], stats["full"] = local["broken"], local["full"]
	stats["spool_disk_bytes"], stats["spool_fsync_seconds"] = local["disk_bytes"], local["fsync_seconds"]
	s.addQueueStats(stats)
	return stats
}

func (s *Store) addQueueStats(stats map[string]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats["spool_facts"], stats["spool_bytes"] = float64(s.queue.facts), float64(s.queue.bytes)
	stats["spool_limit_bytes"] = float64(s.opts.MaxBytes)
	stats["spool_oldest_seconds"] = 0
	if !s.queue.oldest.IsZero() {
		stats["spool_oldest_seconds"] = max(s.opts.Now().Sub(s.queue.oldest).Seconds(), 0)
	}
	stats["spool_drained_total"], stats["spool_corrected_total"] = float64(s.counts.drained), float64(s.counts.corrected)
	stats["spool_failures_total"], stats["spool_damaged_total"] = float64(s.counts.failures), float64(s.counts.damaged)
	stats["spool_away"] = 0
	if s.lastErr != nil || s.remote == nil {
		stats["spool_away"] = 1
	}
	if s.queue.bytes >= s.opts.MaxBytes {
		stats["full"] = 1
	}
}
