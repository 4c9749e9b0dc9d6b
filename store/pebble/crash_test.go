package pebble_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The environment of the child process that is killed: its data folder, and the number
// of its run, so that no two runs make the same events.
const (
	crashDir = "ONLOOKER_TEST_CRASH_DIR"
	crashRun = "ONLOOKER_TEST_CRASH_RUN"
)

// crashChild appends until it is killed, when the environment asks for it. It writes
// the ids that are acknowledged to standard output.
func crashChild() bool {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return false
	}
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	for writer := range 4 {
		wg.Go(func() { appendForever(s, os.Getenv(crashRun), writer, &out) })
	}
	wg.Wait()
	return true
}

func appendForever(s *pebble.Store, run string, writer int, out *sync.Mutex) {
	for batch := 0; ; batch++ {
		facts := crashBatch(run, writer, batch)
		if _, err := s.Append(context.Background(), facts); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var ids []byte
		for _, f := range facts {
			ids = append(append(ids, f.ID...), '\n')
		}
		out.Lock()
		_, err := os.Stdout.Write(ids)
		out.Unlock()
		if err != nil {
			os.Exit(1)
		}
	}
}

func crashBatch(run string, writer, batch int) []ueba.Fact {
	var facts []ueba.Fact
	for i := range 1 + (batch*7+writer)%50 {
		e := &ueba.Event{
			EventID: fmt.Sprintf("%s/%d/%d/%d", run, writer, batch, i), Source: "crash", Service: "crm", User: strconv.Itoa(i % 3),
			Action: ueba.ActionView, Time: benchDay.Add(time.Duration(batch) * time.Second),
			Record: ueba.EventRecord{Type: "customer", IDs: []string{fmt.Sprint("C", i)}},
		}
		facts = append(facts, ueba.Fact{Body: e})
	}
	return facts
}

// TestKillLosesNothingAcknowledged kills a process in the middle of its load, 20 times on
// the same folder, and finds all that was acknowledged, once.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	runs := 20
	if testing.Short() {
		runs = 3
	}
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	random := rand.New(rand.NewPCG(1, 2))
	for run := range runs {
		n := len(acknowledged)
		killInLoad(t, dir, run, time.Duration(50+random.IntN(250))*time.Millisecond, acknowledged)
		checkStored(t, dir, acknowledged)
		if len(acknowledged) == n && run == 0 {
			t.Fatal("nothing was acknowledged before the kill: nothing is tested")
		}
	}
	t.Logf("%d kills, %d facts acknowledged", runs, len(acknowledged))
}

func killInLoad(t *testing.T, dir string, run int, after time.Duration, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashRun+"="+strconv.Itoa(run))
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	var kill sync.Once
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // what stands before the end may be half an id
			break
		}
		acknowledged[line[:len(line)-1]] = true
		kill.Do(func() {
			time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		})
	}
	_, _ = io.Copy(io.Discard, lines)
	if state := cmd.Wait(); state == nil {
		t.Fatal("the child ended by itself")
	}
}

// checkStored opens the folder and finds each acknowledged id once, by each way.
func checkStored(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	s := open(t, dir, pebble.Options{})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	byTime := make(map[string]int)
	for f, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			t.Fatal(err)
		}
		byTime[f.ID]++
	}
	fed := make(map[string]int)
	var cursor store.Cursor
	for {
		facts, next, err := s.Changes(t.Context(), cursor, 5000)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts) == 0 {
			break
		}
		for _, f := range facts {
			fed[f.ID]++
		}
		cursor = next
	}
	for id := range acknowledged {
		if byTime[id] != 1 || fed[id] != 1 {
			t.Fatalf("acknowledged fact %s is %d times in the scan and %d times in the feed", id, byTime[id], fed[id])
		}
	}
	for id, n := range byTime {
		if n != 1 || fed[id] != 1 {
			t.Fatalf("fact %s is %d times in the scan and %d times in the feed", id, n, fed[id])
		}
	}
	if got := s.Stats()["facts_event"]; int(got) != len(byTime) {
		t.Fatalf("the store counts %v events, there are %d", got, len(byTime))
	}
}
