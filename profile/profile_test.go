package profile

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// today is Monday 2 November 2026, in a zone eight hours before UTC.
var zone = time.FixedZone("CST", 8*3600)

var settings = Settings{Business: ueba.Business{Zone: zone}, IdleBy: map[string]time.Duration{"review": 15 * time.Minute}}

func clock(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 2, hour, minute, second, 0, zone).UTC()
}

var today = settings.Business.DayOf(clock(12, 0, 0))

// people is a Directory in memory.
type people struct {
	records map[string]*ueba.Record
	seen    map[string]bool
	names   map[string]string
}

func (p people) Record(id string) *ueba.Record { return p.records[id] }
func (p people) Seen(id string) bool           { return p.seen[id] }
func (p people) Person(name string) string     { return p.names[name] }
func (p people) OffHours(t time.Time) bool {
	hour := t.In(zone).Hour()
	return hour < 9 || hour >= 18
}

var house = people{
	records: map[string]*ueba.Record{
		"vip":       {ID: "vip", Class: "C2", Tags: []string{"vip"}, Region: "上海"},
		"mine":      {ID: "mine", Employee: "E1", Tags: []string{"employee"}},
		"colleague": {ID: "colleague", Employee: "E2"},
		"somebody":  {ID: "somebody", Tags: []string{"employee"}},
		"wife":      {ID: "wife", Related: []string{"E9", "E1"}},
		"late":      {ID: "late", Tags: []string{"deceased"}, Region: "北京"},
		"asleep":    {ID: "asleep", Tags: []string{"dormant"}, Owner: "E2"},
		"owned":     {ID: "owned", Owner: "E1", Class: "C3", Region: "上海"},
	},
	seen:  map[string]bool{"vip": true},
	names: map[string]string{"E1": "E1", "E2": "E2", "crm:wang": "E1", "wang": "E1", "crm:li": "E2"},
}

var wang = &ueba.Employee{ID: "E1", Department: "credit", Role: "clerk", Location: "上海", Hired: ueba.NoDay, Left: ueba.NoDay}

// event makes a view in the crm; change says what is different.
func event(id string, at time.Time, records []string, change ...func(*ueba.Event)) ueba.Fact {
	e := &ueba.Event{Time: at, Service: "crm", User: "wang", Action: ueba.ActionView, Session: "s1",
		Record: ueba.EventRecord{Type: "customer", IDs: records, Count: int64(len(records))}}
	for _, c := range change {
		c(e)
	}
	return ueba.Fact{ID: id, Known: at.Add(time.Second), Body: e}
}

func action(a ueba.Action) func(*ueba.Event) { return func(e *ueba.Event) { e.Action = a } }
func in(session string) func(*ueba.Event)    { return func(e *ueba.Event) { e.Session = session } }
func of(service string) func(*ueba.Event)    { return func(e *ueba.Event) { e.Service = service } }
func count(n int64) func(*ueba.Event)        { return func(e *ueba.Event) { e.Record.Count = n } }
func failed(e *ueba.Event)                   { e.Outcome = "failure" }
func lasting(d time.Duration) func(*ueba.Event) {
	return func(e *ueba.Event) { e.Duration, e.HasDuration = d, true }
}

func dayOf(events ...ueba.Fact) Day {
	return Day{Employee: wang, Day: today, Type: ueba.Workday, Events: events}
}

func fold(d Day) (ueba.Profile, []ueba.Look) { return Fold(settings, d, house) }

