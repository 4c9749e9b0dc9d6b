package file

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func builtin(name string) collector.Format {
	for _, f := range parse.Formats() {
		if f.Name == name {
			return collector.Format{Name: f.Name, Split: f.Split, New: func(o collector.Options) collector.Parser { return f.New(parse.Options(o)) }}
		}
	}
	panic("no format " + name)
}

// genuine reads a log that a real PostgreSQL wrote.
func genuine(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "samples", "postgresql-pgaudit-real", name))
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the folder of genuine logs is not here:", err)
	}
	return data
}

// events are the stored events as text, in order.
func (b *bench) events() []string {
	b.t.Helper()
	var all []string
	for f, err := range b.store.Scan(b.t.Context(), store.Query{Kind: ueba.KindEvent}) {
		b.must(err)
		all = append(all, string(ueba.EncodeBody(nil, f.Body)))
	}
	return all
}

// TestGenuineLogThroughRestarts follows a genuine log whose lines belong together as it
// is written in pieces, rotated and read by a daemon that is stopped and killed: the
// events are those of reading it in one go.
func TestGenuineLogThroughRestarts(t *testing.T) {
	for _, name := range []string{"pg.json", "pg.csv"} {
		t.Run(name, func(t *testing.T) {
			data := genuine(t, name)
			m := storetest.NewMemory()
			in := collector.NewIntake(m, m, time.Now)
			whole := collector.ImportOptions{Delivery: collector.Delivery{Options: collector.Options{Source: "app"}}}
			sum, err := in.Import(t.Context(), bytes.NewReader(data), builtin("pgaudit"), whole)
			if err != nil || sum.Stored == 0 || sum.Dead > 0 || sum.Received != sum.Skipped+sum.Stored {
				t.Fatalf("import: %+v, %v", sum, err)
			}
			want := (&bench{t: t, store: m}).events()
			for seed := range uint64(5) {
				synctest.Test(t, func(t *testing.T) { inPieces(t, data, want, rand.New(rand.NewPCG(seed, 1))) })
			}
		})
	}
}

func inPieces(t *testing.T, data []byte, want []string, r *rand.Rand) {
	b := newBench(t, "pg.log*")
	b.format = builtin("pgaudit")
	b.config.Batch = 1 + r.IntN(20)
	b.config.Idle = 5 * time.Minute // pieces of a statement come minutes apart here
	docs := &deaf{Memory: b.store}
	b.docs = docs
	b.start()
	for len(data) > 0 {
		n := min(len(data), 1+r.IntN(20000))
		b.append("pg.log", string(data[:n]))
		data = data[n:]
		b.pass(time.Duration(r.IntN(3000)) * time.Millisecond)
		switch r.IntN(5) {
		case 0:
			b.stop()
			b.start()
		case 1:
			docs.lost.Store(true) // from here to the next start, as if killed before each cursor
			b.pass(2 * time.Second)
			b.stop()
			docs.lost.Store(false)
			b.start()
		}
	}
	b.pass(10 * time.Minute)
	b.stop()
	if n := len(b.dead()); n > 0 {
		t.Errorf("%d dead letters", n)
	}
	got := b.events()
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
