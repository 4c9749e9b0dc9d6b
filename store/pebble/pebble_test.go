package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/store/storetest"
)

func TestMain(m *testing.M) {
	if crashChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string, opts pebble.Options) *pebble.Store {
	t.Helper()
	opts.Log = func(message string) { t.Log(message) }
	s, err := pebble.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onFS is an engine on file systems that make gives.
func onFS(fs func() vfs.FS, dir func(testing.TB) string) storetest.Engine {
	opened := make(map[store.Store]func(testing.TB) store.Store)
	return storetest.Engine{
		Open: func(t testing.TB) store.Store {
			opts := pebble.Options{FS: fs(), CacheBytes: 1 << 20}
			folder := dir(t)
			s := open(t, folder, opts)
			opened[s] = func(t testing.TB) store.Store { return open(t, folder, opts) }
			return s
		},
		Reopen: func(t testing.TB, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := opened[s](t)
			opened[again] = opened[s]
			return again
		},
	}
}

func TestConformanceInMemory(t *testing.T) {
	storetest.Run(t, onFS(func() vfs.FS { return vfs.NewMem() }, func(testing.TB) string { return "data" }))
}

func TestConformanceOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("the suite runs in memory as well")
	}
	storetest.Run(t, onFS(func() vfs.FS { return vfs.Default }, func(t testing.TB) string { return t.TempDir() }))
}