// features returns those that are not zero, by name.
func features(t testing.TB, p ueba.Profile) map[string]float64 {
	t.Helper()
	b, err := json.Marshal(p.Features)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsALook(t *testing.T) {
	at := clock(10, 0, 0)
	one := []string{"C1"}
	for name, c := range map[string]struct {
		event ueba.Fact
		want  []string // record ids
		count int64
	}{
		"view":                          {event("e", at, one), one, 1},
		"three records, one twice":      {event("e", at, []string{"C3", "C1", "C3", "C2"}), []string{"C1", "C2", "C3"}, 1},
		"export of rows":                {event("e", at, nil, action(ueba.ActionExport), count(5000)), []string{""}, 5000},
		"export of who knows how much":  {event("e", at, nil, action(ueba.ActionExport), count(0)), []string{""}, 1},
		"search that names its results": {event("e", at, one, action(ueba.ActionSearch)), one, 1},
		"search with a number":          {event("e", at, nil, action(ueba.ActionSearch), count(20)), []string{""}, 20},
		"search without results":        {event("e", at, nil, action(ueba.ActionSearch)), nil, 0},
		"another action on a record":    {event("e", at, one, action("approve")), one, 1},
		"another action on nothing":     {event("e", at, nil, action("approve")), nil, 0},
		"open":                          {event("e", at, one, action(ueba.ActionOpen)), one, 1},
		"close":                         {event("e", at, one, action(ueba.ActionClose)), nil, 0},
		"heartbeat":                     {event("e", at, one, action(ueba.ActionHeartbeat)), nil, 0},
		"login":                         {event("e", at, nil, action(ueba.ActionLogin)), nil, 0},
		"refused":                       {event("e", at, one, failed), nil, 0},
		"the day before":                {event("e", clock(0, 0, 0).Add(-1), one), nil, 0},
		"the day's first instant":       {event("e", clock(0, 0, 0), one), one, 1},
		"the day after":                 {event("e", clock(24, 0, 0), one), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, looks := fold(dayOf(c.event))
			var got []string
			for _, l := range looks {
				got = append(got, l.RecordID)
				if l.Count != c.count || l.EventRef != "e" || l.Employee != "E1" || l.Day != today {
					t.Errorf("look %+v", l)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlagsAndClass(t *testing.T) {
	for record, want := range map[string]struct {
		flags ueba.Flags
		class string
	}{
		"vip":       {ueba.FlagVIP, "C2"},
		"mine":      {ueba.FlagSelf, "C1"},
		"colleague": {ueba.FlagColleague, "C1"},
		"somebody":  {ueba.FlagColleague, "C1"},
		"wife":      {ueba.FlagFamily, "C1"},
		"late":      {ueba.FlagDeceased, "C1"},
		"asleep":    {ueba.FlagDormant, "C1"},
		"owned":     {0, "C3"},
		"unknown":   {0, "C1"},
	} {
		_, looks := fold(dayOf(event("e", clock(10, 0, 0), []string{record}, func(e *ueba.Event) { e.Record.Class = "c1" })))
		if looks[0].Flags != want.flags || looks[0].Class != want.class {
			t.Errorf("%s: flags %s, class %s", record, looks[0].Flags, looks[0].Class)
		}
	}
}

func TestFeatures(t *testing.T) {
	d := dayOf(
		event("01", clock(8, 30, 0), nil, action(ueba.ActionLogin)),
		event("02", clock(8, 45, 0), []string{"vip"}, lasting(90*time.Second)),         // off hours, seen before
		event("03", clock(10, 0, 0), []string{"late", "asleep"}, lasting(time.Minute)), // new; outside
		event("04", clock(10, 5, 0), nil, action(ueba.ActionSearch)),
		event("05", clock(11, 0, 0), []string{"owned"}, lasting(5*time.Second)), // short, C3
		event("06", clock(12, 0, 0), []string{"mine"}, lasting(3*time.Minute)),  // long
		event("07", clock(13, 0, 0), []string{"mine"}, lasting(0)),
		event("08", clock(14, 0, 0), nil, action(ueba.ActionExport), count(500)),
		event("09", clock(15, 0, 0), []string{"C1", "C2"}, action(ueba.ActionPrint)),
		event("10", clock(16, 0, 0), []string{"C1"}, action(ueba.ActionUnmask), func(e *ueba.Event) { e.Record.Fields = []string{"phone", "id_card"} }),
		event("11", clock(17, 0, 0), []string{"colleague", "wife"}),
		event("12", clock(19, 0, 0), []string{"C3"}, failed),
		event("13", clock(21, 30, 0), []string{"C4"}),
	)
	d.Reasons = []ueba.Fact{because("T1", "C1", "E1"), because("T2", "C9", "E1"), because("T3", "C8", "E1", madeBy("crm:wang"))}
	p, looks := fold(d)
	want := map[string]float64{
		"looks": 13, "records": 10, "searches": 1, "exports": 2, "rows": 500, "unmasks": 1, "off_hours": 2,
		"view_minutes": p.ViewValue.Minutes(), "band_06": 4, "band_12": 8, "band_18": 1,
		"first_hour": 8.5, "last_hour": 21.5, "explained": 2, "assigned": 2,
		"unexplained": 11, "unexplained_records": 9, "unexplained_new": 8, "unexplained_outside": 2,
		"unexplained_short": 2, "unexplained_long": 1, "unexplained_off_hours": 2,
		"unexplained_exports": 2, "unexplained_rows": 500, "unexplained_c3": 1,
		"vip": 1, "colleague": 1, "self": 2, "family": 1, "deceased": 1, "dormant": 1,
		"unexplained_vip": 1, "unexplained_colleague": 1, "unexplained_family": 1, "unexplained_tagged": 2, "unexplained_run": 2,
	}
	if diff := cmp.Diff(want, features(t, p)); diff != "" {
		t.Error(diff)
	}
	if len(looks) != 13 || p.Events != 13 || p.Flagged != 7 || p.Group != "credit/clerk" || p.Type != ueba.Workday {
		t.Errorf("%d looks, profile %+v", len(looks), p)
	}
	if !p.Known.Equal(clock(21, 30, 1)) {
		t.Errorf("known %s", p.Known)
	}
}

func TestServicesMissingAndNobody(t *testing.T) {
	d := dayOf(event("a", clock(10, 0, 0), []string{"vip"}, of("funds")), event("b", clock(9, 0, 0), nil, of("crm"), action(ueba.ActionLogin)))
	d.Missing = []string{"records", "reasons", "records"}
	p, _ := fold(d)
	if diff := cmp.Diff([]string{"crm", "funds"}, p.Services); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"reasons", "records", "view_time"}, p.Missing); diff != "" {
		t.Error(diff)
	}
	if _, looks := fold(Day{Day: today, Missing: d.Missing}); len(looks) != 0 || d.Missing[0] != "records" {
		t.Errorf("the caller's list changed: %s", d.Missing)
	}
	d.Employee, d.Reasons = nil, []ueba.Fact{because("T1", "vip", ""), because("T2", "", "E1")}
	p, looks := fold(d)
	if p.Employee != "" || p.Group != "" || len(looks) != 1 || looks[0].ReasonID != "T1" {
		t.Errorf("nobody's profile %+v, looks %+v", p, looks)
	}
	if p, looks := fold(dayOf()); p.Events != 0 || len(looks) != 0 || p.Missing != nil || p.Features != (ueba.Features{}) {
		t.Errorf("an empty day: %+v", p)
	}
}

func TestAtLeavesOutWhatWasNotKnown(t *testing.T) {
	d := dayOf(event("a", clock(10, 0, 0), []string{"C1"}), event("b", clock(10, 1, 0), []string{"C2"}))
	late := because("T1", "C1", "E1")
	late.Known = clock(15, 0, 0)
	d.Reasons = []ueba.Fact{late}
	d.At = clock(10, 0, 30)
	p, looks := fold(d)
	if len(looks) != 1 || looks[0].Verdict != ueba.Unexplained || looks[0].View.Method != ueba.MethodNone || !p.Known.Equal(clock(10, 0, 1)) {
		t.Errorf("at 10:00:30: %+v", looks)
	}
	d.At = clock(15, 0, 0)
	p, looks = fold(d)
	if len(looks) != 2 || looks[0].Verdict != ueba.Explained || looks[0].View.Value != time.Minute || !p.Known.Equal(clock(15, 0, 0)) {
		t.Errorf("at 15:00: %+v", looks)
	}
}

// The live numbers are those of the closed day once all its events are there, however
// often the open day was folded before and in whatever order its events came.
func TestTheOpenDayBecomesTheClosedOne(t *testing.T) {
	var events []ueba.Fact
	for i := range 60 {
		events = append(events, event(strconv.Itoa(i), clock(9, 7*i, 13*i), []string{"C" + strconv.Itoa(i*i%17)}))
	}
	d := dayOf(events...)
	d.Reasons = []ueba.Fact{because("T1", "C1", "E1"), because("T2", "C4", "")}
	closed, closedLooks := fold(d)
	for i := range 59 {
		partial := d
		partial.Events = slices.Clone(events[:i])
		if p, looks := fold(partial); p.Events != i || len(looks) != i {
			t.Fatalf("%d of %d events folded", p.Events, i)
		}
	}
	slices.Reverse(d.Events)
	open, openLooks := fold(d)
	if diff := cmp.Diff(closed, open); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(closedLooks, openLooks); diff != "" {
		t.Error(diff)
	}
}

func busyDay(looks int) Day {
	d := dayOf()
	for i := range looks {
		id := "C" + strconv.Itoa(i)
		d.Events = append(d.Events, event("e"+strconv.Itoa(i), clock(9, 0, 360*i), []string{id}))
		d.Reasons = append(d.Reasons, because("T"+strconv.Itoa(i), id, "E1"))
	}
	return d
}

func BenchmarkFold80Looks(b *testing.B) {
	d := busyDay(80)
	b.ReportAllocs()
	for b.Loop() {
		if _, looks := fold(d); len(looks) != 80 {
			b.Fatal(len(looks))
		}
	}
}
