package ueba

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

const sampleLine = `{"@timestamp":"2026-11-02T09:31:04.120+08:00",
 "event":{"id":"7f3a","action":"view","duration":41200000000,"outcome":"success"},
 "user":{"id":"wang.wei001"}, "service":{"name":"crm"}, "session":{"id":"s-88"},
 "source":{"ip":"10.21.4.7"}, "host":{"name":"ws-0101"},
 "record":{"type":"customer","id":["C1000293"],"class":"C3","count":1,"fields":["id_card","phone"]},
 "purpose":{"id":"T261102-10001-7","kind":"call"},
 "branch":"上海","app":{"version":"4.2"}}`

func TestDecodeEvent(t *testing.T) {
	got, err := DecodeEvent([]byte(sampleLine), DecodeOptions{Source: "crm-http"})
	if err != nil {
		t.Fatal(err)
	}
	if want := sampleEvent(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDottedAndNestedNamesAreTheSame(t *testing.T) {
	const dotted = `{"@timestamp":"2026-11-02T01:31:04.120Z","event.id":"7f3a","event.action":"view",
		"event.duration":"41200000000","event.outcome":"success","user.id":"wang.wei001","service.name":"crm",
		"session.id":"s-88","source.ip":"10.21.4.7","host.name":"ws-0101","record.type":"customer",
		"record.id":"C1000293","record.class":"C3","record.count":1.0,"record.fields":["id_card","phone"],
		"purpose.id":"T261102-10001-7","purpose.kind":"call","labels":{"branch":"上海"},"app.version":"4.2"}`
	got, err := DecodeEvent([]byte(dotted), DecodeOptions{Source: "crm-http"})
	if err != nil {
		t.Fatal(err)
	}
	if want := sampleEvent(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// with builds a line of the required fields and more members.
func with(members string) string {
	if members != "" {
		members = "," + members
	}
	return `{"@timestamp":"2026-11-02T09:31:04Z","event":{"action":"view"},"service":{"name":"crm"},"user":{"id":"u1"}` + members + `}`
}

// without leaves one required field out and puts something else in its place.
func without(field, instead string) string {
	members := map[string]string{
		"@timestamp": `"@timestamp":"2026-11-02T09:31:04Z"`, "event.action": `"event.action":"view"`,
		"service.name": `"service.name":"crm"`, "user.id": `"user.id":"u1"`,
	}
	members[field] = instead
	var parts []string
	for _, name := range []string{"@timestamp", "event.action", "service.name", "user.id"} {
		if members[name] != "" {
			parts = append(parts, members[name])
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
}

// hostile are lines that must be refused, with what the message must say.
var hostile = []struct{ name, line, says string }{
	{"nothing", ``, "want an object, found the end of the line"},
	{"an array", `[]`, "want an object, found an array"},
	{"a number", `1`, "want an object, found a number"},
	{"no end", with("")[:40], ""},
	{"no end in a string", `{"x":"a`, "string without an end"},
	{"no end in an escape", `{"x":"a\`, "string without an end"},
	{"trailing word", with("") + "x", "something follows"},
	{"second object", with("") + with(""), "something follows"},
	{"trailing NUL", with("") + "\x00", "something follows"},
	{"byte order mark", "\ufeff" + with(""), "want an object"},
	{"trailing comma", `{"a":1,}`, "comma before"},
	{"comma in front", `{,"a":1}`, "want a name"},
	{"no comma", `{"a":1 "b":2}`, "want a comma"},
	{"no colon", `{"a" 1}`, "want a colon"},
	{"name without quotes", `{a:1}`, "want a name"},
	{"single quotes", `{'a':1}`, "want a name"},
	{"comment", `{"a":1/*x*/}`, "want a comma"},
	{"array with a trailing comma", with(`"a":[1,]`), "comma before"},
	{"array closed by a brace", with(`"a":[1}`), "want a comma"},

	{"depth bomb in a label", with(`"x":` + nested(40)), "deeper than 32"},
	{"depth bomb of arrays", with(`"x":` + strings.Repeat("[", 1_000_00)), "deeper than 32"},
	{"depth bomb alone", strings.Repeat(`{"a":`, 100_000), "deeper than 32"},

	{"invalid UTF-8 in a value", with(`"x":"a` + "\xff" + `"`), "invalid UTF-8"},
	{"invalid UTF-8 in a name", with(`"a` + "\xff" + `":1`), "invalid UTF-8"},
	{"invalid UTF-8 after an escape", with(`"x":"\n` + "\xc0\x80" + `"`), "invalid UTF-8"},
	{"UTF-8 of a surrogate", with(`"x":"` + "\xed\xa0\x80" + `"`), "invalid UTF-8"},
	{"UTF-8 cut short", with(`"x":"` + "\xe4\xb8" + `"`), "invalid UTF-8"},
	{"raw newline", with("\"x\":\"a\nb\""), "control character in a string"},
	{"raw NUL", with("\"x\":\"a\x00b\""), "control character in a string"},
	{"raw tab in a name", with("\"a\tb\":1"), "control character in a string"},
	{"lone high surrogate", with(`"x":"\ud800"`), "half of a surrogate pair"},
	{"lone low surrogate", with(`"x":"\udc00"`), "half of a surrogate pair"},
	{"two high surrogates", with(`"x":"\ud800\ud800"`), "half of a surrogate pair"},
	{"high surrogate and a letter", with(`"x":"\ud800\u0041"`), "half of a surrogate pair"},
	{"unknown escape", with(`"x":"\q"`), "unknown escape"},
	{"short hex", with(`"x":"\u12"`), "four hex digits"},
	{"hex with a letter", with(`"x":"\u12g4"`), "four hex digits"},

	{"duplicate name", `{"user":{"id":"a","id":"b"}}`, "user.id: given twice"},
	{"duplicate name by an escape", `{"user":{"id":"a","\u0069d":"b"}}`, "user.id: given twice"},
	{"duplicate object", with(`"user":{"name":"x"}`), "user: given twice"},
	{"nested and dotted", with(`"user.id":"u2"`), "user.id: given twice"},
	{"dotted and nested", `{"user.id":"u2","user":{"id":"u1"}}`, "user.id: given twice"},
	{"null and a value", `{"user.id":null,"user":{"id":"u1"}}`, "user.id: given twice"},
	{"duplicate in a label", with(`"x":{"a":1,"a":2}`), "x.a: given twice"},
	{"duplicate in an array", with(`"x":[{"a":1,"a":2}]`), "given twice"},
	{"duplicate label, nested and dotted", with(`"x":{"a":1},"x.a":2`), "x.a: given twice"},
	{"duplicate label, top and labels", with(`"x":1,"labels":{"x":2}`), "labels.x: given twice"},
	{"duplicate among many names", with(manyMembers(100) + `,"k7":1`), "k7: given twice"},
	{"ID beside id", `{"user":{"id":"alice","ID":"mallory"}}`, "user.ID: differs from a known name"},
	{"ID alone", `{"user":{"ID":"mallory"}}`, "user.ID: differs from a known name"},
	{"User", with(`"User":{"id":"mallory"}`), "User: differs from a known name"},
	{"dotted in capitals", with(`"USER.ID":"mallory"`), "USER.ID: differs from a known name"},
	{"long s folds to s", with(`"u\u017fer":{"id":"mallory"}`), "differs from a known name"},
	{"Labels", with(`"Labels":{"a":"b"}`), "Labels: differs from a known name"},

	{"no time", without("@timestamp", ""), "@timestamp: missing"},
	{"time is null", without("@timestamp", `"@timestamp":null`), "@timestamp: missing"},
	{"no user", without("user.id", ""), "user.id: missing"},
	{"empty user", without("user.id", `"user.id":""`), "user.id: missing or empty"},
	{"blank user", without("user.id", `"user.id":" \t"`), "user.id"},
	{"ideographic blank user", without("user.id", `"user.id":"　"`), "user.id: missing or empty"},
	{"no service", without("service.name", `"service":{}`), "service.name: missing"},
	{"no action", without("event.action", `"event":null`), "event.action: missing"},
	{"user is a text", without("user.id", `"user":"u1"`), "user: want an object, found a string"},
	{"user is an array", without("user.id", `"user":["u1"]`), "user: want an object, found an array"},
	{"user id is a boolean", without("user.id", `"user.id":true`), "user.id: want a string, found a boolean"},
	{"user id is a fraction", without("user.id", `"user.id":1.5`), "user.id: want a string or a whole number"},
	{"user id is minus nought", without("user.id", `"user.id":-0`), "user.id: want a string or a whole number"},
	{"user id is an object", without("user.id", `"user.id":{"x":1}`), "user.id: want a string, found an object"},
	{"user id with NUL", without("user.id", `"user.id":"a\u0000b"`), "user.id: control character"},
	{"user id with NEL", without("user.id", `"user.id":"a\u0085b"`), "user.id: control character"},
	{"service with NUL", without("service.name", `"service.name":"crm\u0000x"`), "service.name: control character"},
	{"user id too long", without("user.id", `"user.id":"`+strings.Repeat("u", 1025)+`"`), "user.id: longer than 1024"},
	{"action is a number", without("event.action", `"event.action":1`), "event.action: want a string, found a number"},

	{"NaN", with(`"event.duration":NaN`), "event.duration: want a number"},
	{"Infinity", with(`"x":Infinity`), "x: want a value"},
	{"minus alone", with(`"x":-`), "x: want a value"},
	{"leading nought", with(`"x":0123`), "want a comma"},
	{"leading plus", with(`"x":+1`), "x: want a value"},
	{"no digit after the point", with(`"x":1.`), "want a digit"},
	{"no digit before the point", with(`"x":.5`), "want a value"},
	{"no exponent", with(`"x":1e`), "want a digit"},
	{"hexadecimal", with(`"x":0x10`), "want a comma"},
	{"wrong literal", with(`"x":tru`), "x: want a value"},
	{"capital literal", with(`"x":True`), "x: want a value"},
	{"null cut short", with(`"user.name":nul`), "want a value"},

	{"negative duration", with(`"event.duration":-1`), "event.duration: is negative"},
	{"overflowing duration", with(`"event.duration":9223372036854775808`), "event.duration: want a whole number"},
	{"huge duration", with(`"event.duration":1e400`), "event.duration: want a whole number"},
	{"fractional duration", with(`"event.duration":1.5`), "event.duration: want a whole number"},
	{"duration in words", with(`"event.duration":"41s"`), "event.duration: want a whole number"},
	{"duration is a boolean", with(`"event.duration":true`), "event.duration: want a number, found a boolean"},
	{"negative count", with(`"record.count":-3`), "record.count: is negative"},

	{"record id is an object", with(`"record":{"id":{"a":1}}`), "record.id: want a string or an array of strings, found an object"},
	{"record id is a boolean", with(`"record.id":true`), "record.id: want a string or an array of strings, found a boolean"},
	{"record id of arrays", with(`"record.id":[["a"]]`), "record.id: want a string, found an array"},
	{"record id is a fraction", with(`"record.id":1.0`), "record.id: want a string or a whole number"},
	{"record id with an exponent", with(`"record.id":[1e3]`), "record.id: want a string or a whole number"},
	{"too many record ids", with(`"record.id":[` + numbers(MaxRecordIDs+1) + `]`), "record.id: more than 10000"},
	{"field is a number", with(`"record.fields":[1]`), "record.fields: want a string, found a number"},

	{"ours nested", with(`"onlooker":{"source":"forged"}`), "onlooker.source: is Onlooker's own"},
	{"ours dotted", with(`"onlooker.source":"forged"`), "onlooker.source: is Onlooker's own"},
	{"ours, something else", with(`"onlooker":{"x":1}`), "onlooker.x: is Onlooker's own"},
	{"ours in capitals", with(`"Onlooker":{"source":"forged"}`), "Onlooker: differs"},
	{"our label", with(`"labels":{"onlooker.truncated":"no"}`), "labels.onlooker.truncated: is Onlooker's own"},

	{"a long name in the message", with(`"` + strings.Repeat("x", 5000) + `":nope`), "xxx…: want a value"},
}

func manyMembers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"k%d":%d`, i, i)
	}
	return strings.Join(parts, ",")
}

func numbers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strconv.Itoa(i)
	}
	return strings.Join(parts, ",")
}

func TestHostileLinesAreRefused(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			body, err := DecodeEvent([]byte(c.line), DecodeOptions{})
			if err == nil {
				t.Fatalf("accepted as %+v", body)
			}
			var problem *DecodeError
			if !errors.As(err, &problem) {
				t.Fatalf("error %T is not a *DecodeError", err)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if problem.Offset < 0 || problem.Offset > len(c.line) || len(err.Error()) > 250 {
				t.Errorf("error %q: offset %d of %d", err, problem.Offset, len(c.line))
			}
		})
	}
}

func TestErrorsNameFieldAndByte(t *testing.T) {
	line := with(`"record":{"id":{"a":1}}`)
	_, err := DecodeEvent([]byte(line), DecodeOptions{})
	want := fmt.Sprintf("event: record.id: want a string or an array of strings, found an object, at byte %d", strings.Index(line, `{"a"`))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSize(t *testing.T) {
	line := with(`"x":"` + strings.Repeat("a", MaxEventBytes) + `"`)
	if _, err := DecodeEvent([]byte(line), DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "longer than the limit") {
		t.Errorf("default limit: %v", err)
	}
	if _, err := DecodeEvent([]byte(line), DecodeOptions{MaxBytes: len(line)}); err != nil {
		t.Errorf("raised limit: %v", err)
	}
	if _, err := DecodeEvent([]byte(with("")), DecodeOptions{MaxBytes: 100}); err == nil {
		t.Error("lowered limit: accepted")
	}
}

// A line of nothing but names must not cost the square of their number.
func TestManyNamesAreReadInTime(t *testing.T) {
	line := []byte(with(`"x":{` + manyMembers(70_000) + `}`))
	start := time.Now()
	if _, err := DecodeEvent(line, DecodeOptions{MaxBytes: len(line)}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("%d bytes took %s", len(line), took)
	}
}

func mustDecode(t *testing.T, line string) *Event {
	t.Helper()
	body, err := DecodeEvent([]byte(line), DecodeOptions{})
	if err != nil {
		t.Fatalf("%v\nof %s", err, line)
	}
	return body.(*Event)
}

func TestRecordIDs(t *testing.T) {
	for line, want := range map[string][]string{
		`"record.id":"C1"`:                                {"C1"},
		`"record.id":9007199254740993`:                    {"9007199254740993"},
		`"record.id":-5`:                                  {"-5"},
		`"record.id":123456789012345678901234567890`:      {"123456789012345678901234567890"},
		`"record.id":["C2","C1","C2",7,"7",null,""]`:      {"C2", "C1", "7"},
		`"record":{"id":["\u0043\u0031","\ud83d\ude00"]}`: {"C1", "😀"},
		`"record.id":""`:                                  nil,
		`"record.id":[]`:                                  nil,
		`"record.id":null`:                                nil,
		`"record":null`:                                   nil,
	} {
		if got := mustDecode(t, with(line)).Record.IDs; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	many := mustDecode(t, with(`"record.id":[`+numbers(500)+`,`+numbers(500)+`]`)).Record.IDs
	if len(many) != 500 || many[499] != "499" {
		t.Errorf("500 ids twice gave %d", len(many))
	}
	if most := mustDecode(t, with(`"record.id":[`+numbers(MaxRecordIDs)+`]`)).Record.IDs; len(most) != MaxRecordIDs {
		t.Errorf("%d ids gave %d", MaxRecordIDs, len(most))
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`41200000000`: 41200 * time.Millisecond, `"41200000000"`: 41200 * time.Millisecond, `41200000000.0`: 41200 * time.Millisecond,
		`4.12e10`: 41200 * time.Millisecond, `0`: 0, `-0`: 0, `0e99`: 0, `5000e-3`: 5, `9223372036854775807`: 1<<63 - 1,
	} {
		e := mustDecode(t, with(`"event.duration":`+text))
		if !e.HasDuration || e.Duration != want {
			t.Errorf("%s: got %d (%v), want %d", text, e.Duration, e.HasDuration, want)
		}
	}
	if e := mustDecode(t, with(`"event.duration":null`)); e.HasDuration {
		t.Error("a duration of null is a duration")
	}
	if e := mustDecode(t, with(`"record.count":5000`)); e.Record.Count != 5000 {
		t.Errorf("count %d", e.Record.Count)
	}
}

func TestTimes(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	want := time.Date(2026, 11, 2, 1, 31, 4, 120_000_000, time.UTC)
	for _, c := range []struct {
		text string
		zone *time.Location
		want time.Time
	}{
		{`"2026-11-02T09:31:04.120+08:00"`, nil, want},
		{`"2026-11-02T01:31:04.12Z"`, nil, want},
		{`"2026-11-02t01:31:04.12z"`, nil, want},
		{`"2026-11-02 01:31:04,120Z"`, nil, want},
		{`"2026-11-02T09:31:04.120+0800"`, nil, want},
		{`"2026-11-02T09:31:04.120+08"`, nil, want},
		{`"2026-11-01T20:01:04.120-05:30"`, nil, want},
		{`"2026-11-02T01:31:04.120 Z"`, nil, want},
		{`"2026-11-02 09:31:04.120"`, shanghai, want},
		{`"2026-11-02T09:31:04.120"`, shanghai, want},
		{`"2026-11-02T01:31:04.12Z"`, shanghai, want},
		{`1793583064120`, nil, want},
		{`1793583064120.0`, nil, want},
		{`1793583064120.999`, nil, want},
		{`"1793583064120"`, nil, want},
		{`"1793583064120.7"`, nil, want},
		{`"2026-11-02T01:31:04Z"`, nil, want.Truncate(time.Second)},
		{`"2026-11-02T01:31:04.1234567891Z"`, nil, want.Truncate(time.Second).Add(123_456_789)},
		{`"2028-02-29T00:00:00Z"`, nil, time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)},
	} {
		body, err := DecodeEvent([]byte(without("@timestamp", `"@timestamp":`+c.text)), DecodeOptions{Zone: c.zone})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := body.(*Event).Time; !got.Equal(c.want) || got.Location() != time.UTC {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}

func TestTimesThatAreRefused(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for text, says := range map[string]string{
		`"2026-11-02 09:31:04.120"`:    "without a zone",
		`"2026-11-02"`:                 "want a time like",
		`"02/11/2026 09:31:04"`:        "want a time like",
		`""`:                           "want a time like",
		`"2026-13-02T09:31:04Z"`:       "no such date",
		`"2026-02-29T09:31:04Z"`:       "no such date",
		`"2026-11-00T09:31:04Z"`:       "no such date",
		`"2026-11-02T24:00:00Z"`:       "no such date",
		`"2026-11-02T09:60:04Z"`:       "no such date",
		`"2026-11-02T09:31:60Z"`:       "no such date",
		`"2026-11-02T09:31:04.Z"`:      "want a zone",
		`"2026-11-02T09:31:04CST"`:     "want a zone",
		`"2026-11-02T09:31:04+16:00"`:  "want a zone",
		`"2026-11-02T09:31:04+08:60"`:  "want a zone",
		`"2026-11-02T09:31:04*08:00"`:  "want a zone",
		`"2026-11-02T09:31:04Zjunk"`:   "want a zone",
		`"1999-12-31T23:59:59Z"`:       "years 2000 to 2099",
		`"2100-01-01T00:00:00Z"`:       "years 2000 to 2099",
		`"0000-00-00T00:00:00Z"`:       "no such date",
		`"2026-11-25T00:00:01Z"`:       "more than a day in the future",
		`1793583064`:                   "13 digits",
		`1793583064120000000`:          "13 digits",
		`-793583064120`:                "years 2000 to 2099",
		`1e400`:                        "13 digits",
		`true`:                         "want a time, found a boolean",
		`["2026-11-02T09:31:04Z"]`:     "want a time, found an array",
		`"2026-11-02T09:31:04\u0000Z"`: "want a zone",
		`"２０２６-11-02T09:31:04Z"`:       "want a time like",
	} {
		body, err := DecodeEvent([]byte(without("@timestamp", `"@timestamp":`+text)), DecodeOptions{Now: now})
		if err == nil {
			t.Errorf("%s: accepted as %+v", text, body)
		} else if !strings.Contains(err.Error(), "@timestamp: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %q does not say %q", text, err, says)
		}
	}
}

func TestUnknownFieldsBecomeLabels(t *testing.T) {
	e := mustDecode(t, with(`"app":{"version":"4.2","build":{"n":9007199254740993}},"flag":true,"none":null,
		"tags":["a", 1, {"x":null}],"labels":{"env":"prod","deep":{"er":1.50}},"host":"ws-1","source":["a"],
		"event.kind":"alert","employee.id":"E7","reason":"asked","":"empty"`))
	want := map[string]string{
		"app.version": "4.2", "app.build.n": "9007199254740993", "flag": "true", "tags": `["a", 1, {"x":null}]`,
		"env": "prod", "deep.er": "1.50", "host": "ws-1", "source": `["a"]`,
		"event.kind": "alert", "employee.id": "E7", "reason": "asked", "": "empty",
	}
	if !reflect.DeepEqual(e.Labels, want) {
		t.Errorf("got  %q\nwant %q", e.Labels, want)
	}
}

func TestFieldsOfReasonsOnAnEventAreLabels(t *testing.T) {
	e := mustDecode(t, with(`"reason":{"id":"T1","kind":"call","made_by":"E2","valid_from":"2026-11-02T08:00:00+08:00"},"event.outcome":"Succeeded"`))
	want := map[string]string{"reason.id": "T1", "reason.kind": "call", "reason.made_by": "E2",
		"reason.valid_from": "2026-11-02T00:00:00Z", "event.outcome": "Succeeded"}
	if !reflect.DeepEqual(e.Labels, want) || e.Outcome != "unknown" {
		t.Errorf("got %q, outcome %q", e.Labels, e.Outcome)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	e := mustDecode(t, with(manyMembers(70)))
	if len(e.Labels) != MaxLabels+1 || e.Labels[LabelTruncated] != "labels" || e.Labels["k63"] != "63" || e.Labels["k64"] != "" {
		t.Errorf("70 unknown fields: %d labels, truncated %q", len(e.Labels), e.Labels[LabelTruncated])
	}
	e = mustDecode(t, with(`"note":"`+strings.Repeat("客", 100)+`"`))
	if e.Labels["note"] != strings.Repeat("客", 85) || e.Labels[LabelTruncated] != "values" {
		t.Errorf("a long value gave %d bytes, truncated %q", len(e.Labels["note"]), e.Labels[LabelTruncated])
	}
	e = mustDecode(t, with(`"`+strings.Repeat("n", 257)+`":1,"x":"`+strings.Repeat("y", 257)+`"`))
	if len(e.Labels) != 2 || e.Labels[LabelTruncated] != "labels,values" {
		t.Errorf("a long name gave %q", e.Labels)
	}
	if e = mustDecode(t, with(manyMembers(MaxLabels))); e.Labels[LabelTruncated] != "" {
		t.Errorf("%d labels are said to be cut", MaxLabels)
	}
}

func TestTextsOfLinesDoNotShareTheCallersBytes(t *testing.T) {
	line := []byte(sampleLine)
	body, err := DecodeEvent(line, DecodeOptions{Source: "crm-http"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range line {
		line[i] = 'x'
	}
	if !reflect.DeepEqual(body, sampleEvent()) {
		t.Error("the event changed with the buffer of its line")
	}
}

func TestDecodeReason(t *testing.T) {
	line := `{"@timestamp":"2026-11-02T09:00:00+08:00","event":{"kind":"reason","id":"T261102-1"},
		"reason":{"kind":"ticket","valid_from":"2026-11-02T09:05:00+08:00","valid_to":"2026-11-09T18:00:00+08:00",
		"created":"2026-11-02T09:00:00+08:00","made_by":"E7"},"record":{"id":"C1"},"employee":{"id":"E1"},"note":"x"}`
	body, err := DecodeEvent([]byte(line), DecodeOptions{Source: "tickets", Now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	want := &Reason{
		ID: "T261102-1", RecordID: "C1", EmployeeID: "E1", Type: "ticket", MadeBy: "E7", Source: "tickets",
		ValidFrom: time.Date(2026, 11, 2, 1, 5, 0, 0, time.UTC), ValidTo: time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC),
		Created: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC),
	}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("got  %+v\nwant %+v", body, want)
	}
}

func TestDecodeReasonWithDefaults(t *testing.T) {
	line := `{"@timestamp":"2026-11-02T09:00:00Z","event.kind":"reason","reason.id":"T1","reason.kind":"campaign",
		"user.id":"wang.wei001","reason.valid_to":"9999-12-31T00:00:00Z"}`
	body, err := DecodeEvent([]byte(line), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Reason{ID: "T1", EmployeeID: "wang.wei001", Type: "campaign", ValidFrom: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("got  %+v\nwant %+v", body, want)
	}
}

func TestReasonsThatAreRefused(t *testing.T) {
	for members, says := range map[string]string{
		`"reason.kind":"call","user.id":"u","reason.valid_from":"2026-11-02T09:00:00Z"`:                                                           "reason.id: missing",
		`"reason.id":"T1","user.id":"u","reason.valid_from":"2026-11-02T09:00:00Z"`:                                                               "reason.kind: missing",
		`"reason.id":"T1","event.id":"T2","reason.kind":"call","user.id":"u","reason.valid_from":"2026-11-02T09:00:00Z"`:                          "differs from event.id",
		`"reason.id":"T1","reason.kind":"call","user.id":"u"`:                                                                                     "reason.valid_from: missing",
		`"reason.id":"T1","reason.kind":"call","user.id":"u","reason.valid_from":"1899-11-02T09:00:00Z"`:                                          "years 1900 to 2099",
		`"reason.id":"T1","reason.kind":"call","user.id":"u","reason.valid_from":"2026-11-02T09:00:00Z","reason.valid_to":"2026-11-01T00:00:00Z"`: "not after",
		`"reason.id":"T1","reason.kind":"call","user.id":"u","reason.valid_from":"2026-11-02T09:00:00Z","reason.created":"1970-01-01T00:00:00Z"`:  "reason.created: outside",
		`"reason.id":"T1","reason.kind":"call","record.id":["a","b"],"reason.valid_from":"2026-11-02T09:00:00Z"`:                                  "one record or for any",
		`"reason.id":"T1","reason.kind":"call","reason.valid_from":"2026-11-02T09:00:00Z"`:                                                        "a reason for all is none",
	} {
		body, err := DecodeEvent([]byte(`{"event.kind":"reason",`+members+`}`), DecodeOptions{})
		if err == nil {
			t.Errorf("%s: accepted as %+v", members, body)
		} else if !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %q does not say %q", members, err, says)
		}
	}
}
