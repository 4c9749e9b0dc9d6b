package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a folder with log files, a store, and a source that may be started and killed.
type bench struct {
	t      *testing.T
	dir    string
	config Config
	format collector.Format
	store  *storetest.Memory
	docs   collector.Documents
	intake *collector.Intake
	stop   func()
	lines  int
}

func newBench(t *testing.T, patterns ...string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), config: DefaultConfig(), format: sourcetest.Plain(), store: storetest.NewMemory()}
	b.docs = b.store
	b.config.Source = "app"
	for _, p := range patterns {
		b.config.Paths = append(b.config.Paths, b.path(p))
	}
	if err := b.config.Check(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// start runs the source, on a new intake as after a restart.
func (b *bench) start() {
	b.intake = collector.NewIntake(b.store, b.store, time.Now)
	log := logrus.New()
	log.SetOutput(io.Discard)
	s := New(b.config, b.format, b.intake, b.docs, time.Now, log)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
		if err := b.intake.Flush(context.Background()); err != nil {
			b.t.Error(err)
		}
	}
}

// pass lets the source look at the files for so long.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// more makes n further lines, each with a record of its own.
func (b *bench) more(n int) string {
	var text strings.Builder
	for range n {
		b.lines++
		text.WriteString(sourcetest.Line(b.lines, "wang", fmt.Sprintf("C%04d", b.lines), "") + "\n")
	}
	return text.String()
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) rename(from, to string) { b.t.Helper(); b.must(os.Rename(b.path(from), b.path(to))) }

func (b *bench) copyTruncate(from, to string) {
	b.t.Helper()
	text, err := os.ReadFile(b.path(from))
	b.must(err)
	b.must(os.WriteFile(b.path(to), text, 0o600))
	b.must(os.Truncate(b.path(from), 0))
}

func (b *bench) gzip(from, to string) {
	b.t.Helper()
	text, err := os.ReadFile(b.path(from))
	b.must(err)
	b.must(os.WriteFile(b.path(to), gzipped(string(text)), 0o600))
	b.must(os.Remove(b.path(from)))
}

func gzipped(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.Bytes()
}

// records are those of all stored events, in order.
func (b *bench) records() []string {
	b.t.Helper()
	var ids []string
	for f, err := range b.store.Scan(b.t.Context(), store.Query{Kind: ueba.KindEvent}) {
		b.must(err)
		ids = append(ids, f.Body.(*ueba.Event).Record.IDs[0])
	}
	slices.Sort(ids)
	return ids
}

func (b *bench) dead() []*ueba.DeadLetter {
	b.t.Helper()
	var letters []*ueba.DeadLetter
	for f, err := range b.store.Scan(b.t.Context(), store.Query{Kind: ueba.KindDead}) {
		b.must(err)
		letters = append(letters, f.Body.(*ueba.DeadLetter))
	}
	return letters
}

func (b *bench) total() collector.Count {
	b.t.Helper()
	counts, err := b.intake.Counts(b.t.Context(), ueba.NoDay, ueba.NoDay)
	b.must(err)
	var sum collector.Count
	for _, c := range counts {
		sum.Add(&c)
	}
	return sum
}

// check wants each line so far stored once, and so many duplicates and gaps.
func (b *bench) check(duplicates, gaps int64) {
	b.t.Helper()
	b.checkRecords()
	if sum := b.total(); sum.Duplicate != duplicates || sum.Gaps != gaps || sum.Dead != 0 {
		b.t.Errorf("%d duplicates, %d gaps, %d dead; want %d, %d, 0", sum.Duplicate, sum.Gaps, sum.Dead, duplicates, gaps)
	}
}

