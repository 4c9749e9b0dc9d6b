package elastic_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/internal/fakees"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/elastic"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// fake is a fake server and where it listens.
type fake struct {
	*fakees.Server
	url string
}

func startFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{Server: fakees.New()}
	h := httptest.NewServer(f.Server)
	t.Cleanup(h.Close)
	f.url = h.URL
	return f
}

// open opens a store that tries again for as long as patience lasts.
func (f *fake) open(t testing.TB, patience time.Duration) *elastic.Store {
	t.Helper()
	s, err := elastic.Open(t.Context(), elastic.Config{
		Config:   esclient.Config{Addresses: []string{f.url}, Timeout: 5 * time.Second},
		Patience: patience,
	}, elastic.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// TestFakeConformance runs the suite of stores on the fake, so that the fake is not kinder
// than a real server.
func TestFakeConformance(t *testing.T) {
	fakes := map[store.Store]*fake{}
	storetest.Run(t, storetest.Engine{
		Open: func(t testing.TB) store.Store {
			f := startFake(t)
			s := f.open(t, time.Minute)
			fakes[s] = f
			return s
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			f := fakes[s]
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := f.open(t, time.Minute)
			fakes[again] = f
			return again
		},
	})
}

var faultDay = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func someEvents(from, n int) []ueba.Fact {
	var facts []ueba.Fact
	for i := from; i < from+n; i++ {
		facts = append(facts, ueba.Fact{Body: &ueba.Event{
			EventID: fmt.Sprint(i), Time: faultDay.Add(time.Duration(i) * time.Minute), Source: "test", Service: "crm",
			User: "li", Action: ueba.ActionView, Record: ueba.EventRecord{IDs: []string{"C1"}},
		}})
	}
	return facts
}

func mustAppend(t *testing.T, s store.Store, facts []ueba.Fact) []store.Outcome {
	t.Helper()
	out, err := s.Append(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allStored(n int) []store.Outcome { return make([]store.Outcome, n) }

func eventIDs(facts []ueba.Fact) []string {
	var ids []string
	for _, f := range facts {
		ids = append(ids, f.Body.(*ueba.Event).EventID)
	}
	slices.Sort(ids)
	return ids
}

func feedOf(t *testing.T, s store.Store, cursor store.Cursor) ([]ueba.Fact, store.Cursor) {
	t.Helper()
	var all []ueba.Fact
	for {
		facts, next, err := s.Changes(t.Context(), cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		cursor = next
		if len(facts) == 0 {
			return all, cursor
		}
		all = append(all, facts...)
	}
}

func scanOf(t *testing.T, s store.Store) []ueba.Fact {
	t.Helper()
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []ueba.Fact
	for f, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// mustHave finds exactly the events, each once, by scan and by feed.
func mustHave(t *testing.T, s store.Store, want []ueba.Fact) {
	t.Helper()
	ids := eventIDs(want)
	if got := eventIDs(scanOf(t, s)); !slices.Equal(got, ids) {
		t.Errorf("the scan gives %v, want %v", got, ids)
	}
	fed, _ := feedOf(t, s, "")
	if got := eventIDs(fed); !slices.Equal(got, ids) {
		t.Errorf("the feed gives %v, want %v", got, ids)
	}
}

// TestFaultsThatPass: whatever the server does for a while, an append that waits for it
// ends well, and every event is there once.
func TestFaultsThatPass(t *testing.T) {
	everyThird := func(status int, kind string) func(int, string, string, string) (int, string, string) {
		return func(n int, _, _, _ string) (int, string, string) {
			if n%3 == 0 {
				return status, kind, "for a test"
			}
			return 0, "", ""
		}
	}
	busy := fakees.Busy()
	busy.On, busy.Times = "_bulk", 5
	for name, f := range map[string]fakees.Fault{
		"busy":                         busy,
		"unavailable":                  {Status: 503, Type: "no_master", Reason: "no master", Times: 3},
		"some items busy":              {On: "_bulk", Times: 4, Item: everyThird(429, "es_rejected_execution_exception")},
		"some items unavailable":       {On: "_bulk", Times: 4, Item: everyThird(503, "unavailable_shards_exception")},
		"requests too large":           {On: "_bulk", Over: 5000, Status: 413},
		"cut before anything was done": {On: "_bulk", Times: 3, Cut: true},
		"done, then cut":               {On: "_bulk", Times: 3, Apply: true, Cut: true},
		"done, then a gateway's error": {On: "_bulk", Times: 3, Apply: true, Status: 504, Type: "timeout", Reason: "gateway"},
		"items done, then 503":         {On: "_bulk", Times: 3, Apply: true, Item: everyThird(503, "unavailable_shards_exception")},
		"items done, then 409":         {On: "_bulk", Skip: 1, Times: 1, Apply: true, Item: everyThird(409, "version_conflict_engine_exception")},
		"reads are cut":                {On: "_mget", Times: 3, Cut: true},
		"searches are cut":             {On: "_search", Times: 3, Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t)
			s := server.open(t, time.Minute)
			facts := someEvents(0, 60)
			mustAppend(t, s, facts[:10]) // and the writer is enrolled
			server.Inject(f)
			if out := mustAppend(t, s, facts[10:]); !slices.Equal(out, allStored(50)) {
				t.Errorf("outcomes: %v", out)
			}
			if out := mustAppend(t, s, someEvents(5, 10)); slices.Contains(out, store.Stored) {
				t.Errorf("outcomes of a second delivery: %v", out)
			}
			mustHave(t, s, facts)
		})
	}
}

// TestBlockedIsFull: while the disk is nearly full nothing is acknowledged, reads and
// deleting go on, and when there is room everything is as before.
func TestBlockedIsFull(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Second)
	facts := someEvents(0, 20)
	mustAppend(t, s, facts[:10])
	if err := s.Put(t.Context(), store.Doc{Kind: "profile", ID: "a", Day: ueba.NoDay, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	server.Block(true)
	if _, err := s.Append(t.Context(), facts[10:]); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Append: %v, want ErrFull", err)
	}
	if err := s.Put(t.Context(), store.Doc{Kind: "profile", ID: "b", Day: ueba.NoDay, Body: []byte("{}")}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Put: %v, want ErrFull", err)
	}
	if got := len(scanOf(t, s)); got != 10 {
		t.Errorf("the scan gives %d events, want 10", got)
	}
	if err := s.DeleteDoc(t.Context(), "profile", "a"); err != nil {
		t.Errorf("deleting: %v", err)
	}
	server.Block(false)
	mustAppend(t, s, facts[10:])
	mustHave(t, s, facts)
}

// TestRefusedItemBlocksNobody: what a mapping refuses is kept whole, and found by time and
// by record; the others are not held up.
func TestRefusedItemBlocksNobody(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Minute)
	refused := ""
	server.Inject(fakees.Fault{On: "_bulk", Item: func(n int, _, index, id string) (int, string, string) {
		if strings.Contains(index, "-events-") && refused == "" && n == 3 {
			refused = id
			return 400, "document_parsing_exception", "failed to parse field"
		}
		return 0, "", ""
	}})
	facts := someEvents(0, 10)
	if out := mustAppend(t, s, facts); !slices.Equal(out, allStored(10)) || refused == "" {
		t.Fatalf("outcomes: %v; refused was %q", out, refused)
	}
	mustHave(t, s, facts)
	if s.Stats()["facts_refused_total"] != 1 {
		t.Error("the refusal is not counted")
	}
	n := 0
	for _, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C1"}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 10 {
		t.Errorf("%d events are found by their record, want 10", n)
	}
}

// TestLostAnswersOfDocuments: a document that was written though the answer was lost is
// known for written; a conflict stays one.
func TestLostAnswersOfDocuments(t *testing.T) {
	conflict := func(int, string, string, string) (int, string, string) {
		return 409, "version_conflict_engine_exception", "for a test"
	}
	for name, f := range map[string]fakees.Fault{
		"cut":           {On: "_bulk", Times: 1, Apply: true, Cut: true},
		"gateway":       {On: "_bulk", Times: 1, Apply: true, Status: 502, Type: "bad", Reason: "gateway"},
		"cut, then 409": {On: "_bulk", Times: 1, Apply: true, Cut: true, Item: conflict},
	} {
		t.Run(name, func(t *testing.T) {
			server := startFake(t)
			s := server.open(t, time.Minute)
			doc := func(id, body, token string) store.Doc {
				return store.Doc{Kind: "alert", ID: id, Day: ueba.NoDay, Body: []byte(body), Token: token}
			}
			server.Inject(f)
			token, err := s.CompareAndSet(t.Context(), doc("a", `{"n":1}`, ""))
			if err != nil {
				t.Fatalf("creating by compare-and-set: %v", err)
			}
			server.Inject(f)
			second, err := s.CompareAndSet(t.Context(), doc("a", `{"n":2}`, token))
			if err != nil {
				t.Fatalf("compare-and-set: %v", err)
			}
			server.Inject(f)
			if _, err := s.CompareAndSet(t.Context(), doc("a", `{"n":3}`, token)); !errors.Is(err, store.ErrConflict) {
				t.Fatalf("with an old token: %v, want ErrConflict", err)
			}
			got, err := s.Get(t.Context(), "alert", "a")
			if err != nil || string(got.Body) != `{"n":2}` || got.Token != second {
				t.Fatalf("the document is %s with token %s, want that of %s; %v", got.Body, got.Token, second, err)
			}
			server.Inject(f)
			if n, err := s.Create(t.Context(), doc("b", `{}`, ""), doc("a", `{"n":2}`, "")); n != 1 || err != nil {
				t.Errorf("Create: %d new, %v; want 1", n, err)
			}
		})
	}
}

// TestConflictThoughApplied: a server may report a conflict for a write that it has done.
func TestConflictThoughApplied(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Minute)
	server.Inject(fakees.Fault{On: "_bulk", Times: 1, Apply: true, Item: func(int, string, string, string) (int, string, string) {
		return 409, "version_conflict_engine_exception", "for a test"
	}})
	token, err := s.CompareAndSet(t.Context(), store.Doc{Kind: "alert", ID: "a", Day: ueba.NoDay, Body: []byte(`{"n":1}`)})
	if err != nil {
		t.Fatalf("compare-and-set that was done and called a conflict: %v", err)
	}
	if _, err := s.CompareAndSet(t.Context(), store.Doc{Kind: "alert", ID: "a", Day: ueba.NoDay, Body: []byte(`{"n":2}`), Token: token}); err != nil {
		t.Fatalf("the next step: %v", err)
	}
}

// TestGivenUpAppendIsSettled: a caller who gave up while the server hung sends again, and
// the feed, which waited for the first attempt, gives every event once.
func TestGivenUpAppendIsSettled(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Minute)
	mustAppend(t, s, someEvents(0, 5))
	lift := server.Inject(fakees.Fault{On: "_bulk", Skip: 1, Delay: 300 * time.Millisecond, Apply: true, Cut: true})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, someEvents(5, 5)); err == nil {
		t.Fatal("an append was acknowledged that nobody answered")
	}
	_, cursor := feedOf(t, s, "")
	lift()
	mustAppend(t, s, someEvents(5, 10))
	var late []ueba.Fact
	for end := time.Now().Add(30 * time.Second); len(late) < 10 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var more []ueba.Fact
		more, cursor = feedOf(t, s, cursor)
		late = append(late, more...)
	}
	if got, want := eventIDs(late), eventIDs(someEvents(5, 10)); !slices.Equal(got, want) {
		t.Errorf("after the first five the feed gave %v, want %v", got, want)
	}
	mustHave(t, s, someEvents(0, 15))
}

