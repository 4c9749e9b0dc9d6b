package pebble_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// benchEvents is how many events the benchmarks of queries search, over 180 days.
func benchEvents(b *testing.B) int {
	text, ok := os.LookupEnv("ONLOOKER_BENCH_EVENTS")
	if !ok {
		return 500_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("ONLOOKER_BENCH_EVENTS: %v", err)
	}
	return n
}

var benchDay = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// traffic makes events as 500 staff in five systems cause them: mostly views of one
// record, ten looks a session.
type traffic struct {
	random *rand.Rand
	n      int
	step   time.Duration
}

func newTraffic(seed uint64, step time.Duration) *traffic {
	return &traffic{random: rand.New(rand.NewPCG(seed, 1)), step: step}
}

var benchServices = []string{"credit-engine", "crm", "marketing", "funds", "asset-mgmt"}

func (tr *traffic) event() ueba.Fact {
	tr.n++
	user := tr.random.IntN(500)
	t := benchDay.Add(time.Duration(tr.n)*tr.step + time.Duration(tr.random.IntN(1e9)))
	return ueba.Fact{Known: t, Body: &ueba.Event{
		EventID: fmt.Sprintf("%016x", tr.random.Uint64()), Time: t, Source: "http:crm",
		Service: benchServices[user%5], User: fmt.Sprintf("staff%04d", user), Action: ueba.ActionView, Outcome: "success",
		Duration: time.Duration(tr.random.IntN(90)) * time.Second, HasDuration: true,
		Session: fmt.Sprintf("s-%d-%d", user, tr.n/5000), IP: fmt.Sprintf("10.21.%d.%d", user/250, user%250), Host: fmt.Sprintf("ws-%04d", user),
		Record: ueba.EventRecord{
			Type: "customer", Class: "C3", IDs: []string{fmt.Sprintf("C%07d", tr.random.IntN(200_000))}, Count: 1, Fields: []string{"id_card", "phone"},
		},
		Purpose: ueba.Purpose{ID: fmt.Sprintf("T%07d", tr.n), Kind: "call"},
	}}
}

func (tr *traffic) events(n int) []ueba.Fact {
	facts := make([]ueba.Fact, n)
	for i := range facts {
		facts[i] = tr.event()
	}
	return facts
}

func (tr *traffic) reasons(n int) []ueba.Fact {
	facts := make([]ueba.Fact, n)
	for i := range facts {
		tr.n++
		t := benchDay.Add(time.Duration(tr.n) * tr.step)
		facts[i] = ueba.Fact{Known: t, Body: &ueba.Reason{
			ID: fmt.Sprintf("T%07d", tr.n), RecordID: fmt.Sprintf("C%07d", tr.random.IntN(200_000)),
			EmployeeID: fmt.Sprintf("E%05d", tr.random.IntN(500)), Type: "ticket", ValidFrom: t,
			ValidTo: t.Add(time.Duration(tr.random.IntN(72)) * time.Hour), Created: t, MadeBy: "E00001",
		}}
	}
	return facts
}