func (b *bench) checkRecords() {
	b.t.Helper()
	want := make([]string, b.lines)
	for i := range want {
		want[i] = fmt.Sprintf("C%04d", i+1)
	}
	if diff := cmp.Diff(want, b.records()); diff != "" {
		b.t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestRotation(t *testing.T) {
	cases := []struct {
		name             string
		patterns         []string
		script           func(b *bench)
		duplicates, gaps int64
	}{
		{"growing", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(3))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(3))
		}, 0, 0},
		{"a file that comes later", []string{"app.log"}, func(b *bench) {
			b.pass(5 * time.Second)
			b.append("app.log", b.more(2))
		}, 0, 0},
		{"half lines", []string{"app.log"}, func(b *bench) {
			for _, part := range strings.SplitAfter(b.more(2), " ") {
				b.append("app.log", part)
				b.pass(1500 * time.Millisecond)
			}
		}, 0, 0},
		{"rename within the pattern", []string{"app.log*"}, func(b *bench) {
			b.append("app.log", b.more(3))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(1))
			b.rename("app.log", "app.log.1")
			b.append("app.log", b.more(2))
			b.append("app.log.1", b.more(1)) // its writer has not noticed yet
			b.pass(2 * time.Second)
			b.rename("app.log.1", "app.log.2")
			b.rename("app.log", "app.log.1")
			b.append("app.log", b.more(2))
		}, 0, 0},
		{"rename out of the pattern", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(3))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(1))
			b.rename("app.log", "app.log.1")
			b.append("app.log", b.more(2))
			b.pass(10 * time.Second)
			b.append("app.log.1", b.more(1))
		}, 0, 0},
		{"removed while it is read", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(3))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(2))
			b.must(os.Remove(b.path("app.log")))
		}, 0, 0},
		{"the last line of a rotated file has no line end", []string{"app.log*"}, func(b *bench) {
			b.append("app.log", b.more(1)+strings.TrimSpace(b.more(1)))
			b.pass(3 * time.Minute)
			if n := len(b.records()); n != 1 {
				b.t.Errorf("%d records before the rotation, want 1: the writer may be at it still", n)
			}
			b.rename("app.log", "app.log.1")
			b.pass(2 * time.Minute)
		}, 0, 0},
		{"copytruncate", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(4))
			b.pass(2 * time.Second)
			b.copyTruncate("app.log", "kept")
			b.pass(2 * time.Second)
			b.append("app.log", b.more(2))
		}, 0, 1},
		{"copytruncate that grew past the cursor at once", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(2))
			b.pass(2 * time.Second)
			b.copyTruncate("app.log", "kept")
			b.append("app.log", b.more(5))
		}, 0, 1},
		{"a copy is taken up where the original was left", []string{"app.log*"}, func(b *bench) {
			b.append("app.log", b.more(10))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(3)) // only the copy will show these
			b.copyTruncate("app.log", "app.log.1")
			b.append("app.log", b.more(2))
		}, 0, 1},
		{"gzip after rotation", []string{"app.log", "app.log.*"}, func(b *bench) {
			b.append("app.log", b.more(10))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(2))
			b.gzip("app.log", "app.log.1.gz")
			b.append("app.log", b.more(2))
			b.pass(2 * time.Minute)
			b.rename("app.log.1.gz", "app.log.2.gz")
		}, 0, 0},
		{"gzip that is still being written", []string{"*.gz"}, func(b *bench) {
			whole := string(gzipped(b.more(2000)))
			b.append("old.gz", whole[:5])
			b.pass(2 * time.Second)
			b.append("old.gz", whole[5:len(whole)/2])
			b.pass(2 * time.Second)
			b.append("old.gz", whole[len(whole)/2:])
		}, 0, 0},
		{"an inode that is used again", []string{"app.log"}, func(b *bench) {
			b.append("app.log", b.more(3))
			b.pass(2 * time.Second)
			// Truncation in place is what a reused inode looks like to a reader.
			b.must(os.WriteFile(b.path("app.log"), []byte(b.more(7)), 0o600))
		}, 0, 1},
		{"copytruncate of files that begin alike", []string{"app.log*"}, func(b *bench) {
			b.append("app.log", "skip the same first line in each file\n"+b.more(2))
			b.pass(2 * time.Second)
			b.copyTruncate("app.log", "app.log.1")
			b.append("app.log", "skip the same first line in each file\n"+b.more(5))
			b.pass(2 * time.Second)
			b.append("app.log", b.more(2))
		}, 0, 1},
		{"many files, few open", []string{"app-*.log"}, func(b *bench) {
			for round := range 3 {
				for i := range 9 {
					b.append(fmt.Sprintf("app-%d.log", i), b.more(1+round))
				}
				b.pass(20 * time.Second)
			}
		}, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.patterns...)
				b.config.MaxOpen = 4
				b.start()
				c.script(b)
				b.pass(2 * time.Minute)
				b.check(c.duplicates, c.gaps)
				b.stop()
				b.start() // nothing is read twice after a restart
				b.pass(2 * time.Minute)
				b.stop()
				b.check(c.duplicates, c.gaps)
			})
		})
	}
}

