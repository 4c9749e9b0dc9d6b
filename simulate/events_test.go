package simulate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func performed(pl *plan) []event {
	out := &sink{labels: map[label]bool{}}
	pl.perform(out)
	slices.SortStableFunc(out.events, func(a, b event) int { return int(a.at - b.at) })
	return out.events
}

func acts(events []event) string {
	var names []string
	for _, e := range events {
		names = append(names, string(actionNames[e.act]))
	}
	return strings.Join(names, " ")
}

// faultless is a plan whose events all arrive, once and in time.
func faultless(t *testing.T) *plan {
	t.Helper()
	pl := anyPlan(t)
	pl.c.lostLogs, pl.c.doubled, pl.c.late = 0, 0, 0
	return pl
}

func TestALookBecomesEvents(t *testing.T) {
	pl := faultless(t)
	at := pl.clock(time.Hour)
	pl.looks = []look{{at: at, dwell: 60, record: 7, system: loans, search: true, unmask: 2, edit: true, take: printing, purpose: "T1"}}
	events := performed(pl)
	if got := acts(events); got != "login search view unmask edit print" {
		t.Fatalf("events: %s", got)
	}
	view := events[2]
	if view.lasts != 60_000 || view.record != 7 || view.purpose != "T1" || view.at < at+2000 {
		t.Errorf("view: %+v", view)
	}
	for _, e := range events[3:] {
		if e.at <= view.at || e.at >= view.at+view.lasts || e.lasts >= 0 {
			t.Errorf("%s at %d, not while the record is on the screen", actionNames[e.act], e.at)
		}
	}
	if events[3].fields != 2 || events[4].fields != 0 {
		t.Errorf("fields are said with unmask alone: %+v", events)
	}
	for _, e := range events {
		if e.session != view.session || e.desk != view.desk {
			t.Errorf("%s is of another session", actionNames[e.act])
		}
	}
}

func TestTheNextLookEndsTheOneBefore(t *testing.T) {
	pl := faultless(t)
	at := pl.clock(time.Hour)
	pl.looks = []look{
		{at: at, dwell: 600, record: 1, system: loans},
		{at: at + 10_000, dwell: 600, record: 2, system: loans},
		{at: at + 10_100, dwell: .1, record: 3, system: loans},
	}
	var views []event
	for _, e := range performed(pl) {
		if e.act == view {
			views = append(views, e)
		}
	}
	if views[0].lasts != 9800 {
		t.Errorf("the first look lasts %d ms, the next begins after 10 s", views[0].lasts)
	}
	if views[1].lasts < 700 || views[2].at < views[1].at+views[1].lasts {
		t.Errorf("looks overlap: %+v", views)
	}
	if views[2].lasts < 700 {
		t.Errorf("nobody sees anything in %d ms", views[2].lasts)
	}
}

// Two people on one account work at the same time, each in sessions of his own.
func TestTwoPairsOfHands(t *testing.T) {
	pl := faultless(t)
	at := pl.clock(time.Hour)
	other := &desk{host: "ws-elsewhere", ip: "10.99.0.1"}
	pl.looks = []look{{at: at, dwell: 100, record: 1, system: loans}, {at: at + 5000, dwell: 100, record: 2, system: loans, desk: other}}
	var views []event
	for _, e := range performed(pl) {
		if e.act == view {
			views = append(views, e)
		}
	}
	if views[0].lasts != 100_000 || views[1].lasts != 100_000 || views[1].at != at+5000 {
		t.Errorf("one pair of hands waits for the other: %+v", views)
	}
	if views[0].session == views[1].session || views[1].desk != other {
		t.Errorf("one session for two: %+v", views)
	}
}

func TestSessionsEnd(t *testing.T) {
	pl := faultless(t)
	at := pl.clock(time.Hour)
	pl.looks = []look{{at: at, dwell: 5, record: 1, system: care}, {at: at + 10*60_000, dwell: 5, record: 2, system: care}, {at: at + 90*60_000, dwell: 5, record: 3, system: care}}
	sessions := map[uint32]int{}
	for _, e := range performed(pl) {
		if e.act == view {
			sessions[e.session]++
		}
	}
	if len(sessions) != 2 {
		t.Errorf("looks after 10 and after 80 minutes are in %d sessions, want 2", len(sessions))
	}
}

