package syslog

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMessages(t *testing.T) {
	const json = `{"a":"b c: [d]"}`
	cases := []struct{ name, message, want string }{
		{"5424", `<13>1 2026-11-22T22:07:10.123456+08:00 vm app 1 - - ` + json, json},
		{"5424 of nothing", `<13>1 - - - - - - ` + json, json},
		{"5424 with data", `<13>1 2026-11-22T22:07:10Z vm app - - [meta sequenceId="12"][x@1 a="q\"\]\\ ]"] ` + json, json},
		{"5424 with a mark", "<13>1 - - - - - - \xef\xbb\xbf" + json, json},
		{"5424 in nanoseconds", `<13>1 2026-11-22T22:07:10.123456789+08:00 vm app - - [x@1 a="q\"\]\\ ]"] ` + json, json},
		{"5424 without a zone", `<13>1 2026-11-22T22:07:10 vm app - - - ` + json, json},
		{"5424 of a host that is not ASCII", `<13>1 2026-11-22T22:07:10Z 主机 app - - - ` + json, json},
		{"5424 without a text", `<13>1 - - - - - -`, ""},
		{"5424 of version 2", `<13>2 - - - - - - ` + json, json},
		{"5424 over lines", "<13>1 - - - - - - a\nb", "a\nb"},
		{"5424 that is no UTF-8", "<13>1 - - - - - - a\xffb", "a\xffb"},
		{"3164", `<13>Nov 22 22:07:10 vm app[27560]: ` + json, json},
		{"3164 of one digit", `<13>Nov  2 22:07:10 vm app: ` + json, json},
		{"3164 over lines", "<13>Nov 22 22:07:10 vm app: a\nb", "a\nb"},
		{"3164 without a blank", `<13>Nov 22 22:07:10 vm app:` + json, json},
		{"3164 of a long name", `<13>Nov 22 22:07:10 vm com.example.lending.audit.AuditLoggerImplementation[1]: ` + json, json},
		{"3164 without a name", `<13>Nov 22 22:07:10 vm ` + json, json},
		{"3164 in ISO times", `<13>2026-11-22T22:07:10.123+08:00 vm app[1]: ` + json, json},
		{"3164 of CEF", `<13>Nov 22 22:07:10 vm CEF:0|a|b|c|d|e|5|x=y`, `CEF:0|a|b|c|d|e|5|x=y`},
		{"priority alone", `<13>` + json, json},
		{"no envelope", json, json},
		{"no envelope, text", "hello", "hello"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, gap, err := newOpener().open([]byte(c.message))
			if err != nil || gap || string(got) != c.want {
				t.Errorf("%q, gap %v, %v; want %q", got, gap, err, c.want)
			}
		})
	}
	for _, message := range []string{"<", "<13", "<12345>x", `<13>1 - - -`, `<13>1 2026-11-22T22:07:10 vm app - - [x@1 a="b`, `<13>1 2026-11-22T22:07:10 vm app - - x y`} {
		if body, _, err := newOpener().open([]byte(message)); err == nil {
			t.Errorf("%s is read as %q", message, body)
		}
	}
}

func TestNumbersThatJumpAreGaps(t *testing.T) {
	o := newOpener()
	for i, c := range []struct {
		number string
		gap    bool
	}{{"5", false}, {"6", false}, {"8", true}, {"9", false}, {"1", false}, {"2", false}, {"x", false}, {"3", false}, {"2147483647", true}, {"1", false}} {
		_, gap, err := o.open([]byte(`<13>1 - - - - - [meta sequenceId="` + c.number + `"] x`))
		if gap != c.gap || err != nil {
			t.Errorf("message %d of number %s: gap %v, %v", i, c.number, gap, err)
		}
	}
}

// FuzzOpener holds that no message crashes it and that what a message carries stands in it.
func FuzzOpener(f *testing.F) {
	f.Add(`<13>1 2026-11-22T22:07:10Z vm app - - [meta sequenceId="12"][x@1 a="q\"\]\\"] {}`)
	f.Add(`<13>Nov 22 22:07:10 vm app[27560]: {"a":1}`)
	f.Fuzz(func(t *testing.T, message string) {
		body, _, err := newOpener().open([]byte(message))
		if err == nil && !strings.HasSuffix(message, string(body)) && utf8.ValidString(message) {
			t.Fatalf("%q is said to carry %q", message, body)
		}
	})
}
