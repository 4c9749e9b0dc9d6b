package collector_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/store/pebble"
)

// builtin is a format of collector/parse, wired as internal/app wires it.
func builtin(name string) collector.Format {
	for _, f := range parse.Formats() {
		if f.Name == name {
			return collector.Format{Name: f.Name, Split: f.Split, New: func(o collector.Options) collector.Parser { return f.New(parse.Options(o)) }}
		}
	}
	panic("no format " + name)
}

// history is a file of months of a company, made as it is read: five events and three
// reasons in eight lines, in order of time.
type history struct {
	random *rand.Rand
	at     time.Time
	lines  int // still to make
	buf    bytes.Buffer
}

func newHistory(lines int) *history {
	return &history{random: rand.New(rand.NewPCG(1, 1)), at: time.Date(2026, 5, 4, 1, 0, 0, 0, time.UTC), lines: lines}
}

func (h *history) Read(p []byte) (int, error) {
	for h.buf.Len() < len(p) && h.lines > 0 {
		h.lines--
		h.at = h.at.Add(time.Duration(h.random.IntN(3000)) * time.Millisecond)
		if h.lines%8 < 5 {
			h.event()
		} else {
			h.reason()
		}
	}
	if h.buf.Len() == 0 {
		return 0, io.EOF
	}
	return h.buf.Read(p)
}

func (h *history) event() {
	user := h.random.IntN(500)
	fmt.Fprintf(&h.buf, `{"@timestamp":"%s","event":{"id":"%016x","action":"view","duration":%d000000,"outcome":"success"},"user":{"id":"staff%04d"},`+
		`"service":{"name":"crm"},"session":{"id":"s-%d-%d"},"source":{"ip":"10.21.4.%d"},"host":{"name":"ws-%04d"},`+
		`"record":{"type":"customer","id":["C%07d"],"class":"C3","count":1,"fields":["id_card","phone"]},"purpose":{"id":"T%d","kind":"call"}}`+"\n",
		h.at.Format("2006-01-02T15:04:05.000Z"), h.lines, 1+h.random.IntN(90000), user, user, h.lines/5000, user%250, user, h.random.IntN(200000), h.lines)
}

func (h *history) reason() {
	made := h.at.Format(time.RFC3339)
	fmt.Fprintf(&h.buf, `{"@timestamp":"%s","event":{"kind":"reason","id":"R%d"},"service":{"name":"crm"},"reason":{"id":"R%d","kind":"ticket","valid_from":"%s","valid_to":"%s","created":"%s","made_by":"system"},`+
		`"record":{"id":["C%07d"]},"employee":{"id":"E%04d"}}`+"\n",
		made, h.lines, h.lines, made, h.at.Add(72*time.Hour).Format(time.RFC3339), made, h.random.IntN(200000), h.random.IntN(500))
}

// BenchmarkImport reads lines into the embedded store; ONLOOKER_BENCH_LINES says how many
// (3.2 million are 2 million events with 1.2 million reasons).
func BenchmarkImport(b *testing.B) {
	lines := 200_000
	if text, ok := os.LookupEnv("ONLOOKER_BENCH_LINES"); ok {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("ONLOOKER_BENCH_LINES: %v", err)
		}
		lines = n
	}
	for b.Loop() {
		s, err := pebble.Open(b.TempDir(), pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		in := collector.NewIntake(s, s, time.Now)
		sum, err := in.Import(b.Context(), newHistory(lines), builtin("ecsjson"), options(0))
		if err := errors.Join(err, s.Close()); err != nil || sum.Stored != int64(lines) {
			b.Fatalf("%+v, %v", sum, err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "facts/s")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
}
