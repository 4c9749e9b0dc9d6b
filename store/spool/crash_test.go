package spool_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/spool"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The environment of the child process that is killed: its folder, and the number of its
// run, so that no two runs make the same events.
const (
	crashDir = "ONLOOKER_TEST_SPOOL_CRASH_DIR"
	crashRun = "ONLOOKER_TEST_SPOOL_CRASH_RUN"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir, os.Getenv(crashRun))
		return
	}
	os.Exit(m.Run())
}

// flaky is a remote on disk that is away half of the time, and now and then applies and
// says that it failed.
type flaky struct {
	*pebble.Store
	calls atomic.Int64
}

func (f *flaky) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	n := f.calls.Add(1)
	if n%40 > 20 {
		return nil, errAway
	}
	out, err := f.Store.Append(ctx, facts)
	if n%7 == 0 {
		return nil, context.DeadlineExceeded
	}
	return out, err
}

// crashChild appends until it is killed and writes the numbers that are acknowledged to
// standard output. Each writer appends in the order of its numbers.
func crashChild(dir, run string) {
	die := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	local, err := pebble.Open(filepath.Join(dir, "spool"), pebble.Options{ReserveBytes: -1})
	if err != nil {
		die(err)
	}
	remote, err := pebble.Open(filepath.Join(dir, "remote"), pebble.Options{ReserveBytes: -1})
	if err != nil {
		die(err)
	}
	s, err := spool.Open(context.Background(), local, dial(&flaky{Store: remote}), spool.Options{Pause: time.Millisecond, Batch: 100})
	if err != nil {
		die(err)
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	for writer := range 4 {
		wg.Go(func() {
			for batch := 0; ; batch++ {
				facts := crashBatch(run, writer, batch)
				if _, err := s.Append(context.Background(), facts); err != nil {
					die(err)
				}
				out.Lock()
				for _, f := range facts {
					fmt.Println(f.Body.(*ueba.Event).EventID)
				}
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

const crashSize = 5

func crashBatch(run string, writer, batch int) []ueba.Fact {
	var facts []ueba.Fact
	for i := range crashSize {
		facts = append(facts, ueba.Fact{Body: &ueba.Event{
			EventID: fmt.Sprintf("%s/%d/%06d", run, writer, batch*crashSize+i), Source: "crash", Service: "crm",
			User: strconv.Itoa(writer), Action: ueba.ActionView, Time: day.Add(-time.Duration(batch) * time.Second),
		}})
	}
	return facts
}

// TestKillLosesNothingAcknowledged kills a process in the middle of its load, again and
// again on the same folders, while its remote comes and goes. In the end all that was
// acknowledged is in the remote, once, each writer's in his order, and none without the
// ones before it.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	runs := 20
	if testing.Short() {
		runs = 3
	}
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	for run := range runs {
		n := len(acknowledged)
		killInLoad(t, dir, run, time.Duration(30+random.IntN(250))*time.Millisecond, acknowledged)
		if len(acknowledged) == n {
			t.Fatal("nothing was acknowledged before the kill: nothing is tested")
		}
	}
	remote := openFolder(t, filepath.Join(dir, "remote"))
	s := open(t, openFolder(t, filepath.Join(dir, "spool")), dial(remote), spool.Options{})
	left := s.Stats()["spool_facts"]
	sync1(t, s)
	checkFeed(t, fed(t, s), acknowledged)
	t.Logf("%d kills, %d facts acknowledged, %v waited at the end", runs, len(acknowledged), left)
}

// checkFeed finds every acknowledged event once, in its writer's order.
func checkFeed(t *testing.T, facts []ueba.Fact, acknowledged map[string]bool) {
	t.Helper()
	seen, last := map[string]int{}, map[string]string{}
	var known time.Time
	for _, f := range facts {
		e := f.Body.(*ueba.Event)
		seen[e.EventID]++
		writer := filepath.Dir(e.EventID)
		if e.EventID <= last[writer] {
			t.Fatalf("event %s comes after %s", e.EventID, last[writer])
		}
		if f.Known.Before(known) {
			t.Fatalf("event %s is known since %v, before the one before it (%v)", e.EventID, f.Known, known)
		}
		last[writer], known = e.EventID, f.Known
	}
	for id := range acknowledged {
		if seen[id] != 1 {
			t.Fatalf("acknowledged event %s is %d times in the feed", id, seen[id])
		}
	}
	ids := eventIDs(facts)
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(facts) {
		t.Fatal("an event is there twice")
	}
}

func killInLoad(t *testing.T, dir string, run int, after time.Duration, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%03d", crashRun, run))
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
		if err != nil { // what stands before the end may be half a line
			break
		}
		acknowledged[line[:len(line)-1]] = true
		kill.Do(func() {
			time.AfterFunc(after, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		})
	}
	_, _ = io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
}
