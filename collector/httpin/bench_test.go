package httpin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/storetest"
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

const eventsPerRequest = 1000

// sender makes requests of events that are all different: a few bytes of each id change
// from one request to the next, so that making them costs the client next to nothing.
type sender struct {
	body []byte
	ids  []int // offsets of the 16 digits of each id
}

var benchServices = []string{"credit-engine", "crm", "marketing", "funds", "asset-mgmt"}

func newSender(seed uint64) *sender {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &sender{}
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.FixedZone("", 8*3600))
	for i := range eventsPerRequest {
		user := r.IntN(500)
		at = at.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
		s.body = fmt.Appendf(s.body, `{"@timestamp":"%s","event":{"id":"`, at.Format("2006-01-02T15:04:05.000-07:00"))
		s.ids = append(s.ids, len(s.body))
		s.body = fmt.Appendf(s.body, `%016x","action":"view","duration":%d000000,"outcome":"success"},"user":{"id":"staff%04d"},`+
			`"service":{"name":"%s"},"session":{"id":"s-%d-%d"},"source":{"ip":"10.21.%d.%d"},"host":{"name":"ws-%04d"},`+
			`"record":{"type":"customer","id":["C%07d"],"class":"C3","count":1,"fields":["id_card","phone"]},`+
			`"purpose":{"id":"T261102-%05d-%d","kind":"call"},"labels":{"branch":"shanghai-%02d","channel":"desktop"}}`+"\n",
			i, 1+r.IntN(90000), user, benchServices[user%5], user, i%40, user/250, user%250, user, r.IntN(200000), user, i%10, user%30)
	}
	return s
}

func (s *sender) next(request uint64) []byte {
	const digits = "0123456789abcdef"
	for _, at := range s.ids {
		n := request
		for i := at; i < at+10; i++ {
			s.body[i] = digits[n&15]
			n >>= 4
		}
	}
	return s.body
}

// BenchmarkHTTPIngest sends 1,000 events a request over 4 connections of loopback, with
// the client on the same processors and, for pebble, an fsync before each answer and a
// follower of the change feed.
func BenchmarkHTTPIngest(b *testing.B) {
	b.Run("memory", func(b *testing.B) { ingest(b, storetest.NewMemory()) })
	b.Run("pebble", func(b *testing.B) {
		s, err := pebble.Open(b.TempDir(), pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		ingest(b, s)
	})
}

func ingest(b *testing.B, s store.Store) {
	h := New(DefaultConfig(), collector.NewIntake(s, s, time.Now), Formats{builtin("ecsjson")}, collector.Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	followed := make(chan int64)
	stop := make(chan struct{})
	go func() { followed <- follow(s, stop) }()

	url := "http://" + listener.Addr().String() + Path
	var requests atomic.Uint64
	var senders sync.WaitGroup
	b.ResetTimer()
	for i := range 4 {
		senders.Go(func() { send(b, url, newSender(uint64(i)), &requests) })
	}
	senders.Wait()
	b.StopTimer()
	close(stop)
	seen, total := <-followed, int64(b.N)*eventsPerRequest
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(total-seen), "behind")
	b.ReportMetric(peak(), "MiB")
}

func send(b *testing.B, url string, s *sender, requests *atomic.Uint64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for {
		n := requests.Add(1)
		if n > uint64(b.N) {
			return
		}
		resp, err := client.Post(url, "application/x-ndjson", bytes.NewReader(s.next(n)))
		if err != nil {
			b.Error(err)
			return
		}
		var a Answer
		err = json.NewDecoder(resp.Body).Decode(&a)
		resp.Body.Close()
		if err != nil || a.Stored != eventsPerRequest {
			b.Errorf("answer %+v, %v", a, err)
			return
		}
	}
}

// follow reads the change feed until stop is closed and returns how far it came by then.
func follow(s store.Store, stop <-chan struct{}) int64 {
	var cursor store.Cursor
	seen := int64(0)
	for {
		select {
		case <-stop:
			return seen
		default:
		}
		facts, next, err := s.Changes(context.Background(), cursor, 5000)
		if err != nil {
			return seen
		}
		cursor = next
		seen += int64(len(facts))
		if len(facts) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// peak is what the process took from the system.
func peak() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys) / (1 << 20)
}
