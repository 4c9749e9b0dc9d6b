package mapping_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/collector/mapping"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// readSQL is what internal/app gives mappings.
func readSQL(text, dialect string) map[string]any {
	s := parse.ReadStatement(text, dialect)
	out := map[string]any{"conditional": s.Conditional}
	if s.Action != "" {
		out["action"], out["table"] = string(s.Action), s.Table
	}
	if len(s.IDs) > 0 {
		ids := make([]any, len(s.IDs))
		for i, id := range s.IDs {
			ids[i] = id
		}
		out["ids"] = ids
	}
	if s.Purpose.ID != "" {
		out["ticket"], out["purpose"] = s.Purpose.ID, s.Purpose.Kind
	}
	return out
}

func load(t testing.TB, dirs ...string) *mapping.Set {
	t.Helper()
	s, err := mapping.Load(readSQL, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// folder makes a folder of mappings.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// least is a small mapping; more is added to it.
const least = `
decode: {format: json}
time: {from: at}
set:
  user.id: who
  service.name: '"x"'
  event.action: '"view"'
`

const leastTest = `
tests:
  - input: '{"at":"2026-11-02T01:31:04Z","who":"li.na","id":"C1"}'
    event: {user.id: li.na}
`

func TestBuiltinMappingsPassTheirTests(t *testing.T) {
	tests := load(t).Tests()
	if len(tests) < 16 {
		t.Errorf("%d mappings: %v", len(tests), tests)
	}
	for name, n := range tests {
		if n < 3 {
			t.Errorf("%s has %d tests", name, n)
		}
	}
}

// genuine gives the lines of a sample folder.
func genuine(t *testing.T, parts ...string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "..", "shared", "samples"}, parts...)...))
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the folder of samples is not here:", err)
	}
	return slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
}

// TestSamples says what becomes of lines that others collected: how often somebody did
// what to which kind of record. What is left is dropped on purpose, or is a dead letter
// because the line bears no time or is of another format.
func TestSamples(t *testing.T) {
	for _, c := range []struct {
		format string
		sample []string
		events map[string]int
		dead   int
	}{
		{"salesforce", []string{"salesforce", "events.jsonl"}, map[string]int{
			"login success": 6, "export success Account": 1, "create success Lead": 1, "delete success Opportunity": 1, "export success Contact": 1,
		}, 0},
		{"m365", []string{"m365", "events.jsonl"}, map[string]int{"login success": 1, "login failure": 1}, 16},
		{"google_drive", []string{"google_workspace", "events.jsonl"}, map[string]int{
			"create success document": 1, "download success spreadsheet": 1, "view success spreadsheet": 1,
		}, 10},
		{"box", []string{"box", "events.jsonl"}, map[string]int{}, 7},
		{"okta", []string{"okta", "events.jsonl"}, map[string]int{"login success": 4, "login failure": 6, "unmask success password": 3}, 20},
		{"aws_s3_access", []string{"aws_s3_access", "events.jsonl"}, map[string]int{
			"create success object": 2, "create failure object": 1, "download success object": 3, "download failure object": 2,
		}, 5},
		{"kubernetes", []string{"crowdsec-pairs", "k8s-audit-pod-exec-file", "k8s-audit-pod-exec-file.log"}, map[string]int{"open success pods": 1}, 0},
		{"snowflake", []string{"snowflake", "events.jsonl"}, map[string]int{"export success": 2, "login success": 4, "login failure": 6}, 8},
		{"keycloak", []string{"crowdsec-pairs", "keycloak-logs", "keycloak-logs.log"}, map[string]int{"login failure": 7}, 0},
		{"cef", []string{"crowdsec-pairs", "cef-logs", "cef-logs.log"}, map[string]int{}, 1},
		{"mongodb_audit", []string{"crowdsec-pairs", "mongodb-logs", "mongodb-logs.log"}, map[string]int{}, 2},
	} {
		t.Run(c.format, func(t *testing.T) {
			s := load(t)
			events, dead := map[string]int{}, map[string]int{}
			for _, line := range genuine(t, c.sample...) {
				trial := s.Try(c.format, []byte(line), mapping.Options{Zone: time.UTC, Source: "test"})
				if trial.Err != nil {
					dead[trial.Err.Error()]++
				}
				if _, err := json.Marshal(trial.Fields); err != nil {
					t.Errorf("fields that hold themselves: %v", err)
				}
				for _, b := range trial.Bodies {
					e := b.(*ueba.Event)
					events[strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Action, e.Outcome, e.Record.Type))]++
				}
			}
			if diff := cmp.Diff(c.events, events); diff != "" {
				t.Error(diff)
			}
			sum := 0
			for _, n := range dead {
				sum += n
			}
			if sum != c.dead {
				t.Errorf("%d dead letters, want %d: %v", sum, c.dead, dead)
			}
		})
	}
}

