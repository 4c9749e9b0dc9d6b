package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ringLength is how many of this process's newest facts are kept in memory, for followers
// that keep up.
const ringLength = 1 << 14

// entry is one fact in the feed.
type entry struct {
	seq      int64
	kind     ueba.Kind
	id       string
	known    time.Time
	happened time.Time
	body     []byte
}

func (e entry) fact() (ueba.Fact, error) {
	b, err := ueba.DecodeBody(e.kind, e.body)
	return ueba.Fact{ID: e.id, Known: e.known, Body: b}, err
}

// ring is the end of the feed of this process.
type ring struct {
	mu      sync.Mutex
	entries []entry // by number modulo its length
}

func (r *ring) add(e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make([]entry, ringLength)
	}
	r.entries[e.seq%ringLength] = e
}

// take returns up to limit facts of a writer after a number, up to another one, and the
// number they end with; ok is false when the ring does not reach back that far.
func (r *ring) take(writer, after, upTo int64, limit int) (found []entry, end int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil || upTo-after > ringLength/2 {
		return nil, after, false
	}
	for end = after; end < upTo && len(found) < limit; {
		end++
		seq := sequence(writer, end)
		if e := r.entries[seq%ringLength]; e.seq == seq { // else it was a duplicate or is deleted
			found = append(found, e)
		}
	}
	return found, end, true
}

// forget takes out what was deleted.
func (r *ring) forget(kind ueba.Kind, before time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, e := range r.entries {
		if e.kind == kind && e.happened.Before(before) {
			r.entries[i] = entry{}
		}
	}
}

// views is what is known of all writers.
type views struct {
	mu        sync.Mutex
	writers   []view // by number, from 1 on; the first is unused
	mine      int64
	looked    time.Time
	refreshed map[int64]int64 // how far a refresh has shown a writer's facts
}

// view is what is known of one writer.
type view struct {
	state
	version version
	changed time.Time // when this process saw its document change
}

// newest returns the greatest number, and the newest stamp of all.
func (v *views) newest() (number int64, stamp time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.writers {
		if w.Stamp.After(stamp) {
			stamp = w.Stamp
		}
	}
	return int64(max(len(v.writers), 1)) - 1, stamp
}

func (v *views) own(number int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mine = number
}

// wanted returns the numbers to look at: those that are open, and some that may be new.
func (v *views) wanted(ahead int64) []int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var numbers []int64
	for n := int64(1); n < int64(len(v.writers)); n++ {
		if !v.writers[n].Closed {
			numbers = append(numbers, n)
		}
	}
	next := int64(max(len(v.writers), 1))
	for n := next; n < next+ahead; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

// saw takes in what a look has found and reports whether there may be more writers.
func (v *views) saw(numbers []int64, found []hit, now time.Time) (more bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.writers) == 0 {
		v.writers = make([]view, 1)
	}
	for i, n := range numbers {
		var st state
		if !found[i].Found || n > int64(len(v.writers)) || json.Unmarshal(found[i].Source, &st) != nil {
			continue
		}
		if n == int64(len(v.writers)) {
			v.writers = append(v.writers, view{changed: now})
		}
		w := &v.writers[n]
		if at := (version{found[i].Seq, found[i].Term}); at != w.version {
			w.state, w.version, w.changed = st, at, now
		}
		more = i == len(numbers)-1
	}
	return more
}

