package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rounds is how often each of the two tests below kills a process.
func rounds() int {
	if testing.Short() {
		return 2
	}
	return 10
}

// TestKillDuringHTTPLoad: what was answered with 2xx is stored, whatever is sent again
// because no answer came is stored once, and the counts say so.
func TestKillDuringHTTPLoad(t *testing.T) {
	s := newStage(t)
	random := rand.New(rand.NewPCG(3, 4))
	senders := make([]*sender, 3)
	for i := range senders {
		senders[i] = &sender{name: fmt.Sprint("w", i)}
	}
	for range rounds() {
		p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
		url := p.awaitLink(t)
		var wg sync.WaitGroup
		for _, one := range senders {
			wg.Go(func() { one.sendUntilRefused(url) })
		}
		time.Sleep(time.Duration(30+random.IntN(300)) * time.Millisecond)
		p.kill(t)
		wg.Wait()
	}
	d := s.serve()
	for _, one := range senders {
		if !one.resend(d.url) { // what was not acknowledged, as a sender does
			t.Fatalf("the daemon does not take what it had not acknowledged\n%s", d.log)
		}
	}
	d.stop()
	checkStoredOnce(t, s, senders)
}

// TestSIGTERMDuringHTTPLoad ends the daemon quietly and loses nothing acknowledged.
func TestSIGTERMDuringHTTPLoad(t *testing.T) {
	s := newStage(t)
	p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
	one := &sender{name: "w"}
	done := make(chan struct{})
	url := p.awaitLink(t)
	go func() {
		defer close(done)
		one.sendUntilRefused(url)
	}()
	time.Sleep(200 * time.Millisecond)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the daemon ended with %v\n%s", err, p.log)
	}
	<-done
	one.pending = nil // it may or may not be there
	checkStoredOnce(t, s, []*sender{one})
}

// sender sends requests of its own, one after the other, and remembers what was
// acknowledged.
type sender struct {
	name     string
	sent     int
	acked    []string // records, each with one look
	pending  []string // of the request that was not acknowledged
	requests int
}

func (o *sender) sendUntilRefused(url string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for o.send(client, url) {
		time.Sleep(3 * time.Millisecond) // many requests say more than many events
	}
}

func (o *sender) resend(url string) bool {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	return o.send(client, url)
}

// send sends the pending request, a new one where there is none, and reports whether it
// was acknowledged.
func (o *sender) send(client *http.Client, url string) bool {
	if o.pending == nil {
		for range 1 + o.requests%40 {
			o.pending = append(o.pending, fmt.Sprintf("%s-%d", o.name, o.sent))
			o.sent++
		}
		o.requests++
	}
	var body strings.Builder
	for _, id := range o.pending {
		body.WriteString(view(id, noon.Add(-time.Hour), o.name, id))
	}
	resp, err := client.Post(url+"/v1/events", "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return false
	}
	o.acked, o.pending = append(o.acked, o.pending...), nil
	return true
}

// checkStoredOnce compares what was acknowledged with the looks and with the counts.
func checkStoredOnce(t *testing.T, s *stage, senders []*sender) {
	t.Helper()
	times := map[string]int{}
	for _, look := range s.rows("looks") {
		times[look["record_id"]]++
	}
	total := 0
	for _, one := range senders {
		for _, id := range one.acked {
			if times[id] != 1 {
				t.Errorf("%s was acknowledged and is there %d times", id, times[id])
			}
		}
		total += len(one.acked)
	}
	if total < 20*len(senders) {
		t.Fatalf("%d events were acknowledged: nothing is tested", total)
	}
	for id, n := range times {
		if n > 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
	holes := s.run("coverage")
	for _, one := range senders {
		n := 0
		for id := range times {
			if strings.HasPrefix(id, one.name+"-") {
				n++
			}
		}
		if want := fmt.Sprintf("account crm:%s belongs to nobody known (%d events)", one.name, n); !strings.Contains(strings.ReplaceAll(holes, ",", ""), want) {
			t.Errorf("coverage lacks %q:\n%s", want, holes)
		}
	}
	row := s.rows("coverage")[0]
	parsed := number64(t, row["parsed"])
	if number64(t, row["received"]) < parsed || parsed-number64(t, row["duplicate"]) != int64(len(times)) {
		t.Errorf("coverage counts %v for %d events", row, len(times))
	}
	t.Logf("%d events acknowledged, %d stored", total, len(times))
}

func number64(t *testing.T, s string) (n int64) {
	t.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("%q is no number: %v", s, err)
	}
	return n
}

// TestKillDuringImport kills imports at any moment, while they store and while they score.
// Importing again gives what an undisturbed import gives: each line once, the same scores.
func TestKillDuringImport(t *testing.T) {
	calm, dir := company(t)
	events := filepath.Join(dir, "events.ndjson")
	begin := time.Now()
	calm.try("import", events)
	took := time.Since(begin)

	killed := calm.elsewhere()
	random := rand.New(rand.NewPCG(5, 6))
	ended := 0
	for range rounds() {
		p := killed.start("import", events)
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		p.kill(t)
		if p.ProcessState.Exited() {
			ended++ // it was faster than the kill
		}
	}
	if ended == rounds() {
		t.Fatal("no import was killed")
	}
	killed.try("import", events)

	if want, got := calm.allScores(), killed.allScores(); got != want {
		t.Errorf("scores after kills differ:\n%s", diff(want, got))
	}
	day := []string{"looks", "--from", "2026-10-29", "--to", "2026-10-29", "--output", "csv"}
	if want, got := calm.run(day...), killed.run(day...); got != want {
		t.Errorf("looks after kills differ:\n%s", diff(want, got))
	}
	if want, got := attributed(calm), attributed(killed); !slices.Equal(want, got) {
		t.Errorf("events by system: %v, without kills %v", got, want)
	}
	if want, got := alertsOf(calm), alertsOf(killed); len(want) == 0 || !slices.Equal(want, got) {
		t.Errorf("alerts %v, without kills %v", got, want)
	}
}

// alertsOf leaves out what differs from one installation to the other.
func alertsOf(s *stage) []string {
	var out []string
	for _, row := range s.rows("alerts") {
		out = append(out, row["time"]+" "+row["employee_id"]+" "+row["level"]+" "+row["rule"])
	}
	return out
}

func attributed(s *stage) []string {
	var out []string
	for _, row := range s.rows("coverage") {
		out = append(out, row["system"]+" "+row["attributed"])
	}
	return out
}