// TestFaultsOfAFileAreNamedWithTheirPlace is also what a mapping may not do.
func TestFaultsOfAFileAreNamedWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"decode: {format: xml}\n" + leastTest:                                       "m.yml:1:18: decode.format: want one of json, csv",
		least + leastTest + "colour: red\n":                                         "m.yml:12:1: unknown key colour",
		least + "  user.nmae: who\n" + leastTest:                                    "m.yml:8:3: unknown field user.nmae",
		least + "  customer.id: who\n" + leastTest:                                  "did you mean",
		least + "  '@timestamp': at\n" + leastTest:                                  "the time stands under time:",
		least + "  onlooker.source: who\n" + leastTest:                              "unknown field onlooker.source",
		least + "  labels.onlooker.x: who\n" + leastTest:                            "unknown field",
		least + "  record.id: 'id +'\n" + leastTest:                                 "m.yml:8:14: unexpected token EOF",
		least + "  record.id: 'now()'\n" + leastTest:                                "function now is not allowed",
		least + "  record.id: 'keys(a)'\n" + leastTest:                              "function keys is not allowed",
		least + "  record.id: 'repeat(a, 1000000)'\n" + leastTest:                   "function repeat is not allowed",
		least + "  record.id: 'reduce(a, # + #acc)'\n" + leastTest:                  "not allowed",
		least + "  record.id: 'shell(a)'\n" + leastTest:                             "unknown function shell",
		least + "  record.id: 'map(1..1000000, #)'\n" + leastTest:                   "ranges are not allowed",
		least + "  record.id: 'filter(a, any(b, # == 1))'\n" + leastTest:            "a pass over a list within another",
		least + "  record.id: 'map(a, # + big)'\n" + leastTest:                      "texts may not be joined within a pass",
		least + "  record.id: 'map(a, replace(#, \"a\", \"b\"))'\n" + leastTest:     "texts may not be joined within a pass",
		least + "  record.id: 'who matches id'\n" + leastTest:                       "want the regular expression as a text",
		least + "  record.id: 'who matches \"(?=a)\"'\n" + leastTest:                "error parsing regexp",
		least + "  record.id: '" + strings.Repeat("a + ", 300) + "a'\n" + leastTest: "exceeds maximum",
		least + "extract: [{from: who, regex: '(?<=a)(?P<x>b)'}]\n" + leastTest:     "regex: error parsing regexp",
		least + "extract: [{from: who, regex: 'a'}]\n" + leastTest:                  "want a named group",
		least + "extract: [{from: who}]\n" + leastTest:                              "want one of regex, csv, kv, json and value",
		least + "fanout: {from: a, as: b, max: 100000}\n" + leastTest:               "max: want a number from 1 to 10000",
		least + "dedupe: a\n" + "keep: ''\n" + leastTest:                            "want a condition",
		least: "tests: want at least one",
		strings.ReplaceAll(least, "at}", "at, layout: [yesterday]}") + leastTest:       "time.layout: want iso",
		strings.ReplaceAll(least, "at}", "at, zone: Mars}") + leastTest:                `no such time zone "Mars"`,
		strings.ReplaceAll(least, "  user.id: who\n", "") + leastTest:                  "set: user.id is missing",
		strings.ReplaceAll(least, "time: {from: at}", "") + leastTest:                  "time.from: want the field",
		least + strings.ReplaceAll(leastTest, "user.id: li.na", "user.id: bob"):        `user.id: want "bob", found "li.na"`,
		least + strings.ReplaceAll(leastTest, "event: {user.id: li.na}", "drop: true"): "want it dropped, found 1 events",
		least + strings.ReplaceAll(leastTest, "event: {user.id: li.na}", "error: x"):   `want an error with "x", found none`,
		"- a\n- b\n": "want keys",
		"":           "empty file",
	} {
		_, err := mapping.Load(readSQL, folder(t, map[string]string{"m.yml": text}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v\nwant %q", text, err, want)
		}
	}
}