// TestManyWritersOnAFlakyServer appends from all sides while one request in five goes
// wrong in some way: all that was acknowledged is there, nothing twice, and a follower
// missed nothing.
func TestManyWritersOnAFlakyServer(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Minute)
	stop := make(chan struct{})
	var making sync.WaitGroup
	making.Go(func() {
		for n, last := 0, 0; ; {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			sum := 0
			for _, count := range server.Requests() {
				sum += count
			}
			if sum < last+5 {
				continue
			}
			n, last = n+1, sum
			server.Inject([]fakees.Fault{
				{Times: 1, Cut: true}, {Times: 1, Cut: true, Apply: true}, {On: "_bulk", Times: 1, Status: 429, Type: "busy"},
				{On: "_bulk", Times: 1, Apply: true, Item: func(n int, _, _, _ string) (int, string, string) {
					return []int{0, 503, 409, 429}[n%4], "mixed", "for a test"
				}},
			}[n%4])
		}
	})
	const writers, batches, size = 4, 20, 10
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for b := range batches {
				if _, err := s.Append(t.Context(), someEvents((w*batches+b)*size, size)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	var followed []ueba.Fact
	var cursor store.Cursor
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(5 * time.Millisecond):
		}
		var more []ueba.Fact
		more, cursor = feedOf(t, s, cursor)
		followed = append(followed, more...)
	}
	close(stop)
	making.Wait()
	want := eventIDs(someEvents(0, writers*batches*size))
	for end := time.Now().Add(time.Minute); len(followed) < len(want) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var more []ueba.Fact
		more, cursor = feedOf(t, s, cursor)
		followed = append(followed, more...)
	}
	if got := slices.Compact(eventIDs(followed)); !slices.Equal(got, want) {
		t.Errorf("a follower saw %d of %d events", len(got), len(want))
	}
	mustHave(t, s, someEvents(0, writers*batches*size))
}