// BenchmarkAppend appends batches of 1,000 events, each fsynced, from four writers.
func BenchmarkAppend(b *testing.B) {
	s := open(b, b.TempDir(), pebble.Options{})
	const size, writers = 1000, 4
	var batches [][]ueba.Fact
	tr := newTraffic(1, time.Millisecond)
	for range b.N {
		batches = append(batches, tr.events(size))
	}
	work := make(chan []ueba.Fact, len(batches))
	for _, batch := range batches {
		work <- batch
	}
	close(work)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for batch := range work {
				if _, err := s.Append(b.Context(), batch); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(s.Stats()["disk_bytes"]/float64(b.N*size), "B/event")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// filled is a store with the events of 180 days, of which 100 are looks at one record.
func filled(b *testing.B) *pebble.Store {
	n := benchEvents(b)
	s := open(b, b.TempDir(), pebble.Options{})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	tr := newTraffic(1, 180*24*time.Hour/time.Duration(n))
	begin := time.Now()
	for done := 0; done < n; done += 5000 {
		facts := tr.events(min(5000, n-done))
		for i := range facts {
			if (done+i)%(n/100) == 0 {
				facts[i].Body.(*ueba.Event).Record.IDs = []string{"C-watched"}
			}
		}
		if _, err := s.Append(b.Context(), facts); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d events in %v, %.0f B/event", n, time.Since(begin).Round(time.Millisecond), s.Stats()["disk_bytes"]/float64(n))
	return s
}

// timed runs a query b.N times and reports the median in milliseconds and the facts per second.
func timed(b *testing.B, s *pebble.Store, q func(i int) store.Query) {
	took := make([]time.Duration, b.N)
	facts := 0
	b.ResetTimer()
	for i := range b.N {
		begin := time.Now()
		for _, err := range s.Scan(b.Context(), q(i)) {
			if err != nil {
				b.Fatal(err)
			}
			facts++
		}
		took[i] = time.Since(begin)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(facts)/float64(b.N), "facts/op")
	b.ReportMetric(float64(facts)/b.Elapsed().Seconds(), "facts/s")
}

// BenchmarkQueries runs the queries of the command line and of the scorer.
func BenchmarkQueries(b *testing.B) {
	s := filled(b)
	b.Run("who", func(b *testing.B) {
		timed(b, s, func(int) store.Query {
			return store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C-watched"}}
		})
	})
	b.Run("employee-day", func(b *testing.B) {
		timed(b, s, func(i int) store.Query {
			user := i % 500
			from := benchDay.Add(time.Duration(i%180) * 24 * time.Hour)
			account := ueba.Account{Service: benchServices[user%5], User: fmt.Sprintf("staff%04d", user)}
			return store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account.Key()}, From: from, To: from.Add(24 * time.Hour)}
		})
	})
	b.Run("newest-50", func(b *testing.B) {
		timed(b, s, func(int) store.Query { return store.Query{Kind: ueba.KindEvent, Reverse: true, Limit: 50} })
	})
	b.Run("day", func(b *testing.B) {
		timed(b, s, func(i int) store.Query {
			from := benchDay.Add(time.Duration(i%180) * 24 * time.Hour)
			return store.Query{Kind: ueba.KindEvent, From: from, To: from.Add(24 * time.Hour)}
		})
	})
	b.Run("feed", func(b *testing.B) { readFeed(b, s) })
}

func readFeed(b *testing.B, s *pebble.Store) {
	n := 0
	var cursor store.Cursor
	b.ResetTimer()
	for range b.N {
		facts, next, err := s.Changes(b.Context(), cursor, 1000)
		if err != nil {
			b.Fatal(err)
		}
		if n, cursor = n+len(facts), next; len(facts) == 0 {
			cursor = ""
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "facts/s")
}

// BenchmarkReasons asks for the reasons of a record on a day among a million.
func BenchmarkReasons(b *testing.B) {
	const n = 1_000_000
	s := open(b, b.TempDir(), pebble.Options{})
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	tr := newTraffic(1, 90*24*time.Hour/n)
	for range n / 5000 {
		if _, err := s.Append(b.Context(), tr.reasons(5000)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("record-day", func(b *testing.B) {
		timed(b, s, func(i int) store.Query {
			from := benchDay.Add(time.Duration(i%90) * 24 * time.Hour)
			return store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{fmt.Sprintf("C%07d", i*7919%200_000)}, From: from, To: from.Add(24 * time.Hour)}
		})
	})
	b.Run("employee-day", func(b *testing.B) {
		timed(b, s, func(i int) store.Query {
			from := benchDay.Add(time.Duration(i%90) * 24 * time.Hour)
			return store.Query{Kind: ueba.KindReason, By: store.ByEmployee, Keys: []string{fmt.Sprintf("E%05d", i%500)}, From: from, To: from.Add(24 * time.Hour)}
		})
	})
}
