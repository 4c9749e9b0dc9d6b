package storetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Memory is a store that keeps everything in memory, for tests: correct first, with no
// index and no durability. It is safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	refused error
	last    time.Time // the newest stamp given
	feed    []kept
	seq     uint64
	known   map[ueba.Kind]map[string]kept
	docs    map[string]map[string]store.Doc
	writes  uint64 // tokens are made of it
}

// kept is a stored fact with its content hash and its place in the order of appending.
type kept struct {
	ueba.Fact
	content [16]byte
	seq     uint64
}

// NewMemory returns an empty store that stamps facts by the wall clock.
func NewMemory() *Memory { return NewMemoryAt(time.Now) }

// NewMemoryAt returns an empty store that stamps facts by now.
func NewMemoryAt(now func() time.Time) *Memory {
	return &Memory{
		now:   now,
		known: make(map[ueba.Kind]map[string]kept),
		docs:  make(map[string]map[string]store.Doc),
	}
}

// Refuse makes every later write return err, as a full or broken engine does; nil ends
// that. It is for tests of those who write.
func (m *Memory) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = err
}

// write locks the store for a write, unless ctx is done or writes are refused.
func (m *Memory) write(ctx context.Context) (unlock func(), err error) {
	m.mu.Lock()
	if err := ctx.Err(); err != nil {
		m.mu.Unlock()
		return nil, err
	}
	if err := m.refused; err != nil {
		m.mu.Unlock()
		return nil, err
	}
	return m.mu.Unlock, nil
}

// Append implements store.Facts.
func (m *Memory) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	for i := range facts {
		if facts[i].Body == nil {
			return nil, fmt.Errorf("append: fact %d has no body", i)
		}
	}
	unlock, err := m.write(ctx)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	defer unlock()
	outcomes := make([]store.Outcome, len(facts))
	for i := range facts {
		outcomes[i] = m.add(&facts[i])
	}
	return outcomes, nil
}

func (m *Memory) add(f *ueba.Fact) store.Outcome {
	id, content := ueba.Identity(f.Body)
	outcome := store.Stored
	if first, taken := m.known[f.Body.Kind()][id]; taken && first.content != content {
		id, outcome = hex.EncodeToString(content[:]), store.Collision
	}
	if first, taken := m.known[f.Body.Kind()][id]; taken {
		f.ID, f.Known = id, first.Known
		return store.Duplicate
	}
	f.ID, f.Known = id, m.stamp(f.Known)
	m.keep(kept{Fact: copyFact(*f), content: content})
	return outcome
}

func (m *Memory) stamp(known time.Time) time.Time {
	if !known.IsZero() {
		return known.UTC()
	}
	if now := m.now().UTC().Round(0); now.After(m.last) {
		m.last = now
	}
	return m.last
}

func (m *Memory) keep(k kept) {
	m.seq++
	k.seq = m.seq
	byID := m.known[k.Body.Kind()]
	if byID == nil {
		byID = make(map[string]kept)
		m.known[k.Body.Kind()] = byID
	}
	byID[k.ID] = k
	m.feed = append(m.feed, k)
}

// Scan implements store.Facts.
func (m *Memory) Scan(ctx context.Context, q store.Query) iter.Seq2[ueba.Fact, error] {
	return func(yield func(ueba.Fact, error) bool) {
		if err := q.Check(); err != nil {
			yield(ueba.Fact{}, err)
			return
		}
		for _, f := range m.find(q) {
			if err := ctx.Err(); err != nil {
				yield(ueba.Fact{}, err)
				return
			}
			if !yield(copyFact(f), nil) {
				return
			}
		}
	}
}

// find returns what q asks for, in its order.
func (m *Memory) find(q store.Query) []ueba.Fact {
	m.mu.Lock()
	var found []ueba.Fact
	for _, k := range m.known[q.Kind] {
		if q.Matches(k.Fact) {
			found = append(found, k.Fact)
		}
	}
	m.mu.Unlock()
	order := func(a, b ueba.Fact) int { return store.PlaceOf(a).Compare(store.PlaceOf(b)) }
	slices.SortFunc(found, order)
	if q.Reverse {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
}

// Changes implements store.Facts.
func (m *Memory) Changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, store.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, after, err
	}
	seq, err := parseCursor(after)
	if err != nil {
		return nil, after, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from, found := slices.BinarySearchFunc(m.feed, seq, func(k kept, seq uint64) int {
		return int(int64(k.seq) - int64(seq))
	})
	if found {
		from++
	}
	var facts []ueba.Fact
	for _, k := range m.feed[from:] {
		if len(facts) == limit {
			break
		}
		facts, seq = append(facts, copyFact(k.Fact)), k.seq
	}
	return facts, store.Cursor(strconv.FormatUint(seq, 10)), nil
}

func parseCursor(c store.Cursor) (uint64, error) {
	if c == "" {
		return 0, nil
	}
	seq, err := strconv.ParseUint(string(c), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("cursor %q is not of this store", c)
	}
	return seq, nil
}

