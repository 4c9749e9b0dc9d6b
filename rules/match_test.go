package rules

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

var morning = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// someLook is an ordinary look at second n of a morning.
func someLook(n int) ueba.Look {
	return ueba.Look{
		Event: &ueba.Event{
			Time: morning.Add(time.Duration(n) * time.Second), Service: "crm", User: "Li.Na", Action: "view", Outcome: "success", IP: "10.21.4.7",
			Session: "s-88", Host: "ws-0101", Record: ueba.EventRecord{Type: "customer", IDs: []string{"C1"}, Fields: []string{"id_card", "phone"}},
			Purpose: ueba.Purpose{ID: "T1", Kind: "call"}, Labels: map[string]string{"http.path": "/客户/1"},
		},
		EventRef: fmt.Sprintf("e%06d", n), Day: ueba.DateOf(morning), Employee: "E1", RecordID: fmt.Sprintf("C%d", n), Count: 1, Class: "C2",
		Tags: []string{"vip", "deceased"}, Flags: ueba.FlagVIP | ueba.FlagFamily, Verdict: ueba.Unexplained,
		View: ueba.ViewTime{Value: 90 * time.Second, Method: ueba.MethodGap}, OffHours: true,
	}
}

var clerk = &ueba.Employee{ID: "E1", Department: "Credit", Role: "clerk", Location: "上海"}

func TestSelections(t *testing.T) {
	for selection, want := range map[string]bool{
		"{user.id: li.na}":                               true, // case does not matter …
		"{user.id|cased: li.na}":                         false,
		"{user.id|cased: Li.Na}":                         true,
		"{user.id: [x, LI.NA]}":                          true, // any of a list
		"{user.id: [x, y]}":                              false,
		"{user.id: li.na, service.name: funds}":          false, // all of a map
		"[{user.id: x}, {service.name: crm}]":            true,  // any of a list of maps
		"{user.id: l*a}":                                 true,
		"{user.id: 'li?na'}":                             true,
		"{user.id: 'li??na'}":                            false,
		`{user.id: 'li\.na'}`:                            false, // a backslash before another character stands for itself
		`{user.id: 'li\*na'}`:                            false,
		"{user.id|contains: I.N}":                        true,
		"{user.id|startswith: li}":                       true,
		"{user.id|startswith: na}":                       false,
		"{user.id|endswith: NA}":                         true,
		"{user.id|endswith: li}":                         false,
		"{user.id|contains|all: [li, na]}":               true,
		"{user.id|contains|all: [li, xx]}":               false,
		"{user.id|contains|cased: LI}":                   false,
		`{user.id|re: '^Li\.'}`:                          true,
		`{user.id|re: '^li\.'}`:                          false,
		`{user.id|re|i: '^li\.'}`:                        true,
		"{labels.http.path|startswith: /客户}":             true,
		"{labels.other: null}":                           true,
		"{labels.http.path: null}":                       false,
		"{user.id: ''}":                                  false,
		"{labels.other: ''}":                             true,
		"{labels.other: '*'}":                            false, // what is not there fits no pattern
		"{labels.other|exists: false}":                   true,
		"{labels.http.path|exists: true}":                true,
		"{record.count|exists: true}":                    true,
		"{record.fields: phone}":                         true,
		"{record.fields: address}":                       false,
		"{record.fields|all: [phone, id_card]}":          true,
		"{record.fields|all: [phone, address]}":          false,
		"{record.fields|exists: false}":                  false,
		"{record.tags: VIP}":                             true,
		"{look.flags: family}":                           true,
		"{look.flags: self}":                             false,
		"{look.flags|all: [vip, family]}":                true,
		"{look.flags|startswith: fam}":                   true,
		"{look.verdict: unexplained}":                    true,
		"{look.verdict: explained}":                      false,
		"{look.view_time: 90}":                           true,
		"{look.view_time|gt: 90}":                        false,
		"{look.view_time|gte: 90}":                       true,
		"{look.view_time|lt: 90.5}":                      true,
		"{look.view_time|lte: 89}":                       false,
		"{record.count: 1}":                              true,
		"{time.off_hours: true}":                         true,
		"{time.off_hours: false}":                        false,
		"{source.ip|cidr: 10.21.0.0/16}":                 true,
		"{source.ip|cidr: [192.168.0.0/16, 10.0.0.0/8]}": true,
		"{source.ip|cidr: 10.22.0.0/16}":                 false,
		"{source.ip|cidr: 'fe80::/10'}":                  false,
		"{employee.id: e1}":                              true,
		"{employee.department: credit}":                  true,
		"{employee.location: 上海}":                        true,
		"{employee.role: auditor}":                       false,
		"{record.class: C2}":                             true,
		"{record.id: C7}":                                true,
		"{purpose.kind: call, purpose.id: T1}":           true,
		"{event.outcome: success, host.name: ws-0101, session.id: s-88, record.type: customer}": true,
	} {
		t.Run(selection, func(t *testing.T) {
			set := mustLoad(t, strings.Replace(fmt.Sprintf(frame, "sel"), "{user.id: a}", selection, 1))
			if got := len(set.Day([]ueba.Look{someLook(7)}, clerk)) == 1; got != want {
				t.Errorf("matches: %v", got)
			}
			not := mustLoad(t, strings.Replace(fmt.Sprintf(frame, "not sel"), "{user.id: a}", selection, 1))
			if got := len(not.Day([]ueba.Look{someLook(7)}, clerk)) == 1; got == want {
				t.Errorf("its negation matches: %v", got)
			}
		})
	}
}