// TestAnotherClusterIsNotMistaken: cursors of a cluster that was replaced are refused.
func TestAnotherClusterIsNotMistaken(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Second)
	mustAppend(t, s, someEvents(0, 5))
	_, cursor := feedOf(t, s, "")
	server.Replace()
	other := server.open(t, time.Second)
	if _, _, err := other.Changes(t.Context(), cursor, 10); err == nil || !strings.Contains(err.Error(), "not of this store") {
		t.Errorf("a cursor of the cluster before: %v", err)
	}
	mustAppend(t, other, someEvents(0, 5))
	mustHave(t, other, someEvents(0, 5))
}

// TestPutBackToAnEarlierState: after a restore from a snapshot what was lost is taken
// again, and a follower whose cursor stands in the same cluster sees it.
func TestPutBackToAnEarlierState(t *testing.T) {
	server := startFake(t)
	s := server.open(t, time.Minute)
	mustAppend(t, s, someEvents(0, 5))
	_, before := feedOf(t, s, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restore := server.Snapshot()
	lost := server.open(t, time.Minute)
	mustAppend(t, lost, someEvents(5, 10))
	if err := lost.Close(); err != nil {
		t.Fatal(err)
	}
	restore()
	again := server.open(t, time.Minute)
	out := mustAppend(t, again, someEvents(0, 15))
	if want := append([]store.Outcome{1, 1, 1, 1, 1}, allStored(10)...); !slices.Equal(out, want) {
		t.Errorf("outcomes: %v, want %v", out, want)
	}
	mustHave(t, again, someEvents(0, 15))
	fed, _ := feedOf(t, again, before)
	if got, want := eventIDs(fed), eventIDs(someEvents(5, 10)); !slices.Equal(got, want) {
		t.Errorf("after the cursor of the snapshot the feed gives %v, want %v", got, want)
	}
}