func TestFlawsOfTransport(t *testing.T) {
	pl := faultless(t)
	pl.c.doubled, pl.c.late = 1, 1
	pl.looks = []look{{at: pl.clock(0), dwell: 5, record: 1, system: marketing, steady: true}}
	events := performed(pl)
	if len(events) != 2 || events[0].id != events[1].id || events[0].deliver < events[0].at+60_000 || events[1].deliver < events[0].deliver {
		t.Errorf("late and twice: %+v", events)
	}
	pl.c.lostLogs = 1
	out := &sink{labels: map[label]bool{}}
	pl.looks[0].story = &story{plot: &plot{name: "any"}}
	pl.perform(out)
	if len(out.events) > 0 || len(out.labels) > 0 {
		t.Errorf("lost: %d events, %d labels", len(out.events), len(out.labels))
	}
}

func TestLabelsSayWhoAndWhen(t *testing.T) {
	pl := faultless(t)
	s := &story{plot: &plot{name: "any"}, covered: true}
	pl.looks = []look{{at: pl.clock(0), dwell: 5, record: 1, system: care}, {at: pl.clock(20 * time.Hour), dwell: 5, record: 1, system: care, story: s}}
	out := &sink{labels: map[label]bool{}}
	pl.perform(out)
	want := label{pl.day + 1, pl.person.id, "any.covered"}
	if len(out.labels) != 1 || !out.labels[want] {
		t.Errorf("labels %v, want the day of the look, %v", out.labels, want)
	}
}

func TestLines(t *testing.T) {
	cfg := small()
	cfg.Zone = shanghai()
	cfg.Systems[2] = `mark"eting`
	w, err := newEventWriter(t.TempDir(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{id: "E10001", user: "wang.wei001"}
	at := time.Date(2026, 11, 2, 1, 31, 4, 120e6, time.UTC).UnixMilli()
	base := event{at: at, id: 0x7f3a, lasts: -1, person: p, desk: &desk{host: "ws-0101", ip: "10.21.4.7"}, record: -1, session: 88}
	for want, change := range map[string]func(e *event){
		`{"@timestamp":"2026-11-02T09:31:04.120+08:00","event":{"id":"0000000000007f3a","action":"view","duration":41200000000,"outcome":"success"},"user":{"id":"wang.wei001"},"service":{"name":"credit-engine"},"session":{"id":"s-2g"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},"record":{"type":"customer","id":["C1000001"],"class":"C2"},"purpose":{"id":"T261102-10001-7","kind":"ticket"}}`: func(e *event) {
			e.act, e.record, e.lasts, e.purpose = view, 0, 41_200, "T261102-10001-7"
		},
		`{"@timestamp":"2026-11-02T09:31:04.120+08:00","event":{"id":"0000000000007f3a","action":"export","outcome":"failure"},"user":{"id":"f10001"},"service":{"name":"funds"},"session":{"id":"s-2g"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},"record":{"type":"customer","count":5000,"class":"C2"}}`: func(e *event) {
			e.act, e.rows, e.system, e.failed = export, 5000, payments, true
		},
		`{"@timestamp":"2026-11-02T09:31:04.120+08:00","event":{"id":"0000000000007f3a","action":"unmask","outcome":"success"},"user":{"id":"wang.wei001"},"service":{"name":"mark\"eting"},"session":{"id":"s-2g"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},"record":{"type":"customer","id":["C1000002"],"fields":["phone","id_card"]}}`: func(e *event) {
			e.act, e.record, e.fields, e.system = unmask, 1, 2, marketing
		},
		`{"@timestamp":"2026-11-02T09:31:04.120+08:00","event":{"id":"0000000000007f3a","action":"login","outcome":"success"},"user":{"id":"wang.wei001"},"service":{"name":"crm"},"session":{"id":"s-2g"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"}}`: func(e *event) {
			e.act, e.system = login, care
		},
		"no event at all": func(e *event) { e.raw = "no event at all" },
	} {
		e := base
		change(&e)
		got := string(w.appendEvent(nil, &e))
		if got != want {
			t.Errorf("line\n%s, want\n%s", got, want)
		}
		if e.raw == "" && !json.Valid([]byte(got)) {
			t.Errorf("no JSON: %s", got)
		}
	}
	check(t, w.close())
}

func TestWriterKeepsWhatIsUnderWay(t *testing.T) {
	cfg := small()
	cfg.Zone = shanghai()
	dir := t.TempDir()
	w, err := newEventWriter(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	line := func(deliver int64, text string) event { return event{deliver: deliver, raw: text} }
	rest := w.write([]event{line(30, "c"), line(10, "a"), line(20, "b")}, 30)
	if len(rest) != 1 || rest[0].raw != "c" {
		t.Errorf("left: %+v", rest)
	}
	w.write(append(rest, line(25, "late")), forever)
	check(t, w.close())
	got, err := os.ReadFile(filepath.Join(dir, "events.ndjson"))
	if err != nil || string(got) != "a\nb\nlate\nc\n" || w.count != 4 {
		t.Errorf("file %q, %d lines, %v", got, w.count, err)
	}
}
