package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	// kindMigration is what a migration remembers in the store that it fills.
	kindMigration = "migration"
	migrateBatch  = 5000 // facts of one append
	migrateSave   = 4    // batches between two saved cursors
	migrateDocs   = 500  // documents of one write
)

// factKinds are the kinds of fact, in the order in which a migration compares them.
var factKinds = []ueba.Kind{
	ueba.KindSystem, ueba.KindHoliday, ueba.KindEmployee, ueba.KindRecord, ueba.KindReason, ueba.KindEvent,
	ueba.KindReview, ueba.KindStep, ueba.KindSetting, ueba.KindDead,
}

// MigrateSummary is what a migration did and found.
type MigrateSummary struct {
	From      string       `json:"from"`
	To        string       `json:"to"`
	Facts     int64        `json:"facts"`     // copied now; not those of a run before that was cut off
	Documents int64        `json:"documents"` // copied now
	Different int          `json:"different"` // days that are not the same in both
	Days      []MigrateDay `json:"days"`
}

// MigrateDay compares one UTC day of one kind: how many facts or documents there are and
// the hash of everything that they say.
type MigrateDay struct {
	What     string `json:"what"` // fact or document
	Kind     string `json:"kind"`
	Day      string `json:"day"` // empty for documents without one
	From     int64  `json:"from"`
	To       int64  `json:"to"`
	FromHash string `json:"from_hash"`
	ToHash   string `json:"to_hash"`
	Equal    bool   `json:"equal"`
}

// Migrate copies everything from one store to another: facts in the order of their
// appending and with the times at which they became known, documents as they are, and the
// pipeline's place in the feed. A run that is cut off is gone on with by the next. Then it
// reads both stores and compares them day by day. Nothing else may write to either.
func Migrate(ctx context.Context, from, to Config, o Options, progress func(Progress)) (MigrateSummary, error) {
	sum := MigrateSummary{From: storeName(from), To: storeName(to)}
	if sum.From == sum.To {
		return sum, fmt.Errorf("migrate: --from and --to name the same store, %s", sum.To)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	log := newLog(to.Log, o.Log)
	source, err := openStore(ctx, from, o.Now, log)
	if err != nil {
		return sum, fmt.Errorf("migrate: --from: %w", err)
	}
	target, err := openStore(ctx, to, o.Now, log)
	if err != nil {
		return sum, errors.Join(fmt.Errorf("migrate: --to: %w", err), source.Close())
	}
	m := &migration{from: source, to: target, id: "facts/" + sum.From, sum: &sum, progress: progress}
	err = m.run(ctx)
	if err != nil {
		err = fmt.Errorf("migrate: %w", err)
	}
	return sum, errors.Join(err, source.Close(), target.Close())
}

// migration is one run between two open stores.
type migration struct {
	from, to store.Store
	id       string // of the document that remembers how far the facts are copied
	sum      *MigrateSummary
	progress func(Progress)
	total    int64 // facts of the source
	kinds    []string
}

func (m *migration) run(ctx context.Context) error {
	if err := m.from.Sync(ctx); err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	lister, ok := m.from.(store.KindLister)
	if !ok {
		return errors.New("the source cannot list its kinds of documents")
	}
	var err error
	if m.kinds, err = lister.DocKinds(ctx); err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	if err := m.copyFacts(ctx); err != nil {
		return err
	}
	if err := m.copyDocs(ctx); err != nil {
		return err
	}
	if err := m.movePlace(ctx); err != nil {
		return err
	}
	if err := m.to.Sync(ctx); err != nil {
		return fmt.Errorf("write the target: %w", err)
	}
	return m.compare(ctx)
}

func (m *migration) report(stage string, done int64) {
	if m.progress != nil {
		m.progress(Progress{Stage: stage, Done: done, Day: ueba.NoDay})
	}
}

// migrated is how far the facts are copied.
type migrated struct {
	Cursor store.Cursor `json:"cursor"`
	Facts  int64        `json:"facts"`
}

func (m *migration) copyFacts(ctx context.Context) error {
	at, err := m.load(ctx)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		facts, next, err := m.from.Changes(ctx, at.Cursor, migrateBatch)
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		if len(facts) == 0 {
			m.total = at.Facts
			return m.save(ctx, at)
		}
		if err := m.appendFacts(ctx, facts); err != nil {
			return err
		}
		at = migrated{next, at.Facts + int64(len(facts))}
		m.sum.Facts += int64(len(facts))
		m.report("migrate_facts", at.Facts)
		if n%migrateSave == 0 {
			if err := m.save(ctx, at); err != nil {
				return err
			}
		}
	}
}

