package spool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Scan implements store.Facts on the remote.
func (s *Store) Scan(ctx context.Context, q store.Query) iter.Seq2[ueba.Fact, error] {
	remote, err := s.reached()
	if err != nil {
		return failing[ueba.Fact](fmt.Errorf("scan: %w", err))
	}
	return remote.Scan(ctx, q)
}

func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// Changes implements store.Facts on the remote: a fact is fed when it has been drained.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, store.Cursor, error) {
	remote, err := s.reached()
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	return remote.Changes(ctx, after, limit)
}

// Sync returns when a Scan of the remote sees everything that was acknowledged before.
// While the remote is away it waits until ctx ends.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.drained(ctx); err != nil {
		return err
	}
	remote, err := s.reached()
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return remote.Sync(ctx)
}

// drained waits until all that is spooled by now has been delivered.
func (s *Store) drained(ctx context.Context) error {
	s.mu.Lock()
	until := s.queue.durable
	s.mu.Unlock()
	for {
		s.mu.Lock()
		head, moved, last := s.queue.head, s.moved, s.lastErr
		s.mu.Unlock()
		if head > until {
			return ctx.Err()
		}
		select {
		case <-moved:
			continue
		case <-s.ending:
			return errClosed
		case <-ctx.Done():
		}
		if last != nil {
			return fmt.Errorf("wait for the spool to drain: %w: %w", ctx.Err(), last)
		}
		return fmt.Errorf("wait for the spool to drain: %w", ctx.Err())
	}
}

// DropDays implements store.Facts. It waits for the drain, so that what is dropped does
// not come back.
func (s *Store) DropDays(ctx context.Context, kind ueba.Kind, before time.Time) error {
	if err := s.drained(ctx); err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	remote, err := s.reached()
	if err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	return remote.DropDays(ctx, kind, before)
}

// Get implements store.Docs on the remote.
func (s *Store) Get(ctx context.Context, kind, id string) (store.Doc, error) {
	remote, err := s.reached()
	if err != nil {
		return store.Doc{}, fmt.Errorf("get: %w", err)
	}
	return remote.Get(ctx, kind, id)
}

// Put implements store.Docs on the remote.
func (s *Store) Put(ctx context.Context, docs ...store.Doc) error {
	remote, err := s.reached()
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return remote.Put(ctx, docs...)
}

// Create implements store.Docs on the remote.
func (s *Store) Create(ctx context.Context, docs ...store.Doc) (int, error) {
	remote, err := s.reached()
	if err != nil {
		return 0, fmt.Errorf("create: %w", err)
	}
	return remote.Create(ctx, docs...)
}

// CompareAndSet implements store.Docs on the remote.
func (s *Store) CompareAndSet(ctx context.Context, doc store.Doc) (string, error) {
	remote, err := s.reached()
	if err != nil {
		return "", fmt.Errorf("compare and set: %w", err)
	}
	return remote.CompareAndSet(ctx, doc)
}

// List implements store.Docs on the remote.
func (s *Store) List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[store.Doc, error] {
	remote, err := s.reached()
	if err != nil {
		return failing[store.Doc](fmt.Errorf("list: %w", err))
	}
	return remote.List(ctx, kind, from, to, reverse)
}

// DropDocs implements store.Remover on the remote.
func (s *Store) DropDocs(ctx context.Context, kind string, before ueba.Day) error {
	remote, err := s.reached()
	if err != nil {
		return fmt.Errorf("drop docs: %w", err)
	}
	return remote.DropDocs(ctx, kind, before)
}

// DeleteDoc implements store.Remover on the remote.
func (s *Store) DeleteDoc(ctx context.Context, kind string, ids ...string) error {
	remote, err := s.reached()
	if err != nil {
		return fmt.Errorf("delete doc: %w", err)
	}
	return remote.DeleteDoc(ctx, kind, ids...)
}

// DocKinds implements store.KindLister on a remote that does.
func (s *Store) DocKinds(ctx context.Context) ([]string, error) {
	remote, err := s.reached()
	if err != nil {
		return nil, fmt.Errorf("list kinds: %w", err)
	}
	lister, ok := remote.(store.KindLister)
	if !ok {
		return nil, errors.New("list kinds: the remote store cannot")
	}
	return lister.DocKinds(ctx)
}
