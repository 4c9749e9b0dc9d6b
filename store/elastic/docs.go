package elastic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// kept is what the store keeps of a derived document.
type kept struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"`
	Day  *ueba.Day `json:"day,omitempty"`
	Op   string    `json:"op"`
	Body string    `json:"body,omitempty"`
	Raw  []byte    `json:"raw,omitempty"` // a body that is not valid UTF-8
}

const (
	maxID  = 500   // bytes of an id that the server takes
	mostID = 30000 // bytes of an id that can be sorted by
)

// docID returns the id under which the server keeps a document.
func docID(id string) string {
	if id != "" && len(id) <= maxID && id[0] != '~' {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "~" + hex.EncodeToString(sum[:])
}

func checkDoc(d store.Doc) error {
	if d.Kind == "" || strings.Contains(d.Kind, "\x00") {
		return fmt.Errorf("%q is no kind of document", d.Kind)
	}
	if !utf8.ValidString(d.ID) || len(d.ID) > mostID {
		return fmt.Errorf("%q is no id of a document", d.ID)
	}
	return nil
}

// encodeDoc makes the server's document; the body is text, so that it comes back as it is.
func encodeDoc(d store.Doc, op string) []byte {
	k := kept{ID: d.ID, Kind: d.Kind, Op: op}
	if d.Day != ueba.NoDay {
		k.Day = &d.Day
	}
	if utf8.Valid(d.Body) {
		k.Body = string(d.Body)
	} else {
		k.Raw = d.Body
	}
	doc := object{"doc": rawDay(k)}
	if d.Kind == "score" {
		describeScore(doc, d.Body)
	}
	return encode(doc).Bytes()
}

// rawDay writes the day as a number, for ranges.
func rawDay(k kept) object {
	out := object{"id": k.ID, "kind": k.Kind, "op": k.Op}
	if k.Day != nil {
		out["day"] = int64(*k.Day)
	}
	if k.Raw != nil {
		out["raw"] = k.Raw
	} else {
		out["body"] = k.Body
	}
	return out
}

func decodeDoc(h hit) (store.Doc, error) {
	var doc struct {
		Doc struct {
			ID   string `json:"id"`
			Kind string `json:"kind"`
			Day  *int64 `json:"day"`
			Body string `json:"body"`
			Raw  []byte `json:"raw"`
		} `json:"doc"`
	}
	if err := json.Unmarshal(h.Source, &doc); err != nil {
		return store.Doc{}, fmt.Errorf("read %s/%s: %w", h.Index, h.ID, err)
	}
	k := doc.Doc
	d := store.Doc{Kind: k.Kind, ID: k.ID, Day: ueba.NoDay, Body: []byte(k.Body), Token: version{h.Seq, h.Term}.token()}
	if k.Day != nil {
		d.Day = ueba.Day(*k.Day)
	}
	if k.Raw != nil {
		d.Body = k.Raw
	}
	return d, nil
}

func (v version) token() string { return fmt.Sprintf("%d.%d", v.seq, v.term) }

func parseToken(token string) (version, bool) {
	var v version
	n, err := fmt.Sscanf(token, "%d.%d", &v.seq, &v.term)
	return v, err == nil && n == 2
}

// onlyDoc is what is read of a document.
var onlyDoc = []string{"doc"}

// Get implements store.Docs.
func (s *Store) Get(ctx context.Context, kind, id string) (store.Doc, error) {
	found, err := s.mget(ctx, "get", []ref{{s.docsIndex(kind), docID(id)}}, onlyDoc)
	if err != nil {
		return store.Doc{}, fmt.Errorf("get %s %s: %w", kind, id, err)
	}
	if !found[0].Found {
		return store.Doc{}, fmt.Errorf("get %s %s: %w", kind, id, store.ErrNotFound)
	}
	return decodeDoc(found[0])
}

// Put implements store.Docs.
func (s *Store) Put(ctx context.Context, docs ...store.Doc) error {
	last := map[[2]string]int{}
	for i, d := range docs {
		last[[2]string{d.Kind, d.ID}] = i
	}
	var items []*item
	for i, d := range docs {
		if last[[2]string{d.Kind, d.ID}] == i {
			items = append(items, s.docItem("index", d))
		}
	}
	return s.writeDocs(ctx, "put", docs, items)
}

func (s *Store) docItem(action string, d store.Doc) *item {
	return &item{action: action, index: s.docsIndex(d.Kind), id: docID(d.ID), source: encodeDoc(d, s.op())}
}

// writeDocs writes documents and returns the first refusal.
func (s *Store) writeDocs(ctx context.Context, what string, docs []store.Doc, items []*item) error {
	for _, d := range docs {
		if err := checkDoc(d); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer s.calls.Done()
	if err := s.bulk(ctx, what, items); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, i := range items {
		if i.refused() {
			return itemError(what, i)
		}
	}
	return nil
}

// Create implements store.Docs.
func (s *Store) Create(ctx context.Context, docs ...store.Doc) (int, error) {
	first := map[[2]string]*item{}
	bodies := map[*item][]byte{}
	var items []*item
	var conflict error
	for _, d := range docs {
		key := [2]string{d.Kind, d.ID}
		if old := first[key]; old == nil {
			i := s.docItem("create", d)
			first[key], bodies[i], items = i, d.Body, append(items, i)
		}
	}
	if err := s.writeDocs(ctx, "create", docs, items); err != nil {
		return 0, err
	}
	created, err := s.created(ctx, items, bodies)
	if err != nil {
		return created, fmt.Errorf("create: %w", err)
	}
	for _, d := range docs { // bodies now holds what is stored
		if stored := bodies[first[[2]string{d.Kind, d.ID}]]; conflict == nil && !bytes.Equal(stored, d.Body) {
			conflict = fmt.Errorf("create %s %s: %w", d.Kind, d.ID, store.ErrConflict)
		}
	}
	return created, conflict
}

// created counts the new documents and reads the bodies of those that were there.
func (s *Store) created(ctx context.Context, items []*item, bodies map[*item][]byte) (int, error) {
	n := 0
	var taken []*item
	var refs []ref
	for _, i := range items {
		if i.taken() {
			taken, refs = append(taken, i), append(refs, ref{i.index, i.id})
		} else {
			n++
		}
	}
	if len(refs) == 0 {
		return n, nil
	}
	found, err := s.mget(ctx, "create", refs, onlyDoc)
	if err != nil {
		return n, err
	}
	for j, h := range found {
		if !h.Found {
			continue // deleted since
		}
		d, err := decodeDoc(h)
		if err != nil {
			return n, err
		}
		bodies[taken[j]] = d.Body
		if opOf(h.Source) == opOf(taken[j].source) {
			n++ // it is ours: the answer of an earlier try was lost, or untrue
		}
	}
	return n, nil
}

func opOf(source []byte) string {
	var doc struct {
		Doc struct {
			Op string `json:"op"`
		} `json:"doc"`
	}
	if json.Unmarshal(source, &doc) != nil {
		return ""
	}
	return doc.Doc.Op
}

// CompareAndSet implements store.Docs.
func (s *Store) CompareAndSet(ctx context.Context, doc store.Doc) (string, error) {
	if err := checkDoc(doc); err != nil {
		return "", fmt.Errorf("compare and set: %w", err)
	}
	if err := s.begin(ctx); err != nil {
		return "", fmt.Errorf("compare and set: %w", err)
	}
	defer s.calls.Done()
	var old *version
	if doc.Token != "" {
		v, ok := parseToken(doc.Token)
		if !ok {
			return "", fmt.Errorf("compare and set %s %s: %q is no token of this store: %w", doc.Kind, doc.ID, doc.Token, store.ErrConflict)
		}
		old = &v
	}
	op := s.op()
	v, err := s.set(ctx, "compare and set", s.docsIndex(doc.Kind), docID(doc.ID), encodeDoc(doc, op), op, old)
	if err != nil {
		return "", err
	}
	return v.token(), nil
}

// List implements store.Docs.
func (s *Store) List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[store.Doc, error] {
	return func(yield func(store.Doc, error) bool) {
		if err := s.list(ctx, kind, from, to, reverse, yield); err != nil {
			yield(store.Doc{}, fmt.Errorf("list %s: %w", kind, err))
		}
	}
}

func (s *Store) list(ctx context.Context, kind, from, to string, reverse bool, yield func(store.Doc, error) bool) error {
	if to != "" && from >= to {
		return ctx.Err()
	}
	indices := []string{s.docsIndex(kind)}
	if err := errors.Join(ctx.Err(), s.refreshOwn(ctx, indices)); err != nil {
		return err
	}
	bounds := object{"gte": from}
	if to != "" {
		bounds["lt"] = to
	}
	query := object{
		"size": firstPage, "query": object{"range": object{"doc.id": bounds}}, "sort": []any{order("doc.id", "keyword", reverse)},
		"_source": onlyDoc, "seq_no_primary_term": true,
	}
	for size := firstPage; ; size = pageSize {
		query["size"] = size
		hits, err := s.search(ctx, "list", indices, query)
		if err != nil {
			return err
		}
		for _, h := range hits {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := decodeDoc(h)
			if err != nil {
				return err
			}
			query["search_after"] = []any{d.ID}
			if !yield(d, nil) {
				return nil
			}
		}
		if len(hits) < size {
			return nil
		}
	}
}