// appendFacts appends a batch. A queue before the target that is full is waited for.
func (m *migration) appendFacts(ctx context.Context, facts []ueba.Fact) error {
	_, err := m.to.Append(ctx, facts)
	if errors.Is(err, store.ErrFull) {
		if err := m.to.Sync(ctx); err != nil {
			return fmt.Errorf("write the target: %w", err)
		}
		_, err = m.to.Append(ctx, facts)
	}
	if err != nil {
		return fmt.Errorf("write the target: %w", err)
	}
	return nil
}

func (m *migration) load(ctx context.Context) (at migrated, err error) {
	doc, err := m.to.Get(ctx, kindMigration, m.id)
	if errors.Is(err, store.ErrNotFound) {
		return at, nil
	}
	if err == nil {
		err = json.Unmarshal(doc.Body, &at)
	}
	if err != nil {
		return at, fmt.Errorf("find where an earlier run was cut off: %w", err)
	}
	return at, nil
}

// save remembers the place, when all before it has arrived.
func (m *migration) save(ctx context.Context, at migrated) error {
	if err := m.to.Sync(ctx); err != nil {
		return fmt.Errorf("write the target: %w", err)
	}
	body, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if err := m.to.Put(ctx, store.Doc{Kind: kindMigration, ID: m.id, Day: ueba.NoDay, Body: body}); err != nil {
		return fmt.Errorf("remember how far the facts are copied: %w", err)
	}
	return nil
}

// moves reports whether a document is copied as it is: not what a migration remembers, and
// not a cursor of the other store's feed.
func moves(d store.Doc) bool { return d.Kind != kindMigration && !pipeline.IsPlace(d) }