func TestWhatHappenedWhileNobodyLooked(t *testing.T) {
	cases := []struct {
		name             string
		script           func(b *bench)
		duplicates, gaps int64
	}{
		{"it grew", func(b *bench) { b.append("app.log", b.more(3)) }, 0, 0},
		{"it was rotated within the pattern", func(b *bench) {
			b.append("app.log", b.more(1))
			b.rename("app.log", "app.log.1")
			b.append("app.log", b.more(2))
		}, 0, 0},
		{"it was rotated and gzipped", func(b *bench) {
			b.append("app.log", b.more(1))
			b.gzip("app.log", "app.log.1.gz")
			b.append("app.log", b.more(2))
		}, 0, 0},
		{"it was copied and truncated", func(b *bench) {
			b.append("app.log", b.more(1))
			b.copyTruncate("app.log", "app.log.1")
			b.append("app.log", b.more(2))
		}, 0, 0},
		{"it was removed", func(b *bench) { b.must(os.Remove(b.path("app.log"))) }, 0, 1},
		{"it was truncated", func(b *bench) { b.must(os.Truncate(b.path("app.log"), 0)) }, 0, 1},
		{"it was replaced by one that begins alike", func(b *bench) {
			text, err := os.ReadFile(b.path("app.log"))
			b.must(err)
			line, _, _ := strings.Cut(string(text), "\n")
			b.must(os.WriteFile(b.path("app.log"), []byte(line+"\n"+b.more(9)), 0o600))
		}, 1, 1}, // the first line, read again
		{"it was replaced", func(b *bench) { b.must(os.WriteFile(b.path("app.log"), []byte(b.more(9)), 0o600)) }, 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "app.log*")
				b.append("app.log", b.more(5))
				b.start()
				b.pass(3 * time.Second)
				b.stop()
				c.script(b)
				b.start()
				b.pass(2 * time.Minute)
				b.stop()
				b.start() // the gap is counted once
				b.pass(2 * time.Minute)
				b.stop()
				b.check(c.duplicates, c.gaps)
			})
		})
	}
}

// deaf loses the cursors of its last writes, as a kill between Append and Put does.
type deaf struct {
	*storetest.Memory
	lost atomic.Bool
}

func (d *deaf) Put(ctx context.Context, docs ...store.Doc) error {
	if d.lost.Load() {
		return nil
	}
	return d.Memory.Put(ctx, docs...)
}

func TestKilledBetweenAppendAndCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.append("app.log", b.more(3))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		docs := &deaf{Memory: b.store}
		docs.lost.Store(true)
		b.docs = docs
		b.append("app.log", b.more(4))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		b.docs = b.store
		b.append("app.log", b.more(2))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		b.check(4, 0)
	})
}

func TestStoreThatRefuses(t *testing.T) {
	for _, refusal := range []error{store.ErrFull, store.ErrBroken} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, "app.log")
			b.append("app.log", b.more(3))
			b.start()
			b.pass(3 * time.Second)
			b.store.Refuse(refusal)
			b.append("app.log", b.more(3))
			b.pass(10 * time.Minute)
			if n := len(b.records()); n != 3 {
				t.Errorf("%v: %d records, want 3", refusal, n)
			}
			b.store.Refuse(nil)
			b.pass(time.Minute)
			b.stop()
			b.check(0, 0)
		})
	}
}

func TestStopsWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.append("app.log", b.more(3))
		b.store.Refuse(store.ErrFull)
		b.start()
		b.pass(time.Minute)
		b.store.Refuse(nil)
		b.stop()
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		b.check(0, 0)
	})
}

func TestCursorStaysBeforeWhatTheParserHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.format = sourcetest.Held()
		b.config.Idle = time.Hour
		lines := make([]string, 4)
		for i := range lines {
			b.lines++
			lines[i] = sourcetest.Line(i, "wang", fmt.Sprintf("C%04d", b.lines), fmt.Sprintf("e%d", i)) + "\n"
		}
		b.append("app.log", lines[0]+lines[1])
		b.start()
		b.pass(3 * time.Second)
		if got := b.records(); len(got) != 1 {
			t.Errorf("stored %v, want the first only", got)
		}
		b.stop()
		b.append("app.log", "+late\n"+lines[2]+lines[3])
		b.config.Idle = 2 * time.Second
		b.start()
		b.pass(5 * time.Second)
		b.stop()
		b.check(0, 0)
		if e := b.event("C0002"); e.Labels["label"] != "late" {
			t.Errorf("labels %v: the line that came after the restart is not with its event", e.Labels)
		}
	})
}

func (b *bench) event(record string) *ueba.Event {
	b.t.Helper()
	for f, err := range b.store.Scan(b.t.Context(), store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{record}}) {
		b.must(err)
		return f.Body.(*ueba.Event)
	}
	b.t.Fatalf("no event of %s", record)
	return nil
}

func TestDeadLettersNameFileAndOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.config.MaxRecord = 100
		b.append("app.log", "nonsense\n"+strings.Repeat("x", 10000)+"\n"+b.more(1))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		letters := b.dead()
		if len(letters) != 2 || len(b.records()) != 1 {
			t.Fatalf("%d dead letters and %d events, want 2 and 1", len(letters), len(b.records()))
		}
		slices.SortFunc(letters, func(x, y *ueba.DeadLetter) int { return x.Size - y.Size })
		at, ok := collector.ParsePlace(letters[1].Place)
		if !ok || at.File != b.path("app.log") || at.Offset != 9 || letters[1].Size != 10000 || len(letters[1].Raw) > collector.CutTo {
			t.Errorf("dead letter at %q of %d bytes, %d kept", letters[1].Place, letters[1].Size, len(letters[1].Raw))
		}
	})
}

func TestTruncationInTheMiddleOfALineKeepsTheHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.append("app.log", b.more(1)+"half a li")
		b.start()
		b.pass(3 * time.Second)
		b.must(os.Truncate(b.path("app.log"), 0))
		b.pass(3 * time.Second)
		b.stop()
		letters := b.dead()
		if len(letters) != 1 || string(letters[0].Raw) != "half a li" || letters[0].Reason != errCutOff.Error() {
			t.Fatalf("dead letters %v", letters)
		}
	})
}

func TestOldFilesRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.append("app.log", b.more(2))
		long := time.Now().Add(-24 * time.Hour)
		b.must(os.Chtimes(b.path("app.log"), long, long))
		b.start()
		b.pass(3 * time.Second)
		b.append("app.log", b.more(2))
		b.pass(3 * time.Second)
		b.stop()
		b.check(0, 0)
	})
}

func TestOldFileThatWasNotReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "app.log")
		b.append("app.log", b.more(3))
		long := time.Now().Add(-24 * time.Hour)
		b.must(os.Chtimes(b.path("app.log"), long, long))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		cs, err := loadCursors(t.Context(), b.store, "app")
		b.must(err)
		for _, c := range cs.known {
			c.Offset, c.Tail = 0, hashOf(nil)
			b.must(cs.save(t.Context(), 0, c))
		}
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		b.check(3, 0)
	})
}

func TestUnreadableFileIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "*.log")
		b.must(os.Mkdir(b.path("folder.log"), 0o700))
		b.must(os.Symlink(b.path("nowhere"), b.path("dangling.log")))
		b.must(os.WriteFile(b.path("not-really.log"), []byte{0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, 0o600))
		b.append("app.log", b.more(2))
		b.start()
		b.pass(3 * time.Second)
		b.stop()
		b.check(0, 0)
	})
}

func TestCursorsThatCannotBeRead(t *testing.T) {
	b := newBench(t, "app.log")
	b.must(b.store.Put(t.Context(), store.Doc{Kind: CursorKind, ID: "file/app/x", Body: []byte("{")}))
	s := New(b.config, b.format, collector.NewIntake(b.store, b.store, time.Now), b.docs, time.Now, logrus.New())
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "file/app/x") {
		t.Errorf("error %v, want one that names the cursor", err)
	}
}

// TestRandomRotation writes, rotates, truncates and restarts at random: no line may be
// missing or be there twice, however it goes.
func TestRandomRotation(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				b := newBench(t, "app.log", "app.log.*")
				b.config.Batch = 1 + r.IntN(5)
				b.config.MaxOpen = 2 + r.IntN(5)
				b.start()
				rest := "" // of a line that is half written
				for step := range 80 {
					switch action := r.IntN(8); {
					case action == 0 && rest == "" && b.exists("app.log"):
						b.rename("app.log", fmt.Sprintf("app.log.%d", step))
					case action == 1 && rest == "" && b.exists("app.log"):
						b.copyTruncate("app.log", fmt.Sprintf("app.log.%d", step))
					case action == 2:
						b.stop()
						b.start()
					case action == 3:
						b.pass(time.Duration(r.IntN(5)) * time.Second)
					default:
						text := rest + b.more(1+r.IntN(4))
						cut := len(text) - r.IntN(2)*(1+r.IntN(20))
						b.append("app.log", text[:cut])
						rest = text[cut:]
					}
				}
				b.append("app.log", rest)
				b.pass(2 * time.Minute)
				b.stop()
				b.checkRecords()
				// A half line that a truncation met is a dead letter beside its copy.
				if sum := b.total(); sum.Dead > sum.Gaps {
					t.Errorf("%d dead letters, %d gaps", sum.Dead, sum.Gaps)
				}
			})
		})
	}
}

func (b *bench) exists(name string) bool {
	_, err := os.Stat(b.path(name))
	return !errors.Is(err, os.ErrNotExist)
}
