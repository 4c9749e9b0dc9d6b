package rules

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var update = flag.Bool("update", false, "accept what is found as expected")

const frame = `title: T
id: 11111111-2222-4333-8444-555555555555
level: high
logsource: {product: onlooker}
detection:
  sel: {user.id: a}
  other: {user.id: b}
  condition: %s
`

func load(t *testing.T, source string) (*Set, error) {
	t.Helper()
	return Load(fstest.MapFS{"rule.yml": {Data: []byte(source)}})
}

func mustLoad(t testing.TB, source string) *Set {
	t.Helper()
	set, err := Load(fstest.MapFS{"rule.yml": {Data: []byte(source)}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestBuiltinLoadsAndHasTitlesInBothLanguages(t *testing.T) {
	set, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	catalogue := text.MustLoad()
	var titles []string
	for _, info := range set.Rules() {
		titles = append(titles, info.Title)
		if got := catalogue.Say(text.English, "rule."+info.ID, nil); got != info.Title {
			t.Errorf("the catalogue calls %q %q", info.Title, got)
		}
		if !info.Immediate || info.Evidence <= 0 || info.Level.Rank() < ueba.High.Rank() {
			t.Errorf("%+v", info)
		}
		if again, ok := set.Rule(info.ID); !ok || again.Title != info.Title {
			t.Errorf("Rule(%s) gives %+v, %v", info.ID, again, ok)
		}
	}
	want := []string{"Export of class C3 data", "Burst of distinct records", "VIP record without a business reason", "Bulk export of class C3 data"}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Error(diff)
	}
	vip, _ := set.Rule("a9ba618d-6b37-4777-a81c-49c9135f955a")
	if vip.Wait != 10*time.Minute {
		t.Errorf("the VIP rule waits %v", vip.Wait)
	}
	if _, ok := set.Rule("nobody"); ok {
		t.Error("a rule that is not there was found")
	}
}

// Every mistake of a file is reported at once, at its place.
func TestEveryMistakeAtOnce(t *testing.T) {
	fsys := os.DirFS("testdata")
	source, err := fs.ReadFile(fsys, "all.bad.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(fstest.MapFS{"all.bad.yml": {Data: source}})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	got := problems.Error() + "\n"
	if *update {
		if err := os.WriteFile("testdata/all.bad.txt", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := fs.ReadFile(fsys, "all.bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestAllOrNothing(t *testing.T) {
	good := &fstest.MapFile{Data: fmt.Appendf(nil, frame, "sel")}
	set, err := Load(fstest.MapFS{"a/good.yml": good, "b.yaml": {Data: []byte("title: [")}})
	if set != nil || err == nil || !strings.HasPrefix(err.Error(), "b.yaml:2:1: not valid YAML") {
		t.Errorf("got %v, %v", set, err)
	}
	set, err = Load(fstest.MapFS{"a/good.yml": good, "good_test.yml": {Data: []byte("[")}, "readme.md": {Data: []byte("[")}, ".hidden.yml": {Data: []byte("[")}})
	if err != nil || len(set.Rules()) != 1 || set.Rules()[0].File != "a/good.yml" {
		t.Errorf("tests and other files are not rules: %v", err)
	}
	if _, err = Load(fstest.MapFS{"a.yml": good}, fstest.MapFS{"b.yml": good}); err == nil || !strings.Contains(err.Error(), "another rule too, in a.yml line 1") {
		t.Errorf("the same id in two folders: %v", err)
	}
	if set, err = Load(); err != nil || len(set.Rules()) != 0 || set.Day([]ueba.Look{{Employee: "E"}}, nil) != nil {
		t.Errorf("no folder: %v", err)
	}
	for _, empty := range []string{"", "---\n", "# nothing\n"} {
		if _, err := load(t, empty); err == nil {
			t.Errorf("%q loads", empty)
		}
	}
}

func TestConditions(t *testing.T) {
	for condition, want := range map[string]string{
		"sel":                               "",
		"(sel or other)":                    "",
		"not (sel and not other)":           "",
		"1 of them":                         "",
		"all of s* or other":                "",
		"NOT sel AND other":                 "",
		"any of (sel)":                      "want them or the name",
		"(sel other":                        `:8:19: condition: want and, or, or ) before "other"`,
		"(sel or other":                     ":8:14: condition: this ( is never closed",
		"sel other":                         `:8:18: condition: want and, or, or the end before "other"`,
		"sel)":                              `:8:17: condition: want and, or, or the end before ")"`,
		"sel or":                            ":8:20: condition: a selection is missing at the end",
		"or sel":                            `want a selection, not "or"`,
		"sel and ()":                        `want a selection, not ")"`,
		"not":                               "a selection is missing",
		`""`:                                "the condition is empty",
		"sel | count() > 5":                 "aggregations after | are not supported",
		"| count() > 5":                     "", // set below: YAML reads a block
		"near sel":                          `want a selection, not "near"`,
		"2 of them":                         `"2" of is not supported`,
		"1 of x*":                           `no selection is named like "x*"`,
		"sell":                              `selection "sell" is not known; did you mean "sel"?`,
		"[sel, other]":                      "several conditions are not supported",
		"{sel: other}":                      "condition must be a single value",
		strings.Repeat("(", 100) + "sel":    "nested more than 50 deep",
		strings.Repeat("not ", 100) + "sel": "nested more than 50 deep",
	} {
		t.Run(condition, func(t *testing.T) {
			if strings.HasPrefix(condition, "|") {
				condition, want = "'"+condition+"'", "aggregations after | are not supported"
			}
			_, err := load(t, fmt.Sprintf(frame, condition))
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestCaretStandsUnderTheMistake(t *testing.T) {
	p := Problem{File: "r.yml", Line: 3, Column: 6, Message: "m", Source: "\t客户: x"}
	if got := p.String(); got != "r.yml:3:6: m\n    \t客户: x\n    \t      ^" {
		t.Errorf("got %q", got)
	}
	if got := (Problem{File: "r.yml", Message: "m"}).String(); got != "r.yml: m" {
		t.Errorf("got %q", got)
	}
}

func TestOptions(t *testing.T) {
	verdict := strings.Replace(frame, "{user.id: a}", "{look.verdict: unexplained}", 1)
	for name, tt := range map[string]struct {
		source string
		want   Info
	}{
		"nothing said":                {fmt.Sprintf(frame, "sel"), Info{Evidence: 2.5}},
		"all said":                    {fmt.Sprintf(frame, "sel") + "onlooker: {immediate: true, wait: 3m, evidence: 0.25, grave: true}", Info{Immediate: true, Wait: 3 * time.Minute, Evidence: 0.25, Grave: true}},
		"a verdict is waited for":     {fmt.Sprintf(verdict, "sel") + "onlooker: {immediate: true}", Info{Immediate: true, Wait: 10 * time.Minute, Evidence: 2.5}},
		"unless told not to":          {fmt.Sprintf(verdict, "sel") + "onlooker: {immediate: true, wait: 0s}", Info{Immediate: true, Evidence: 2.5}},
		"a later run waits for none":  {fmt.Sprintf(verdict, "sel"), Info{Evidence: 2.5}},
		"a critical one counts more":  {strings.Replace(fmt.Sprintf(frame, "sel"), "level: high", "level: critical", 1), Info{Level: ueba.Critical, Evidence: 5}},
		"an informational one counts": {strings.Replace(fmt.Sprintf(frame, "sel"), "level: high", "level: informational", 1), Info{Level: ueba.Low}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.ID, tt.want.Title, tt.want.File = "11111111-2222-4333-8444-555555555555", "T", "rule.yml"
			if tt.want.Level == "" {
				tt.want.Level = ueba.High
			}
			if diff := cmp.Diff([]Info{tt.want}, mustLoad(t, tt.source).Rules()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRulesThatOnlyCountAreSilentUnlessGenerating(t *testing.T) {
	source := fmt.Sprintf(frame, "sel") + `---
title: Many
id: 21111111-2222-4333-8444-555555555555
level: medium
correlation:
  type: event_count
  rules: ["11111111-2222-4333-8444-555555555555"]
  group-by: [employee.id]
  timespan: 1h
  condition: {gt: 1}
`
	if infos := mustLoad(t, source).Rules(); len(infos) != 1 || infos[0].Title != "Many" {
		t.Errorf("got %+v", infos)
	}
	source = strings.Replace(source, "timespan: 1h", "timespan: 1h\n  generate: true", 1)
	if infos := mustLoad(t, source).Rules(); len(infos) != 2 {
		t.Errorf("got %+v", infos)
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"event.acton": "event.action", "recordid": "record.id", "user": "", "Employee.Role": "employee.role", "zzzzzzzzzzzz": "",
	} {
		if got := nearest(word, fieldNames()); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	entries, err := fs.Glob(Builtin(), "*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(Builtin(), e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(fmt.Sprintf(frame, "(sel or not (other))"))
	f.Add("a: &a [*a]")
	look := someLook(1)
	f.Fuzz(func(t *testing.T, source string) {
		set, err := load(t, source)
		if (set == nil) == (err == nil) {
			t.Fatalf("set %v, error %v", set, err)
		}
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("an error that is no problem: %v", err)
			}
			return
		}
		for _, d := range set.Day([]ueba.Look{look}, nil) {
			if _, ok := set.Rule(d.Rule); !ok || d.Count < 1 {
				t.Fatalf("detection %+v", d)
			}
		}
	})
}