// silent returns the writers that said nothing for too long.
func (v *views) silent() []int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	var numbers []int64
	for n := int64(1); n < int64(len(v.writers)); n++ {
		if w := v.writers[n]; !w.Closed && n != v.mine && time.Since(w.changed) > abandonAfter {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// lookEvery is how old what is known of other writers may be.
const lookEvery = time.Second

// look learns how far the other writers are, and closes those that are gone.
func (s *Store) look(ctx context.Context, now bool) error {
	v := &s.views
	v.mu.Lock()
	recent := !now && time.Since(v.looked) < lookEvery
	v.mu.Unlock()
	if recent {
		return nil
	}
	for ahead := int64(4); ; ahead = 200 {
		numbers := v.wanted(ahead)
		refs := make([]ref, len(numbers))
		for i, n := range numbers {
			refs[i] = ref{s.metaIndex(), writerID(n)}
		}
		began := time.Now()
		found, err := s.mget(ctx, "look for writers", refs, nil)
		if err != nil {
			return err
		}
		if !v.saw(numbers, found, began) {
			break
		}
	}
	for _, n := range v.silent() {
		if err := s.abandon(ctx, n); err != nil {
			return err
		}
	}
	v.mu.Lock()
	v.looked = time.Now()
	v.mu.Unlock()
	return nil
}

// abandon closes a writer that is gone. Its facts up to the last that can be found are the
// feed's; should it live, it learns of this before it acknowledges anything more.
func (s *Store) abandon(ctx context.Context, number int64) error {
	if err := s.refresh(ctx, []string{s.allEvents(), s.allFacts()}); err != nil {
		return err
	}
	hits, err := s.search(ctx, "close a writer", []string{s.allEvents(), s.allFacts()}, object{
		"size": 1, "_source": []string{"fact.seq"}, "query": sequences(number, 0, maxNumber), "sort": []any{order("fact.seq", "long", true)},
	})
	if err != nil {
		return err
	}
	s.views.mu.Lock()
	old := s.views.writers[number]
	s.views.mu.Unlock()
	st := old.state
	st.Closed, st.Op = true, s.op()
	for _, h := range hits {
		a, err := decodeAbout(h.Source)
		if err != nil {
			return fmt.Errorf("close a writer: %w", err)
		}
		st.Done = max(st.Done, a.Seq&maxNumber)
	}
	v, err := s.set(ctx, "close a writer", s.metaIndex(), writerID(number), encode(st).Bytes(), st.Op, &old.version)
	if errors.Is(err, store.ErrConflict) {
		return nil // it lives, or somebody else closed it: the next look tells
	}
	if err != nil {
		return err
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	s.views.writers[number] = view{st, v, time.Now()}
	return nil
}

// cursor says how far a follower has come: everything of the writers up to base, and of
// some later ones up to a number.
type cursor struct {
	base int64
	at   map[int64]int64
}

// String is <data>;<base>;<writer>:<number>,….
func (c cursor) encode(uuid string, newest int64) store.Cursor {
	var b strings.Builder
	fmt.Fprintf(&b, "%s;%d;", uuid, c.base)
	sep := ""
	for n := c.base + 1; n <= newest; n++ {
		if at := c.at[n]; at > 0 {
			fmt.Fprintf(&b, "%s%d:%d", sep, n, at)
			sep = ","
		}
	}
	return store.Cursor(b.String())
}

func (s *Store) parseCursor(text store.Cursor) (cursor, error) {
	c := cursor{at: map[int64]int64{}}
	if text == "" {
		return c, nil
	}
	bad := fmt.Errorf("cursor %q is not of this store", text)
	parts := strings.Split(string(text), ";")
	if len(parts) != 3 || parts[0] != s.uuid {
		return c, bad
	}
	var err error
	if c.base, err = strconv.ParseInt(parts[1], 10, 64); err != nil || c.base < 0 {
		return c, bad
	}
	for pair := range strings.SplitSeq(parts[2], ",") {
		if pair == "" {
			continue
		}
		writer, number, _ := strings.Cut(pair, ":")
		w, errW := strconv.ParseInt(writer, 10, 64)
		n, errN := strconv.ParseInt(number, 10, 64)
		if errW != nil || errN != nil || w <= c.base || n < 0 {
			return c, bad
		}
		c.at[w] = n
	}
	return c, nil
}

// Changes implements store.Facts.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, store.Cursor, error) {
	facts, next, err := s.changes(ctx, after, limit)
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	return facts, next, nil
}

func (s *Store) changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, store.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, after, err
	}
	c, err := s.parseCursor(after)
	if err != nil {
		return nil, after, err
	}
	if err := s.look(ctx, false); err != nil {
		return nil, after, err
	}
	own, done := s.writer.done()
	newest, _ := s.views.newest()
	newest = max(newest, own)
	if c.base > newest {
		return nil, after, fmt.Errorf("cursor %q is beyond the end of the feed: the data were put back to an earlier state", after)
	}
	var facts []ueba.Fact
	for n := c.base + 1; n <= newest && len(facts) < limit; n++ {
		upTo, closed := done, false
		if n != own {
			upTo, closed = s.views.upTo(n)
		}
		for c.at[n] < upTo && len(facts) < limit {
			more, end, err := s.slice(ctx, n, c.at[n], upTo, limit-len(facts))
			if err != nil {
				return nil, after, err
			}
			facts, c.at[n] = append(facts, more...), end
		}
		if closed && c.at[n] >= upTo && n == c.base+1 {
			c.base = n
			delete(c.at, n)
		}
	}
	return facts, c.encode(s.uuid, newest), nil
}

