package ruletest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/onlooker-ueba/onlooker/rules"
)

func TestBuiltin(t *testing.T) { Run(t, rules.Builtin()) }

const rule = `
title: Export
id: 11111111-2222-4333-8444-555555555555
logsource: {product: onlooker}
detection:
  sel: {event.action: export}
  condition: sel
level: high
onlooker: {immediate: true}
`

const goodTest = `
cases:
  - {name: an export, looks: [{action: export}], expect: fire}
  - {name: a view, looks: [{action: view}], expect: silent}
`

func folder(rule, test string) fstest.MapFS {
	fsys := fstest.MapFS{"export.yml": {Data: []byte(rule)}}
	if test != "" {
		fsys["export_test.yml"] = &fstest.MapFile{Data: []byte(test)}
	}
	return fsys
}

func TestCheckAcceptsATestedRule(t *testing.T) {
	if err := Check(folder(rule, goodTest)); err != nil {
		t.Fatal(err)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct{ rule, test, want string }{
		"a rule that does not load": {"title: x", goodTest, "detection is missing"},
		"no tests":                  {rule, "", "export_test.yml: export.yml has no tests"},
		"no silent case":            {rule, "cases: [{name: a, looks: [{action: export}], expect: fire}]", "one that stays silent"},
		"a case that fails":         {strings.Replace(rule, "export}", "print}", 1), goodTest, `case "an export": want a detection`},
		"a case that is not silent": {strings.Replace(rule, "event.action: export", "user.id: li.na", 1), goodTest, `case "a view": want silence, got 1`},
		"another count":             {rule, strings.Replace(goodTest, "expect: fire", "expect: fire, count: 2", 1), "want 2 detections, got 1"},
		"an unknown key":            {rule, strings.Replace(goodTest, "name: a view", "nam: a view", 1), "nam"},
		"an unknown flag":           {rule, strings.Replace(goodTest, "{action: view}", "{flags: [vvip]}", 1), `flag "vvip" is not one of vip`},
		"a time that is none":       {rule, strings.Replace(goodTest, "{action: view}", `{at: "9"}`, 1), `at "9": want HH:MM:SS`},
		"expecting nothing":         {rule, strings.Replace(goodTest, "expect: silent", "expect: quiet", 1), "fire or silent"},
		"a case without looks":      {rule, strings.Replace(goodTest, "[{action: view}]", "[]", 1), "no looks"},
		"a case without a name":     {rule, strings.Replace(goodTest, "name: a view, ", "", 1), "no name"},
		"too many looks":            {rule, strings.Replace(goodTest, "{action: view}", "{repeat: 1000000}", 1), "repeat"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(folder(tt.rule, tt.test))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("want %q in %v", tt.want, err)
			}
		})
	}
}

// Every field of a test look must reach the rules, or a test would prove nothing.
func TestLooksCarryEveryField(t *testing.T) {
	all := `
title: All
id: 11111111-2222-4333-8444-555555555555
logsource: {product: onlooker}
detection:
  sel:
    event.action: view
    event.outcome: success
    user.id: u
    service.name: s
    session.id: x
    source.ip|cidr: 10.0.0.0/8
    host.name: h
    record.id: R7
    record.type: customer
    record.class: C2
    record.count: 7
    record.fields: phone
    record.tags: vip
    look.flags|all: [vip, self]
    look.verdict: explained
    look.view_time|gte: 90
    time.off_hours: true
    purpose.id: T1
    labels.a.b: c
    employee.id: E1
    employee.department: d
    employee.role: r
    employee.location: l
  condition: sel
level: low
`
	test := `
cases:
  - name: everything
    employee: {department: d, role: r, location: l}
    looks:
      - {at: "10:00:00", outcome: success, user: u, service: s, session: x, ip: 10.1.2.3, host: h, record: R7, type: customer,
         class: C2, count: 7, fields: [phone], tags: [vip], flags: [vip, self], verdict: explained, view: 90s,
         off_hours: true, purpose: T1, labels: {a.b: c}}
    expect: fire
  - {name: nothing, looks: [{}], expect: silent}
`
	if err := Check(folder(all, test)); err != nil {
		t.Fatal(err)
	}
}