func (m *migration) copyDocs(ctx context.Context) error {
	var batch []store.Doc
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := m.to.Put(ctx, batch...); err != nil {
			return fmt.Errorf("write the target: %w", err)
		}
		m.sum.Documents += int64(len(batch))
		m.report("migrate_documents", m.sum.Documents)
		batch = batch[:0]
		return nil
	}
	for _, kind := range m.kinds {
		for doc, err := range m.from.List(ctx, kind, "", "", false) {
			if err != nil {
				return fmt.Errorf("read the source: %w", err)
			}
			if !moves(doc) {
				continue
			}
			doc.Token = ""
			if batch = append(batch, doc); len(batch) == migrateDocs {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// movePlace finds the place in the target's feed before which there are as many facts as
// the pipeline has followed in the source's. The facts were appended in the same order.
func (m *migration) movePlace(ctx context.Context) error {
	at, ok, err := pipeline.Place(ctx, m.from)
	if err != nil || !ok {
		return err
	}
	ahead, _, err := walk(ctx, m.from, at, -1)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	_, place, err := walk(ctx, m.to, "", m.total-ahead)
	if err != nil {
		return fmt.Errorf("read the target: %w", err)
	}
	return pipeline.MovePlace(ctx, m.from, m.to, place)
}

// walk goes up to most facts along the feed, all of them if that is negative.
func walk(ctx context.Context, s store.Facts, at store.Cursor, most int64) (int64, store.Cursor, error) {
	var n int64
	for n != most {
		limit := int64(migrateBatch)
		if most >= 0 {
			limit = min(limit, most-n)
		}
		facts, next, err := s.Changes(ctx, at, int(limit))
		if err != nil {
			return n, at, err
		}
		if len(facts) == 0 {
			break
		}
		n, at = n+int64(len(facts)), next
	}
	return n, at, nil
}

// compare reads both stores and notes, day by day, what they hold.
func (m *migration) compare(ctx context.Context) error {
	var read int64
	count := func() {
		if read++; read%migrateBatch == 0 {
			m.report("migrate_compare", read)
		}
	}
	for _, kind := range factKinds {
		if err := m.both("fact", string(kind), func(s store.Store) (days, error) { return hashFacts(ctx, s, kind, count) }); err != nil {
			return err
		}
	}
	kinds := m.kinds
	if lister, ok := m.to.(store.KindLister); ok {
		more, err := lister.DocKinds(ctx)
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		kinds = union(kinds, more)
	}
	for _, kind := range kinds {
		if err := m.both("document", kind, func(s store.Store) (days, error) { return hashDocs(ctx, s, kind, count) }); err != nil {
			return err
		}
	}
	return nil
}

func union(a, b []string) []string {
	seen := map[string]bool{}
	for _, k := range append(append([]string(nil), a...), b...) {
		seen[k] = true
	}
	return sortedKeys(seen)
}

// both hashes one kind in both stores and adds a row for each day that either has.
func (m *migration) both(what, kind string, hash func(store.Store) (days, error)) error {
	from, err := hash(m.from)
	if err != nil {
		return fmt.Errorf("compare: read the source: %w", err)
	}
	to, err := hash(m.to)
	if err != nil {
		return fmt.Errorf("compare: read the target: %w", err)
	}
	for _, day := range union(sortedKeys(from), sortedKeys(to)) {
		row := MigrateDay{What: what, Kind: kind, Day: day}
		row.From, row.FromHash = from[day].end()
		row.To, row.ToHash = to[day].end()
		if row.Equal = row.From == row.To && row.FromHash == row.ToHash; !row.Equal {
			m.sum.Different++
		}
		m.sum.Days = append(m.sum.Days, row)
	}
	return nil
}

// days are the hashes of one kind by day.
type days map[string]*dayHash

// dayHash is the hash of a day so far: of the hash before and what came then, so that the
// order counts.
type dayHash struct {
	n   int64
	sum [sha256.Size]byte
}

func (d days) add(day string, parts ...[]byte) {
	h := d[day]
	if h == nil {
		h = &dayHash{}
		d[day] = h
	}
	all := sha256.New()
	all.Write(h.sum[:])
	for _, p := range parts {
		one := sha256.Sum256(p)
		all.Write(one[:])
	}
	h.n++
	copy(h.sum[:], all.Sum(nil))
}

func (h *dayHash) end() (int64, string) {
	if h == nil {
		return 0, ""
	}
	return h.n, hex.EncodeToString(h.sum[:8])
}

// hashFacts hashes ids, bodies and times of becoming known, in the order of (time, id).
func hashFacts(ctx context.Context, s store.Store, kind ueba.Kind, count func()) (days, error) {
	out := days{}
	var body []byte
	for f, err := range s.Scan(ctx, store.Query{Kind: kind}) {
		if err != nil {
			return nil, err
		}
		count()
		body = ueba.EncodeBody(body[:0], f.Body)
		out.add(f.Body.Happened().UTC().Format(time.DateOnly), []byte(f.ID), []byte(f.Known.UTC().Format(time.RFC3339Nano)), body)
	}
	return out, nil
}

// hashDocs hashes ids, days and bodies by ascending id.
func hashDocs(ctx context.Context, s store.Store, kind string, count func()) (days, error) {
	out := days{}
	for d, err := range s.List(ctx, kind, "", "", false) {
		if err != nil {
			return nil, err
		}
		count()
		if !moves(d) {
			continue
		}
		day := ""
		if d.Day != ueba.NoDay {
			day = d.Day.String()
		}
		out.add(day, []byte(d.ID), d.Body)
	}
	return out, nil
}
