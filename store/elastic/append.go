package elastic

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// row is a fact on its way into the store.
type row struct {
	kind    ueba.Kind
	body    []byte // canonical; the caller may change his fact once the call has returned
	records []string
	about   about
	id      string // its identity
	content string // hash of what it says
	doc     string // the id under which it is kept
	index   string

	happened, known time.Time

	seq     int64
	outcome store.Outcome
	same    *row // the earlier row of the call that is the same fact
	item    *item
	plain   bool
}

// Append implements store.Facts.
func (s *Store) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	if err := s.begin(ctx); err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	defer s.calls.Done()
	rows, err := prepare(s, facts)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("append: %w", ctx.Err())
	case <-s.closing:
		return nil, fmt.Errorf("append: %w", errClosed)
	}
	if err := s.append(ctx, rows); err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	outcomes := make([]store.Outcome, len(rows))
	for i, r := range rows {
		if r.same != nil {
			r.outcome, r.known, r.doc = store.Duplicate, r.same.known, r.same.doc
		}
		outcomes[i] = r.outcome
		facts[i].ID, facts[i].Known = r.doc, r.known
	}
	s.counts.appended(outcomes)
	return outcomes, nil
}

func prepare(s *Store, facts []ueba.Fact) ([]*row, error) {
	rows := make([]*row, len(facts))
	for i := range facts {
		f := &facts[i]
		if f.Body == nil {
			return nil, fmt.Errorf("append: fact %d: no body", i)
		}
		id, content := ueba.Identity(f.Body)
		rows[i] = &row{
			kind: f.Body.Kind(), id: id, doc: id, content: hex.EncodeToString(content[:]),
			body: ueba.EncodeBody(nil, f.Body), records: slices.Clone(store.KeysOf(f.Body, store.ByRecord)),
			index: s.factIndex(f.Body), happened: f.Body.Happened().UTC(), known: f.Known.UTC(),
		}
		rows[i].about.index(f.Body)
	}
	return rows, nil
}

// append holds a slot, which is given back when the fate of every row is settled.
func (s *Store) append(ctx context.Context, rows []*row) error {
	fresh, t, err := s.admit(ctx, rows)
	if err != nil {
		<-s.slots
		return err
	}
	if t, err = s.finishWrite(ctx, t, fresh); errors.Is(err, errUnsettled) {
		s.running.Go(func() { s.settle(t, fresh) })
		return err
	}
	s.enter(t, fresh)
	<-s.slots
	return err
}

// finishWrite writes the rows and makes sure that the feed gives them.
func (s *Store) finishWrite(ctx context.Context, t *ticket, rows []*row) (*ticket, error) {
	if err := s.write(ctx, rows); err != nil {
		return t, err
	}
	t, err := s.hold(ctx, t, rows)
	if err != nil {
		err = errors.Join(err, errUnsettled)
	}
	return t, err
}

// admit finds out under which ids the rows are kept, and numbers each fact once.
func (s *Store) admit(ctx context.Context, rows []*row) ([]*row, *ticket, error) {
	if err := s.identify(ctx, rows); err != nil {
		return nil, nil, err
	}
	fresh := once(rows)
	t, err := s.number(ctx, fresh)
	return fresh, t, err
}

// identify settles who owns each identity: whoever came first, in the store or in the call.
// Whoever comes later with other content is kept under his content hash.
func (s *Store) identify(ctx context.Context, rows []*row) error {
	owners := map[string]string{} // kind and identity → content
	var ids []*row                // the first of each identity of an event
	var refs []ref                // of the other facts that have one
	var refRows []*row
	for _, r := range rows {
		if r.id == r.content {
			continue // its identity is its content
		}
		if _, seen := owners[r.owner()]; seen {
			continue
		}
		owners[r.owner()] = r.content
		if r.kind == ueba.KindEvent {
			ids = append(ids, r)
		} else {
			refs, refRows = append(refs, ref{r.index, r.id}), append(refRows, r)
		}
	}
	if err := s.claim(ctx, ids, owners); err != nil {
		return err
	}
	if len(refs) > 0 {
		found, err := s.mget(ctx, "look up identities", refs, []string{"fact.hash"})
		if err != nil {
			return err
		}
		for i, h := range found {
			if a, err := decodeAbout(h.Source); h.Found && err == nil {
				owners[refRows[i].owner()] = a.Hash
			}
		}
	}
	for _, r := range rows {
		if r.id != r.content && owners[r.owner()] != r.content {
			r.doc, r.outcome = r.content, store.Collision
		}
	}
	return nil
}

func (r *row) owner() string { return string(r.kind) + "/" + r.id }

