package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/fakees"
)

// onElastic is an installation that keeps its data in an Elasticsearch which does what a
// test tells it.
func onElastic(t *testing.T) (*stage, *fakees.Server) {
	t.Helper()
	server := fakees.New()
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return newStage(t, "--set", "store.kind=elastic", "--set", "store.elastic.addresses="+h.URL, "--set", "store.elastic.patience=1s"), server
}

// TestElasticsearchAwayUnderLoad takes Elasticsearch away under load and kills the daemon
// in the middle, again and again: what was answered with 2xx is there in the end, once,
// and in the meantime the daemon says what is the matter.
func TestElasticsearchAwayUnderLoad(t *testing.T) {
	s, server := onElastic(t)
	senders := make([]*sender, 3)
	for i := range senders {
		senders[i] = &sender{name: fmt.Sprint("w", i)}
	}
	for range min(rounds(), 4) {
		p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
		url := p.awaitLink(t)
		var wg sync.WaitGroup
		for _, one := range senders {
			wg.Go(func() { one.sendUntilRefused(url) })
		}
		time.Sleep(200 * time.Millisecond)
		lift := server.Inject(fakees.Fault{Cut: true})
		within(t, "the daemon finds that Elasticsearch is away", func() bool { return strings.Contains(p.log.String(), "facts are spooled") })
		time.Sleep(300 * time.Millisecond)
		p.kill(t)
		wg.Wait()
		lift()
		stored := server.Count("onlooker-events-*")
		acked := 0
		for _, one := range senders {
			acked += len(one.acked)
		}
		if acked <= stored {
			t.Fatalf("%d events were acknowledged and %d are stored: none while Elasticsearch was away, nothing is tested", acked, stored)
		}
	}
	d := s.serve()
	for _, one := range senders {
		if !one.resend(d.url) {
			t.Fatalf("the daemon does not take what it had not acknowledged\n%s", d.log)
		}
	}
	checkLookedAtOnce(t, s, senders)
}

// checkLookedAtOnce waits until the running daemon has followed what was acknowledged, and
// finds each event once.
func checkLookedAtOnce(t *testing.T, s *stage, senders []*sender) {
	t.Helper()
	total := 0
	for _, one := range senders {
		total += len(one.acked)
	}
	var times map[string]int
	within(t, fmt.Sprintf("%d records were looked at", total), func() bool {
		times = map[string]int{}
		for _, look := range s.rows("looks") {
			times[look["record_id"]]++
		}
		return len(times) >= total
	})
	for _, one := range senders {
		for _, id := range one.acked {
			if times[id] != 1 {
				t.Errorf("%s was acknowledged and is there %d times", id, times[id])
			}
		}
	}
	if len(times) != total {
		t.Errorf("%d records were looked at, %d were acknowledged", len(times), total)
	}
	t.Logf("%d events acknowledged", total)
}

// TestSpoolIsShown: while Elasticsearch is away health, metrics and answers say so; when
// it is back everything drains.
func TestSpoolIsShown(t *testing.T) {
	s, server := onElastic(t)
	d := s.serve()
	lift := server.Inject(fakees.Fault{Cut: true})
	one := &sender{name: "w"}
	for range 20 {
		if !one.resend(d.url) {
			t.Fatalf("not acknowledged while Elasticsearch is away\n%s", d.log)
		}
	}
	metrics := func() string {
		_, text := d.get("/metrics")
		return text
	}
	within(t, "the metrics say that it is away", func() bool { return strings.Contains(metrics(), `onlooker_store{name="spool_away"} 1`) })
	if !strings.Contains(metrics(), fmt.Sprintf(`onlooker_store{name="spool_facts"} %d`, len(one.acked))) {
		t.Errorf("the metrics do not count what waits:\n%s", metrics())
	}
	lift()
	within(t, "it drains", func() bool { return strings.Contains(metrics(), `onlooker_store{name="spool_facts"} 0`) })
	checkLookedAtOnce(t, s, []*sender{one})
}

func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not within 30 s: %s", what)
}

var takenLine = regexp.MustCompile(`events are taken at ([0-9.:]+)`)

// TestStartWithoutElasticsearch: a daemon that is started while Elasticsearch is away takes
// events, serves nothing else, and goes on by itself when it is there.
func TestStartWithoutElasticsearch(t *testing.T) {
	s, server := onElastic(t)
	lift := server.Inject(fakees.Fault{Cut: true})
	if r := s.try("looks"); r.code != exitFailed || !strings.Contains(r.errout, "not reached") {
		t.Errorf("a command without Elasticsearch: exit code %d\n%s", r.code, r.errout)
	}
	p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
	url := ""
	within(t, "it takes events", func() bool {
		m := takenLine.FindStringSubmatch(p.log.String())
		if m != nil {
			url = "http://" + m[1]
		}
		return m != nil
	})
	one := &sender{name: "w"}
	for range 10 {
		if !one.resend(url) {
			t.Fatalf("not acknowledged while Elasticsearch is away\n%s", p.log)
		}
	}
	d := &daemon{stage: s, url: url}
	if status, text := d.get("/"); status != http.StatusServiceUnavailable || !strings.Contains(text, "not reached") {
		t.Errorf("the page answers %d %s", status, text)
	}
	lift()
	p.awaitLink(t)
	checkLookedAtOnce(t, s, []*sender{one})
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the daemon ended with %v\n%s", err, p.log)
	}
}

// TestStopWithoutElasticsearch: so does one that is stopped before, and keeps what it took.
func TestStopWithoutElasticsearch(t *testing.T) {
	s, server := onElastic(t)
	lift := server.Inject(fakees.Fault{Status: 401, Type: "security_exception", Reason: "wrong password"})
	p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
	url := ""
	within(t, "it takes events", func() bool {
		m := takenLine.FindStringSubmatch(p.log.String())
		if m != nil {
			url = "http://" + m[1]
		}
		return m != nil
	})
	if !strings.Contains(p.log.String(), "check store.elastic.username") {
		t.Errorf("the log does not say what to mend:\n%s", p.log)
	}
	one := &sender{name: "w"}
	if !one.resend(url) {
		t.Fatalf("not acknowledged\n%s", p.log)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the daemon ended with %v\n%s", err, p.log)
	}
	lift()
	s.serve()
	checkLookedAtOnce(t, s, []*sender{one})
}
