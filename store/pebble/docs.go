package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// A document is stored as its token, its day, its body.

func encodeDoc(token uint64, d store.Doc) []byte {
	b := binary.AppendUvarint(make([]byte, 0, len(d.Body)+12), token)
	b = binary.AppendVarint(b, int64(d.Day))
	return append(b, d.Body...)
}

func decodeDoc(kind, id string, value []byte) (store.Doc, error) {
	r := reader{data: value}
	token, day := r.uvarint(), r.varint()
	if r.err != nil {
		return store.Doc{}, fmt.Errorf("%s %s: %w", kind, id, r.err)
	}
	return store.Doc{
		Kind: kind, ID: id, Day: ueba.Day(day), Body: bytes.Clone(r.data), Token: strconv.FormatUint(token, 10),
	}, nil
}

// Get implements store.Docs.
func (s *Store) Get(ctx context.Context, kind, id string) (store.Doc, error) {
	if err := ctx.Err(); err != nil {
		return store.Doc{}, err
	}
	e, err := s.acquire()
	if err != nil {
		return store.Doc{}, err
	}
	defer e.release()
	value, closer, err := e.db.Get(docKey(kind, id))
	if errors.Is(err, pebble.ErrNotFound) {
		return store.Doc{}, fmt.Errorf("get %s %s: %w", kind, id, store.ErrNotFound)
	}
	if err != nil {
		return store.Doc{}, fmt.Errorf("get %s %s: %w", kind, id, err)
	}
	doc, err := decodeDoc(kind, id, value)
	return doc, errors.Join(err, closer.Close())
}

// Put implements store.Docs.
func (s *Store) Put(ctx context.Context, docs ...store.Doc) error {
	return s.writeDocs(ctx, "put", docs, func(g *group) error {
		for _, d := range docs {
			if err := g.setDoc(d); err != nil {
				return err
			}
		}
		return nil
	})
}

// Create implements store.Docs.
func (s *Store) Create(ctx context.Context, docs ...store.Doc) (int, error) {
	created := 0
	var conflict error
	err := s.writeDocs(ctx, "create", docs, func(g *group) error {
		fresh, taken, err := g.sortOut(docs)
		if err != nil {
			return err
		}
		created, conflict = len(fresh), taken
		for _, d := range fresh {
			if err := g.setDoc(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return created, conflict
}

// CompareAndSet implements store.Docs.
func (s *Store) CompareAndSet(ctx context.Context, doc store.Doc) (string, error) {
	var token string
	err := s.writeDocs(ctx, "compare and set", []store.Doc{doc}, func(g *group) error {
		old, err := g.getDoc(doc.Kind, doc.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if old.Token != doc.Token {
			return fmt.Errorf("%s %s: %w", doc.Kind, doc.ID, store.ErrConflict)
		}
		err = g.setDoc(doc)
		token = strconv.FormatUint(g.state.token, 10)
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// writeDocs has the writer write documents of kinds that a key can hold.
func (s *Store) writeDocs(ctx context.Context, what string, docs []store.Doc, apply func(*group) error) error {
	for _, d := range docs {
		if d.Kind == "" || strings.Contains(d.Kind, "\x00") {
			return fmt.Errorf("%s: %q is no kind of document", what, d.Kind)
		}
	}
	if len(docs) == 0 {
		return ctx.Err()
	}
	if err := s.do(ctx, false, apply); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// sortOut returns the documents that are not there yet, each once, and the first conflict.
func (g *group) sortOut(docs []store.Doc) (fresh []store.Doc, conflict error, err error) {
	seen := make(map[string][]byte)
	for _, d := range docs {
		key := string(docKey(d.Kind, d.ID))
		body, taken := seen[key]
		if !taken {
			old, err := g.getDoc(d.Kind, d.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, nil, err
			}
			body, taken = old.Body, err == nil
		}
		switch {
		case !taken:
			fresh = append(fresh, d)
			seen[key] = d.Body
		case conflict == nil && !bytes.Equal(body, d.Body):
			conflict = fmt.Errorf("create %s %s: %w", d.Kind, d.ID, store.ErrConflict)
		}
	}
	return fresh, conflict, nil
}

// getDoc reads a document as it will be when the group is committed.
func (g *group) getDoc(kind, id string) (store.Doc, error) {
	key := docKey(kind, id)
	value, pending := g.docs[string(key)]
	if !pending {
		stored, closer, err := g.engine.db.Get(key)
		if err != nil && !errors.Is(err, pebble.ErrNotFound) {
			return store.Doc{}, err
		}
		if err == nil {
			value = bytes.Clone(stored)
			if err := closer.Close(); err != nil {
				return store.Doc{}, err
			}
		}
	}
	if value == nil {
		return store.Doc{}, store.ErrNotFound
	}
	return decodeDoc(kind, id, value)
}

func (g *group) setDoc(d store.Doc) error {
	g.state.token++
	key, value := docKey(d.Kind, d.ID), encodeDoc(g.state.token, d)
	g.docs[string(key)] = value
	return g.batch.Set(key, value, nil)
}

func (g *group) deleteDoc(key []byte) error {
	g.docs[string(key)] = nil
	return g.batch.Delete(key, nil)
}

// List implements store.Docs.
func (s *Store) List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		if err := s.list(ctx, kind, from, to, reverse, yield); err != nil {
			yield(store.Doc{}, fmt.Errorf("list %s: %w", kind, err))
		}
	}
}

func (s *Store) list(ctx context.Context, kind, from, to string, reverse bool, yield func(store.Doc, error) bool) (err error) {
	lower, upper := docKey(kind, from), after(docKey(kind, ""))
	if to != "" {
		upper = docKey(kind, to)
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	e, err := s.acquire()
	if err != nil {
		return err
	}
	defer e.release()
	it, err := e.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	first, next := it.First, it.Next
	if reverse {
		first, next = it.Last, it.Prev
	}
	prefix := len(docKey(kind, ""))
	for ok := first(); ok; ok = next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		doc, err := decodeDoc(kind, string(it.Key()[prefix:]), it.Value())
		if err != nil {
			return err
		}
		if !yield(doc, nil) {
			return nil
		}
	}
	return nil // an error of the iterator is returned by closing it
}

// DocKinds implements store.KindLister.
func (s *Store) DocKinds(ctx context.Context) (kinds []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := s.acquire()
	if err != nil {
		return nil, err
	}
	defer e.release()
	it, err := e.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: []byte{spaceDoc}, UpperBound: []byte{spaceDoc + 1}})
	if err != nil {
		return nil, fmt.Errorf("list kinds: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; {
		kind, _, _ := bytes.Cut(it.Key()[1:], []byte{0})
		kinds = append(kinds, string(kind))
		ok = it.SeekGE(after(docKey(string(kind), "")))
	}
	return kinds, nil
}
