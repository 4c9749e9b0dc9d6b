package app

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/fakees"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var migrationDay = time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)

// everyKindOfFact has facts of every kind, over three days, not in the order of their
// times, with two that claim the same identity.
func everyKindOfFact(events int) []ueba.Fact {
	facts := []ueba.Fact{
		{Body: &ueba.Reason{ID: "r", RecordID: "C1", EmployeeID: "E1", Type: "ticket", ValidFrom: migrationDay}},
		{Body: &ueba.Employee{ID: "E1", Name: "王伟", Hired: 20000, Left: ueba.NoDay, ValidFrom: migrationDay}},
		{Body: &ueba.Record{ID: "C1", Type: "customer", Tags: []string{"vip"}}},
		{Body: &ueba.System{Service: "crm", ValidFrom: migrationDay}},
		{Body: &ueba.Holiday{Date: 20500, Workday: true}},
		{Body: &ueba.Review{EmployeeID: "E1", From: 20490, To: 20495, Outcome: ueba.Expected, Time: migrationDay}},
		{Body: &ueba.Step{AlertID: "a", State: ueba.AlertClosed, Time: migrationDay}},
		{Body: &ueba.Setting{Name: "n", Value: "v", From: 20500, Time: migrationDay}},
		{Body: &ueba.DeadLetter{Time: migrationDay, Source: "s", Place: "f:1", Raw: []byte{0, 255}}},
	}
	for i := range events {
		facts = append(facts, ueba.Fact{
			Known: migrationDay.Add(time.Duration(i%7) * 24 * time.Hour),
			Body: &ueba.Event{
				EventID: fmt.Sprint(i - i%100/99), Time: migrationDay.Add(time.Duration(i*7919%(3*86400)) * time.Second),
				Source: "t", Service: "crm", User: "li", Action: ueba.ActionView, Record: ueba.EventRecord{IDs: []string{"C1"}},
			},
		})
	}
	return facts
}

func fill(t *testing.T, s store.Store, facts []ueba.Fact) {
	t.Helper()
	for batch := range slices.Chunk(facts, 1000) {
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(),
		store.Doc{Kind: "score", ID: "a", Day: 20500, Body: []byte(`{"r":1.50}`)},
		store.Doc{Kind: "score", ID: "b", Day: 20501, Body: []byte(`{"r":2}`)},
		store.Doc{Kind: "a kind of tomorrow", ID: "客户/x", Day: ueba.NoDay, Body: []byte(`{}`)},
		store.Doc{Kind: pipeline.KindCursor, ID: "file/x", Day: ueba.NoDay, Body: []byte(`{"at":7}`)},
	); err != nil {
		t.Fatal(err)
	}
}

func migrateStores(ctx context.Context, from, to store.Store) (MigrateSummary, error) {
	var sum MigrateSummary
	m := &migration{from: from, to: to, id: "facts/test", sum: &sum}
	err := m.run(ctx)
	return sum, err
}

// mustEqual migrates and finds that nothing differs.
func mustEqual(t *testing.T, from, to store.Store) MigrateSummary {
	t.Helper()
	sum, err := migrateStores(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range sum.Days {
		if !d.Equal {
			t.Errorf("differs: %+v", d)
		}
	}
	if sum.Different != 0 {
		t.Fatalf("%d days differ", sum.Different)
	}
	return sum
}

// feedAfter reads the feed from the pipeline's place on.
func feedAfter(t *testing.T, s store.Store) []string {
	t.Helper()
	at, ok, err := pipeline.Place(t.Context(), s)
	if err != nil || !ok {
		t.Fatalf("the pipeline's place: %v, %v", ok, err)
	}
	var ids []string
	for {
		facts, next, err := s.Changes(t.Context(), at, 999)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts) == 0 {
			return ids
		}
		for _, f := range facts {
			ids = append(ids, string(f.Body.Kind())+f.ID)
		}
		at = next
	}
}

