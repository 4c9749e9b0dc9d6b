package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/onlooker-ueba/onlooker/store"
)

var errClosed = errors.New("store closed")

// Store implements store.Store in one data folder.
type Store struct {
	dir  string
	opts Options
	lock io.Closer

	mu     sync.RWMutex // guards engine, nil when closed
	engine *engine

	queue     chan *request  // to the writer
	committed chan *group    // from the writer to the acknowledger
	inflight  sync.WaitGroup // groups between the two
	closing   chan struct{}  // closed when Close begins
	stopped   chan struct{}  // closed when nothing will be answered any more
	closeOnce sync.Once
	closeErr  error
	running   sync.WaitGroup

	state     state    // of the newest write; the writer's own
	held      *request // taken from the queue, for the next group; the writer's own
	newcomers newcomers
	trouble   trouble
	recent    recent
	gauges    gauges
}

var _ store.Store = (*Store)(nil)

func newStore(dir string, opts Options, lock io.Closer) *Store {
	return &Store{
		dir: dir, opts: opts, lock: lock,
		queue:     make(chan *request, queueLength),
		committed: make(chan *group, committedLength),
		closing:   make(chan struct{}),
		stopped:   make(chan struct{}),
	}
}

func (s *Store) start() error {
	if err := checkFormat(s.opts.FS, s.dir); err != nil {
		return err
	}
	e, err := openEngine(s.dir, s.opts)
	if err != nil {
		return err
	}
	if err := s.use(e); err != nil {
		e.release()
		return err
	}
	s.running.Go(s.write)
	s.running.Go(s.acknowledge)
	return nil
}

// use makes e the engine of the store, from where the newest write in it left off.
func (s *Store) use(e *engine) error {
	st, err := loadState(e.db)
	if err != nil {
		return err
	}
	s.state = st
	s.recent.restart(st.seq)
	s.gauges.set(st)
	s.mu.Lock()
	old := s.engine
	s.engine = e
	s.mu.Unlock()
	if old != nil {
		old.release()
	}
	return nil
}

// acquire returns the engine for a read; the caller releases it.
func (s *Store) acquire() (*engine, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.engine == nil {
		return nil, errClosed
	}
	s.engine.refs.Add(1)
	return s.engine, nil
}

// Close finishes the writes that were begun, waits for the reads under way and closes
// the data folder. It must not be called from within the loop of a Scan.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	close(s.closing)
	if !s.finished() {
		return errors.Join(s.refusal(), s.lock.Close())
	}
	s.mu.Lock()
	e := s.engine
	s.engine = nil
	s.mu.Unlock()
	e.release()
	<-e.gone
	return errors.Join(e.err, s.lock.Close())
}

// finished waits for the writes that were begun. On a disk that takes no writes the engine
// may be stuck in one; then it is left to itself after a while, as nothing that it does
// reaches the files.
func (s *Store) finished() bool {
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(s.stopped)
		close(done)
	}()
	for {
		select {
		case <-done:
			return true
		case <-time.After(abandonAfter):
			if e, err := s.acquire(); err == nil && e.disk.failed() != nil {
				return false // its reference is kept: it must not be closed
			} else if err == nil {
				e.release()
			}
		}
	}
}

const abandonAfter = 10 * time.Second

// state is what the store counts. It is written with every batch, so that a number
// is never given twice, whatever was deleted since.
type state struct {
	seq   uint64    // of the newest fact
	token uint64    // of the newest document
	stamp time.Time // the newest time at which a fact was stamped as known
	facts [len(kinds)]uint64
}

func loadState(db *pebble.DB) (state, error) {
	value, closer, err := db.Get(stateKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("load state: %w", err)
	}
	st, err := decodeState(value)
	return st, errors.Join(err, closer.Close())
}

func (st state) encode() []byte {
	b := binary.AppendUvarint(nil, st.seq)
	b = binary.AppendUvarint(b, st.token)
	b = appendInstant(b, st.stamp)
	for _, n := range st.facts[1:] {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// decodeState reads what encode wrote; kinds that came later have no facts yet.
func decodeState(value []byte) (state, error) {
	r := newReader(value)
	st := state{seq: r.uvarint(), token: r.uvarint(), stamp: r.instant()}
	for i := 1; i < len(st.facts) && len(r.data) > 0; i++ {
		st.facts[i] = r.uvarint()
	}
	return st, r.end()
}

// gauges are the numbers for Stats that the writer and the acknowledger set.
type gauges struct {
	mu      sync.Mutex
	state   state
	fsync   time.Duration // of the newest fsync
	batches uint64
}

func (g *gauges) set(st state) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = st
}

func (g *gauges) synced(st state, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state, g.fsync = st, took
	g.batches++
}

// Stats implements store.Store.
func (s *Store) Stats() map[string]float64 {
	s.gauges.mu.Lock()
	st, fsync, batches := s.gauges.state, s.gauges.fsync, s.gauges.batches
	s.gauges.mu.Unlock()
	stats := map[string]float64{
		"last_seq":      float64(st.seq),
		"batches_total": float64(batches),
		"fsync_seconds": fsync.Seconds(),
		"queue_length":  float64(len(s.queue)),
		"full":          0,
		"broken":        0,
	}
	for i, kind := range kinds[1:] {
		stats["facts_"+string(kind)] = float64(st.facts[i+1])
	}
	switch err := s.refusal(); {
	case errors.Is(err, store.ErrFull):
		stats["full"] = 1
	case err != nil:
		stats["broken"] = 1
	}
	s.addEngineStats(stats)
	return stats
}

func (s *Store) addEngineStats(stats map[string]float64) {
	e, err := s.acquire()
	if err != nil {
		return
	}
	defer e.release()
	m := e.db.Metrics()
	stats["disk_bytes"] = float64(m.DiskSpaceUsage())
	stats["cache_bytes"] = float64(m.BlockCache.Size)
	stats["memtable_bytes"] = float64(m.MemTable.Size)
	stats["compaction_debt_bytes"] = float64(m.Compact.EstimatedDebt)
	if usage, err := s.opts.FS.GetDiskUsage(s.dir); err == nil {
		stats["disk_free_bytes"] = float64(usage.AvailBytes)
	}
}
