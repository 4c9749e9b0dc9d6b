package syslog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/collector"
)

const limit = 5000

// framed tells what a framer makes of a text.
func framed(r io.Reader) []string {
	var all []string
	for f := newFramer(r, limit); ; {
		rec, err := f.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				all = append(all, err.Error())
			}
			return all
		}
		said := fmt.Sprintf("%.40s", rec.Raw)
		if rec.Err != nil {
			said += fmt.Sprintf(" [%d bytes, %d kept: %v]", rec.Size, len(rec.Raw), rec.Err)
		}
		all = append(all, said)
	}
}

func counted(message string) string { return fmt.Sprintf("%d %s", len(message), message) }

func TestFrames(t *testing.T) {
	const a, b = "<13>1 - - - - - - one", "<13>Nov 22 22:07:10 vm app: two"
	long := "<13>" + strings.Repeat("x", 3*limit)
	cases := []struct {
		name, text string
		want       []string
	}{
		{"logger counts octets and ends no line", counted(a) + counted(b) + counted(a), []string{a, b, a}},
		{"rsyslog counts the line end too", counted(a+"\n") + counted(b+"\n"), []string{a, b}},
		{"octets, then a line end that is not counted", counted(a) + "\n" + counted(b) + "\r\n", []string{a, b}},
		{"lines", a + "\n" + b + "\r\n" + a + "\n", []string{a, b, a}},
		{"NUL at the end", a + "\x00\n" + b + "\n\x00", []string{a, b}},
		{"mixed", counted(a) + b + "\n" + counted(b+"\n") + a + "\n" + counted(a), []string{a, b, b, a, a}},
		{"a line end within octets", counted("<13>x\ny") + a + "\n", []string{"<13>x\ny", a}},
		{"a line that begins with digits", "2026 hello\n12 monkeys\n" + a + "\n", []string{"2026 hello", "12 monkeys", a}},
		{"JSON without any envelope", "{\"a\":1}\n{\"a\":2}", []string{`{"a":1}`, `{"a":2}`}},
		{"the last line does not end", a + "\n" + b, []string{a, b}},
		{"octets that do not come", counted(a) + "500 <13>x", []string{a, "<13>x [5 bytes, 5 kept: syslog: the connection broke off within a message]"}},
		{"too long by its count", counted(long) + counted(a), []string{fmt.Sprintf("%.40s [15004 bytes, 4096 kept: record too long: 15004 bytes, the limit is 5000]", long), a}},
		{"too long a line", long + "\n" + a + "\n", []string{fmt.Sprintf("%.40s [15005 bytes, 4096 kept: record too long: 15005 bytes, the limit is 5000]", long), a}},
		{"a count that lies, and a sender that leaves", "999999999 <13>x", []string{"<13>x [5 bytes, 5 kept: syslog: the connection broke off within a message]"}},
		{"a count of ten digits is none", "1000000000 <13>x\n" + a, []string{"1000000000 <13>x", a}},
		{"compressed", "x\x9c\x01\x02\x03", []string{errCompressed.Error()}},
		{"compressed after a message", counted(a) + "x\xda\x01\x02\x03", []string{a, errCompressed.Error()}},
		{"an x is just an x", "xyz\n" + a, []string{"xyz", a}},
		{"TLS", "\x16\x03\x01\x02\x00", []string{errHello.Error()}},
		{"nothing", "", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
				if diff := cmp.Diff(c.want, framed(r)); diff != "" {
					t.Errorf("%s (-want +got)\n%s", how, diff)
				}
			}
		})
	}
}

// TestFramerWaitsForNoMoreThanTheMessage: a counted message is given when its last octet
// is there.
func TestFramerWaitsForNoMoreThanTheMessage(t *testing.T) {
	r, w := io.Pipe()
	f := newFramer(r, limit)
	for _, message := range []string{"<1>x", "<13>1 - - - - - - one"} {
		go func() { _, _ = w.Write([]byte(counted(message))) }()
		if rec, err := f.next(); err != nil || string(rec.Raw) != message {
			t.Errorf("%q, %v", rec.Raw, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestLineOfHundredMegabytesTakesLittleMemory(t *testing.T) {
	r := io.MultiReader(strings.NewReader("<13>"), io.LimitReader(endless{}, 100<<20), strings.NewReader("\n<13>next\n"))
	f := newFramer(r, limit)
	rec, err := f.next()
	if err != nil || !errors.Is(rec.Err, collector.ErrTooLong) || rec.Size != 100<<20+5 || cap(f.buf) > 3*limit {
		t.Errorf("%d bytes, %d held, %v %v", rec.Size, cap(f.buf), rec.Err, err)
	}
	if rec, err := f.next(); err != nil || string(rec.Raw) != "<13>next" {
		t.Errorf("then %q, %v", rec.Raw, err)
	}
}

// FuzzFramer holds that no stream crashes the framer, that it gives the same byte by byte,
// and that it loses nothing but what may stand between messages.
func FuzzFramer(f *testing.F) {
	f.Add("5 <13>a<13>b\n12 <13>1 - - - \n")
	f.Add("1 <<\x00\n9x\n x\x9c")
	f.Fuzz(func(t *testing.T, text string) {
		whole := framed(strings.NewReader(text))
		if diff := cmp.Diff(whole, framed(iotest.OneByteReader(strings.NewReader(text)))); diff != "" {
			t.Fatalf("byte by byte (-whole +bytes)\n%s", diff)
		}
		size := 0
		stopped := false
		for fr := newFramer(strings.NewReader(text), limit); ; {
			rec, err := fr.next()
			if err != nil {
				stopped = !errors.Is(err, io.EOF)
				break
			}
			size += rec.Size
		}
		between := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\x00")
		counts := 10 * strings.Count(text, " <")
		if !stopped && size+between+counts < len(text) {
			t.Fatalf("%d of %d bytes were given", size, len(text))
		}
	})
}
