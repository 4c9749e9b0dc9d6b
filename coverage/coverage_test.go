package coverage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// friday is the last working day before today, which is a Monday.
var (
	today  = ueba.DateOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	friday = today - 3
)

func input() Input {
	return Input{
		First: today - 7, Today: today, DayOf: ueba.DateOf, Whole: true,
		Workday: func(d ueba.Day) bool { return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday },
	}
}

func account(service, user string, events int64, last ueba.Day, owner string) Account {
	return Account{Account: ueba.Account{Service: service, User: user}, Events: events, Scored: events, Last: last.Midnight(), Owner: owner}
}

// lines are a source's lines, events those of one of its services.
func lines(source string, received, skipped, dead int64) Delivery {
	return Delivery{Source: source, Received: received, Skipped: skipped, Dead: dead}
}

func events(source, service string, parsed, duplicate int64) Delivery {
	return Delivery{Source: source, Service: service, Parsed: parsed, Duplicate: duplicate}
}

// written is a row without its expectation.
func written(rows []Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%s/%s %d-%d=%d+%d (%d) %d %d %s", r.System, r.Source,
			r.Received, r.Skipped, r.Parsed, r.Dead, r.Duplicate, r.Attributed, r.Scored, r.State))
	}
	return strings.Join(out, ", ")
}

