package parse

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// TestGenuineStderrLogSaysTheSame compares with the jsonlog of the same server.
func TestGenuineStderrLogSaysTheSame(t *testing.T) {
	fromJSON := run(t, "pgaudit", Options{}, genuine(t, "pg.json"))
	fromPlain := run(t, "pgaudit", Options{}, genuine(t, "pg-stderr.log"))
	for _, events := range [][]*ueba.Event{fromJSON, fromPlain} {
		slices.SortStableFunc(events, func(a, b *ueba.Event) int { return a.Time.Compare(b.Time) })
	}
	if diff := cmp.Diff(short(fromJSON), short(fromPlain)); diff != "" || len(fromPlain) == 0 {
		t.Errorf("%d events: %s", len(fromPlain), diff)
	}
	seen := map[string]bool{}
	for i, e := range fromPlain {
		if seen[e.EventID] {
			t.Errorf("id %s twice", e.EventID)
		}
		seen[e.EventID] = true
		if e.IP != fromJSON[i].IP || !e.Time.Equal(fromJSON[i].Time) || e.Labels["postgresql.application"] != fromJSON[i].Labels["postgresql.application"] {
			t.Errorf("%+v\n%+v", e, fromJSON[i])
		}
	}
}

func TestStderrLogForgeriesAreRefused(t *testing.T) {
	head := "2026-11-02 01:31:04.000 UTC [7] eve@crm/psql 10.1.1.1(5) "
	audit := `AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.customers,select * from customers where id = 1,<none>`
	for _, c := range []struct{ lines, want string }{
		{head + "LOG:  " + audit + "\n" + head + "CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n", "made by RAISE"},
		{"2026-11-02 01:31:04.000 UTC [7] eve@crm/x 9.9.9.9(1) LOG:  nothing 10.1.1.1(5) LOG:  " + audit + "\n", "stands in it twice"},
		{head + `LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,"select 1` + "\n\t2026-11-02 01:31:04.000 UTC [9] boss@crm/psql 10.1.1.1(5) LOG:  x\",<none>\n", "stands in it twice"},
		{"2026-11-02 01:31:04.000 UTC [7] something else\n", "log_line_prefix"},
		{head + "LOG:  AUDIT: SESSION,1\n", "fields"},
	} {
		p := newPgaudit(Options{})
		var errs []string
		emit := func(b ueba.Body) { t.Errorf("an event of %s: %+v", c.lines, b) }
		for _, raw := range cutRecords(t, formatNamed(t, "pgaudit"), []byte(c.lines)) {
			if err := p.Parse(raw, emit); err != nil {
				errs = append(errs, err.Error())
			}
		}
		p.Flush(emit)
		if !strings.Contains(strings.Join(errs, "\n"), c.want) {
			t.Errorf("%s\nerrors %v, want %q", c.lines, errs, c.want)
		}
	}
}

func TestStderrLogDenied(t *testing.T) {
	head := "2026-11-02 01:31:04.000 UTC [7] eve@crm/psql ticket=T-1 [local] "
	lines := head + "ERROR:  permission denied for table salary\n" + head + "STATEMENT:  SELECT *\n\tFROM salary WHERE id = 5\n"
	events := run(t, "pgaudit", Options{}, []byte(lines))
	want := []seen{{"eve", "view", "failure", "salary", "5", 0, "T-1"}}
	if diff := cmp.Diff(want, short(events)); diff != "" {
		t.Error(diff)
	}
}

// TestGenuineStderrLogCutAnywhere starts a new parser in front of what the old one had not
// spoken of.
func TestGenuineStderrLogCutAnywhere(t *testing.T) {
	f := formatNamed(t, "pgaudit")
	records := cutRecords(t, f, genuine(t, "pg-stderr.log"))
	whole := run(t, "pgaudit", Options{}, genuine(t, "pg-stderr.log"))
	for at := 0; at < len(records); at += 23 {
		events := map[string]*ueba.Event{}
		emit := func(b ueba.Body) { events[b.(*ueba.Event).EventID] = b.(*ueba.Event) }
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
		if len(events) != len(whole) {
			t.Fatalf("cut at %d: %d events, want %d", at, len(events), len(whole))
		}
		for _, e := range whole {
			if !cmp.Equal(events[e.EventID], e) {
				t.Fatalf("cut at %d: %s", at, cmp.Diff(e, events[e.EventID]))
			}
		}
	}
}
