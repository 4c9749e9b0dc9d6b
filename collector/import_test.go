package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// manyLines has n events, every tenth said twice, and a bad line among them.
func manyLines(n int) []string {
	var lines []string
	for i := range n {
		line := sourcetest.Line(i, "wang", fmt.Sprintf("C%d", i), "")
		lines = append(lines, line)
		if i%10 == 0 {
			lines = append(lines, line)
		}
	}
	return append(lines, "nonsense")
}

func options(batch int) collector.ImportOptions {
	d := from("import")
	d.Known = collector.KnownThen
	return collector.ImportOptions{Delivery: d, Batch: batch}
}

func gzipped(text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.Bytes()
}

func TestImport(t *testing.T) {
	lines := manyLines(100)
	text := strings.Join(lines, "\n")
	slices.Reverse(lines)
	backwards := strings.Join(lines, "\n")
	var want []ueba.Fact
	for name, r := range map[string]io.Reader{
		"plain":        strings.NewReader(text),
		"gzip":         bytes.NewReader(gzipped(text)),
		"in two parts": bytes.NewReader(append(gzipped(text[:500]), gzipped(text[500:])...)),
		"backwards":    strings.NewReader(backwards),
		"in drops":     iotest.OneByteReader(strings.NewReader(text)),
	} {
		m := storetest.NewMemory()
		in := collector.NewIntake(m, m, atNoon)
		sum, err := in.Import(t.Context(), r, sourcetest.Plain(), options(7))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sum.Received != 111 || sum.Stored != 110 || sum.Dead != 1 || sum.Bytes == 0 {
			t.Errorf("%s: %+v", name, sum)
		}
		first := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
		if !sum.First.Equal(first) || !sum.Last.Equal(first.Add(99*time.Second)) {
			t.Errorf("%s: from %v to %v", name, sum.First, sum.Last)
		}
		got := facts(t, m, ueba.KindEvent)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: other events than before (-want +got)\n%s", name, diff)
		}
	}
}

func TestImportTwice(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	text := strings.Join(manyLines(50), "\n")
	for i, want := range []collector.Result{
		{Received: 56, Parsed: 55, Stored: 55, Dead: 1},
		{Received: 56, Parsed: 55, Duplicate: 55, Dead: 1},
	} {
		sum, err := in.Import(t.Context(), strings.NewReader(text), sourcetest.Plain(), options(7))
		if err != nil || sum.Result != want {
			t.Errorf("import %d: %+v, %v, want %+v", i, sum.Result, err, want)
		}
	}
}

func TestImportOfNothing(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	sum, err := in.Import(t.Context(), strings.NewReader(""), sourcetest.Plain(), options(0))
	if err != nil || sum.Received != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestImportFlushesTheParser(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	text := sourcetest.Line(1, "wang", "C1", "a") + "\n" + sourcetest.Line(2, "wang", "C2", "b") + "\n+last"
	sum, err := in.Import(t.Context(), strings.NewReader(text), sourcetest.Held(), options(0))
	if err != nil || sum.Stored != 2 || sum.Skipped != 1 {
		t.Errorf("%+v, %v, want 2 stored and one skipped", sum, err)
	}
}

func TestImportProgress(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	o := options(10)
	var stored []int64
	o.Progress = func(s collector.Summary) { stored = append(stored, s.Stored) }
	text := strings.Repeat(sourcetest.Line(1, "wang", "C1", "")+"\n", 25)
	if _, err := in.Import(t.Context(), strings.NewReader(text), sourcetest.Plain(), o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{10, 20, 25}, stored); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestImportThatFails(t *testing.T) {
	text := strings.Join(manyLines(100), "\n")
	broken := errors.New("disk on fire")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	cases := map[string]struct {
		ctx    context.Context
		r      io.Reader
		refuse error
		want   error
		stored bool // what was read before the failure
	}{
		"reader":    {t.Context(), io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), nil, broken, true},
		"half gzip": {t.Context(), bytes.NewReader(gzipped(text)[:300]), nil, io.ErrUnexpectedEOF, false},
		"store":     {t.Context(), strings.NewReader(text), store.ErrFull, store.ErrFull, false},
		"cancelled": {cancelled, strings.NewReader(text), nil, context.Canceled, false},
	}
	for name, c := range cases {
		m := storetest.NewMemory()
		m.Refuse(c.refuse)
		in := collector.NewIntake(m, m, atNoon)
		sum, err := in.Import(c.ctx, c.r, sourcetest.Plain(), options(7))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if got := len(facts(t, m, ueba.KindEvent)); int64(got) != sum.Stored || c.stored != (got > 0) && name != "half gzip" {
			t.Errorf("%s: %d events in the store, the summary says %d", name, got, sum.Stored)
		}
	}
}
