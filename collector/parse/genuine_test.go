package parse

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// genuine reads a log that a real PostgreSQL wrote.
func genuine(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "samples", "postgresql-pgaudit-real", name)
	data, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the folder of genuine logs is not here:", err)
	}
	return data
}

// run parses a whole stream, checks what Waiting says on the way, and fails on errors.
func run(t *testing.T, format string, options Options, data []byte) []*ueba.Event {
	t.Helper()
	f := formatNamed(t, format)
	p := f.New(options)
	var out []*ueba.Event
	emit := func(b ueba.Body) { out = append(out, b.(*ueba.Event)) }
	for i, raw := range cutRecords(t, f, data) {
		if err := p.Parse(raw, emit); err != nil {
			t.Errorf("record %d: %v", i+1, err)
		}
		if w := p.Waiting(); w < 0 || w > i+1 {
			t.Fatalf("record %d: %d records wait", i+1, w)
		}
	}
	p.Flush(emit)
	if w := p.Waiting(); w != 0 {
		t.Errorf("%d records wait after Flush", w)
	}
	return out
}

func formatNamed(t testing.TB, name string) Format {
	t.Helper()
	for _, f := range Formats() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no format %q", name)
	return Format{}
}

func cutRecords(t testing.TB, f Format, data []byte) (records [][]byte) {
	t.Helper()
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 1<<20)
	s.Split(f.Split())
	for s.Scan() {
		if len(s.Bytes()) > 0 {
			records = append(records, bytes.Clone(s.Bytes()))
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return records
}

// staff keeps the events of the three staff accounts.
func staff(events []*ueba.Event) (out []*ueba.Event) {
	for _, e := range events {
		switch e.User {
		case "anna.crm", "boris.collections", "chi.credit":
			out = append(out, e)
		}
	}
	return out
}

// seen is an event in short.
type seen struct {
	User    string
	Action  ueba.Action
	Outcome string
	Type    string
	IDs     string
	Count   int64
	Purpose string
}

func short(events []*ueba.Event) []seen {
	out := make([]seen, len(events))
	for i, e := range events {
		out[i] = seen{e.User, e.Action, e.Outcome, e.Record.Type, "", e.Record.Count, e.Purpose.ID}
		for j, id := range e.Record.IDs {
			if j > 0 {
				out[i].IDs += " "
			}
			out[i].IDs += id
		}
	}
	return out
}

// What the staff did in the genuine log: 14 reads, one edit and one refused attempt.
var staffDid = []seen{
	{"anna.crm", "view", "success", "customers", "42", 0, "CS-1881"},
	{"anna.crm", "view", "success", "customers", "43", 0, "CS-1882"},
	{"anna.crm", "search", "success", "v_customer_card", "", 116, ""},
	{"boris.collections", "search", "success", "customers", "", 50, ""},
	{"boris.collections", "export", "success", "customers", "", 0, ""},
	{"boris.collections", "export", "success", "customers", "", 99, ""},
	{"boris.collections", "view", "success", "customers", "", 0, ""},
	{"boris.collections", "view", "success", "customers", "7", 0, ""},
	{"boris.collections", "view", "success", "customers", "8", 0, ""},
	{"boris.collections", "edit", "failure", "customers", "1", 0, ""},
	{"chi.credit", "edit", "success", "customers", "42", 0, ""},
	{"chi.credit", "list", "success", "loans", "", 1, ""},
	{"chi.credit", "view", "success", "customers", "42", 0, ""},
	{"chi.credit", "view", "success", "customers", "43", 0, ""},
	{"chi.credit", "view", "success", "customers", "44", 0, ""},
	{"chi.credit", "view", "success", "customers", "1 2 3", 0, ""},
}

func TestGenuineStaffMakeFourteenReadsAndOneEdit(t *testing.T) {
	for _, name := range []string{"pg.json", "pg.csv", "pg-staff.json", "pg-staff.csv", "pg-staff-only.json"} {
		t.Run(name, func(t *testing.T) {
			events := staff(run(t, "pgaudit", Options{}, genuine(t, name)))
			if diff := cmp.Diff(staffDid, short(events)); diff != "" {
				t.Error(diff)
			}
			reads, edits, looks := 0, 0, 0
			for _, e := range events {
				if e.Outcome == "failure" {
					continue
				}
				if e.Action == ueba.ActionEdit {
					edits++
				} else {
					reads++
				}
				looks += max(1, len(e.Record.IDs))
			}
			if reads != 14 || edits != 1 || looks != 17 {
				t.Errorf("%d reads, %d edits, %d looks; want 14, 1, 17", reads, edits, looks)
			}
		})
	}
}

func TestGenuineCSVAndJSONSayTheSame(t *testing.T) {
	for _, name := range []string{"pg", "pg-staff", "pg-variant-norows-once-duration"} {
		fromJSON := run(t, "pgaudit", Options{}, genuine(t, name+".json"))
		fromCSV := run(t, "pgaudit", Options{}, genuine(t, name+".csv"))
		if diff := cmp.Diff(fromJSON, fromCSV); diff != "" || len(fromJSON) == 0 {
			t.Errorf("%s: %d events, JSON and CSV differ:\n%s", name, len(fromJSON), diff)
		}
	}
}

func TestGenuineSetUpIsNoLook(t *testing.T) {
	var others []*ueba.Event
	for _, e := range run(t, "pgaudit", Options{}, genuine(t, "pg.json")) {
		if len(staff([]*ueba.Event{e})) == 0 {
			others = append(others, e)
		}
	}
	// Of 500 foreign-key checks, tables, roles and grants nothing is left; what the
	// administrator did to the data itself is.
	want := []seen{
		{"postgres", "create", "success", "customers", "", 500, ""},
		{"postgres", "edit", "success", "customers", "42", 0, ""},
		{"postgres", "create", "success", "loans", "", 500, ""},
		{"postgres", "list", "success", "customers", "", 1, ""},
	}
	if diff := cmp.Diff(want, short(others)); diff != "" {
		t.Error(diff)
	}
}

func TestGenuineLogWithoutRowsAndWithStatementsOnce(t *testing.T) {
	events := run(t, "pgaudit", Options{}, genuine(t, "pg-variant-norows-once-duration.json"))
	want := []seen{
		{"boris.collections", "export", "success", "customers", "", 0, ""},
		{"boris.collections", "view", "success", "customers", "", 0, ""},
		{"anna.crm", "view", "success", "v_customer_card", "42", 0, ""},
		{"anna.crm", "view", "success", "customers", "42", 0, ""},
		{"boris.collections", "view", "success", "customers", "", 0, ""},
		{"boris.collections", "view", "success", "customers", "", 0, ""},
	}
	if diff := cmp.Diff(want, short(events)); diff != "" {
		t.Error(diff)
	}
}

func TestGenuineEventInFull(t *testing.T) {
	events := run(t, "pgaudit", Options{Source: "pg-file", Service: "lender-db"}, genuine(t, "pg.json"))
	var first *ueba.Event
	for _, e := range events {
		if e.User == "anna.crm" {
			first = e
			break
		}
	}
	want := &ueba.Event{
		EventID: "6b035f97.7ec/1/1", Time: time.Date(2026, 11, 22, 21, 33, 11, 338_000_000, time.UTC), Source: "pg-file",
		Service: "lender-db", User: "anna.crm", Action: "view", Outcome: "success", Session: "6b035f97.7ec", IP: "127.0.0.1",
		Record:  ueba.EventRecord{Type: "customers", IDs: []string{"42"}},
		Purpose: ueba.Purpose{ID: "CS-1881", Kind: "ticket"},
		Labels: map[string]string{
			"postgresql.database": "lender", "postgresql.objects": "public.customers",
			"postgresql.application": "crm-desktop/4.2 ticket=CS-1881",
		},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
}

// TestGenuineStreamCutAnywhere starts a new parser where a source would go on after a
// restart: in front of the records that the old one had not spoken of.
func TestGenuineStreamCutAnywhere(t *testing.T) {
	f := formatNamed(t, "pgaudit")
	records := cutRecords(t, f, genuine(t, "pg-staff.csv"))
	whole := run(t, "pgaudit", Options{}, genuine(t, "pg-staff.csv"))
	for at := range records {
		events := map[string]*ueba.Event{}
		emit := func(b ueba.Body) {
			e := b.(*ueba.Event)
			if before, ok := events[e.EventID]; ok && !cmp.Equal(before, e) {
				t.Errorf("cut at %d: two events %s:\n%s", at, e.EventID, cmp.Diff(before, e))
			}
			events[e.EventID] = e
		}
		feed := func(p Parser, records [][]byte) {
			for _, raw := range records {
				if err := p.Parse(raw, emit); err != nil {
					t.Fatal(err)
				}
			}
		}
		killed := f.New(Options{})
		feed(killed, records[:at])
		next := f.New(Options{})
		feed(next, records[at-killed.Waiting():])
		next.Flush(emit)
		for _, e := range whole {
			if !cmp.Equal(events[e.EventID], e) {
				t.Errorf("cut at %d: %s", at, cmp.Diff(e, events[e.EventID]))
			}
		}
		if len(events) != len(whole) {
			t.Errorf("cut at %d: %d events, want %d", at, len(events), len(whole))
		}
	}
}
