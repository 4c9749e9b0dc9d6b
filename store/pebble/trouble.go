package pebble

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/onlooker-ueba/onlooker/store"
)

// spaceCheckEvery is how often the writer looks how much room there is.
const spaceCheckEvery = 200 * time.Millisecond

var (
	errLowSpace = errors.New("the disk is nearly full; free some room, or shorten the retention")
	errNoTables = errors.New("the disk has no room for tables; free some room, or raise the quota")
)

// trouble is why writes are refused, as far as the disk does not know it itself.
type trouble struct {
	err     atomic.Pointer[error]
	checked time.Time // when the writer last looked for room; its own
}

func (t *trouble) now() error {
	if err := t.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (t *trouble) set(err error) { t.err.Store(&err) }
func (t *trouble) clear()        { t.err.Store(nil) }

// refusal returns why writes are refused at present, nil when they are not.
func (s *Store) refusal() error {
	if err := s.trouble.now(); err != nil {
		return err
	}
	e, err := s.acquire()
	if err != nil {
		return err
	}
	defer e.release()
	return e.refusal()
}

func (e *engine) refusal() error {
	if err := e.disk.failed(); err != nil {
		return refused(err)
	}
	if e.disk.full() {
		return refused(fmt.Errorf("%w: %w", store.ErrFull, errNoTables))
	}
	return nil
}

// refused wraps what the disk said in what the store says.
func refused(err error) error {
	switch {
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrBroken):
		return err
	case isFull(err):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", store.ErrBroken, err)
}

// refuse notes that writes are refused from now on because of err.
func (s *Store) refuse(err error) {
	if err = refused(err); s.trouble.now() == nil {
		s.opts.Log("writes are refused: " + err.Error())
	}
	s.trouble.set(err)
}

// ready returns nil when a call may be written. When the store is full it first looks
// whether there is room again.
func (s *Store) ready(deletes bool) error {
	if err := s.engine.refusal(); err != nil && s.trouble.now() == nil {
		s.refuse(err)
	}
	err := s.trouble.now()
	if errors.Is(err, store.ErrBroken) {
		return err
	}
	if now := time.Now(); now.Sub(s.trouble.checked) >= spaceCheckEvery {
		s.trouble.checked = now
		s.checkSpace()
	}
	if err := s.trouble.now(); err != nil && (!deletes || s.engine.refusal() != nil) {
		return err
	}
	return nil
}

// checkSpace finds out whether there is room, and goes on with a new engine where the
// old one met the full disk.
func (s *Store) checkSpace() {
	usage, err := s.opts.FS.GetDiskUsage(s.dir)
	switch {
	case err != nil && !errors.Is(err, vfs.ErrUnsupported):
		s.opts.Log(fmt.Sprintf("free room of %s: %v", s.dir, err))
	case err == nil && int64(usage.AvailBytes) < s.opts.ReserveBytes:
		s.refuse(fmt.Errorf("%w: %w", store.ErrFull, errLowSpace))
		return
	}
	switch {
	case s.trouble.now() == nil, s.engine.disk.full():
	case s.engine.disk.failed() != nil:
		s.restart()
	default:
		s.takeAgain()
	}
}

func (s *Store) takeAgain() {
	s.trouble.clear()
	s.opts.Log("there is room again; writes are taken")
}

// restart goes on with a new engine on the same folder.
func (s *Store) restart() {
	s.inflight.Wait()
	e, err := openEngine(s.dir, s.opts)
	if err == nil {
		err = s.use(e)
	}
	if err != nil {
		s.refuse(err)
		return
	}
	s.takeAgain()
}
