package pebble

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// tables is the folder in the data folder that the engine has for itself.
const tables = "pebble"

// Rows gather in up to so many tables in memory of so many bytes before writers wait.
const (
	memTables     = 4
	memTableBytes = 32 << 20
)

// engine is one opened database with the disk below it. After the disk was full a
// store goes on with a new one; the old one closes when its last reader is done.
type engine struct {
	db   *pebble.DB
	disk *disk
	refs atomic.Int64
	gone chan struct{} // closed when the database is
	err  error         // of closing it
}

func openEngine(dir string, opts Options) (*engine, error) {
	e := &engine{disk: &disk{FS: opts.FS}, gone: make(chan struct{})}
	// The engine takes the memory of its memtables out of the cache's.
	cache := pebble.NewCache(opts.CacheBytes + memTables*memTableBytes)
	defer cache.Unref() // the database holds its own reference
	db, err := pebble.Open(opts.FS.PathJoin(dir, tables), tuned(opts, cache, e.disk))
	if err == nil {
		err = e.disk.failed() // a failed write while it opened
	}
	if err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, fmt.Errorf("open tables: %w", err)
	}
	e.db = db
	e.refs.Store(1)
	return e, nil
}

// tuned returns the engine's options: many small rows written in bursts on a small machine.
func tuned(opts Options, cache *pebble.Cache, d *disk) *pebble.Options {
	o := &pebble.Options{
		FS:                          d,
		Cache:                       cache,
		Logger:                      logger{opts.Log, d},
		FormatMajorVersion:          pebble.FormatValueSeparation,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               128 << 20,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             1 << 20,
		MaxOpenFiles:                1000,
	}
	o.TargetFileSizes[0] = 8 << 20
	for i := range o.Levels {
		o.Levels[i].BlockSize = 16 << 10
		o.Levels[i].IndexBlockSize = 256 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	return o
}

// release gives a reference back; the last one closes the database.
func (e *engine) release() {
	if e.refs.Add(-1) == 0 {
		e.err = e.db.Close()
		close(e.gone)
	}
}

// logger passes on what the engine finds worth saying.
type logger struct {
	log  func(string)
	disk *disk
}

// Infof implements pebble.Logger; the engine says much of little use.
func (l logger) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) { l.log(fmt.Sprintf(format, args...)) }

// Fatalf implements pebble.Logger. The engine thinks that the process must end; it is
// enough that nothing is acknowledged and nothing reaches the files any more.
func (l logger) Fatalf(format string, args ...any) {
	l.disk.fail(fmt.Errorf(format, args...))
	l.log(fmt.Sprintf(format, args...))
}