func (v *views) upTo(number int64) (done int64, closed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if number >= int64(len(v.writers)) {
		return 0, false
	}
	return v.writers[number].Done, v.writers[number].Closed
}

// slice returns facts of one writer after a number, up to another one up to which all are
// written, and the number with which they end.
func (s *Store) slice(ctx context.Context, writer, after, upTo int64, limit int) ([]ueba.Fact, int64, error) {
	if found, end, ok := s.ring.take(writer, after, upTo, limit); ok && s.isOwn(writer) {
		facts := make([]ueba.Fact, len(found))
		for i, e := range found {
			var err error
			if facts[i], err = e.fact(); err != nil {
				return nil, after, err
			}
		}
		return facts, end, nil
	}
	if err := s.show(ctx, writer, upTo); err != nil {
		return nil, after, err
	}
	size := min(limit, pageSize)
	hits, err := s.search(ctx, "changes", []string{s.allEvents(), s.allFacts()}, object{
		"size": size, "query": sequences(writer, after, upTo), "sort": []any{order("fact.seq", "long", false)},
	})
	if err != nil {
		return nil, after, err
	}
	facts := make([]ueba.Fact, 0, len(hits))
	end := upTo
	for _, h := range hits {
		f, a, err := decodeFact(s.kindOf(h.Index), h)
		if err != nil {
			return nil, after, err
		}
		facts = append(facts, f)
		if len(facts) == size {
			end = a.Seq & maxNumber
		}
	}
	return facts, end, nil
}

func (s *Store) isOwn(writer int64) bool {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.number == writer
}

// show refreshes unless a refresh has shown a writer's facts up to there.
func (s *Store) show(ctx context.Context, writer, upTo int64) error {
	v := &s.views
	v.mu.Lock()
	seen := v.refreshed[writer] >= upTo
	v.mu.Unlock()
	if seen {
		return nil
	}
	if err := s.refresh(ctx, []string{s.allEvents(), s.allFacts()}); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refreshed == nil {
		v.refreshed = map[int64]int64{}
	}
	v.refreshed[writer] = max(v.refreshed[writer], upTo)
	return nil
}

// kindOf tells the kind of fact by the index that holds it.
func (s *Store) kindOf(index string) ueba.Kind {
	if kind, ok := strings.CutPrefix(index, s.cfg.Prefix+"-facts-"); ok {
		return ueba.Kind(kind)
	}
	return ueba.KindEvent
}

func sequences(writer, after, upTo int64) object {
	return object{"range": object{"fact.seq": object{"gt": sequence(writer, after), "lte": sequence(writer, upTo)}}}
}

func order(field, kind string, reverse bool) object {
	way := "asc"
	if reverse {
		way = "desc"
	}
	return object{field: object{"order": way, "unmapped_type": kind}}
}
