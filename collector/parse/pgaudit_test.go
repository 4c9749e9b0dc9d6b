package parse

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// jsonLog makes a record of jsonlog; fields replace or add to the usual ones, nil
// leaves one out.
func jsonLog(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	record := map[string]any{
		"timestamp": "2026-03-02 09:30:01.120 UTC", "user": "li.na", "dbname": "loans", "remote_host": "10.1.2.3",
		"session_id": "a1.1", "line_num": 3, "ps": "SELECT", "error_severity": "LOG", "application_name": "crm",
	}
	for name, value := range fields {
		record[name] = value
		if value == nil {
			delete(record, name)
		}
	}
	raw, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func audit(t testing.TB, statement int, id int) []byte {
	t.Helper()
	return jsonLog(t, map[string]any{
		"message": fmt.Sprintf("AUDIT: SESSION,%d,1,READ,SELECT,TABLE,public.customers,SELECT * FROM customers WHERE id=%d,<none>,1", statement, id),
	})
}

func TestRecordsThatMakeNoSense(t *testing.T) {
	secret := "4111111111111111 " + strings.Repeat("secret ", 20)
	message := func(m string) []byte { return jsonLog(t, map[string]any{"message": m}) }
	for name, c := range map[string]struct {
		raw  []byte
		says string
	}{
		"broken JSON":           {[]byte(`{"timestamp":`), "broken JSON"},
		"wrong kind":            {jsonLog(t, map[string]any{"line_num": secret}), "line_num: wrong kind of value"},
		"another program":       {[]byte(`{"level":"info","msg":"x"}`), "not a line of PostgreSQL's log"},
		"no time":               {jsonLog(t, map[string]any{"timestamp": secret}), "timestamp"},
		"no zone":               {jsonLog(t, map[string]any{"timestamp": "2026-03-02 09:30:01.120"}), "timestamp"},
		"zone of nowhere":       {jsonLog(t, map[string]any{"timestamp": "2026-03-02 09:30:01.120 CST"}), `zone "CST" alone says nothing`},
		"no such day":           {jsonLog(t, map[string]any{"timestamp": "2026-02-30 09:30:01 UTC"}), "want a time like"},
		"long ago":              {jsonLog(t, map[string]any{"timestamp": "1999-02-03 09:30:01 UTC"}), "2000 to 2099"},
		"text":                  {[]byte("ERROR: something"), "columns"},
		"few columns":           {[]byte("2026-03-02 09:30:01 UTC,a,b"), "3 columns, want at least 23"},
		"open quote":            {[]byte(`2026-03-02 09:30:01 UTC,"a`), "csvlog: line 1"},
		"two records":           {[]byte(strings.Repeat(",", 22) + "\n" + strings.Repeat(",", 22)), "more than one CSV record"},
		"line number":           {[]byte(strings.Repeat(",", 6) + secret + strings.Repeat(",", 16)), "column 7: line number"},
		"short audit line":      {message("AUDIT: SESSION,1,1,READ"), "4 fields, want at least 9"},
		"unknown audit line":    {message("AUDIT: " + secret + ",1,1,READ,SELECT,,,x,<none>"), "unknown type"},
		"broken audit line":     {message(`AUDIT: SESSION,1,1,READ,SELECT,,,"x,<none>`), "audit line: line 1"},
		"broken parameters":     {message(`AUDIT: SESSION,1,1,READ,SELECT,,,x,"""x"`), "parameters of an audit line"},
		"rows":                  {message("AUDIT: SESSION,1,1,READ,SELECT,,,x,<none>,many"), `rows "many"`},
		"huge rows":             {message("AUDIT: SESSION,1,1,READ,SELECT,,,x,<none>,99999999999999999999"), "rows"},
		"audit line of nobody":  {jsonLog(t, map[string]any{"user": nil, "message": "AUDIT: SESSION,1,1,READ,SELECT,,,x,<none>"}), "without a user"},
		"audit line of a RAISE": {jsonLog(t, map[string]any{"context": "PL/pgSQL function inline_code_block line 1 at RAISE", "message": "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.x,x,<none>"}), "not by pgaudit"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPgaudit(Options{})
			err := p.Parse(c.raw, func(b ueba.Body) { t.Errorf("gave %+v", b) })
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), strings.Repeat("secret ", 4)) || len(err.Error()) > 200 {
				t.Errorf("error shows the record: %v", err)
			}
		})
	}
}

