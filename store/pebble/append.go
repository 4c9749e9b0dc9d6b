package pebble

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// prepared is a fact made ready in the caller's goroutine, so that the writer has
// little to do.
type prepared struct {
	kind     byte
	class    byte
	id       [idSize]byte
	content  [idSize]byte
	time     time.Time
	known    time.Time // zero: to be stamped
	key      [hashSize]byte
	body     []byte
	records  [][hashSize]byte // of an event, without repetition
	employee [hashSize]byte   // of a reason
	outcome  store.Outcome
	first    *identity // what the caller found under the id, nil for nothing
}

// identity is what the store remembers of an identity: enough to tell a duplicate.
type identity struct {
	content [idSize]byte
	known   time.Time
}

// Append implements store.Facts.
func (s *Store) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	if len(facts) == 0 {
		return nil, ctx.Err()
	}
	rows := make([]prepared, len(facts))
	for i := range facts {
		if err := rows[i].prepare(facts[i]); err != nil {
			return nil, fmt.Errorf("append: fact %d: %w", i, err)
		}
	}
	look, err := s.lookAhead(rows)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	if err := s.do(ctx, false, func(g *group) error { return g.append(rows, look) }); err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	outcomes := make([]store.Outcome, len(facts))
	for i := range rows {
		outcomes[i] = rows[i].outcome
		facts[i].ID, facts[i].Known = hex.EncodeToString(rows[i].id[:]), rows[i].known
	}
	return outcomes, nil
}

func (p *prepared) prepare(f ueba.Fact) error {
	if f.Body == nil {
		return errors.New("no body")
	}
	kind, err := kindCode(f.Body.Kind())
	if err != nil {
		return err
	}
	id, content := ueba.Identity(f.Body)
	var ok bool
	if p.id, ok = parseID(id); !ok {
		return fmt.Errorf("identity %q is not of %d hex digits", id, 2*idSize)
	}
	p.kind, p.content, p.class = kind, content, classOf(f.Body)
	p.time, p.known = f.Body.Happened(), f.Known.UTC()
	p.key, p.body = hashOf(f.Body.Key()), encodeBody(f.Body)
	switch b := f.Body.(type) {
	case *ueba.Event:
		p.records = recordHashes(b.Record.IDs)
	case *ueba.Reason:
		p.employee = hashOf(b.EmployeeID)
	}
	return nil
}

func recordHashes(ids []string) [][hashSize]byte {
	var hashes [][hashSize]byte
	for i, id := range ids {
		if !slices.Contains(ids[:i], id) {
			hashes = append(hashes, hashOf(id))
		}
	}
	return hashes
}

func hashOf(key string) (out [hashSize]byte) {
	appendHash(out[:0], key)
	return out
}

// append finds out what is new, then adds it to the batch.
func (g *group) append(rows []prepared, look glance) error {
	look.fresh = g.newcomers.since(look, g.engine)
	var added [][2 + idSize]byte // to take back when a read fails in the middle
	for i := range rows {
		key, err := g.identify(&rows[i], look)
		if err != nil {
			for _, key := range added {
				delete(g.identities, key)
			}
			return err
		}
		if rows[i].outcome != store.Duplicate {
			added = append(added, key)
		}
	}
	for i := range rows {
		if rows[i].outcome == store.Duplicate {
			continue
		}
		if err := g.insert(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// identify finds out whether the fact is new, and settles its id and when it became known.
func (g *group) identify(p *prepared, look glance) (key [2 + idSize]byte, err error) {
	p.outcome = store.Stored
	key = identityKey(p.kind, p.id)
	first, taken, err := g.recall(key, p, look)
	if taken && first.content != p.content {
		p.id, p.outcome = p.content, store.Collision
		key = identityKey(p.kind, p.id)
		first, taken, err = g.lookUp(key)
	}
	if err != nil {
		return key, err
	}
	if taken {
		p.outcome, p.known = store.Duplicate, first.known
		return key, nil
	}
	if p.known.IsZero() {
		p.known = g.stamp()
	}
	g.identities[key] = identity{p.content, p.known}
	return key, nil
}

// lookUp finds an identity as it will be when the group is committed.
func (g *group) lookUp(key [2 + idSize]byte) (identity, bool, error) {
	if found, ok := g.identities[key]; ok {
		return found, true, nil
	}
	return g.engine.identity(key)
}

func (e *engine) identity(key [2 + idSize]byte) (identity, bool, error) {
	value, closer, err := e.db.Get(key[:])
	if errors.Is(err, pebble.ErrNotFound) {
		return identity{}, false, nil
	}
	if err != nil {
		return identity{}, false, fmt.Errorf("look up identity: %w", err)
	}
	found, err := decodeIdentity(value)
	return found, true, errors.Join(err, closer.Close())
}

func decodeIdentity(value []byte) (out identity, err error) {
	if len(value) < idSize {
		return out, errDamaged
	}
	r := reader{data: value[copy(out.content[:], value):]}
	out.known = r.instant()
	return out, r.end()
}

// stamp returns now, or the newest stamp when the clock fell behind it.
func (g *group) stamp() time.Time {
	if now := g.now().UTC().Round(0); now.After(g.state.stamp) {
		g.state.stamp = now
	}
	return g.state.stamp
}

// insert adds the fact's row and what finds it to the batch.
func (g *group) insert(p *prepared) error {
	g.state.seq++
	g.state.facts[p.kind]++
	var keys [256]byte // of one fact, none longer than 64
	place := appendPlace(keys[192:192], p.time, p.id)
	row := p.rowKey(keys[:0:64], place)
	value := appendRow(make([]byte, 0, len(p.body)+24), p.known, g.state.seq, p.body)
	if err := g.batch.Set(row, value, nil); err != nil {
		return err
	}
	g.fresh = append(g.fresh, change{seq: g.state.seq, key: string(row), row: value})
	id := identityKey(p.kind, p.id)
	known := appendInstant(append(make([]byte, 0, 40), p.content[:]...), p.known)
	if err := g.batch.Set(id[:], known, nil); err != nil {
		return err
	}
	if err := g.batch.Set(feedKey(keys[64:64:128], g.state.seq), row, nil); err != nil {
		return err
	}
	return p.index(keys[128:128:192], place, value, func(key, value []byte) error { return g.batch.Set(key, value, nil) })
}

func (p *prepared) rowKey(dst, place []byte) []byte {
	if kinds[p.kind] == ueba.KindEvent {
		return eventKey(dst, utcDay(p.time), p.key, place)
	}
	return factKey(dst, p.kind, p.key, p.class, place)
}

// index calls do with the key and the value of each entry, beside its row, that finds the fact.
func (p *prepared) index(buf, place, row []byte, do func(key, value []byte) error) error {
	if kinds[p.kind] != ueba.KindEvent {
		if err := do(append(append(buf, spaceTime, p.kind, p.class), place...), p.key[:]); err != nil {
			return err
		}
	}
	for _, record := range p.records {
		key := append(append(buf, spaceRecord), record[:]...)
		if err := do(append(key, place...), p.key[:]); err != nil {
			return err
		}
	}
	if kinds[p.kind] != ueba.KindReason {
		return nil
	}
	key := append(append(buf, spaceEmployee), p.employee[:]...)
	return do(append(append(key, p.class), place...), row)
}
