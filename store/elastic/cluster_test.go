package elastic_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/elastic"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// TestNodesAreKilled kills one node of three after the other under load: what was
// acknowledged is there, nothing is there twice, and the feed gives all of it.
func TestNodesAreKilled(t *testing.T) {
	c := server(t, "elasticsearch-cluster")
	dir := nodesFolder(t)
	t.Cleanup(func() { clean(t, c) })
	c.Patience = 2 * time.Minute
	s := open(t, c)

	acknowledged := map[string]bool{}
	var mu sync.Mutex
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for batch := 0; ctx.Err() == nil; batch++ {
				facts := looksOf(w, batch, 50)
				if _, err := s.Append(t.Context(), facts); err != nil {
					t.Errorf("writer %d, batch %d: %v", w, batch, err)
					return
				}
				mu.Lock()
				for _, f := range facts {
					acknowledged[f.ID] = true
				}
				mu.Unlock()
			}
		})
	}
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("ONLOOKER_TEST_ROUNDS")); err == nil {
		rounds = n
	}
	for round := range rounds {
		time.Sleep(2 * time.Second)
		killNode(t, dir, fmt.Sprintf("n%d", round%3+1))
		time.Sleep(3 * time.Second)
		script(t, "restart-node", "elasticsearch-cluster", fmt.Sprintf("n%d", round%3+1))
		waitForNodes(t, s)
	}
	stop()
	writers.Wait()
	if len(acknowledged) < 500 {
		t.Fatalf("only %d facts were acknowledged: that is no load", len(acknowledged))
	}
	sameFacts(t, s, acknowledged)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	again := open(t, c)
	sameFacts(t, again, acknowledged)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func looksOf(writer, batch, n int) []ueba.Fact {
	facts := make([]ueba.Fact, n)
	for i := range facts {
		facts[i].Body = &ueba.Event{
			EventID: fmt.Sprintf("%d-%d-%d", writer, batch, i), Time: time.Date(2026, 11, 2+batch%3, 9, 0, 0, i*1000, time.UTC),
			Source: "test", Service: "crm", User: fmt.Sprintf("u%d", i%7), Action: ueba.ActionView, Record: ueba.EventRecord{IDs: []string{"C1"}},
		}
	}
	return facts
}

// sameFacts fails unless scan and feed hold what was acknowledged, the scan each fact once.
func sameFacts(t *testing.T, s *elastic.Store, acknowledged map[string]bool) {
	t.Helper()
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	scanned := map[string]int{}
	for f, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			t.Fatal(err)
		}
		if scanned[f.ID]++; scanned[f.ID] > 1 {
			t.Fatalf("%s is there twice", f.ID)
		}
	}
	fed := map[string]bool{}
	for cursor := store.Cursor(""); ; {
		facts, next, err := s.Changes(t.Context(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts) == 0 {
			break
		}
		for _, f := range facts {
			fed[f.ID] = true
		}
		cursor = next
	}
	for id := range maps.Keys(acknowledged) {
		if scanned[id] != 1 || !fed[id] {
			t.Fatalf("%s was acknowledged; scanned %d times, in the feed: %v", id, scanned[id], fed[id])
		}
	}
	if len(scanned) != len(acknowledged) {
		t.Errorf("%d facts are there, %d were acknowledged, and every writer was answered", len(scanned), len(acknowledged))
	}
	t.Logf("%d facts acknowledged, stored and fed", len(acknowledged))
}

func nodesFolder(t *testing.T) string {
	dir := os.Getenv("ONLOOKER_SERVERS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", ".servers")
	}
	return filepath.Join(dir, "run-elasticsearch-cluster")
}

// killNode kills a node and all of its processes: scripts/servers gave it a session.
func killNode(t *testing.T, dir, node string) {
	text, err := os.ReadFile(filepath.Join(dir, node+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", node, err)
	}
}

// waitForNodes waits until the cluster is whole again, so that the next kill finds replicas.
func waitForNodes(t *testing.T, s *elastic.Store) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(time.Second) {
		if elastic.Whole(t.Context(), s, 3) {
			return
		}
	}
	t.Fatal("the cluster does not become whole again")
}
