package pebble_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func someEvents(from, n int) []ueba.Fact {
	var facts []ueba.Fact
	for i := from; i < from+n; i++ {
		facts = append(facts, ueba.Fact{Body: &ueba.Event{
			EventID: fmt.Sprint(i), Time: benchDay.Add(time.Duration(i) * time.Second), Source: "test", Service: "crm",
			User: "li", Action: ueba.ActionView, Labels: map[string]string{"pad": strings.Repeat("x", 200)},
		}})
	}
	return facts
}

func mustAppend(t *testing.T, s store.Store, facts []ueba.Fact) {
	t.Helper()
	if _, err := s.Append(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s store.Store) int {
	t.Helper()
	n := 0
	for _, err := range s.Scan(t.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func closeStore(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// faults makes operations on files fail while it is switched on.
type faults struct {
	on    atomic.Bool
	err   error
	count atomic.Int64
	match func(op errorfs.Op) bool
}

func (f *faults) String() string { return "faults" }

func (f *faults) MaybeError(op errorfs.Op) error {
	if f.on.Load() && f.match(op) {
		f.count.Add(1)
		return f.err
	}
	return nil
}

func syncsOf(part string) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		return strings.Contains(op.Path, part) && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData)
	}
}

func writesOf(part string) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		return strings.Contains(op.Path, part) && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate)
	}
}

func either(a, b func(errorfs.Op) bool) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool { return a(op) || b(op) }
}

// TestFailedWriteBreaksTheStore makes the log's fsync fail, its write, and others; each
// once. Nothing is acknowledged any more, the fsync is not tried again, and what was acknowledged is
// there after the store is opened again.
func TestFailedWriteBreaksTheStore(t *testing.T) {
	for name, match := range map[string]func(errorfs.Op) bool{
		"fsync of the log": syncsOf(".log"),
		"write of the log": writesOf(".log"),
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			f := &faults{err: syscall.EIO, match: match}
			s := open(t, "data", pebble.Options{FS: errorfs.Wrap(disk, f)})
			mustAppend(t, s, someEvents(0, 100))
			f.on.Store(true)
			if _, err := s.Append(t.Context(), someEvents(100, 10)); !errors.Is(err, store.ErrBroken) {
				t.Fatalf("Append while the disk fails: %v, want ErrBroken", err)
			}
			failures := f.count.Load()
			f.on.Store(false)
			if _, err := s.Append(t.Context(), someEvents(200, 10)); !errors.Is(err, store.ErrBroken) {
				t.Fatalf("Append after the disk failed: %v, want ErrBroken", err)
			}
			if err := s.Put(t.Context(), store.Doc{Kind: "k", ID: "i", Body: []byte("{}")}); !errors.Is(err, store.ErrBroken) {
				t.Fatalf("Put after the disk failed: %v, want ErrBroken", err)
			}
			if failures != 1 {
				t.Errorf("what failed was tried %d times, want once", failures)
			}
			if n := count(t, s); n < 100 {
				t.Errorf("of 100 events %d can be read", n)
			}
			if s.Stats()["broken"] != 1 {
				t.Error("Stats does not say that the store is broken")
			}
			closeStore(t, s)
			s = open(t, "data", pebble.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})}) // what power loss leaves
			defer closeStore(t, s)
			if n := count(t, s); n < 100 {
				t.Errorf("after opening again %d of 100 acknowledged events are there", n)
			}
			mustAppend(t, s, someEvents(200, 10))
		})
	}
}

// TestFailedTableBreaksTheStore fails what is written in the background.
func TestFailedTableBreaksTheStore(t *testing.T) {
	for name, match := range map[string]func(errorfs.Op) bool{
		"table":    either(syncsOf(".sst"), writesOf(".sst")),
		"manifest": either(syncsOf("MANIFEST"), writesOf("MANIFEST")),
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			f := &faults{err: syscall.EIO, match: match}
			s := open(t, "data", pebble.Options{FS: errorfs.Wrap(disk, f)})
			f.on.Store(true)
			acknowledged, err := 0, error(nil)
			for acknowledged < 1_000_000 {
				if _, err = s.Append(t.Context(), someEvents(acknowledged, 2000)); err != nil {
					break
				}
				acknowledged += 2000
			}
			if !errors.Is(err, store.ErrBroken) {
				t.Fatalf("after %d events: %v, want ErrBroken", acknowledged, err)
			}
			if n := count(t, s); n < acknowledged {
				t.Errorf("of %d events %d can be read", acknowledged, n)
			}
			closeStore(t, s)
			s = open(t, "data", pebble.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})
			defer closeStore(t, s)
			if n := count(t, s); n < acknowledged {
				t.Errorf("after opening again %d of %d acknowledged events are there", n, acknowledged)
			}
		})
	}
}

// TestFullDisk lets the disk run full under the log, the manifest, the tables: writes are
// refused with ErrFull, reads go on, and writes are taken again when there is room.
func TestFullDisk(t *testing.T) {
	for name, match := range map[string]func(errorfs.Op) bool{
		"log":        writesOf(".log"),
		"everything": func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate },
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			f := &faults{err: syscall.ENOSPC, match: match}
			s := open(t, "data", pebble.Options{FS: errorfs.Wrap(disk, f)})
			mustAppend(t, s, someEvents(0, 100))
			_, cursor, err := s.Changes(t.Context(), "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			f.on.Store(true)
			for range 3 {
				if _, err := s.Append(t.Context(), someEvents(100, 10)); !errors.Is(err, store.ErrFull) {
					t.Fatalf("Append on a full disk: %v, want ErrFull", err)
				}
				if n := count(t, s); n < 100 {
					t.Errorf("of 100 events %d can be read", n)
				}
			}
			if s.Stats()["full"] != 1 {
				t.Error("Stats does not say that the store is full")
			}
			f.on.Store(false)
			acknowledged := recovered(t, s)
			fed, _, err := s.Changes(t.Context(), cursor, 1000)
			if err != nil || len(fed) != count(t, s)-100 {
				t.Errorf("after the cursor from before: %d facts, %v; want %d", len(fed), err, count(t, s)-100)
			}
			closeStore(t, s)
			s = open(t, "data", pebble.Options{FS: disk.CrashClone(vfs.CrashCloneCfg{})})
			defer closeStore(t, s)
			if n := count(t, s); n < 100+acknowledged {
				t.Errorf("after opening again %d of %d acknowledged events are there", n, 100+acknowledged)
			}
		})
	}
}