// claim writes the events' identities, which stand apart from the events because these are
// kept by day and the same identity may come with another one.
func (s *Store) claim(ctx context.Context, rows []*row, owners map[string]string) error {
	if len(rows) == 0 {
		return nil
	}
	items := make([]*item, len(rows))
	for i, r := range rows {
		items[i] = &item{action: "create", index: s.idsIndex(), id: r.id, source: []byte(`{"c":"` + r.content + `"}`)}
	}
	if err := s.bulk(ctx, "write identities", items); err != nil {
		return err
	}
	var taken []*row
	var refs []ref
	for i, r := range rows {
		switch {
		case items[i].taken():
			taken, refs = append(taken, r), append(refs, ref{s.idsIndex(), r.id})
		case !items[i].done():
			return itemError("write identities", items[i])
		}
	}
	if len(refs) == 0 {
		return nil
	}
	found, err := s.mget(ctx, "look up identities", refs, nil)
	if err != nil {
		return err
	}
	for i, h := range found {
		var claim struct {
			Content string `json:"c"`
		}
		if h.Found && json.Unmarshal(h.Source, &claim) == nil {
			owners[taken[i].owner()] = claim.Content
		}
	}
	return nil
}

// once returns the rows that are written: of the same fact, the first.
func once(rows []*row) []*row {
	first := make(map[string]*row, len(rows))
	fresh := make([]*row, 0, len(rows))
	for _, r := range rows {
		key := string(r.kind) + "/" + r.doc
		if r.same = first[key]; r.same == nil {
			first[key] = r
			fresh = append(fresh, r)
		}
	}
	return fresh
}

// write writes the rows that are not written yet and finds out which were there. What the
// mapping refuses is written plain.
func (s *Store) write(ctx context.Context, rows []*row) error {
	var items []*item
	for _, r := range rows {
		if r.item == nil {
			r.item = &item{action: "create", index: r.index, id: r.doc, source: r.encode("")}
		}
		if !r.item.done() && !r.item.taken() {
			items = append(items, r.item)
		}
	}
	if err := s.bulk(ctx, "write", items); err != nil {
		return err
	}
	refused := 0
	for _, r := range rows {
		if !r.item.refused() {
			continue
		}
		if r.plain {
			return itemError("write", r.item)
		}
		r.plain = true
		r.item = &item{action: "create", index: r.index, id: r.doc, source: r.encode(r.item.kind + ": " + r.item.reason)}
		refused++
	}
	if refused > 0 {
		s.counts.refusedFacts(refused)
		return s.write(ctx, rows)
	}
	return s.meet(ctx, rows)
}

// meet looks at what was there already: another delivery of the fact, or this very one, whose
// answer was lost.
func (s *Store) meet(ctx context.Context, rows []*row) error {
	var taken []*row
	var refs []ref
	for _, r := range rows {
		if r.item.taken() {
			taken, refs = append(taken, r), append(refs, ref{r.index, r.doc})
		}
	}
	if len(refs) == 0 {
		return nil
	}
	found, err := s.mget(ctx, "look up duplicates", refs, []string{"fact.seq", "fact.known", "fact.hash"})
	if err != nil {
		return errors.Join(err, errUnsettled)
	}
	for i, h := range found {
		r := taken[i]
		a, err := decodeAbout(h.Source)
		if !h.Found || err != nil {
			return fmt.Errorf("%s/%s is there and cannot be read: %w", r.index, r.doc, err)
		}
		if a.Seq == r.seq {
			r.item.status = 201
			continue
		}
		r.outcome, r.known = store.Duplicate, a.Known.UTC()
	}
	return nil
}

// hold makes sure that the feed will give what was written. A writer that was closed in the
// meantime numbers its facts again.
func (s *Store) hold(ctx context.Context, t *ticket, rows []*row) (*ticket, error) {
	for {
		ok, err := s.holds(ctx, t)
		if ok || err != nil {
			return t, err
		}
		var mine []*row
		for _, r := range rows {
			if r.outcome != store.Duplicate {
				mine = append(mine, r)
			}
		}
		again, err := s.number(ctx, mine)
		if err != nil {
			return t, err
		}
		s.writer.finish(t)
		t = again
		items := make([]*item, len(mine))
		for i, r := range mine {
			r.item = &item{action: "index", index: r.index, id: r.doc, source: r.encode(r.reason())}
			items[i] = r.item
		}
		if err := s.bulk(ctx, "number again", items); err != nil {
			return t, err
		}
	}
}

func (r *row) reason() string {
	if r.plain {
		return "refused before"
	}
	return ""
}

// enter hands what was written to those who follow the feed.
func (s *Store) enter(t *ticket, rows []*row) {
	for _, r := range rows {
		if r.outcome != store.Duplicate && r.item != nil && r.item.done() {
			s.ring.add(entry{r.seq, r.kind, r.doc, r.known, r.happened, r.body})
		}
	}
	s.writer.finish(t)
}

// settle goes on with an append whose caller has given up, until its fate is known. If the
// store closes first, the ticket stays and the writer is left unclosed.
func (s *Store) settle(t *ticket, rows []*row) {
	defer func() { <-s.slots }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	p := pause{until: time.Now(), forever: true, seed: uint64(t.from)}
	for {
		var err error
		if t, err = s.finishWrite(ctx, t, rows); !errors.Is(err, errUnsettled) && ctx.Err() == nil {
			s.enter(t, rows)
			return
		}
		if s.wait(ctx, &p, err) != nil {
			return
		}
	}
}
