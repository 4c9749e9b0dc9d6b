package spool_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/spool"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// patience is long in tests that want the remote's judgement: a machine under load is
// no outage.
const patience = time.Minute

// remote is a memory store whose appends fail or hang on command.
type remote struct {
	*storetest.Memory
	mu      sync.Mutex
	fails   error
	applies bool          // though it fails
	hold    chan struct{} // appends wait until it is closed
	sizes   []int
}

func newRemote() *remote { return &remote{Memory: storetest.NewMemory()} }

func (r *remote) set(fails error, applies bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails, r.applies = fails, applies
}

func (r *remote) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	r.mu.Lock()
	fails, applies, hold := r.fails, r.applies, r.hold
	r.sizes = append(r.sizes, len(facts))
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fails != nil && !applies {
		return nil, fails
	}
	out, err := r.Memory.Append(ctx, facts)
	if fails != nil {
		return nil, fails
	}
	return out, err
}

func dial(r store.Store) spool.Dial {
	return func(context.Context) (store.Store, error) { return r, nil }
}

func open(t testing.TB, local store.Store, d spool.Dial, o spool.Options) *spool.Store {
	t.Helper()
	if o.Pause == 0 {
		o.Pause = time.Millisecond
	}
	s, err := spool.Open(context.Background(), local, d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func events(from, n int) []ueba.Fact {
	var facts []ueba.Fact
	for i := from; i < from+n; i++ {
		facts = append(facts, ueba.Fact{Body: &ueba.Event{
			EventID: fmt.Sprint(i), Time: day.Add(time.Duration(i) * time.Second), Source: "test", Service: "crm",
			User: "li", Action: ueba.ActionView, Record: ueba.EventRecord{IDs: []string{fmt.Sprint("C", i)}},
		}})
	}
	return facts
}

var day = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func mustAppend(t *testing.T, s store.Store, facts []ueba.Fact) []store.Outcome {
	t.Helper()
	out, err := s.Append(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sync1(t *testing.T, s store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
}

// fed reads the whole feed.
func fed(t *testing.T, s store.Store) []ueba.Fact {
	t.Helper()
	var all []ueba.Fact
	var cursor store.Cursor
	for {
		facts, next, err := s.Changes(t.Context(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts) == 0 {
			return all
		}
		all, cursor = append(all, facts...), next
	}
}

func eventIDs(facts []ueba.Fact) []string {
	var ids []string
	for _, f := range facts {
		ids = append(ids, f.Body.(*ueba.Event).EventID)
	}
	return ids
}

// pair is the two stores below a spool in the conformance suite.
type pair struct {
	*spool.Store
	local, remote *storetest.Memory
}

func openPair(t testing.TB, local, remote *storetest.Memory) *pair {
	s, err := spool.Open(context.Background(), local, dial(remote), spool.Options{Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &pair{s, local, remote}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Engine{
		Open: func(t testing.TB) store.Store { return openPair(t, storetest.NewMemory(), storetest.NewMemory()) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			closeStore(t, s)
			return openPair(t, s.(*pair).local, s.(*pair).remote)
		},
	})
}

var errAway = errors.New("connection refused")

// TestOutageCostsNothing takes the remote away, spools, opens the spool again on the same
// folder, and brings the remote back: order and times of becoming known are those of the appends.
func TestOutageCostsNothing(t *testing.T) {
	r := newRemote()
	folder := filepath.Join(t.TempDir(), "spool")
	now := day.Add(24 * time.Hour)
	o := spool.Options{Patience: patience, Now: func() time.Time { return now }}
	s := open(t, openFolder(t, folder), dial(r), o)
	mustAppend(t, s, events(0, 10))
	r.set(errAway, false)
	var want []ueba.Fact
	for i := 10; i < 500; i += 7 {
		facts := events(i, 7)
		now = now.Add(time.Second)
		for _, out := range mustAppend(t, s, facts) {
			if out != store.Stored {
				t.Fatalf("outcome while the remote is away is %v", out)
			}
		}
		if facts[0].ID == "" || !facts[0].Known.Equal(now) {
			t.Fatalf("spooled fact has id %q, known %v, want %v", facts[0].ID, facts[0].Known, now)
		}
		want = append(want, facts...)
	}
	stats := s.Stats()
	if stats["spool_facts"] != float64(len(want)) || stats["spool_away"] != 1 || stats["spool_bytes"] <= 0 || stats["spool_oldest_seconds"] <= 0 {
		t.Fatalf("stats while away: %v", stats)
	}
	if err := s.LastError(); !errors.Is(err, errAway) {
		t.Fatalf("the last error is %v", err)
	}
	closeStore(t, s)
	now = now.Add(-time.Hour) // the clock falls back: stamps must not
	s = open(t, openFolder(t, folder), dial(r), o)
	if n := s.Stats()["spool_facts"]; n != float64(len(want)) {
		t.Fatalf("after reopening %v facts wait, want %d", n, len(want))
	}
	late := events(1000, 3)
	mustAppend(t, s, late)
	want = append(want, late...)
	r.set(nil, false)
	sync1(t, s)
	got := fed(t, r)[10:]
	if !slices.Equal(eventIDs(got), eventIDs(want)) {
		t.Fatalf("drained in the order %v, want %v", eventIDs(got), eventIDs(want))
	}
	for i := range got {
		if !got[i].Known.Equal(want[i].Known) || got[i].ID != want[i].ID || i > 0 && got[i].Known.Before(got[i-1].Known) {
			t.Fatalf("fact %d is known since %v as %s, want %v as %s", i, got[i].Known, got[i].ID, want[i].Known, want[i].ID)
		}
	}
	waitUntil(t, "the spool is empty", func() bool { return s.Stats()["spool_bytes"] == 0 })
	if stats := s.Stats(); stats["spool_facts"] != 0 || stats["spool_away"] != 0 || stats["spool_corrected_total"] != 0 || s.LastError() != nil {
		t.Fatalf("stats afterwards: %v, last error %v", stats, s.LastError())
	}
}

func openFolder(t testing.TB, folder string) *pebble.Store {
	t.Helper()
	local, err := pebble.Open(folder, pebble.Options{CacheBytes: 1 << 20, ReserveBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	return local
}

func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestCaughtUpMeansJudged: when the remote is back, outcomes are the remote's again.
func TestCaughtUpMeansJudged(t *testing.T) {
	r := newRemote()
	s := open(t, storetest.NewMemory(), dial(r), spool.Options{Patience: patience})
	r.set(errAway, false)
	mustAppend(t, s, events(0, 5))
	if out := mustAppend(t, s, events(0, 5)); out[0] != store.Stored {
		t.Fatalf("while away: %v", out)
	}
	r.set(nil, false)
	sync1(t, s)
	waitUntil(t, "five corrections are counted", func() bool { return s.Stats()["spool_corrected_total"] == 5 })
	if out := mustAppend(t, s, events(4, 2)); !slices.Equal(out, []store.Outcome{store.Duplicate, store.Stored}) {
		t.Fatalf("afterwards: %v", out)
	}
	if n := len(fed(t, r)); n != 6 {
		t.Fatalf("the remote has %d facts, want 6", n)
	}
}

// TestAppliedThoughItFailed: the remote applies and says that it failed; nothing is twice.
func TestAppliedThoughItFailed(t *testing.T) {
	r := newRemote()
	s := open(t, storetest.NewMemory(), dial(r), spool.Options{Patience: patience})
	r.set(context.DeadlineExceeded, true)
	mustAppend(t, s, events(0, 50))
	waitUntil(t, "a second attempt", func() bool { return s.Stats()["spool_failures_total"] > 2 })
	r.set(nil, false)
	sync1(t, s)
	if got := eventIDs(fed(t, r)); !slices.Equal(got, eventIDs(events(0, 50))) {
		t.Fatalf("the remote has %v", got)
	}
}

// TestBatchesShrink: a remote that takes only small requests is served.
func TestBatchesShrink(t *testing.T) {
	r := newRemote()
	s := open(t, storetest.NewMemory(), dial(limited{r, 30}), spool.Options{Patience: patience, Batch: 500})
	mustAppend(t, s, events(0, 1000))
	sync1(t, s)
	if n := len(fed(t, r)); n != 1000 {
		t.Fatalf("the remote has %d facts, want 1000", n)
	}
}

type limited struct {
	*remote
	most int
}

func (l limited) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	if len(facts) > l.most {
		return nil, errors.New("413 Request Entity Too Large")
	}
	return l.remote.Append(ctx, facts)
}

// TestFullRefuses: over its bound the spool stores nothing of a call and says so; when
// it has drained it takes it.
func TestFullRefuses(t *testing.T) {
	r := newRemote()
	r.set(errAway, false)
	s := open(t, storetest.NewMemory(), dial(r), spool.Options{MaxBytes: 20_000, Patience: patience})
	n := 0
	var err error
	for ; err == nil && n < 10_000; n += 10 {
		_, err = s.Append(t.Context(), events(n, 10))
	}
	n -= 10
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "store.spool_bytes") {
		t.Fatalf("after %d events: %v, want ErrFull", n, err)
	}
	if b := s.Stats()["spool_bytes"]; b > 20_000 || b < 15_000 {
		t.Fatalf("the spool holds %v bytes of at most 20000", b)
	}
	r.set(nil, false)
	sync1(t, s)
	if got := len(fed(t, r)); got != n {
		t.Fatalf("the remote has %d facts; %d were acknowledged", got, n)
	}
	waitUntil(t, "there is room", func() bool { return s.Stats()["spool_bytes"] == 0 })
	mustAppend(t, s, events(n, 10))
}

// TestSlowRemoteHoldsNobody: who is impatient is answered from the spool, and those after
// him do not wait at all, until the remote is caught up with.
func TestSlowRemoteHoldsNobody(t *testing.T) {
	r := newRemote()
	r.hold = make(chan struct{})
	s := open(t, storetest.NewMemory(), dial(r), spool.Options{Patience: 20 * time.Millisecond, Attempt: time.Minute})
	for i := range 100 {
		mustAppend(t, s, events(i, 1))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Sync while the remote hangs: %v", err)
	}
	if err := s.DropDays(ctx, ueba.KindEvent, day); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("DropDays while the remote hangs: %v", err)
	}
	close(r.hold)
	sync1(t, s)
	if got := len(fed(t, r)); got != 100 {
		t.Fatalf("the remote has %d facts", got)
	}
}

// TestStartsWithoutTheRemote: the spool takes facts before the remote was ever reached.
func TestStartsWithoutTheRemote(t *testing.T) {
	r := newRemote()
	var there sync.Mutex
	reachable := false
	d := func(context.Context) (store.Store, error) {
		there.Lock()
		defer there.Unlock()
		if !reachable {
			return nil, errAway
		}
		return r, nil
	}
	s := open(t, storetest.NewMemory(), d, spool.Options{Patience: patience})
	if err := s.Ready(t.Context()); !errors.Is(err, spool.ErrAway) || !errors.Is(err, errAway) {
		t.Fatalf("Ready: %v", err)
	}
	mustAppend(t, s, events(0, 20))
	if _, err := s.Get(t.Context(), "k", "i"); !errors.Is(err, spool.ErrAway) {
		t.Fatalf("Get: %v", err)
	}
	for _, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent}) {
		if !errors.Is(err, spool.ErrAway) {
			t.Fatalf("Scan: %v", err)
		}
	}
	if s.Stats()["spool_away"] != 1 {
		t.Fatal("stats do not say that the remote is away")
	}
	there.Lock()
	reachable = true
	there.Unlock()
	sync1(t, s)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(fed(t, s)); got != 20 {
		t.Fatalf("the remote has %d facts", got)
	}
}

// TestDamagedEntryIsKeptAside: what cannot be read holds up nothing and is not deleted.
func TestDamagedEntryIsKeptAside(t *testing.T) {
	r, local := newRemote(), storetest.NewMemory()
	r.set(errAway, false)
	s := open(t, local, dial(r), spool.Options{Patience: patience})
	for i := range 3 {
		mustAppend(t, s, events(i, 1))
	}
	closeStore(t, s)
	n := 0
	for doc, err := range local.List(t.Context(), "spool", "", "", false) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			doc.Body = doc.Body[:len(doc.Body)-20]
			if err := local.Put(t.Context(), doc); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 3 {
		t.Fatalf("the spool has %d entries, want 3", n)
	}
	r.set(nil, false)
	s = open(t, local, dial(r), spool.Options{Patience: patience})
	sync1(t, s)
	if got := eventIDs(fed(t, r)); !slices.Equal(got, []string{"0", "2"}) {
		t.Fatalf("the remote has %v", got)
	}
	if s.Stats()["spool_damaged_total"] != 1 {
		t.Fatal("the damage is not counted")
	}
	for doc, err := range local.List(t.Context(), "spool_damaged", "", "", false) {
		if err != nil || len(doc.Body) == 0 {
			t.Fatalf("the damaged entry: %v, %v", doc, err)
		}
		return
	}
	t.Fatal("the damaged entry was not kept")
}

// TestNewerEntryIsRefused: a spool of a newer version is not opened.
func TestNewerEntryIsRefused(t *testing.T) {
	local := storetest.NewMemory()
	if err := local.Put(t.Context(), store.Doc{Kind: "spool", ID: "0000000000000001", Day: ueba.NoDay, Body: []byte{9}}); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(t.Context(), local, dial(newRemote()), spool.Options{}); !errors.Is(err, store.ErrNewer) {
		t.Fatalf("Open: %v, want ErrNewer", err)
	}
}

// TestBrokenDiskIsSaid: what cannot be spooled is not acknowledged, and reads go on.
func TestBrokenDiskIsSaid(t *testing.T) {
	r, local := newRemote(), storetest.NewMemory()
	s := open(t, local, dial(r), spool.Options{Patience: patience})
	mustAppend(t, s, events(0, 3))
	local.Refuse(store.ErrBroken)
	if _, err := s.Append(t.Context(), events(3, 1)); !errors.Is(err, store.ErrBroken) {
		t.Fatalf("Append on a broken disk: %v", err)
	}
	if got := len(fed(t, s)); got != 3 {
		t.Fatalf("the remote has %d facts, want 3", got)
	}
	local.Refuse(nil)
	mustAppend(t, s, events(3, 1))
	waitUntil(t, "all is deleted", func() bool { return s.Stats()["spool_bytes"] == 0 })
}

// TestClosedRefuses: no call hangs on a closed spool.
func TestClosedRefuses(t *testing.T) {
	s := open(t, storetest.NewMemory(), dial(newRemote()), spool.Options{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if _, err := s.Append(context.Background(), events(w*100_000+i, 1)); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	closeStore(t, s)
	wg.Wait()
}