func TestAllFaultsComeAtOnce(t *testing.T) {
	_, err := mapping.Load(readSQL, folder(t, map[string]string{
		"a.yml": least + "  user.nmae: who\n  x.y: '1 +'\n" + leastTest, "b.yml": "colour: red",
	}))
	for _, want := range []string{"user.nmae", "x.y", "colour"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}

func TestReloadTakesAllOrNone(t *testing.T) {
	dir := folder(t, map[string]string{"a.yml": least + leastTest, "b.yml": least + leastTest})
	s := load(t, dir)
	line, o := []byte(`{"at":"2026-11-02T01:31:04Z","who":"li.na","id":"C1"}`), mapping.Options{}
	var format mapping.Format
	for _, f := range s.Formats() {
		if f.Name == "a" {
			format = f
		}
	}
	running := format.New(o)
	ids := func() (out []string) {
		if err := running.Parse(line, func(b ueba.Body) { out = b.(*ueba.Event).Record.IDs }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed, err := s.Reload(); changed || err != nil {
		t.Errorf("nothing changed: %v, %v", changed, err)
	}
	write("a.yml", least+"  record.id: id\n"+leastTest)
	write("b.yml", least+"  nonsense: id\n"+leastTest)
	if changed, err := s.Reload(); changed || err == nil || ids() != nil {
		t.Errorf("a good file beside a bad one was taken: %v, %v, %v", changed, err, ids())
	}
	write("b.yml", least+leastTest)
	if changed, err := s.Reload(); !changed || err != nil || !slices.Equal(ids(), []string{"C1"}) {
		t.Errorf("after both are good: %v, %v, %v", changed, err, ids())
	}
	if err := os.Remove(filepath.Join(dir, "b.yml")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reload(); err == nil || !strings.Contains(err.Error(), "b is in force and its file is gone") {
		t.Errorf("a vanished mapping: %v", err)
	}
	if !s.Has("b") {
		t.Error("the vanished mapping is not in force any more")
	}
}

func TestOwnMappingStandsForABuiltin(t *testing.T) {
	s := load(t, folder(t, map[string]string{"box.yml": least + leastTest}))
	if trial := s.Try("box", []byte(`{"at":"2026-11-02T01:31:04Z","who":"li.na"}`), mapping.Options{}); trial.Err != nil || len(trial.Bodies) != 1 {
		t.Errorf("%+v", trial)
	}
}

func TestTwoFilesOfOneName(t *testing.T) {
	_, err := mapping.Load(readSQL, folder(t, map[string]string{"m.yml": least + leastTest}), folder(t, map[string]string{"m.yaml": least + leastTest}))
	if err == nil || !strings.Contains(err.Error(), "have one name") {
		t.Error(err)
	}
	if _, err := mapping.Load(readSQL, filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "/none (mappings.dirs)") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestHostileRecords are dead letters that say why.
func TestHostileRecords(t *testing.T) {
	s := load(t, folder(t, map[string]string{"m.yml": least + "  record.id: ids\n  record.count: n\n" + leastTest}))
	at := `"at":"2026-11-02T01:31:04Z",`
	for line, want := range map[string]string{
		`{` + at + `"who":"a","who":"b"}`:                            "given twice",
		`{` + at + `"who":"` + "\xff" + `"}`:                         "invalid UTF-8",
		`{` + at + `"who":"a","x":` + strings.Repeat("[", 100) + `}`: "deeper than 64",
		`{` + at + `"who":"a"} {}`:                                   "something follows",
		`{` + at + `"who":{"a":1}}`:                                  "set user.id: want a text, found an object",
		`{` + at + `"who":"a\u0000b"}`:                               "control character",
		`{` + at + `"who":""}`:                                       "user.id: missing or empty",
		`{` + at + `"who":"a","ids":[{}]}`:                           "found an object in it",
		`{` + at + `"who":"a","n":1.5}`:                              "want a whole number",
		`{` + at + `"who":"a","n":-1}`:                               "is negative",
		`{` + at + `"who":"a","n":1e999}`:                            "number out of range",
		`{"who":"a","at":"2026-11-02 01:31:04"}`:                     "configure the source's zone",
		`{"who":"a","at":"1999-11-02T01:31:04Z"}`:                    "outside the years",
		`{"who":"a","at":[1]}`:                                       "want a time, found a list",
		`[1]`:                                                        "want an object, found a list",
		`{` + at + `"who":"a",}`:                                     "want a name",
		`{` + at + `"who":01}`:                                       "broken number",
		`{` + at + `"who":"\ud800\`:                                  "text without an end",
	} {
		trial := s.Try("m", []byte(line), mapping.Options{})
		if trial.Err == nil || !strings.Contains(trial.Err.Error(), want) || len(trial.Bodies) > 0 {
			t.Errorf("%s\nerror %v, %d bodies\nwant %q", line, trial.Err, len(trial.Bodies), want)
		}
	}
}

func TestBigNumbersAndManyIDs(t *testing.T) {
	s := load(t, folder(t, map[string]string{"m.yml": least + "  record.id: ids\n" + leastTest}))
	try := func(ids string) ueba.EventRecord {
		trial := s.Try("m", []byte(`{"at":"2026-11-02T01:31:04Z","who":"a","ids":`+ids+`}`), mapping.Options{})
		if trial.Err != nil {
			t.Fatal(trial.Err)
		}
		return trial.Bodies[0].(*ueba.Event).Record
	}
	if got := try(`[9007199254740993, 123456789012345678901234567890, "x"]`); !slices.Equal(got.IDs, []string{"9007199254740993", "123456789012345678901234567890", "x"}) {
		t.Errorf("digits were lost: %v", got.IDs)
	}
	many := make([]string, ueba.MaxRecordIDs+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	if got := try("[" + strings.Join(many, ",") + "]"); got.Count != ueba.MaxRecordIDs+1 || got.IDs != nil {
		t.Errorf("too many ids: %d ids, count %d", len(got.IDs), got.Count)
	}
	long := strings.Repeat("档", 1000)
	one, other := try(`["` + long + `a"]`).IDs[0], try(`["` + long + `b"]`).IDs[0]
	if one == other || len(one) > 1024 {
		t.Errorf("long ids: %d bytes, equal %v", len(one), one == other)
	}
}

func TestFanOutIsCappedAndCounted(t *testing.T) {
	text := least + "  record.id: item\nfanout: {from: list, as: item, max: 3, keep: 'item != \"no\"'}\ndedupe: seq\n" +
		"tests:\n  - {input: '{\"at\":\"2026-11-02T01:31:04Z\",\"who\":\"a\",\"list\":[]}', drop: no item is left}\n"
	s := load(t, folder(t, map[string]string{"m.yml": text}))
	trial := s.Try("m", []byte(`{"at":"2026-11-02T01:31:04Z","who":"a","seq":7,"list":["a","no","b","c","d","e"]}`), mapping.Options{})
	var got []string
	for _, b := range trial.Bodies {
		e := b.(*ueba.Event)
		got = append(got, fmt.Sprint(e.EventID, e.Record.IDs, e.Record.Count))
	}
	if diff := cmp.Diff([]string{"7.1[a] 0", "7.3[b] 0", "7.4[c] 0", "7.rest[] 2"}, got); diff != "" || trial.Err != nil {
		t.Error(trial.Err, diff)
	}
	trial = s.Try("m", []byte(`{"at":"2026-11-02T01:31:04Z","who":"a","seq":7,"list":["a",{}]}`), mapping.Options{})
	if trial.Err == nil || len(trial.Bodies) != 0 {
		t.Errorf("one item does not fit: %v, %d bodies", trial.Err, len(trial.Bodies))
	}
}

// TestFieldsNamedAsFunctions: log fields are called count, type, text or first.
func TestFieldsNamedAsFunctions(t *testing.T) {
	text := least + "  record.type: 'type == \"t\" ? text + first : nil'\n  record.count: 'count ?? 0'\n  record.id: 'len(list) > 0 ? list[-1].text : nil'\n" + leastTest
	s := load(t, folder(t, map[string]string{"m.yml": strings.ReplaceAll(text, `"id":"C1"`, `"list":[]`)}))
	trial := s.Try("m", []byte(`{"at":"2026-11-02T01:31:04Z","who":"a","type":"t","text":"x","first":"y","count":3,"list":[{"text":"z"}]}`), mapping.Options{})
	if trial.Err != nil {
		t.Fatal(trial.Err)
	}
	if r := trial.Bodies[0].(*ueba.Event).Record; r.Type != "xy" || r.Count != 3 || r.IDs[0] != "z" {
		t.Errorf("%+v", r)
	}
}

func TestTimes(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ layout, text, want string }{
		{"iso", "2026-11-02T09:31:04.5+08:00", "2026-11-02T01:31:04.5Z"},
		{"iso", "2026-11-02 09:31:04 +0800", "2026-11-02T01:31:04Z"},
		{"iso", "2026-11-02 01:31:04,250Z", "2026-11-02T01:31:04.25Z"},
		{"iso", "2026-11-02 01:31:04 UTC", "2026-11-02T01:31:04Z"},
		{"iso", "2026-11-02 09:31:04", "2026-11-02T01:31:04Z"},
		{"iso", "2026-11-02T09:31:04+08", "2026-11-02T01:31:04Z"},
		{"iso", "02/11/2026", "!is not like"},
		{"iso", "2026-11-02 01:31:04 PST", "!is not like"},
		{"unix", "1793583064.25", "2026-11-02T01:31:04.25Z"},
		{"unix_ms", "1793583064120", "2026-11-02T01:31:04.12Z"},
		{"unix_us", "1793583064120000", "2026-11-02T01:31:04.12Z"},
		{"unix_ns", "1793583064120000000", "2026-11-02T01:31:04.12Z"},
		{"unix", "soon", "!is not like"},
		{"02/Jan/2006:15:04:05 -0700", "02/Nov/2026:09:31:04 +0800", "2026-11-02T01:31:04Z"},
		{"20060102 15:04:05", "20261102 09:31:04", "2026-11-02T01:31:04Z"},
		{"2006-01-02 15:04:05 MST", "2026-11-02 09:31:04 CST", "2026-11-02T01:31:04Z"},
		{"2006-01-02 15:04:05 MST", "2026-11-02 09:31:04 PDT", `!zone "PDT" alone says nothing`},
		{"Mon Jan _2 15:04:05 2006 -07:00", "Mon Nov  2 01:31:04 2026 +00:00", "2026-11-02T01:31:04Z"},
	} {
		text := strings.ReplaceAll(least, "from: at", "from: at, layout: '"+c.layout+"'") +
			"tests:\n  - {input: '{}', error: time}\n"
		s := load(t, folder(t, map[string]string{"m.yml": text}))
		trial := s.Try("m", fmt.Appendf(nil, `{"at":%q,"who":"a"}`, c.text), mapping.Options{Zone: shanghai})
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if trial.Err == nil || !strings.Contains(trial.Err.Error(), want) {
				t.Errorf("%s %s: error %v, want %q", c.layout, c.text, trial.Err, want)
			}
			continue
		}
		if trial.Err != nil {
			t.Errorf("%s %s: %v", c.layout, c.text, trial.Err)
		} else if got := trial.Bodies[0].Happened().Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.layout, c.text, got, c.want)
		}
	}
}

// TestThePageOfMappings compiles the example of the documentation.
func TestThePageOfMappings(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "mappings.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```text\nabout:")
	example, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page has no example")
	}
	s := load(t, folder(t, map[string]string{"marketing.yml": "about:" + example}))
	if s.Tests()["marketing"] != 2 {
		t.Errorf("tests: %v", s.Tests())
	}
	for _, f := range s.Formats() {
		if _, err := os.Stat(filepath.Join("..", "..", "docs", "formats", f.Name+".md")); err != nil && f.Name != "marketing" {
			t.Errorf("%s has no page: %v", f.Name, err)
		}
		if f.About == "" {
			t.Errorf("%s does not say what it is", f.Name)
		}
	}
}

// tenExpressions is a mapping of the size that the figure of the issue speaks of.
const tenExpressions = `
decode: {format: json}
require: [op]
keep: ['op in ["view", "list", "export"]', 'lower(app) == "crm"']
drop: ['who startsWith "svc-"', 'status != nil && status >= 500']
time: {from: at}
set:
  event.action: 'op == "export" ? "export" : op == "list" ? "list" : "view"'
  event.outcome: '(status ?? 200) >= 400 ? "failure" : "success"'
  user.id: 'lower(trim(who))'
  service.name: '"crm"'
  source.ip: host(ip)
  record.type: 'kind ?? "customer"'
  record.id: 'map(records ?? [], .id)'
  purpose.id: 'comment matches "ticket=" ? last(split(comment, "=")) : nil'
dedupe: [seq]
tests:
  - input: '{"at":"2026-11-02T01:31:04.120Z","op":"view","app":"CRM","who":" Li.Na ","ip":"10.21.4.7:5000","status":200,"records":[{"id":"C1"},{"id":"C2"}],"comment":"ticket=T-7","seq":1,"browser":"x","ms":12}'
    event: {user.id: li.na, record.id: [C1, C2], purpose.id: T-7, source.ip: 10.21.4.7, event.action: view}
`

func BenchmarkTenExpressions(b *testing.B) {
	s := load(b, folder(b, map[string]string{"ten.yml": tenExpressions}))
	i := slices.IndexFunc(s.Formats(), func(f mapping.Format) bool { return f.Name == "ten" })
	p := s.Formats()[i].New(mapping.Options{Source: "bench"})
	line := []byte(`{"at":"2026-11-02T01:31:04.120Z","op":"view","app":"CRM","who":" Li.Na ","ip":"10.21.4.7:5000","status":200,"records":[{"id":"C1"},{"id":"C2"}],"comment":"ticket=T-7","seq":1,"browser":"x","ms":12}`)
	events := 0
	emit := func(ueba.Body) { events++ }
	for b.Loop() {
		if err := p.Parse(line, emit); err != nil {
			b.Fatal(err)
		}
	}
	if events != b.N {
		b.Fatalf("%d events of %d records", events, b.N)
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// FuzzBuiltin: no record makes a mapping panic, an event without its required fields, or
// two different results.
func FuzzBuiltin(f *testing.F) {
	for _, m := range []string{"box", "cef", "leef", "keycloak", "aws_s3_access"} {
		f.Add(m, []byte(`{"event_type":"PREVIEW","created_at":"2026-11-02T09:31:04Z","source":{"item_id":1}}`))
	}
	f.Add("cef", []byte(`<13>Nov  2 09:31:05 gate CEF: 0|E|DLP|9|7|File Download|5|start=Nov 02 2026 09:31:04 suser=li.na cs1Label=Record ID cs1=a\=b`))
	f.Add("leef", []byte("<13>1 2026-11-02T01:31:04Z h a p m [x y=\"]\"] LEEF:2.0|E|M|2|Login|x7C|devTime=1793583064120|usrName=li.na"))
	f.Add("keycloak", []byte(`2026-11-02 09:31:04,357 WARN  [org.keycloak.events] (e) type="LOGIN\", a=b, username=x`))
	f.Add("m365", []byte(`{"CreationTime":"2026-11-02T01:31:04","Operation":"MailItemsAccessed","UserId":"a","Folders":[{"FolderItems":[{"Id":1},[]]}],"OperationProperties":[{"Name":{}}]}`))
	f.Add("mssql_audit", []byte(`{"action_id":"SL","server_principal_name":"a","event_time":"2026-11-02T01:31:04Z","statement":"SELECT [a] FROM [b] WHERE [id]=1"}`))
	f.Add("mongodb_audit", []byte(`{"atype":"authCheck","ts":{"$date":"2026-11-02T09:31:04Z"},"param":{"command":"find","ns":"a.b","args":{"filter":{"_id":{"$in":[1,{}]}}}}}`))
	f.Add("kubernetes", []byte(`{"properties":{"log":"{\"verb\":\"get\",\"objectRef\":{\"resource\":\"secrets\"}}"}}`))
	s := load(f)
	names := slices.Sorted(maps.Keys(s.Tests()))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		if !s.Has(name) {
			name = names[len(name)%len(names)]
		}
		o := mapping.Options{Zone: time.UTC, Source: "fuzz"}
		one := s.Try(name, raw, o)
		if one.Err != nil && len(one.Bodies) > 0 {
			t.Errorf("%d bodies and an error: %v", len(one.Bodies), one.Err)
		}
		if one.Err == nil && one.Dropped == "" && len(one.Bodies) == 0 {
			t.Error("neither an event, nor a rule, nor an error")
		}
		for _, b := range one.Bodies {
			if e, ok := b.(*ueba.Event); ok && (e.User == "" || e.Service == "" || e.Action == "" || e.Time.IsZero()) {
				t.Errorf("an event without what it needs: %+v", e)
			}
		}
		if _, err := json.Marshal(one.Fields); err != nil {
			t.Errorf("fields that hold themselves: %v", err)
		}
		if again := s.Try(name, raw, o); !cmp.Equal(one.Bodies, again.Bodies) || one.Dropped != again.Dropped {
			t.Error("the same record gave another result")
		}
	})
}