func TestRows(t *testing.T) {
	for name, tt := range map[string]struct {
		deliveries []Delivery
		accounts   []Account
		systems    []ueba.System
		want       string
	}{
		"nothing": {nil, nil, nil, ""},
		"one source of one system has all its lines": {
			[]Delivery{lines("api", 10, 2, 1), events("api", "crm", 7, 3)}, []Account{account("crm", "anna", 4, friday, "E1")}, nil,
			"crm/api 10-2=7+1 (3) 4 4 ok",
		},
		"lines that belong to no system are a row of their own": {
			[]Delivery{lines("api", 5, 3, 2)}, nil, nil, "/api 5-3=0+2 (0) 0 0 ok",
		},
		"several systems of one source": {
			[]Delivery{lines("api", 12, 2, 1), events("api", "crm", 6, 0), events("api", "funds", 3, 0)},
			[]Account{account("crm", "anna", 6, friday, "E1"), account("funds", "boris", 3, friday, "")}, nil,
			"/api 3-2=0+1 (0) 0 0 ok, crm/api 6-0=6+0 (0) 6 6 ok, funds/api 3-0=3+0 (0) 0 0 ok",
		},
		"several sources of one system share what is attributed": {
			[]Delivery{lines("a", 4, 0, 0), events("a", "crm", 4, 0), lines("b", 6, 0, 0), events("b", "crm", 6, 2)},
			[]Account{account("crm", "anna", 7, friday, "E1"), account("crm", "x", 1, friday, "")}, nil,
			"crm/a 4-0=4+0 (0) 4 4 ok, crm/b 6-0=6+0 (2) 3 3 ok",
		},
		"counts that a crash lost are made good from the accounts": {
			[]Delivery{lines("api", 10, 0, 0), events("api", "crm", 10, 8)}, []Account{account("crm", "anna", 10, friday, "E1"), account("funds", "b", 5, friday, "")}, nil,
			"crm/api 18-0=18+0 (8) 10 10 ok, funds/ 5-0=5+0 (0) 0 0 ok",
		},
		"a registered system that is heard": {
			[]Delivery{lines("api", 1, 0, 0), events("api", "CRM", 1, 0)}, []Account{account("CRM", "anna", 1, friday, "E1")}, []ueba.System{{Service: "crm"}},
			"CRM/api 1-0=1+0 (0) 1 1 ok",
		},
		"one that was heard too long ago": {
			[]Delivery{lines("api", 1, 0, 0), events("api", "crm", 1, 0)}, []Account{account("crm", "anna", 1, friday-1, "E1")}, []ueba.System{{Service: "crm"}},
			"crm/api 1-0=1+0 (0) 1 1 silent",
		},
		"one that was never heard": {nil, nil, []ueba.System{{Service: "crm"}}, "crm/ 0-0=0+0 (0) 0 0 silent"},
		"one that nobody registered": {
			[]Delivery{lines("api", 1, 0, 0), events("api", "shadow", 1, 0)}, []Account{account("shadow", "anna", 1, friday, "E1")}, []ueba.System{{Service: "crm"}},
			"crm/ 0-0=0+0 (0) 0 0 silent, shadow/api 1-0=1+0 (0) 1 1 unregistered",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			in.Deliveries, in.Accounts, in.Systems = tt.deliveries, tt.accounts, tt.systems
			if got := written(Make(in).Rows); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEveryHoleIsNamed(t *testing.T) {
	in := input()
	in.Systems = []ueba.System{{Service: "crm"}, {Service: "funds"}, {Service: "archive"}}
	in.Deliveries = []Delivery{lines("api", 30, 0, 0), events("api", "crm", 30, 0)}
	in.Accounts = []Account{
		account("crm", "anna", 10, today, "E1"), account("crm", "few", 4, friday, ""),
		account("crm", "many", 11, friday, ""), account("crm", "also-few", 4, friday, ""), account("crm", "again", 1, friday, "E1"),
	}
	in.Staff = []string{"E3", "E1", "E2"}
	l := Make(in)
	var unmapped []string
	for _, a := range l.Unmapped {
		unmapped = append(unmapped, fmt.Sprint(a.Account, " ", a.Events))
	}
	if got := strings.Join(unmapped, ", "); got != "crm:many 11, crm:also-few 4, crm:few 4" {
		t.Errorf("accounts of nobody: %s", got)
	}
	if !slices.Equal(l.Unseen, []string{"E2", "E3"}) {
		t.Errorf("never seen: %v", l.Unseen)
	}
	if !slices.Equal(l.Silent, []string{"archive", "funds"}) {
		t.Errorf("silent: %v", l.Silent)
	}
}

func TestExpected(t *testing.T) {
	for text, want := range map[string]string{
		"10": "400", "0.5": "20", " 3 ": "120", "0": "0", "": "none", "0 6 * * *": "none", "-1": "none", "NaN": "none", "Inf": "none",
	} {
		in := input()
		in.Systems = []ueba.System{{Service: "crm", Expected: text}}
		row := Make(in).Rows[0]
		got := "none"
		if row.Expected != nil {
			got = fmt.Sprint(*row.Expected)
		}
		if got != want {
			t.Errorf("expected %q in five working days: %s, want %s", text, got, want)
		}
	}
	in := input()
	in.First = ueba.NoDay
	in.Systems = []ueba.System{{Service: "crm", Expected: "10"}}
	if row := Make(in).Rows[0]; row.Expected == nil || *row.Expected != 0 {
		t.Errorf("before anything was heard: %v", row.Expected)
	}
}

// TestSilenceKnowsTheCalendar: what last came before a long holiday is not silent after it.
func TestSilenceKnowsTheCalendar(t *testing.T) {
	in := input()
	in.Systems = []ueba.System{{Service: "crm"}}
	in.Accounts = []Account{account("crm", "anna", 1, today-8, "E1")}
	if l := Make(in); len(l.Silent) != 1 {
		t.Error("a week of silence is not seen")
	}
	in.Workday = func(d ueba.Day) bool { return d <= today-8 }
	if l := Make(in); len(l.Silent) != 0 {
		t.Error("a holiday is taken for silence")
	}
	in.Workday = func(ueba.Day) bool { return false }
	Make(in) // ends even if no day is ever worked
}

// TestSumsAddUp: whatever is delivered, nothing counted is left out of the rows and no
// column exceeds the one that it is a part of.
func TestSumsAddUp(t *testing.T) {
	services := []string{"crm", "funds", "marketing"}
	rapid.Check(t, func(t *rapid.T) {
		in := input()
		stored := map[string]int64{}
		var received, skipped, dead, parsed, duplicate int64
		for _, source := range []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "sources")] {
			own := lines(source, 0, rapid.Int64Range(0, 9).Draw(t, "skipped"), rapid.Int64Range(0, 9).Draw(t, "dead"))
			own.Received = own.Skipped + own.Dead
			for _, service := range services {
				n := rapid.Int64Range(0, 50).Draw(t, "parsed")
				if n == 0 {
					continue
				}
				e := events(source, service, n, rapid.Int64Range(0, n).Draw(t, "duplicate"))
				own.Received += n
				stored[service] += n - e.Duplicate
				parsed, duplicate = parsed+n, duplicate+e.Duplicate
				in.Deliveries = append(in.Deliveries, e)
			}
			received, skipped, dead = received+own.Received, skipped+own.Skipped, dead+own.Dead
			in.Deliveries = append(in.Deliveries, own)
		}
		var owned int64
		for _, service := range services {
			n := rapid.Int64Range(0, stored[service]).Draw(t, "owned")
			owned += n
			in.Accounts = append(in.Accounts, account(service, "anna", n, friday, "E1"), account(service, "x", stored[service]-n, friday, ""))
		}
		l := Make(in)
		var sum Row
		for _, r := range l.Rows {
			sum.Received += r.Received
			sum.Skipped += r.Skipped
			sum.Dead += r.Dead
			sum.Parsed += r.Parsed
			sum.Duplicate += r.Duplicate
			sum.Attributed += r.Attributed
			sum.Scored += r.Scored
			if r.Attributed > r.Parsed-r.Duplicate || r.Scored > r.Attributed || r.Received != r.Skipped+r.Dead+r.Parsed {
				t.Errorf("a row that does not add up: %s", written([]Row{r}))
			}
		}
		want := Row{Received: received, Skipped: skipped, Dead: dead, Parsed: parsed, Duplicate: duplicate, Attributed: owned, Scored: owned}
		if got, want := written([]Row{sum}), written([]Row{want}); got != want {
			t.Errorf("sums %s, want %s of %s", got, want, written(l.Rows))
		}
		for range 3 {
			if again := Make(in); written(again.Rows) != written(l.Rows) {
				t.Errorf("another answer to the same question: %s", written(again.Rows))
			}
		}
	})
}
