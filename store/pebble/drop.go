package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// dropBatch is how much is deleted in one batch; appends get their turn in between.
const dropBatch = 2000

// DropDays implements store.Facts.
func (s *Store) DropDays(ctx context.Context, kind ueba.Kind, before time.Time) error {
	code, err := kindCode(kind)
	if err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	midnight := ueba.DateOf(before.UTC()).Midnight()
	find := func(e *engine) ([]oldFact, error) { return e.oldFacts(ctx, code, midnight) }
	if kind == ueba.KindEvent {
		find = func(e *engine) ([]oldFact, error) { return e.oldEvents(ctx, utcDay(midnight)) }
	}
	for {
		n := 0
		err := s.do(ctx, true, func(g *group) error {
			old, err := find(g.engine)
			n = len(old)
			return errors.Join(err, g.drop(old))
		})
		if err != nil {
			return fmt.Errorf("drop days: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// oldFact is a fact to be deleted.
type oldFact struct {
	key []byte
	header
	fact ueba.Fact
}

func newOldFact(key, row []byte) (oldFact, error) {
	h, _, err := takeHeader(row)
	if err != nil {
		return oldFact{}, err
	}
	f, err := decodeRow(key, row)
	return oldFact{bytes.Clone(key), h, f}, err
}

// oldEvents returns some events of days before one.
func (e *engine) oldEvents(ctx context.Context, day int32) ([]oldFact, error) {
	var old []oldFact
	err := each(ctx, e.db, []byte{spaceEvent}, appendDay([]byte{spaceEvent}, day), func(key, row []byte) (bool, error) {
		f, err := newOldFact(key, row)
		old = append(old, f)
		return len(old) < dropBatch, err
	})
	return old, err
}

// oldFacts returns some facts of a kind other than event that happened before the instant.
func (e *engine) oldFacts(ctx context.Context, kind byte, before time.Time) ([]oldFact, error) {
	var old []oldFact
	for class := range openClass + 1 {
		prefix := []byte{spaceTime, kind, class}
		err := each(ctx, e.db, prefix, appendTime(bytes.Clone(prefix), before), func(key, hash []byte) (bool, error) {
			row := factKey(nil, kind, [hashSize]byte(hash), class, key[len(prefix):])
			value, err := get(e.db, row)
			if err != nil {
				return false, err
			}
			f, err := newOldFact(row, value)
			old = append(old, f)
			return len(old) < dropBatch, err
		})
		if err != nil || len(old) >= dropBatch {
			return old, err
		}
	}
	return old, nil
}

// drop deletes the facts' rows and all that finds them.
func (g *group) drop(old []oldFact) error {
	for _, o := range old {
		p := prepared{}
		if err := p.prepare(o.fact); err != nil {
			return err
		}
		p.id, _ = parseID(o.fact.ID) // a collision's is not that of its body
		if err := g.remove(&p, o); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) remove(p *prepared, o oldFact) error {
	id := identityKey(p.kind, p.id)
	for _, key := range [][]byte{o.key, id[:], feedKey(nil, o.seq)} {
		if err := g.batch.Delete(key, nil); err != nil {
			return err
		}
	}
	g.state.facts[p.kind]--
	g.dropped = append(g.dropped, o.seq)
	place := appendPlace(nil, p.time, p.id)
	return p.index(make([]byte, 0, 64), place, nil, func(key, _ []byte) error { return g.batch.Delete(key, nil) })
}

// DropDocs implements store.Remover.
func (s *Store) DropDocs(ctx context.Context, kind string, before ueba.Day) error {
	for from := docKey(kind, ""); from != nil; {
		err := s.do(ctx, true, func(g *group) (err error) {
			from, err = g.dropDocs(ctx, kind, from, before)
			return err
		})
		if err != nil {
			return fmt.Errorf("drop docs: %w", err)
		}
	}
	return nil
}

// dropDocs deletes some old documents of the kind and returns where to go on, nil at the end.
func (g *group) dropDocs(ctx context.Context, kind string, from []byte, before ueba.Day) (next []byte, err error) {
	var old [][]byte
	prefix := docKey(kind, "")
	err = each(ctx, g.engine.db, from, after(prefix), func(key, value []byte) (bool, error) {
		doc, err := decodeDoc(kind, string(key[len(prefix):]), value)
		if err == nil && doc.Day != ueba.NoDay && doc.Day < before {
			old = append(old, bytes.Clone(key))
		}
		if len(old) == dropBatch {
			next = append(bytes.Clone(key), 0)
		}
		return next == nil, err
	})
	if err != nil {
		return nil, err
	}
	for _, key := range old {
		if err := g.deleteDoc(key); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// DeleteDoc implements store.Remover.
func (s *Store) DeleteDoc(ctx context.Context, kind string, ids ...string) error {
	if len(ids) == 0 {
		return ctx.Err()
	}
	err := s.do(ctx, true, func(g *group) error {
		for _, id := range ids {
			if err := g.deleteDoc(docKey(kind, id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete doc: %w", err)
	}
	return nil
}