// setPlace puts the pipeline's place before the last facts of the feed.
func setPlace(t *testing.T, s store.Store, most int64) {
	t.Helper()
	_, at, err := walk(t.Context(), s, "", most)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Appendf(nil, `{"cursor":%q,"seen":%d,"kinds":["event"]}`, at, most)
	if err := s.Put(t.Context(), store.Doc{Kind: pipeline.KindCursor, ID: "pipeline", Day: ueba.NoDay, Body: body}); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateThereAndBack moves every kind through another engine and back: nothing
// differs, and the pipeline goes on before the same fact.
func TestMigrateThereAndBack(t *testing.T) {
	first, third := storetest.NewMemory(), storetest.NewMemory()
	second, err := pebble.Open(filepath.Join(t.TempDir(), "store"), pebble.Options{ReserveBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	facts := everyKindOfFact(7000)
	fill(t, first, facts)
	fill(t, first, facts[:50]) // duplicates add nothing
	setPlace(t, first, 6123)
	sum := mustEqual(t, first, second)
	if sum.Facts != int64(len(facts)) || sum.Documents != 4 {
		t.Errorf("copied %d facts and %d documents, want %d and 4", sum.Facts, sum.Documents, len(facts))
	}
	kinds := map[string]bool{}
	for _, d := range sum.Days {
		kinds[d.What+" "+d.Kind] = true
	}
	for _, k := range []string{"fact event", "fact dead", "fact setting", "document score", "document a kind of tomorrow", "document cursor"} {
		if !kinds[k] {
			t.Errorf("%s was not compared", k)
		}
	}
	mustEqual(t, second, third)
	want := feedAfter(t, first)
	if len(want) != len(facts)-6123 || !slices.Equal(want, feedAfter(t, second)) || !slices.Equal(want, feedAfter(t, third)) {
		t.Errorf("%d facts lie before the pipeline, %d and %d after moving", len(want), len(feedAfter(t, second)), len(feedAfter(t, third)))
	}
	if again := mustEqual(t, first, second); again.Facts != 0 {
		t.Errorf("a second run copied %d facts again", again.Facts)
	}
}

// cut is a store that takes only so many facts.
type cut struct {
	*storetest.Memory
	left int
}

var errCut = errors.New("cut off")

func (c *cut) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	if c.left -= len(facts); c.left < 0 {
		return nil, errCut
	}
	return c.Memory.Append(ctx, facts)
}

// TestMigrateGoesOn cuts a migration off again and again; each run goes on where what had
// arrived was remembered.
func TestMigrateGoesOn(t *testing.T) {
	source, target := storetest.NewMemory(), &cut{Memory: storetest.NewMemory()}
	facts := everyKindOfFact(60_000)
	fill(t, source, facts)
	runs, copied := 0, int64(0)
	for {
		runs++
		target.left = 5 * migrateBatch
		sum, err := migrateStores(t.Context(), source, target)
		copied += sum.Facts
		if err == nil {
			break
		}
		if !errors.Is(err, errCut) || runs > 10 {
			t.Fatal(err)
		}
	}
	// Of each run that was cut off one batch of five was not remembered yet.
	if want := int64(len(facts) + (runs-1)*migrateBatch); runs != 3 || copied != want {
		t.Errorf("%d runs copied %d facts, want 3 and %d", runs, copied, want)
	}
	mustEqual(t, source, target)
}

// TestMigrateFindsDifferences: what the target has otherwise is found, by its day.
func TestMigrateFindsDifferences(t *testing.T) {
	event := &ueba.Event{EventID: "0", Time: migrationDay, Source: "t", Service: "crm", User: "li", Action: ueba.ActionView}
	for name, spoil := range map[string]func(store.Store) error{
		"known at another time": func(s store.Store) error {
			_, err := s.Append(t.Context(), []ueba.Fact{{Body: event, Known: migrationDay.Add(time.Nanosecond)}})
			return err
		},
		"a fact more": func(s store.Store) error {
			other := *event
			other.EventID = "more"
			_, err := s.Append(t.Context(), []ueba.Fact{{Body: &other, Known: migrationDay}})
			return err
		},
		"a document more": func(s store.Store) error {
			return s.Put(t.Context(), store.Doc{Kind: "alert", ID: "x", Day: 20500, Body: []byte("{}")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := storetest.NewMemory(), storetest.NewMemory()
			if _, err := source.Append(t.Context(), []ueba.Fact{{Body: event, Known: migrationDay}}); err != nil {
				t.Fatal(err)
			}
			if err := spoil(target); err != nil {
				t.Fatal(err)
			}
			sum, err := migrateStores(t.Context(), source, target)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Different != 1 {
				t.Errorf("%d days differ, want 1: %+v", sum.Different, sum.Days)
			}
		})
	}
}

func TestMigrateOntoItselfIsRefused(t *testing.T) {
	c := Defaults()
	c.Data = t.TempDir()
	_, err := Migrate(t.Context(), c, c, Options{Log: t.Output()}, nil)
	if err == nil || !strings.Contains(err.Error(), "the same store") {
		t.Errorf("got %v", err)
	}
}

// TestMigrateToElasticsearchAndBack moves everything through a fake Elasticsearch, by
// configurations as the command does.
func TestMigrateToElasticsearchAndBack(t *testing.T) {
	server := httptest.NewServer(fakees.New())
	defer server.Close()
	config := func(kind string) Config {
		c := Defaults()
		c.Data, c.Store.Kind, c.Store.Elastic.Addresses = t.TempDir(), kind, []string{server.URL}
		return c
	}
	first, second, third := config("pebble"), config("elastic"), config("pebble")
	s, err := openStore(t.Context(), first, time.Now, newLog(first.Log, t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	facts := everyKindOfFact(3000)
	fill(t, s, facts)
	setPlace(t, s, 1234)
	want := feedAfter(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]Config{{first, second}, {second, third}} {
		sum, err := Migrate(t.Context(), step[0], step[1], Options{Log: t.Output()}, nil)
		if err != nil || sum.Different != 0 || sum.Facts != int64(len(facts)) || sum.Documents != 4 {
			t.Fatalf("%d facts, %d documents, %d differ, %v", sum.Facts, sum.Documents, sum.Different, err)
		}
	}
	for _, c := range []Config{second, third} {
		s, err := openStore(t.Context(), c, time.Now, newLog(c.Log, t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		if got := feedAfter(t, s); !slices.Equal(got, want) {
			t.Errorf("%s: %d facts lie before the pipeline, want %d", c.Store.Kind, len(got), len(want))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
