package elastic_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/elastic"
	"github.com/onlooker-ueba/onlooker/store/storetest"
)

// TestMain has the property test draw less often than on an engine in memory: each draw
// makes and removes indices. -rapid.checks says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("5"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// servers are those of scripts/servers by name, with what says where one runs already.
var servers = map[string]string{
	"elasticsearch":         "ONLOOKER_TEST_ELASTICSEARCH",
	"elasticsearch-secure":  "ONLOOKER_TEST_ELASTICSEARCH_SECURE",
	"elasticsearch-cluster": "ONLOOKER_TEST_ELASTICSEARCH_CLUSTER",
	"opensearch":            "ONLOOKER_TEST_OPENSEARCH",
}

// server returns a configuration for a real server with names of its own. The server's
// address comes from the environment; with REQUIRE_SERVERS=1 one is started where there is
// none, otherwise the test is skipped.
func server(t testing.TB, name string) elastic.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("servers are slow")
	}
	address := os.Getenv(servers[name])
	if address == "" {
		if os.Getenv("REQUIRE_SERVERS") == "" {
			t.Skipf("no server: run scripts/servers start %s and put its address into %s", name, servers[name])
		}
		address = script(t, "start", name)
	}
	c := elastic.Config{Prefix: prefix()}
	c.Addresses = strings.Split(address, ",")
	switch name {
	case "opensearch":
		c.Flavour = esclient.OpenSearch
	case "elasticsearch-secure":
		c.Username, c.Password, c.CAFile = "onlooker", "onlooker-password", certificate(t)
	}
	return c
}

// script runs scripts/servers and returns the last line it prints.
func script(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join("..", "..", "scripts", "servers"), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/servers %s: %v", strings.Join(args, " "), err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func certificate(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("ONLOOKER_SERVERS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", ".servers")
	}
	path := filepath.Join(dir, "run-elasticsearch-secure", "ca.crt")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

var prefixes atomic.Int64

func prefix() string { return fmt.Sprintf("onlooker-test-%d-%d", os.Getpid(), prefixes.Add(1)) }

func open(t testing.TB, c elastic.Config) *elastic.Store {
	t.Helper()
	s, err := elastic.Open(t.Context(), c, elastic.Options{Warn: func(m string) { t.Log(m) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// engine opens each store under names of its own and removes what the suite left.
func engine(name string) storetest.Engine {
	var mu sync.Mutex
	configs := map[store.Store]elastic.Config{}
	remember := func(t testing.TB, c elastic.Config) store.Store {
		s := open(t, c)
		mu.Lock()
		defer mu.Unlock()
		configs[s] = c
		return s
	}
	return storetest.Engine{
		Open: func(t testing.TB) store.Store {
			c := server(t, name)
			t.Cleanup(func() { clean(t, c) })
			return remember(t, c)
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			c := configs[s]
			mu.Unlock()
			return remember(t, c)
		},
	}
}

// clean removes the indices and templates of a test.
func clean(t testing.TB, c elastic.Config) {
	if err := elastic.Remove(c); err != nil {
		t.Errorf("clean up: %v", err)
	}
}

func TestConformanceElasticsearch(t *testing.T) { storetest.Run(t, engine("elasticsearch")) }

func TestConformanceSecured(t *testing.T) { storetest.Run(t, engine("elasticsearch-secure")) }

func TestConformanceOpenSearch(t *testing.T) { storetest.Run(t, engine("opensearch")) }