// recovered appends until the store takes it, and returns how many facts that were.
func recovered(t *testing.T, s store.Store) int {
	t.Helper()
	var err error
	for range 100 {
		if _, err = s.Append(t.Context(), someEvents(500, 10)); err == nil {
			return 10
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("there is room again, but: %v", err)
	return 0
}

// TestFullWhileTablesAreWritten refuses rather than hangs when only tables find no room.
func TestFullWhileTablesAreWritten(t *testing.T) {
	disk := vfs.NewMem()
	f := &faults{err: syscall.ENOSPC, match: writesOf(".sst")}
	s := open(t, "data", pebble.Options{FS: errorfs.Wrap(disk, f)})
	defer closeStore(t, s)
	f.on.Store(true)
	acknowledged, err := 0, error(nil)
	for acknowledged < 2_000_000 && err == nil {
		if _, err = s.Append(t.Context(), someEvents(acknowledged, 2000)); err == nil {
			acknowledged += 2000
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d events: %v, want ErrFull", acknowledged, err)
	}
	f.on.Store(false)
	recovered(t, s)
}

// TestSmallDisk runs a real file system full.
func TestSmallDisk(t *testing.T) {
	dir := smallDisk(t, "96m")
	s := open(t, filepath.Join(dir, "data"), pebble.Options{ReserveBytes: 48 << 20})
	defer closeStore(t, s)
	acknowledged := 0
	mustAppend(t, s, someEvents(0, 2000))
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 45<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	for acknowledged = 2000; acknowledged < 1_000_000; acknowledged += 2000 {
		if _, err = s.Append(t.Context(), someEvents(acknowledged, 2000)); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d events: %v, want ErrFull", acknowledged, err)
	}
	if n := count(t, s); n < acknowledged {
		t.Errorf("of %d acknowledged events %d can be read", acknowledged, n)
	}
	if err := s.DropDays(t.Context(), ueba.KindDead, benchDay); err != nil {
		t.Errorf("deleting on a full disk: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	recovered(t, s)
}

// smallDisk mounts a small file system, or skips the test where that is not possible.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("mounting a small file system takes root on Linux")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// TestTornTail cuts and garbles the end of the log at many places.
func TestTornTail(t *testing.T) {
	folder := t.TempDir()
	s := open(t, filepath.Join(folder, "whole"), pebble.Options{})
	for i := range 20 {
		mustAppend(t, s, someEvents(i*10, 10))
	}
	image := t.TempDir()
	if err := os.CopyFS(filepath.Join(image, "d"), os.DirFS(filepath.Join(folder, "whole"))); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	for _, cut := range []int64{1, 7, 100, 511, 512, 4096, 20000} {
		for _, garble := range []bool{false, true} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(image, "d"))); err != nil {
				t.Fatal(err)
			}
			tear(t, newestLog(t, dir), cut, garble)
			s := open(t, dir, pebble.Options{})
			if n := count(t, s); n%10 != 0 || n > 200 {
				t.Errorf("cut %d, garble %v: %d events, want whole appends of 10", cut, garble, n)
			}
			mustAppend(t, s, someEvents(0, 200))
			if n := count(t, s); n != 200 {
				t.Errorf("cut %d, garble %v: after sending all again there are %d events, want 200", cut, garble, n)
			}
			closeStore(t, s)
		}
	}
}

func newestLog(t *testing.T, dir string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "pebble", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	return logs[len(logs)-1]
}

// tear cuts the written end of the file, and puts noise in its place.
func tear(t *testing.T, path string, cut int64, garble bool) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := int64(len(strings.TrimRight(string(data), "\x00"))) // logs are allocated ahead
	data = data[:max(0, end-cut)]
	if garble {
		for i := range cut {
			data = append(data, byte(i*37+1))
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, pebble.Options{})
	_, err := pebble.Open(dir, pebble.Options{})
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("opening the folder twice: %v, want ErrLocked", err)
	}
	for _, part := range []string{dir, fmt.Sprint("process ", os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	closeStore(t, s)
	closeStore(t, open(t, dir, pebble.Options{}))
}

func TestFormat(t *testing.T) {
	for text, want := range map[string]error{"2": store.ErrNewer, "nonsense": nil, "0": nil} {
		dir := t.TempDir()
		closeStore(t, open(t, dir, pebble.Options{}))
		if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := pebble.Open(dir, pebble.Options{})
		if err == nil {
			closeStore(t, s)
			t.Fatalf("FORMAT %s was taken", text)
		}
		if want != nil && !errors.Is(err, want) {
			t.Errorf("FORMAT %s: %v, want %v", text, err, want)
		}
		if err := os.Remove(filepath.Join(dir, "FORMAT")); err != nil {
			t.Fatal(err)
		}
		if s, err := pebble.Open(dir, pebble.Options{}); err == nil {
			closeStore(t, s)
			t.Error("data without a FORMAT file were taken")
		}
		if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		closeStore(t, open(t, dir, pebble.Options{})) // and the lock was released each time
	}
}
