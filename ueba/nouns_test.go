package ueba

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func date(t *testing.T, s string) Day {
	t.Helper()
	d, err := ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDayText(t *testing.T) {
	for _, s := range []string{"1969-12-31", "1970-01-01", "2026-02-28", "2028-02-29"} {
		d := date(t, s)
		text, err := d.MarshalText()
		if err != nil || string(text) != s {
			t.Errorf("%s was written as %s (%v)", s, text, err)
		}
	}
	for _, s := range []string{"2026-2-1", "2026-02-30", "02/01/2026", "today"} {
		if d, err := ParseDay(s); err == nil {
			t.Errorf("%q was read as %s", s, d)
		}
	}
	var none Day
	if err := none.UnmarshalText(nil); err != nil || none != NoDay || none.String() != "" {
		t.Errorf("no text is %d (%v), not NoDay", none, err)
	}
	if w := date(t, "2026-11-02").Weekday(); w != time.Monday {
		t.Errorf("2026-11-02 is a %s", w)
	}
}

func TestBusinessDayBeginsWhereItIsConfigured(t *testing.T) {
	b := Business{Zone: time.FixedZone("CST", 8*3600), Start: 4 * time.Hour, Grace: 2 * time.Hour}
	for instant, want := range map[string]string{
		"2026-11-02T03:59:59+08:00": "2026-11-01",
		"2026-11-02T04:00:00+08:00": "2026-11-02",
		"2026-11-01T20:00:00Z":      "2026-11-02",
		"2026-11-03T03:59:59+08:00": "2026-11-02",
	} {
		if got := b.DayOf(at(t, instant)); got.String() != want {
			t.Errorf("%s belongs to %s, not %s", instant, got, want)
		}
	}
	d := date(t, "2026-11-02")
	if !b.Begin(d).Equal(at(t, "2026-11-02T04:00:00+08:00")) || !b.End(d).Equal(b.Begin(d+1)) ||
		!b.Close(d).Equal(at(t, "2026-11-03T06:00:00+08:00")) {
		t.Errorf("begin %s, end %s, close %s", b.Begin(d), b.End(d), b.Close(d))
	}
	if b.Local(at(t, "2026-11-02T00:00:00Z")).Hour() != 8 {
		t.Error("Local is not in the business zone")
	}
	if got := (Business{}).DayOf(at(t, "2026-11-02T07:59:00+08:00")); got.String() != "2026-11-01" {
		t.Errorf("without a zone, %s instead of the day in UTC", got)
	}
}

// Where clocks change, a day is 23 or 25 hours long and still ends where the next begins.
func TestBusinessDaysCoverAllTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	b := Business{Zone: berlin, Start: time.Hour}
	for d := date(t, "2026-01-01"); d < date(t, "2027-01-01"); d++ {
		if got := b.DayOf(b.Begin(d)); got != d {
			t.Errorf("%s begins on %s", d, got)
		}
		if got := b.DayOf(b.End(d).Add(-time.Nanosecond)); got != d {
			t.Errorf("%s ends on %s", d, got)
		}
	}
}

func TestFeaturesJSON(t *testing.T) {
	fs := Features{FeatureLooks: 12, FeatureUnexplainedTagged: 0.5}
	text, err := json.Marshal(fs)
	if err != nil || string(text) != `{"looks":12,"unexplained_tagged":0.5}` {
		t.Fatalf("%s, %v", text, err)
	}
	var back Features
	if err := json.Unmarshal([]byte(`{"looks":12,"unexplained_tagged":0.5,"of_a_later_version":1}`), &back); err != nil || back != fs {
		t.Errorf("read %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"looks":"many"}`), &back); err == nil {
		t.Error("a word was read as a number")
	}
}

func TestFeatureNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for f := range FeatureCount {
		if name := f.String(); name == "" || seen[name] {
			t.Errorf("feature %d has the name %q", f, name)
		} else {
			seen[name] = true
		}
		if back, ok := ParseFeature(f.String()); !ok || back != f {
			t.Errorf("%s is read as %s", f, back)
		}
	}
	if f, ok := ParseFeature("nonsense"); ok {
		t.Errorf("nonsense is %s", f)
	}
}

