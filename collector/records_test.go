package collector_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/collector"
)

// told writes a record so that a test reads it at a glance.
func told(r collector.Record) string {
	s := fmt.Sprintf("%d-%d line %d: %.20q", r.Offset, r.Next, r.Line, r.Raw)
	if r.Size != len(r.Raw) {
		s += fmt.Sprintf(" of %d", r.Size)
	}
	if errors.Is(r.Err, collector.ErrTooLong) {
		s += " too long"
	}
	return s
}

func toldAll(t *testing.T, records *collector.Records) []string {
	t.Helper()
	var all []string
	for rec, err := range records.Rest() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, told(rec))
	}
	return all
}

func TestRecords(t *testing.T) {
	long := strings.Repeat("x", 5000)
	cases := []struct {
		name, text string
		split      bufio.SplitFunc
		want       []string
	}{
		{"lines", "a\r\n\n  \nbb\ncc", bufio.ScanLines, []string{`0-3 line 1: "a"`, `7-10 line 4: "bb"`, `10-12 line 5: "cc"`}},
		{"nothing", "", bufio.ScanLines, nil},
		{"just fits", strings.Repeat("y", 4999) + "\nb\n", bufio.ScanLines, []string{`0-5000 line 1: "yyyyyyyyyyyyyyyyyyyy"`, `5000-5002 line 2: "b"`}},
		{"too long in the middle", "a\n" + long + "zz\nb\n", bufio.ScanLines, []string{
			`0-2 line 1: "a"`, `2-5005 line 2: "xxxxxxxxxxxxxxxxxxxx" of 5002 too long`, `5005-5007 line 3: "b"`}},
		{"too long at the end", long + "z", bufio.ScanLines, []string{`0-5001 line 1: "xxxxxxxxxxxxxxxxxxxx" of 5001 too long`}},
		{"a quote that never closes takes one line", "a\n\"b\nc\nd" + long + "\n\"e\n\"\nf\n", quotedLines, []string{
			`0-2 line 1: "a"`, `2-5 line 2: "\"b" too long`, `5-7 line 3: "c"`,
			`7-5009 line 4: "dxxxxxxxxxxxxxxxxxxx" of 5001 too long`, `5009-5014 line 5: "\"e\n\""`, `5014-5016 line 7: "f"`}},
		{"a record that does not end", "a\n\"b\nc", quotedLines, []string{`0-2 line 1: "a"`, `2-6 line 2: "\"b\nc"`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			read := func(r io.Reader) *collector.Records { return collector.NewRecords(r, c.split, 5000, 0) }
			for name, records := range map[string]*collector.Records{
				"read":         read(strings.NewReader(c.text)),
				"byte by byte": read(iotest.OneByteReader(strings.NewReader(c.text))),
				"in memory":    collector.RecordsOf([]byte(c.text), c.split, 5000),
			} {
				if diff := cmp.Diff(c.want, toldAll(t, records)); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", name, diff)
				}
			}
		})
	}
}

// quotedLines cuts at line ends outside quotes.
func quotedLines(data []byte, _ bool) (int, []byte, error) {
	open := false
	for i, c := range data {
		switch {
		case c == '"':
			open = !open
		case c == '\n' && !open:
			return i + 1, data[:i], nil
		}
	}
	return 0, nil, nil
}

func TestRecordsFollowsAStreamThatGrows(t *testing.T) {
	var stream bytes.Buffer
	records := collector.NewRecords(&stream, bufio.ScanLines, 0, 100)
	next := func(final bool) string {
		rec, err := records.Next(final)
		if err != nil {
			return err.Error()
		}
		return told(rec)
	}
	stream.WriteString("one\ntw")
	got := []string{next(false), next(false), string(records.Held())}
	stream.WriteString("o\nlast")
	got = append(got, next(false), next(false), next(true), next(true))
	want := []string{`100-104 line 1: "one"`, "EOF", "tw", `104-108 line 2: "two"`, "EOF", `108-112 line 3: "last"`, "EOF"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRecordsInMemoryLeavesTheDataAlone(t *testing.T) {
	data := []byte("a\nbb\nccc")
	before := bytes.Clone(data)
	toldAll(t, collector.RecordsOf(data, bufio.ScanLines, 2))
	if !bytes.Equal(data, before) {
		t.Errorf("the data became %q", data)
	}
}

func TestRecordsGivesTheReadersError(t *testing.T) {
	broken := errors.New("disk on fire")
	records := collector.NewRecords(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), bufio.ScanLines, 0, 0)
	if rec, err := records.Next(true); err != nil || string(rec.Raw) != "a" {
		t.Fatalf("first record %q, %v", rec.Raw, err)
	}
	if _, err := records.Next(true); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// endless gives a line without end and counts what was asked for.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	n := min(e.left, len(p))
	e.left -= n
	if n == 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = 'x'
	}
	return n, nil
}

func TestRecordsBoundsMemory(t *testing.T) {
	const size = 100 << 20
	var got collector.Record
	allocated := testing.AllocsPerRun(1, func() {
		records := collector.NewRecords(io.MultiReader(&endless{left: size}, strings.NewReader("\n")), bufio.ScanLines, 0, 0)
		rec, err := records.Next(true)
		if err != nil {
			t.Fatal(err)
		}
		got = rec
	})
	if got.Size != size || len(got.Raw) != collector.CutTo || !errors.Is(got.Err, collector.ErrTooLong) {
		t.Errorf("record of %d bytes, %d kept, %v", got.Size, len(got.Raw), got.Err)
	}
	if allocated > 20 {
		t.Errorf("%v allocations for one line", allocated)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add("a\nb\r\n\nc", 3, uint8(1))
	f.Add("\"x\ny\nz", 2, uint8(3))
	f.Fuzz(func(t *testing.T, text string, limit int, chunk uint8) {
		limit = max(1, limit%64)
		whole := collector.RecordsOf([]byte(text), quotedLines, limit)
		read := collector.NewRecords(&chunks{text, int(chunk)%7 + 1}, quotedLines, limit, 0)
		next := int64(0)
		for rec, err := range whole.Rest() {
			other, err2 := read.Next(true)
			if err != nil || err2 != nil || told(rec) != told(other) {
				t.Fatalf("in memory %s (%v), read %s (%v)", told(rec), err, told(other), err2)
			}
			if strings.TrimSpace(text[next:rec.Offset]) != "" {
				t.Fatalf("%q was passed over", text[next:rec.Offset])
			}
			next = rec.Next
		}
		if strings.TrimSpace(text[next:]) != "" {
			t.Fatalf("%q was left", text[next:])
		}
	})
}

type chunks struct {
	text string
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p, c.text[:min(c.size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}
