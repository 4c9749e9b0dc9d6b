package parse

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func genuineMaria(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "samples", "mariadb-server_audit-real", "server_audit.log"))
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("the folder of genuine logs is not here:", err)
	}
	return data
}

// What the staff did in the genuine log: ten reads, of which three failed, and two edits,
// of which one was refused.
var mariaStaffDid = []seen{
	{"anna.crm", "view", "success", "customers", "42", 0, ""},
	{"anna.crm", "view", "success", "customers", "43", 0, ""},
	{"anna.crm", "view", "success", "v_card", "44", 0, ""},
	{"anna.crm", "view", "failure", "customers", "", 0, ""},
	{"boris.collections", "view", "success", "customers", "", 0, ""},
	{"boris.collections", "view", "success", "loans", "", 0, ""},
	{"boris.collections", "view", "success", "customers", "", 0, ""},
	{"boris.collections", "export", "failure", "customers", "", 0, ""},
	{"boris.collections", "edit", "failure", "customers", "1", 0, ""},
	{"chi.credit", "edit", "success", "customers", "42", 0, ""},
	{"chi.credit", "view", "failure", "loans", "", 0, ""},
	{"boris.collections", "export", "success", "customers", "", 0, ""},
}

func TestGenuineMariaDBStaffMakeTenReads(t *testing.T) {
	events := run(t, "mariadb", Options{Zone: time.UTC}, genuineMaria(t))
	if diff := cmp.Diff(mariaStaffDid, short(events)); diff != "" {
		t.Error(diff)
	}
	reads := 0
	for _, e := range events {
		if e.Action != ueba.ActionEdit {
			reads++
		}
	}
	if reads != 10 {
		t.Errorf("%d reads, want 10", reads)
	}
}

func TestGenuineMariaDBEventInFull(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	events := run(t, "mariadb", Options{Zone: shanghai, Source: "maria-file", Service: "lender-db"}, genuineMaria(t))
	want := &ueba.Event{
		EventID: "vm/20261122 21:34:50/7/20", Time: time.Date(2026, 11, 22, 13, 34, 50, 0, time.UTC), Source: "maria-file",
		Service: "lender-db", User: "anna.crm", Action: "view", Outcome: "success", Session: "vm/7", Host: "localhost",
		Record: ueba.EventRecord{Type: "v_card", IDs: []string{"44"}},
		Labels: map[string]string{"mariadb.database": "lender", "mariadb.objects": "lender.customers,lender.loans"},
	}
	if diff := cmp.Diff(want, events[2]); diff != "" {
		t.Error(diff)
	}
}