func TestReasonValidity(t *testing.T) {
	from, to := at(t, "2026-11-02T09:00:00Z"), at(t, "2026-11-02T18:00:00Z")
	r := &Reason{ValidFrom: from, ValidTo: to}
	open := &Reason{ValidFrom: from}
	if !r.Covers(from) || r.Covers(to) || r.Covers(from.Add(-1)) || !open.Covers(to.AddDate(50, 0, 0)) {
		t.Error("the begin belongs to the validity, the end does not, none is open")
	}
	var zero time.Time
	for _, c := range []struct {
		from, to time.Time
		want     bool
	}{
		{zero, zero, true}, {zero, from, false}, {zero, from.Add(1), true}, {to, zero, false},
		{to.Add(-1), zero, true}, {from, to, true}, {to, to.Add(1), false},
	} {
		if got := r.Overlaps(c.from, c.to); got != c.want {
			t.Errorf("overlaps [%s, %s): %v", c.from, c.to, got)
		}
	}
	if !open.Overlaps(to.AddDate(50, 0, 0), zero) {
		t.Error("an open reason ended")
	}
}

func TestEmployment(t *testing.T) {
	d := date(t, "2026-11-02")
	e := &Employee{Department: "loans", Role: "officer", Hired: d, Left: d + 1}
	if e.Employed(d-1) || !e.Employed(d) || !e.Employed(d+1) || e.Employed(d+2) {
		t.Error("hire and leave dates are both days of employment")
	}
	if always := (&Employee{Hired: NoDay, Left: NoDay}); !always.Employed(d) {
		t.Error("without dates he is employed")
	}
	if e.PeerGroup() != "loans/officer" {
		t.Error(e.PeerGroup())
	}
}

func TestAlertIDsOrderByDay(t *testing.T) {
	early := AlertID(date(t, "2026-11-02"), "E2", "burst", "")
	late := AlertID(date(t, "2026-11-03"), "E1", "burst", "")
	if early >= late || !strings.HasPrefix(early, "20261102-") {
		t.Errorf("%s, %s", early, late)
	}
	same := AlertID(date(t, "2026-11-02"), "E2", "burst", "")
	other := AlertID(date(t, "2026-11-02"), "E2b", "urst", "")
	if same != early || other == early {
		t.Errorf("%s, %s, %s", early, same, other)
	}
}

func TestFlagsAndLevels(t *testing.T) {
	fs := FlagVIP | FlagFamily
	if fs.String() != "vip;family" || !fs.Has(FlagVIP) || fs.Has(FlagVIP|FlagSelf) || Flags(0).String() != "" {
		t.Errorf("flags %q", fs)
	}
	if Low.Rank() != 0 || Critical.Rank() != 3 || RiskLevel("grave").Rank() != -1 {
		t.Error("levels are out of order")
	}
	if !(&Record{Tags: []string{"vip"}}).HasTag("vip") || (&Record{}).HasTag("vip") {
		t.Error("tags")
	}
}

// Key is by what a store finds a fact, Happened is where it stands in time.
func TestWhatBodiesAreFoundBy(t *testing.T) {
	when := at(t, "2026-11-02T09:00:00Z")
	for _, c := range []struct {
		body Body
		kind Kind
		key  string
	}{
		{&Event{Service: "crm", User: "u1", Time: when}, KindEvent, "crm\x00u1"},
		{&Reason{RecordID: "C1", ValidFrom: when}, KindReason, "C1"},
		{&Employee{ID: "E1", ValidFrom: when}, KindEmployee, "E1"},
		{&Record{ID: "C1", ValidFrom: when}, KindRecord, "C1"},
		{&System{Service: "crm", ValidFrom: when}, KindSystem, "crm"},
		{&Holiday{Date: DateOf(when)}, KindHoliday, "2026-11-02"},
		{&Review{EmployeeID: "E1", Time: when}, KindReview, "E1"},
		{&Step{AlertID: "A1", Time: when}, KindStep, "A1"},
		{&Setting{Name: "score.cron", Time: when}, KindSetting, "score.cron"},
		{&DeadLetter{Source: "crm-http", Time: when}, KindDead, "crm-http"},
	} {
		if c.body.Kind() != c.kind || c.body.Key() != c.key {
			t.Errorf("%T: kind %s, key %q", c.body, c.body.Kind(), c.body.Key())
		}
		want := when
		if c.kind == KindHoliday {
			want = at(t, "2026-11-02T00:00:00Z")
		}
		if !c.body.Happened().Equal(want) {
			t.Errorf("%T happened %s", c.body, c.body.Happened())
		}
	}
	if a := (Account{"crm", "u1"}); a.String() != "crm:u1" {
		t.Error(a)
	}
}
