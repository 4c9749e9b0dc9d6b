package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/internal/company"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// size reads how large a benchmark is to be: `make bench` runs the small one, the figures
// of the README were made with the environment set.
func size(b *testing.B, name string, otherwise int) int {
	b.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func openForBench(b *testing.B) *App {
	b.Helper()
	c := Defaults()
	c.Data = b.TempDir()
	a, err := Open(context.Background(), c, Options{Version: "bench", Log: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	return a
}

const benchDays = 60

// BenchmarkDailyScoring scores one day of ONLOOKER_BENCH_STAFF employees who have 60 days
// of stored profiles.
func BenchmarkDailyScoring(b *testing.B) {
	a := openForBench(b)
	staff := size(b, "ONLOOKER_BENCH_STAFF", 1000)
	last := a.clock.DayOf(a.now()) - 2
	a.hire(b, staff)
	rng := rand.New(rand.NewPCG(1, 2))
	for day := last - benchDays + 1; day <= last; day++ {
		a.keepProfiles(b, rng, day, staff)
	}
	b.ResetTimer()
	for b.Loop() {
		at := a.now()
		sum, err := a.engine.Run(context.Background(), scorer.Tick{At: at, From: last, To: last})
		if err != nil {
			b.Fatal(err)
		}
		if sum.Scored != staff {
			b.Fatalf("%d of %d are scored", sum.Scored, staff)
		}
	}
	b.ReportMetric(float64(staff), "employees")
}

func (a *App) hire(b *testing.B, staff int) {
	b.Helper()
	facts := make([]ueba.Fact, staff)
	for i := range facts {
		e := &ueba.Employee{
			ID: fmt.Sprintf("E%05d", i), Department: fmt.Sprint("D", i%8), Role: fmt.Sprint("R", i%5),
			Hired: ueba.NoDay, Left: ueba.NoDay, Accounts: []string{fmt.Sprintf("crm:u%05d", i)},
		}
		facts[i] = ueba.Fact{Body: e, Known: directory.Ever()}
	}
	if err := a.files.appendAndApply(context.Background(), facts); err != nil {
		b.Fatal(err)
	}
}

func (a *App) keepProfiles(b *testing.B, rng *rand.Rand, day ueba.Day, staff int) {
	b.Helper()
	docs := make([]store.Doc, staff)
	for i := range docs {
		p := ueba.Profile{Employee: fmt.Sprintf("E%05d", i), Day: day, Type: ueba.Workday, Events: 60, Known: a.clock.Begin(day).Add(9 * time.Hour), Services: []string{"crm"}}
		for f := range p.Features {
			p.Features[f] = float64(rng.IntN(40))
		}
		p.Features[ueba.FeatureFirstHour], p.Features[ueba.FeatureLastHour] = 9, 18
		body, err := json.Marshal(p)
		if err != nil {
			b.Fatal(err)
		}
		docs[i] = store.Doc{Kind: pipeline.KindProfile, ID: day.String() + "/" + p.Employee, Day: day, Body: body}
	}
	if err := a.store.Put(context.Background(), docs...); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWho asks who looked at a record with 100 looks among ONLOOKER_BENCH_EVENTS
// events of 180 days.
func BenchmarkWho(b *testing.B) {
	a := openForBench(b)
	const staff, records = 200, 100
	a.hire(b, staff)
	n := size(b, "ONLOOKER_BENCH_EVENTS", 200_000)
	a.fill(b, n, staff, records)
	if err := a.pipeline.CatchUp(context.Background()); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	i := 0
	for b.Loop() {
		begin := time.Now()
		looks, _, err := a.company.Looks(context.Background(), company.LookQuery{Record: fmt.Sprint("W", i%records)})
		took = append(took, time.Since(begin))
		if err != nil || len(looks) != 100 {
			b.Fatalf("%d looks, %v", len(looks), err)
		}
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// fill appends n events of 180 days; each of the watched records W0, W1 … has 100 looks.
func (a *App) fill(b *testing.B, n, staff, watched int) {
	b.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	end := a.now().Add(-24 * time.Hour)
	batch := make([]ueba.Fact, 0, 5000)
	flush := func() {
		if _, err := a.store.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	for i := range n {
		record := fmt.Sprint("C", rng.IntN(n/10+1))
		if every := n / (watched * 100); i%every == 0 && i/every < watched*100 {
			record = fmt.Sprint("W", i/every%watched)
		}
		t := end.Add(-time.Duration(i) * 180 * 24 * time.Hour / time.Duration(n))
		e := &ueba.Event{
			EventID: strconv.Itoa(i), Time: t, Source: "bench", Service: "crm", User: fmt.Sprintf("u%05d", rng.IntN(staff)),
			Action: ueba.ActionView, Session: "s", Record: ueba.EventRecord{Type: "customer", IDs: []string{record}},
		}
		batch = append(batch, ueba.Fact{Body: e, Known: t})
		if len(batch) == cap(batch) {
			flush()
		}
	}
	flush()
}