// TestGenuineMariaDBCutAnywhere starts a new parser in front of what the old one had not
// spoken of.
func TestGenuineMariaDBCutAnywhere(t *testing.T) {
	f := formatNamed(t, "mariadb")
	o := Options{Zone: time.UTC}
	records := cutRecords(t, f, genuineMaria(t))
	whole := run(t, "mariadb", o, genuineMaria(t))
	for at := range records {
		events := map[string]*ueba.Event{}
		emit := func(b ueba.Body) { events[b.(*ueba.Event).EventID] = b.(*ueba.Event) }
		feed := func(p Parser, records [][]byte) {
			for _, raw := range records {
				if err := p.Parse(raw, emit); err != nil {
					t.Fatal(err)
				}
			}
		}
		killed := f.New(o)
		feed(killed, records[:at])
		next := f.New(o)
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

func TestMariaDBTablesOrQueriesAlone(t *testing.T) {
	var tables, queries [][]byte
	for line := range bytes.Lines(genuineMaria(t)) {
		if !bytes.Contains(line, []byte(",QUERY,")) {
			tables = append(tables, line)
		}
		if !bytes.Contains(line, []byte(",READ,")) && !bytes.Contains(line, []byte(",WRITE,")) {
			queries = append(queries, line)
		}
	}
	onlyTables := short(run(t, "mariadb", Options{Zone: time.UTC}, bytes.Join(tables, nil)))
	if len(onlyTables) != 9 {
		t.Errorf("%d events of tables alone, want the 8 reads and the edit that touched tables: %v", len(onlyTables), onlyTables)
	}
	onlyQueries := short(run(t, "mariadb", Options{Zone: time.UTC}, bytes.Join(queries, nil)))
	want := append([]seen(nil), mariaStaffDid...)
	if diff := cmp.Diff(want, onlyQueries); diff != "" {
		t.Error(diff)
	}
}

func TestMariaDBRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"20261122 21:34:50,vm,anna,localhost,5,16,READ,lender,customers,":      "zone",
		"2026-11-22,vm,anna,localhost,5,16,READ,lender,customers,":             "want one like",
		"20261122 21:34:50,vm,anna,localhost,5,16,READ":                        "columns",
		"20261122 21:34:50,vm,anna,localhost,5,16,BAKE,lender,customers,":      "unknown operation",
		"20261122 21:34:50,vm,,localhost,5,16,READ,lender,customers,":          "no user",
		"20261122 21:34:50,vm,anna,localhost,5,16,QUERY,lender,'SELECT 1',one": "return code",
	} {
		zone := time.UTC
		if want == "zone" {
			zone = nil
		}
		err := newMariaDB(Options{Zone: zone}).Parse([]byte(line), func(ueba.Body) { t.Errorf("%s made an event", line) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", line, err, want)
		}
	}
}

func TestReadStatement(t *testing.T) {
	for text, want := range map[string]Statement{
		"SELECT `name` FROM `crm`.`customers` WHERE `id` = 42":  {Action: "view", Table: "customers", IDs: []string{"42"}, Conditional: true},
		`SELECT * FROM customers WHERE id="4\"2" # ticket=CS-1`: {Action: "view", Table: "customers", IDs: []string{`4"2`}, Conditional: true, Purpose: ueba.Purpose{ID: "CS-1", Kind: "ticket"}},
		"SELECT * FROM customers INTO OUTFILE '/tmp/x'":         {Action: "export", Table: "customers"},
		"SELECT /*!40001 SQL_NO_CACHE */ `id` FROM `customers`": {Action: "export", Table: "customers"},
		"SELECT 1":                              {},
		"SET @a = 1; DELETE FROM loans":         {Action: "delete", Table: "loans"},
		"SELECT * FROM information_schema.user": {},
		"PREPARE p FROM 'SELECT * FROM t'":      {},
	} {
		got := ReadStatement(text, MySQL)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
	got := ReadStatement("SELECT [name] FROM [dbo].[Customers] WHERE [id] IN (7, 8)", TSQL)
	if diff := cmp.Diff(Statement{Action: "view", Table: "Customers", IDs: []string{"7", "8"}, Conditional: true}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzMariaDB(f *testing.F) {
	f.Add([]byte("20261122 21:34:50,vm,anna,localhost,5,16,READ,lender,customers,\n20261122 21:34:50,vm,anna,localhost,5,16,QUERY,lender,'SELECT * FROM customers WHERE id=\\'4\\'',0"))
	f.Add([]byte("20261122 21:34:50,vm,anna,localhost,5,16,QUERY,lender,'SELECT `a` FROM [b] # \"c',0"))
	format := formatNamed(f, "mariadb")
	f.Fuzz(func(t *testing.T, data []byte) {
		p := format.New(Options{Zone: time.UTC})
		taken := 0
		emit := func(b ueba.Body) {
			e := b.(*ueba.Event)
			if e.EventID == "" || e.User == "" || e.Action == "" || e.Time.IsZero() {
				t.Errorf("an event without id, user, action or time: %+v", e)
			}
		}
		for line := range bytes.Lines(data) {
			taken++
			_ = p.Parse(bytes.TrimSpace(line), emit)
			if w := p.Waiting(); w < 0 || w > taken {
				t.Fatalf("%d of %d records wait", w, taken)
			}
		}
		p.Flush(emit)
		if p.Waiting() != 0 {
			t.Error("records wait after Flush")
		}
	})
}
