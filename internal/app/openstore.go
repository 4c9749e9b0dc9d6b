package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/elastic"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/spool"
)

// openStore opens the store that the configuration names; on an error it is nil.
func openStore(ctx context.Context, c Config, now func() time.Time, log *logrus.Logger) (store.Store, error) {
	if c.Store.Kind == "elastic" {
		return openElastic(ctx, c, now, log)
	}
	quiet := func(m string) { log.WithField("part", "store").Debug(m) }
	s, err := pebble.Open(filepath.Join(c.Data, "store"), pebble.Options{Now: now, Log: quiet})
	if err != nil {
		return nil, err // not s: a nil *pebble.Store in the interface would not be nil
	}
	return s, nil
}

// openElastic opens the store on Elasticsearch and returns when it was reached.
func openElastic(ctx context.Context, c Config, now func() time.Time, log *logrus.Logger) (store.Store, error) {
	s, err := openQueued(ctx, c, now, log)
	if err != nil {
		return nil, err
	}
	if err := s.Ready(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openQueued opens the store on Elasticsearch with a queue before it, and does not wait for
// the server. The data need no lock, but one process at a time serves the socket of the
// data folder.
func openQueued(ctx context.Context, c Config, now func() time.Time, log *logrus.Logger) (*lockedStore, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := vfs.Default.Lock(lockName(c.Data))
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", c.Data, store.ErrLocked)
	}
	s, err := openSpool(ctx, c, now, log)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &lockedStore{s, lock}, nil
}

// openSpool opens the queue before Elasticsearch, in a folder of its own, and begins to
// reach for the server.
func openSpool(ctx context.Context, c Config, now func() time.Time, log *logrus.Logger) (*spool.Store, error) {
	warn := func(m string) { log.WithField("part", "store").Warn(m) }
	local, err := pebble.Open(filepath.Join(c.Data, "spool"), pebble.Options{
		Now: now, CacheBytes: spoolCache, Log: func(m string) { log.WithField("part", "spool").Debug(m) },
	})
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (store.Store, error) {
		s, err := elastic.Open(ctx, c.Store.Elastic.store(), elastic.Options{Now: now, Warn: warn})
		if err != nil {
			return nil, err // not s, as above
		}
		return s, nil
	}
	return spool.Open(ctx, local, dial, spool.Options{MaxBytes: c.Store.SpoolBytes, Now: now, Log: warn})
}

// spoolCache is the memory for reading the queue, which is read once and in order.
const spoolCache = 4 << 20

// lockedStore is a store with the lock of the data folder beside it.
type lockedStore struct {
	*spool.Store
	lock io.Closer
}

// Close implements store.Store.
func (s *lockedStore) Close() error { return errors.Join(s.Store.Close(), s.lock.Close()) }

// storeName says in a few words which store the configuration means; two configurations
// that mean the same store give the same name.
func storeName(c Config) string {
	if c.Store.Kind == "elastic" {
		return c.Store.Elastic.name()
	}
	dir, err := filepath.Abs(filepath.Join(c.Data, "store"))
	if err != nil {
		dir = c.Data
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return fmt.Sprintf("%s:%s", c.Store.Kind, dir)
}