// Sync implements store.Facts.
func (m *Memory) Sync(ctx context.Context) error { return ctx.Err() }

// DropDays implements store.Facts.
func (m *Memory) DropDays(ctx context.Context, kind ueba.Kind, before time.Time) error {
	unlock, err := m.write(ctx)
	if err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	defer unlock()
	midnight := ueba.DateOf(before.UTC()).Midnight()
	m.feed = slices.DeleteFunc(m.feed, func(k kept) bool {
		old := k.Body.Kind() == kind && k.Body.Happened().Before(midnight)
		if old {
			delete(m.known[kind], k.ID)
		}
		return old
	})
	return nil
}

// Get implements store.Docs.
func (m *Memory) Get(ctx context.Context, kind, id string) (store.Doc, error) {
	if err := ctx.Err(); err != nil {
		return store.Doc{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	doc, ok := m.docs[kind][id]
	if !ok {
		return store.Doc{}, fmt.Errorf("get %s %s: %w", kind, id, store.ErrNotFound)
	}
	return copyDoc(doc), nil
}

// Put implements store.Docs.
func (m *Memory) Put(ctx context.Context, docs ...store.Doc) error {
	unlock, err := m.write(ctx)
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	defer unlock()
	for _, doc := range docs {
		m.set(doc)
	}
	return nil
}

func (m *Memory) set(doc store.Doc) string {
	m.writes++
	doc = copyDoc(doc)
	doc.Token = strconv.FormatUint(m.writes, 10)
	byID := m.docs[doc.Kind]
	if byID == nil {
		byID = make(map[string]store.Doc)
		m.docs[doc.Kind] = byID
	}
	byID[doc.ID] = doc
	return doc.Token
}

// Create implements store.Docs.
func (m *Memory) Create(ctx context.Context, docs ...store.Doc) (int, error) {
	unlock, err := m.write(ctx)
	if err != nil {
		return 0, fmt.Errorf("create: %w", err)
	}
	defer unlock()
	created := 0
	var conflict error
	for _, doc := range docs {
		old, taken := m.docs[doc.Kind][doc.ID]
		switch {
		case !taken:
			m.set(doc)
			created++
		case conflict == nil && !bytes.Equal(old.Body, doc.Body):
			conflict = fmt.Errorf("create %s %s: %w", doc.Kind, doc.ID, store.ErrConflict)
		}
	}
	return created, conflict
}

// CompareAndSet implements store.Docs.
func (m *Memory) CompareAndSet(ctx context.Context, doc store.Doc) (string, error) {
	unlock, err := m.write(ctx)
	if err != nil {
		return "", fmt.Errorf("compare and set: %w", err)
	}
	defer unlock()
	if old := m.docs[doc.Kind][doc.ID]; old.Token != doc.Token {
		return "", fmt.Errorf("compare and set %s %s: %w", doc.Kind, doc.ID, store.ErrConflict)
	}
	return m.set(doc), nil
}

// List implements store.Docs.
func (m *Memory) List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		for _, doc := range m.list(kind, from, to, reverse) {
			if err := ctx.Err(); err != nil {
				yield(store.Doc{}, err)
				return
			}
			if !yield(doc, nil) {
				return
			}
		}
	}
}

func (m *Memory) list(kind, from, to string, reverse bool) []store.Doc {
	m.mu.Lock()
	defer m.mu.Unlock()
	var docs []store.Doc
	for id, doc := range m.docs[kind] {
		if id >= from && (to == "" || id < to) {
			docs = append(docs, copyDoc(doc))
		}
	}
	slices.SortFunc(docs, func(a, b store.Doc) int { return strings.Compare(a.ID, b.ID) })
	if reverse {
		slices.Reverse(docs)
	}
	return docs
}

// DocKinds implements store.KindLister.
func (m *Memory) DocKinds(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var kinds []string
	for kind, byID := range m.docs {
		if len(byID) > 0 {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds, nil
}

// DropDocs implements store.Remover.
func (m *Memory) DropDocs(ctx context.Context, kind string, before ueba.Day) error {
	unlock, err := m.write(ctx)
	if err != nil {
		return fmt.Errorf("drop docs: %w", err)
	}
	defer unlock()
	for id, doc := range m.docs[kind] {
		if doc.Day != ueba.NoDay && doc.Day < before {
			delete(m.docs[kind], id)
		}
	}
	return nil
}

// DeleteDoc implements store.Remover.
func (m *Memory) DeleteDoc(ctx context.Context, kind string, ids ...string) error {
	unlock, err := m.write(ctx)
	if err != nil {
		return fmt.Errorf("delete doc: %w", err)
	}
	defer unlock()
	for _, id := range ids {
		delete(m.docs[kind], id)
	}
	return nil
}

// Stats implements store.Store.
func (m *Memory) Stats() map[string]float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := map[string]float64{"last_seq": float64(m.seq)}
	for kind, byID := range m.known {
		stats["facts_"+string(kind)] = float64(len(byID))
	}
	return stats
}

// Close implements store.Store.
func (m *Memory) Close() error { return nil }