func TestWhatIsNotKnownMatchesNothing(t *testing.T) {
	bare := ueba.Look{Event: &ueba.Event{Time: morning}, EventRef: "e", Day: ueba.DateOf(morning), Employee: "E1", View: ueba.ViewTime{Value: 90 * time.Second, Method: ueba.MethodNone}}
	for _, f := range fields {
		if f.truth != nil || f.name == "employee.id" {
			continue
		}
		source := strings.Replace(fmt.Sprintf(frame, "sel"), "{user.id: a}", "{"+f.name+"|exists: true}", 1)
		if got := mustLoad(t, source).Day([]ueba.Look{bare}, nil); len(got) != 0 {
			t.Errorf("%s exists in a bare look", f.name)
		}
	}
}

func TestConditionsCombine(t *testing.T) {
	both := map[string]bool{"sel": true, "other": false}
	for condition, want := range map[string]bool{
		"sel and other": false, "sel or other": true, "not other": true, "sel and not other": true,
		"1 of them": true, "all of them": false, "1 of o*": false, "all of s*": true,
		"other or sel and sel": true, "(other or sel) and other": false, "not sel or sel": true, "not (sel or other)": false,
	} {
		source := fmt.Sprintf(frame, condition)
		for name, on := range both {
			was := map[string]string{"sel": "{user.id: a}", "other": "{user.id: b}"}[name]
			source = strings.Replace(source, was, map[bool]string{true: "{user.id: li.na}", false: "{user.id: nobody}"}[on], 1)
		}
		if got := len(mustLoad(t, source).Day([]ueba.Look{someLook(1)}, nil)) == 1; got != want {
			t.Errorf("%s: %v", condition, got)
		}
	}
}

func TestThemLeavesOutNamesWithAnUnderscore(t *testing.T) {
	source := strings.Replace(fmt.Sprintf(frame, "all of them"), "other:", "_other:", 1)
	source = strings.Replace(source, "{user.id: a}", "{user.id: li.na}", 1)
	if len(mustLoad(t, source).Day([]ueba.Look{someLook(1)}, nil)) != 1 {
		t.Error("them took the selection with an underscore")
	}
}

// A pattern does what the regular expression that says the same does.
func TestPatternsAgreeWithExpressions(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "B", "客", "*", "?", `\*`, `\?`, `\\`, "k", "."})
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pattern"), "")
		s := rapid.StringOfN(rapid.RuneFrom([]rune(`aAbB客*?\kKK.`)), 0, 10, -1).Draw(t, "text")
		quoted := regexp.QuoteMeta(source)
		for from, to := range map[string]string{`\\\\`: "\x01", `\\\*`: "\x02", `\\\?`: "\x03"} {
			quoted = strings.ReplaceAll(quoted, from, to)
		}
		quoted = strings.NewReplacer(`\*`, "(?s:.*)", `\?`, "(?s:.)", "\x01", `\\`, "\x02", `\*`, "\x03", `\?`).Replace(quoted)
		if strings.Contains(source, `\\\`) {
			t.Skip("the replacement above cannot read that")
		}
		want := regexp.MustCompile("^(?i:" + quoted + ")$").MatchString(s)
		if got := newPattern(source, false).match(s); got != want {
			t.Fatalf("%q on %q: %v, the expression %q says %v", source, s, got, quoted, want)
		}
	})
}

func TestLongPatternsTakeLinearTime(t *testing.T) {
	p := newPattern(strings.Repeat("*a", 500), false)
	s := strings.Repeat("a", 400) + strings.Repeat("b", 20_000)
	begin := time.Now()
	if p.match(s) {
		t.Error("matches")
	}
	if d := time.Since(begin); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	set, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	looks := ordinaryLooks(100)
	if n := testing.AllocsPerRun(100, func() {
		for i := range looks {
			for _, r := range set.rules {
				if r.Title != "Burst of distinct records" && r.matches(subject{&looks[i], clerk}) {
					t.Error("an ordinary look matches")
				}
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// ordinaryLooks match no rule but count for the burst.
func ordinaryLooks(n int) []ueba.Look {
	looks := make([]ueba.Look, n)
	for i := range looks {
		looks[i] = someLook(i * 60)
		looks[i].Tags, looks[i].Flags = nil, 0
	}
	return looks
}

func BenchmarkDay(b *testing.B) {
	set, err := Load(Builtin())
	if err != nil {
		b.Fatal(err)
	}
	looks := ordinaryLooks(200)
	b.ReportAllocs()
	for b.Loop() {
		if set.Day(looks, clerk) != nil {
			b.Fatal("an ordinary day was detected")
		}
	}
	b.ReportMetric(float64(b.N*len(looks))/b.Elapsed().Seconds(), "looks/s")
}
