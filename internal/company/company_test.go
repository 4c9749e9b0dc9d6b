package company_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/internal/company"
	"github.com/onlooker-ueba/onlooker/profile"
	"github.com/onlooker-ueba/onlooker/rules"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var (
	business = ueba.Business{Zone: time.FixedZone("CST", 8*3600), Grace: 2 * time.Hour}
	morning  = time.Date(2026, 11, 2, 9, 0, 0, 0, business.Zone)
	monday   = business.DayOf(morning)
)

// failer is a test or a property.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// office is a small company over a store in memory.
type office struct {
	*company.Company
	t     failer
	store *storetest.Memory
	now   time.Time
}

func newOffice(t failer) *office {
	t.Helper()
	set, err := rules.Load(rules.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, now: morning.Add(-24 * time.Hour)}
	o.store = storetest.NewMemoryAt(func() time.Time { return o.now })
	o.Company = company.New(o.store, directory.NewBook(business), set, profile.Settings{Business: business, Idle: 5 * time.Minute})
	return o
}

// learn appends what becomes known at o.now and lets the company take it in, as the
// pipeline does.
func (o *office) learn(bodies ...ueba.Body) {
	o.t.Helper()
	for _, b := range bodies {
		fact := ueba.Fact{Body: b}
		switch body := b.(type) {
		case *ueba.Reason:
			fact = directory.ReasonFact(body, time.Time{})
		case *ueba.Record:
			fact = directory.RecordFact(body, time.Time{})
		case *ueba.Event:
		default:
			fact.ID = fmt.Sprintf("%s-%p", b.Kind(), b)
		}
		facts := []ueba.Fact{fact}
		if _, err := o.store.Append(context.Background(), facts); err != nil {
			o.t.Fatal(err)
		}
		if e, ok := b.(*ueba.Event); ok {
			o.Heard(e.Account(), e.Time)
			continue
		}
		o.Apply(facts[0])
	}
}

func (o *office) fold(employee string, day ueba.Day, at time.Time) (ueba.Profile, []ueba.Look) {
	o.t.Helper()
	p, looks, err := o.Fold(context.Background(), employee, day, at)
	if err != nil {
		o.t.Fatal(err)
	}
	return p, looks
}

func employee(id string, accounts ...string) *ueba.Employee {
	return &ueba.Employee{ID: id, Department: "CRM", Role: "agent", Hired: ueba.NoDay, Left: ueba.NoDay, Accounts: accounts}
}

var serial int

func look(user, record string, at time.Time) *ueba.Event {
	serial++
	e := &ueba.Event{EventID: fmt.Sprint("e", serial), Source: "test", Time: at, Service: "crm", User: user, Action: ueba.ActionView, Session: "s-" + user}
	if record != "" {
		e.Record = ueba.EventRecord{Type: "customer", IDs: strings.Fields(record)}
	}
	return e
}

func ticket(id, record, employee string, from, to time.Time) *ueba.Reason {
	return &ueba.Reason{ID: id, Type: "ticket", RecordID: record, EmployeeID: employee, ValidFrom: from, ValidTo: to, Created: from, MadeBy: "E9"}
}

func verdicts(looks []ueba.Look) string {
	var out []string
	for _, l := range looks {
		out = append(out, l.RecordID+":"+l.ReasonID)
	}
	return strings.Join(out, " ")
}

