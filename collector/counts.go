package collector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// CountKind is the kind of the documents that hold a Count. Their ids begin with the day.
const CountKind = "count"

// maxServices bounds the services that a Count tells apart: their names come from outside.
const maxServices = 1000

// OtherService stands for the services beyond that bound.
const OtherService = "*"

// Tally counts what a source delivered. Received counts raw records, Skipped those among
// them that made no event of their own (of no business of Onlooker's, or telling more of
// another record's event), Dead the dead letters; Parsed, Duplicate and Collision count
// events and reasons, of which Collision are kept beside another of the same id.
type Tally struct {
	Received  int64 `json:"received"`
	Skipped   int64 `json:"skipped"`
	Dead      int64 `json:"dead"`
	Parsed    int64 `json:"parsed"`
	Duplicate int64 `json:"duplicate"`
	Collision int64 `json:"collision"`
	Bytes     int64 `json:"bytes"`
	Gaps      int64 `json:"gaps,omitempty"` // times that records may have been lost before they were seen
}

func (t *Tally) add(o Tally) {
	t.Received += o.Received
	t.Skipped += o.Skipped
	t.Dead += o.Dead
	t.Parsed += o.Parsed
	t.Duplicate += o.Duplicate
	t.Collision += o.Collision
	t.Bytes += o.Bytes
	t.Gaps += o.Gaps
}

// Count is what a source delivered on one UTC day of receipt.
type Count struct {
	Source       string    `json:"source"`
	Day          ueba.Day  `json:"date"`
	LastReceived time.Time `json:"last_received,omitzero"`
	LastEvent    time.Time `json:"last_event,omitzero"` // the newest time that an event bears
	Tally
	Services map[string]*ServiceCount `json:"services,omitempty"` // by service.name; of events only
}

// ServiceCount is a source's events of one business system.
type ServiceCount struct {
	Parsed    int64     `json:"parsed"`
	Duplicate int64     `json:"duplicate"`
	Collision int64     `json:"collision"`
	LastEvent time.Time `json:"last_event,omitzero"`
}

// Documents is where counts, cursors and the fate of dead letters are kept.
type Documents interface {
	Get(ctx context.Context, kind, id string) (store.Doc, error)
	Put(ctx context.Context, docs ...store.Doc) error
	CompareAndSet(ctx context.Context, doc store.Doc) (string, error)
	List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[store.Doc, error]
}

type countKey struct {
	day    ueba.Day
	source string
}

func (k countKey) id() string { return k.day.String() + "/" + k.source }

// book counts one fact of a batch by what became of it.
func (c *Count) book(body ueba.Body, outcome store.Outcome, t *Tally) {
	if body.Kind() == ueba.KindDead {
		return // counted when it was buried
	}
	t.Parsed++
	if outcome == store.Duplicate {
		t.Duplicate++
	}
	if outcome == store.Collision {
		t.Collision++
	}
	if e, ok := body.(*ueba.Event); ok {
		c.bookEvent(e, outcome)
	}
}

func (c *Count) bookEvent(e *ueba.Event, outcome store.Outcome) {
	c.LastEvent = later(c.LastEvent, e.Time)
	one := ServiceCount{Parsed: 1, LastEvent: e.Time}
	switch outcome {
	case store.Duplicate:
		one.Duplicate = 1
	case store.Collision:
		one.Collision = 1
	}
	c.service(e.Service).add(one)
}

func (c *Count) service(name string) *ServiceCount {
	if s, ok := c.Services[name]; ok {
		return s
	}
	if c.Services == nil {
		c.Services = make(map[string]*ServiceCount)
	}
	if len(c.Services) >= maxServices && name != OtherService {
		return c.service(OtherService)
	}
	s := new(ServiceCount)
	c.Services[name] = s
	return s
}

func (s *ServiceCount) add(o ServiceCount) {
	s.Parsed += o.Parsed
	s.Duplicate += o.Duplicate
	s.Collision += o.Collision
	s.LastEvent = later(s.LastEvent, o.LastEvent)
}