func TestTimesOfPostgreSQL(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	want := time.Date(2026, 3, 2, 1, 30, 1, 120_000_000, time.UTC)
	for text, zone := range map[string]*time.Location{
		"2026-03-02 01:30:01.120 UTC":   nil,
		"2026-03-02 01:30:01.120 GMT":   shanghai,
		"2026-03-02 09:30:01.120 +08":   nil,
		"2026-03-01 22:00:01.120 -0330": nil,
		"2026-03-02 09:30:01.120 CST":   shanghai,
	} {
		got, err := pgTime(text, zone)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	if got, err := pgTime("2026-03-02 09:30:01 EST", shanghai); err == nil || !strings.Contains(err.Error(), "the source's zone is CST") {
		t.Errorf("another zone than the configured: %s, %v", got, err)
	}
}

func TestPlaces(t *testing.T) {
	for connection, want := range map[string][2]string{
		"127.0.0.1:54088": {"127.0.0.1", ""}, "::1:54070": {"::1", ""}, "fe80::1:9": {"fe80::1", ""},
		"ws-22.example:5000": {"", "ws-22.example"}, "[local]": {"", ""}, "": {"", ""},
	} {
		r := pgRecord{host: withoutPort(connection)}
		if ip, host := r.place(); ip != want[0] || host != want[1] {
			t.Errorf("%s: %q, %q", connection, ip, host)
		}
	}
}

func TestSplitRespectsQuotes(t *testing.T) {
	stream := "a,\"x\ny\"\"\n\",b\r\n\n{\"a\":\"\\\"\"}\n\"last\nline\""
	want := []string{"a,\"x\ny\"\"\n\",b", `{"a":"\""}`, "\"last\nline\""}
	var got []string
	for _, raw := range cutRecords(t, formatNamed(t, "pgaudit"), []byte(stream)) {
		got = append(got, string(raw))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// collect gathers the ids of the records that events name.
type collect struct{ ids []string }

func (c *collect) emit(b ueba.Body) {
	c.ids = append(c.ids, strings.Join(b.(*ueba.Event).Record.IDs, "+"))
}

func TestAStatementWaitsUntilItIsComplete(t *testing.T) {
	p := newPgaudit(Options{})
	var got collect
	feed := func(raw []byte, waiting int, ids ...string) {
		t.Helper()
		if err := p.Parse(raw, got.emit); err != nil {
			t.Fatal(err)
		}
		if w := p.Waiting(); w != waiting {
			t.Errorf("%d records wait, want %d", w, waiting)
		}
		if !cmp.Equal(got.ids, ids) {
			t.Errorf("spoken of %q, want %q", got.ids, ids)
		}
	}
	other := func(at string) []byte {
		return jsonLog(t, map[string]any{"timestamp": at, "session_id": "b2.2", "message": "checkpoint"})
	}
	feed(audit(t, 1, 41), 1)
	feed(audit(t, 1, 41), 2)
	feed(other("2026-03-02 09:30:02 UTC"), 3)
	feed(audit(t, 2, 42), 1, "41")
	feed(other("2026-03-02 09:30:03 UTC"), 2, "41")
	feed(other("2026-03-02 09:30:04 UTC"), 0, "41", "42")
	feed(audit(t, 3, 43), 1, "41", "42")
	feed(jsonLog(t, map[string]any{"message": "disconnection: session time: 0:00:01"}), 0, "41", "42", "43")
	feed(audit(t, 4, 44), 1, "41", "42", "43")
	p.Flush(got.emit)
	if p.Waiting() != 0 || len(got.ids) != 4 || got.ids[3] != "44" {
		t.Errorf("after Flush: %d wait, %q", p.Waiting(), got.ids)
	}
}

// Versions and settings differ in whether COPY and cursors have lines for their tables
// beside the line of their own. Either way they are one read.
func TestOwnLineOfCopyAndCursorIsNoSecondRead(t *testing.T) {
	for text, command := range map[string]string{
		"COPY customers TO STDOUT":                     "COPY",
		"DECLARE c CURSOR FOR SELECT * FROM customers": "DECLARE CURSOR",
	} {
		lines := []string{
			"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.customers," + text + ",<none>,7",
			"AUDIT: SESSION,1,2,READ," + command + ",,," + text + ",<none>,0",
		}
		for _, lines := range [][]string{lines, lines[1:]} {
			p := newPgaudit(Options{})
			var got []*ueba.Event
			emit := func(b ueba.Body) { got = append(got, b.(*ueba.Event)) }
			for _, m := range lines {
				if err := p.Parse(jsonLog(t, map[string]any{"message": m}), emit); err != nil {
					t.Fatal(err)
				}
			}
			p.Flush(emit)
			if len(got) != 1 || got[0].Record.Type != "customers" {
				t.Errorf("%s, %d lines: %d events", command, len(lines), len(got))
			}
		}
	}
}

func TestADeadRecordIsNotLostBehindOneThatWaits(t *testing.T) {
	p := newPgaudit(Options{})
	var got collect
	if err := p.Parse(audit(t, 1, 41), got.emit); err != nil {
		t.Fatal(err)
	}
	if err := p.Parse([]byte("{"), got.emit); err == nil {
		t.Fatal("a broken record was accepted")
	}
	if w := p.Waiting(); w != 2 {
		t.Errorf("%d records wait, want the open statement and the dead record after it", w)
	}
}

func TestALoopOfManyQueriesIsNotHeldBack(t *testing.T) {
	p := newPgaudit(Options{})
	var got collect
	for i := range 1000 {
		raw := jsonLog(t, map[string]any{"message": fmt.Sprintf(
			"AUDIT: SESSION,1,%d,READ,SELECT,TABLE,public.customers,SELECT * FROM customers WHERE id=$1,%d,1", i+1, i)})
		if err := p.Parse(raw, got.emit); err != nil {
			t.Fatal(err)
		}
		if w := p.Waiting(); w > maxGroups {
			t.Fatalf("%d records wait", w)
		}
	}
	p.Flush(got.emit)
	if len(got.ids) != 1000 || got.ids[999] != "999" {
		t.Errorf("%d looks", len(got.ids))
	}
}

func TestManySessionsDoNotHoldEachOtherBack(t *testing.T) {
	p := newPgaudit(Options{})
	var got collect
	for i := range maxUnits + 10 {
		raw := jsonLog(t, map[string]any{"session_id": fmt.Sprint("s", i), "message": "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.customers,SELECT,<none>"})
		if err := p.Parse(raw, got.emit); err != nil {
			t.Fatal(err)
		}
	}
	if w := p.Waiting(); w != maxUnits || len(got.ids) != 10 {
		t.Errorf("%d records wait, %d spoken of", w, len(got.ids))
	}
}

func TestHostileTextDoesNotReachTheEvent(t *testing.T) {
	raw := jsonLog(t, map[string]any{
		"user": "li\x00na\n", "application_name": strings.Repeat("长", 200),
		"message": "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.customers,SELECT * FROM customers WHERE id=E'a\\n',<none>,1",
	})
	p := newPgaudit(Options{})
	var event *ueba.Event
	emit := func(b ueba.Body) { event = b.(*ueba.Event) }
	if err := p.Parse(raw, emit); err != nil {
		t.Fatal(err)
	}
	p.Flush(emit)
	if event.User != "li na " || len(event.Record.IDs) != 0 || len(event.Labels[labelApplication]) > ueba.MaxLabelBytes {
		t.Errorf("got %+v", event)
	}
	if _, err := ueba.DecodeEvent(withoutSource(event), ueba.DecodeOptions{}); err != nil {
		t.Errorf("a sender could not have sent this event: %v", err)
	}
}

// withoutSource encodes an event as a sender would.
func withoutSource(e *ueba.Event) []byte {
	c := *e
	c.Source = ""
	return ueba.EncodeBody(nil, &c)
}

func FuzzPgaudit(f *testing.F) {
	f.Add(audit(f, 1, 42))
	f.Add([]byte("2026-03-02 09:30:01 UTC,\"a\",\"b\",1,\"h:1\",s,1,\"SELECT\",,,0,LOG,00000,\"AUDIT: SESSION,1,1,READ,COPY,,,COPY a TO STDOUT,<none>,0\",,,,,,,,,\"x\"\n"))
	f.Add(jsonLog(f, map[string]any{"error_severity": "ERROR", "state_code": "42501", "message": "permission denied for table x", "statement": "DELETE FROM x WHERE id=1"}))
	f.Add([]byte("2026-11-02 01:31:04.000 UTC [7] eve@crm/psql [local] LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.c,select 1,<none>\n2026-11-02 01:31:04.000 UTC [7] eve@crm/psql [local] CONTEXT:  at RAISE\n"))
	format := formatNamed(f, "pgaudit")
	f.Fuzz(func(t *testing.T, stream []byte) {
		p := format.New(Options{})
		emit := func(b ueba.Body) {
			e := b.(*ueba.Event)
			if _, err := ueba.DecodeEvent(withoutSource(e), ueba.DecodeOptions{}); err != nil && strings.TrimSpace(e.User) != "" {
				t.Fatalf("%v in %+v", err, e)
			}
		}
		for i, raw := range cutRecords(t, format, stream) {
			_ = p.Parse(raw, emit) // most of it is broken; it must not crash
			if w := p.Waiting(); w < 0 || w > i+1 {
				t.Fatalf("%d of %d records wait", w, i+1)
			}
		}
		p.Flush(emit)
		if w := p.Waiting(); w != 0 {
			t.Fatalf("%d records wait after Flush", w)
		}
	})
}

func FuzzSQL(f *testing.F) {
	f.Add("SELECT * FROM customers c WHERE c.id = ANY($1) OR (id IN (1,'2')) -- x", "{1,2}")
	f.Add("WITH a AS (SELECT 1) UPDATE t SET b=E'\\'' WHERE id=$a$x$a$", "7")
	f.Fuzz(func(t *testing.T, sql, parameter string) {
		statements, _ := readSQL(sql)
		for i := range statements {
			found := statements[i].query.recordIDs([]string{parameter})
			if found.usable() && found.table == "" {
				t.Fatalf("ids %q of no table", found.values)
			}
		}
	})
}

func FuzzECSJSON(f *testing.F) {
	f.Add([]byte("\ufeff{\"@timestamp\":\"2026-03-02T09:31:04Z\",\"event.action\":\"view\",\"user.id\":\"u\",\"service.name\":\"s\"}\n{}\n"))
	format := formatNamed(f, "ecsjson")
	f.Fuzz(func(t *testing.T, stream []byte) {
		p := format.New(Options{Source: "fuzz"})
		for _, raw := range cutRecords(t, format, stream) {
			bodies := 0
			err := p.Parse(raw, func(ueba.Body) { bodies++ })
			if (err == nil) != (bodies == 1) {
				t.Fatalf("%d bodies and error %v of %q", bodies, err, raw)
			}
		}
	})
}

func BenchmarkPgaudit(b *testing.B) {
	raw := [][]byte{audit(b, 1, 41), audit(b, 2, 42)}
	p := newPgaudit(Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := p.Parse(raw[i%2], func(ueba.Body) {}); err != nil {
			b.Fatal(err)
		}
	}
}