func TestADayIsThatOfAllHisAccounts(t *testing.T) {
	o := newOffice(t)
	o.learn(employee("E1", "anna", "funds:a-77"), employee("E2", "boris"))
	other := look("a-77", "C2", morning.Add(time.Minute))
	other.Service = "funds"
	stranger := look("a-77", "C3", morning) // the same name in another system is not his
	o.learn(look("anna", "C1", morning), other, stranger, look("boris", "C4", morning), look("anna", "C5", morning.Add(24*time.Hour)))
	p, looks := o.fold("E1", monday, time.Time{})
	if got := verdicts(looks); got != "C1: C2:" || p.Events != 2 || !slices.Equal(p.Services, []string{"crm", "funds"}) {
		t.Errorf("%s, %d events in %v", got, p.Events, p.Services)
	}
	if _, _, err := o.Fold(context.Background(), "E7", monday, time.Time{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	all, err := o.FoldStranger(context.Background(), ueba.Account{Service: "crm", User: "a-77"}, monday)
	if err != nil || verdicts(all) != "C3:" || all[0].Employee != "" {
		t.Errorf("the stranger's looks: %s, %v", verdicts(all), err)
	}
}

func TestReasons(t *testing.T) {
	evening := morning.Add(9 * time.Hour)
	for name, tt := range map[string]struct {
		reason *ueba.Reason
		want   string
	}{
		"for the record and him":             {ticket("T", "C1", "E1", morning, evening), "C1:T C2:"},
		"named by his account":               {ticket("T", "C1", "crm:anna", morning, evening), "C1:T C2:"},
		"for the record and anybody":         {ticket("T", "C2", "", morning, evening), "C1: C2:T"},
		"for any record":                     {ticket("T", "", "E1", morning, evening), "C1:T C2:T"},
		"since months, without an end":       {ticket("T", "C1", "E1", morning.AddDate(0, -6, 0), time.Time{}), "C1:T C2:"},
		"for another":                        {ticket("T", "C1", "E2", morning, evening), "C1: C2:"},
		"for another record":                 {ticket("T", "C9", "E1", morning, evening), "C1: C2:"},
		"over before the look":               {ticket("T", "C1", "E1", morning.Add(-2*time.Hour), morning.Add(-time.Hour)), "C1: C2:"},
		"made by himself after the look":     {&ueba.Reason{ID: "T", Type: "ticket", RecordID: "C1", EmployeeID: "E1", ValidFrom: morning.Add(-time.Hour), ValidTo: evening, Created: evening, MadeBy: "anna"}, "C1: C2:"},
		"made by himself before it happened": {&ueba.Reason{ID: "T", Type: "ticket", RecordID: "C1", EmployeeID: "E1", ValidFrom: morning.Add(-time.Hour), ValidTo: evening, Created: morning.Add(-time.Hour), MadeBy: "anna"}, "C1:T C2:"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.learn(employee("E1", "anna"), employee("E2", "boris"), look("anna", "C1", morning), look("anna", "C2", morning.Add(time.Minute)), tt.reason)
			if _, looks := o.fold("E1", monday, time.Time{}); verdicts(looks) != tt.want {
				t.Errorf("%s, want %s", verdicts(looks), tt.want)
			}
		})
	}
}

// TestAsKnownThen: the same question about an earlier instant has the answer of then,
// whatever became known later.
func TestAsKnownThen(t *testing.T) {
	o := newOffice(t)
	o.learn(employee("E1", "anna"), look("anna", "C1", morning))
	then := o.now
	before, looksBefore := o.fold("E1", monday, then)
	if !slices.Contains(before.Missing, "reasons") || !slices.Contains(before.Missing, "records") {
		t.Errorf("missing at first: %v", before.Missing)
	}
	for i, b := range []ueba.Body{
		look("anna", "C2", morning.Add(time.Minute)),
		look("anna", "C1", morning.Add(-48*time.Hour)),
		ticket("T", "C1", "E1", morning, morning.Add(time.Hour)),
		&ueba.Record{ID: "C1", Class: "C3", Tags: []string{"vip"}},
		&ueba.Employee{ID: "E1", Department: "Funds", Role: "clerk", Hired: ueba.NoDay, Left: ueba.NoDay, Accounts: []string{"anna"}},
		&ueba.Holiday{Date: monday},
		&ueba.Employee{ID: "E1", Hired: ueba.NoDay, Left: ueba.NoDay},
	} {
		o.now = then.Add(time.Duration(i+1) * time.Hour)
		last, _ := o.fold("E1", monday, time.Time{})
		o.learn(b)
		now, _ := o.fold("E1", monday, time.Time{})
		if reflect.DeepEqual(now, last) {
			t.Errorf("%T changes nothing: it proves nothing", b)
		}
		if now.Events > 0 && now.Known.Before(o.now) {
			t.Errorf("%T: the profile says that it rests on what was known at %s, before %s", b, now.Known, o.now)
		}
		if again, looks := o.fold("E1", monday, then); !reflect.DeepEqual(again, before) || !reflect.DeepEqual(looks, looksBefore) {
			t.Errorf("after %T, as known then:\n%+v, want\n%+v", b, again, before)
		}
	}
}

func TestARecordIsFamiliarForFourWeeks(t *testing.T) {
	for days, want := range map[int]float64{1: 0, int(company.LookBack): 0, int(company.LookBack) + 1: 1} {
		o := newOffice(t)
		o.learn(employee("E1", "anna"), employee("E2", "boris"), &ueba.Record{ID: "X"},
			look("boris", "C1", morning.Add(-24*time.Hour)), look("anna", "C1", morning.AddDate(0, 0, -days)), look("anna", "C1", morning))
		if p, _ := o.fold("E1", monday, time.Time{}); p.Features[ueba.FeatureUnexplainedNew] != want {
			t.Errorf("last seen %d days before: %g new, want %g", days, p.Features[ueba.FeatureUnexplainedNew], want)
		}
	}
}

// TestAnAccountThatChangesHands within a day is each one's while it is his, and nobody's
// before it is anybody's.
func TestAnAccountThatChangesHands(t *testing.T) {
	o := newOffice(t)
	first, second := employee("E1", "desk"), employee("E2", "desk")
	first.ValidFrom, second.ValidFrom = morning.Add(time.Hour), morning.Add(3*time.Hour)
	gone := employee("E1")
	gone.ValidFrom = second.ValidFrom
	o.learn(first, gone, second)
	for i := range 5 {
		o.learn(look("desk", fmt.Sprint("C", i), morning.Add(time.Duration(i)*time.Hour)))
	}
	for e, want := range map[string]string{"E1": "C1: C2:", "E2": "C3: C4:"} {
		if _, looks := o.fold(e, monday, time.Time{}); verdicts(looks) != want {
			t.Errorf("%s: %s, want %s", e, verdicts(looks), want)
		}
	}
	all, _, err := o.Looks(context.Background(), company.LookQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var owners []string
	for _, l := range all {
		owners = append(owners, l.RecordID+":"+l.Employee)
	}
	if got := strings.Join(owners, " "); got != "C4:E2 C3:E2 C2:E1 C1:E1 C0:" {
		t.Errorf("looks: %s", got)
	}
}

func TestPagesOfLooks(t *testing.T) {
	o := newOffice(t)
	o.learn(employee("E1", "anna"), employee("E2", "boris"))
	for i := range 40 {
		user := []string{"anna", "boris", "stranger"}[i%3]
		o.learn(look(user, "C"+fmt.Sprint(i%4), morning.Add(time.Duration(i)*2*time.Hour)))
		closing := look(user, "C"+fmt.Sprint(i%4), morning.Add(time.Duration(i)*2*time.Hour+time.Minute))
		closing.Action = ueba.ActionClose // names the record and is no look
		o.learn(closing)
	}
	for _, q := range []company.LookQuery{
		{}, {Employee: "E1"}, {Record: "C1"}, {Record: "C1", Employee: "E2"}, {Service: "crm"}, {Service: "none"}, {Record: "none"},
		{Verdict: ueba.Unexplained}, {Verdict: ueba.Explained}, {From: morning.Add(5 * time.Hour), To: morning.Add(33 * time.Hour)},
	} {
		all, next, err := o.Looks(context.Background(), q)
		if err != nil || next != "" {
			t.Fatalf("%+v: %v, %q", q, err, next)
		}
		if !slices.IsSortedFunc(all, func(a, b ueba.Look) int { return b.Event.Time.Compare(a.Event.Time) }) {
			t.Errorf("%+v: not newest first", q)
		}
		for _, limit := range []int{1, 3, 7, 100} {
			if paged := o.paged(q, limit); !reflect.DeepEqual(refs(paged), refs(all)) {
				t.Errorf("%+v in pages of %d: %v, want %v", q, limit, refs(paged), refs(all))
			}
		}
	}
	if _, _, err := o.Looks(context.Background(), company.LookQuery{After: "x"}); !errors.Is(err, company.ErrCursor) {
		t.Errorf("a place that is none: %v", err)
	}
}

func (o *office) paged(q company.LookQuery, limit int) []ueba.Look {
	o.t.Helper()
	q.Limit = limit
	var out []ueba.Look
	for range 1000 {
		page, next, err := o.Looks(context.Background(), q)
		if err != nil {
			o.t.Fatal(err)
		}
		if len(page) > limit || next != "" && len(page) < limit {
			o.t.Fatalf("a page of %d, want %d", len(page), limit)
		}
		out = append(out, page...)
		if next == "" {
			return out
		}
		q.After = next
	}
	o.t.Fatal("the pages never end")
	return nil
}

func refs(looks []ueba.Look) []string {
	out := []string{}
	for _, l := range looks {
		out = append(out, l.EventRef+"/"+l.RecordID)
	}
	return out
}

// TestWhoAgreesWithLooks: the looks at a record, found by the record, are those that the
// whole days give.
func TestWhoAgreesWithLooks(t *testing.T) {
	actions := []ueba.Action{ueba.ActionView, ueba.ActionView, ueba.ActionEdit, ueba.ActionClose, ueba.ActionHeartbeat, ueba.ActionExport, ueba.ActionSearch, ueba.ActionLogout}
	rapid.Check(t, func(t *rapid.T) {
		o := newOffice(t)
		partly := employee("E3", "chi")
		partly.ValidFrom = morning.Add(2 * time.Hour)
		o.learn(employee("E1", "anna", "desk"), employee("E2", "boris"), partly, &ueba.Record{ID: "C1", Tags: []string{"vip"}, Employee: "E2"})
		for range rapid.IntRange(0, 6).Draw(t, "reasons") {
			from := morning.Add(time.Duration(rapid.IntRange(-40, 40).Draw(t, "from")) * time.Hour)
			o.learn(ticket(rapid.SampledFrom([]string{"T1", "T2", "T3"}).Draw(t, "id"), rapid.SampledFrom([]string{"", "C1", "C2"}).Draw(t, "record"),
				rapid.SampledFrom([]string{"E1", "boris"}).Draw(t, "whose"), from, from.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "hours"))*time.Hour)))
		}
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := look(rapid.SampledFrom([]string{"anna", "desk", "boris", "chi", "stranger"}).Draw(t, "user"),
				rapid.SampledFrom([]string{"C1", "C2", "C1 C2", "C2 C3 C1", ""}).Draw(t, "records"),
				morning.Add(time.Duration(rapid.IntRange(-30*60, 40*60).Draw(t, "minute"))*time.Minute))
			e.Action = rapid.SampledFrom(actions).Draw(t, "action")
			if rapid.IntRange(0, 5).Draw(t, "measured") == 0 {
				e.HasDuration, e.Duration = true, time.Minute
			}
			if rapid.IntRange(0, 9).Draw(t, "sessionless") == 0 {
				e.Session = ""
			}
			o.learn(e)
		}
		all, _, err := o.Looks(context.Background(), company.LookQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range []string{"C1", "C2", "C3"} {
			want := slices.DeleteFunc(slices.Clone(all), func(l ueba.Look) bool { return l.RecordID != record })
			got, _, err := o.Looks(context.Background(), company.LookQuery{Record: record})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%s: %v, want %v", record, refs(got), refs(want))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("%s: found by record\n%+v %+v\nby day\n%+v %+v", record, got[i], got[i].View, want[i], want[i].View)
				}
			}
		}
	})
}