// Add adds up two counts, of one source or of several.
func (c *Count) Add(o *Count) {
	c.add(o.Tally)
	c.LastReceived = later(c.LastReceived, o.LastReceived)
	c.LastEvent = later(c.LastEvent, o.LastEvent)
	for _, name := range slices.Sorted(maps.Keys(o.Services)) {
		c.service(name).add(*o.Services[name])
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// count books an appended batch.
func (in *Intake) count(b *Batch, outcomes []store.Outcome) Result {
	now := in.now().UTC()
	key := countKey{ueba.DateOf(now), b.source}
	delta := &Count{Source: key.source, Day: key.day}
	tally := b.tally
	if tally.Received > 0 {
		delta.LastReceived = now
	}
	for i, f := range b.facts {
		delta.book(f.Body, outcomes[i], &tally)
	}
	delta.Tally = tally
	in.owe(delta)
	return Result{
		Received: tally.Received, Skipped: tally.Skipped, Dead: tally.Dead,
		Parsed: tally.Parsed, Stored: tally.Parsed - tally.Duplicate,
		Duplicate: tally.Duplicate, Collision: tally.Collision,
	}
}

// owe adds to what the next flush writes.
func (in *Intake) owe(delta *Count) {
	in.mu.Lock()
	defer in.mu.Unlock()
	key := countKey{delta.Day, delta.Source}
	if c, ok := in.owed[key]; ok {
		c.Add(delta)
		return
	}
	in.owed[key] = delta
}

// Flush writes what was counted since the last one. What could not be written waits for
// the next.
func (in *Intake) Flush(ctx context.Context) error {
	in.mu.Lock()
	owed := in.owed
	in.owed = make(map[countKey]*Count)
	in.mu.Unlock()
	var failed error
	for _, key := range slices.SortedFunc(maps.Keys(owed), compareKeys) {
		if err := addCount(ctx, in.docs, key, owed[key]); err != nil {
			in.owe(owed[key])
			failed = errors.Join(failed, fmt.Errorf("write counts of %s: %w", key.source, err))
		}
	}
	return failed
}

func compareKeys(a, b countKey) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.source, b.source))
}

// addCount adds to the document; another process may be adding to it as well.
func addCount(ctx context.Context, docs Documents, key countKey, delta *Count) error {
	for {
		doc, err := docs.Get(ctx, CountKind, key.id())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		sum := &Count{Source: key.source, Day: key.day}
		if err == nil {
			if err := json.Unmarshal(doc.Body, sum); err != nil {
				return fmt.Errorf("read %s: %w", key.id(), err)
			}
		}
		sum.Add(delta)
		body, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		doc = store.Doc{Kind: CountKind, ID: key.id(), Day: key.day, Body: body, Token: doc.Token}
		if _, err = docs.CompareAndSet(ctx, doc); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Counts gives the counts of the UTC days of receipt from ≤ day ≤ to, by day and source;
// NoDay is open.
func (in *Intake) Counts(ctx context.Context, from, to ueba.Day) ([]Count, error) {
	if err := in.Flush(ctx); err != nil {
		return nil, err
	}
	return ReadCounts(ctx, in.docs, from, to)
}

// ReadCounts is Counts for those who have no intake, as of its last flush.
func ReadCounts(ctx context.Context, docs Documents, from, to ueba.Day) ([]Count, error) {
	after := ""
	if to != ueba.NoDay {
		after = (to + 1).String()
	}
	var counts []Count
	for doc, err := range docs.List(ctx, CountKind, from.String(), after, false) {
		if err != nil {
			return nil, fmt.Errorf("list counts: %w", err)
		}
		var c Count
		if err := json.Unmarshal(doc.Body, &c); err != nil {
			return nil, fmt.Errorf("read counts %s: %w", doc.ID, err)
		}
		counts = append(counts, c)
	}
	return counts, nil
}
