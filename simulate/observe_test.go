package simulate

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// observed is a folder read back by a reader of the tests' own, which knows nothing of how
// it was made.
type observed struct {
	lines     []string
	looks     []seen // each event once, with a verdict; searches and the like too
	malformed int
	nobody    map[string]int
	employees []map[string]string
	records   map[string]map[string]string
	reasons   []map[string]string
	labels    []map[string]string
	benign    map[string][]string // employees by oddity
	systems   []map[string]string
}

type seen struct {
	at        time.Time
	day       string
	employee  string
	service   string
	action    string
	record    map[string]string
	rows      int64
	fields    int
	host      string
	session   string
	lasts     time.Duration
	failed    bool
	explained bool
}

// isLook leaves out what shows no record.
func (s *seen) isLook() bool {
	return !s.failed && (s.record != nil || s.rows > 0) && s.action != "close"
}

type line struct {
	Time  time.Time `json:"@timestamp"`
	Event struct {
		ID, Action, Outcome string
		Duration            int64
	}
	User    struct{ ID string }
	Service struct{ Name string }
	Session struct{ ID string }
	Host    struct{ Name string }
	Record  struct {
		ID     []string
		Count  int64
		Fields []string
	}
}

func write(t *testing.T, cfg Config) (string, Summary) {
	t.Helper()
	dir := t.TempDir()
	sum, err := Write(dir, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, sum
}

func observe(t *testing.T, dir string) *observed {
	t.Helper()
	o := &observed{records: map[string]map[string]string{}, benign: map[string][]string{}, nobody: map[string]int{}}
	o.employees = readCSV(t, dir, "employees.csv")
	for _, r := range readCSV(t, dir, "records.csv") {
		o.records[r["record_id"]] = r
	}
	o.reasons = readCSV(t, dir, "reasons.csv")
	o.labels = readCSV(t, dir, "labels.csv")
	o.systems = readCSV(t, dir, "systems.csv")
	for _, b := range readCSV(t, dir, "benign.csv") {
		o.benign[b["oddity"]] = append(o.benign[b["oddity"]], b["employee_id"])
	}
	o.readEvents(t, dir)
	o.judge(t)
	return o
}

func readCSV(t *testing.T, dir, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var rows []map[string]string
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, h := range all[0] {
			row[h] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func (o *observed) readEvents(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "events.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	owner := o.owners()
	known := map[string]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		text := sc.Text()
		o.lines = append(o.lines, text)
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.User.ID == "" {
			o.malformed++
			continue
		}
		if known[l.Event.ID] {
			continue
		}
		known[l.Event.ID] = true
		employee := owner[l.Service.Name+":"+l.User.ID] + owner[l.User.ID]
		if employee == "" {
			o.nobody[l.User.ID]++
			continue
		}
		s := seen{
			at: l.Time, day: l.Time.Format(time.DateOnly), employee: employee, service: l.Service.Name, action: l.Event.Action,
			rows: l.Record.Count, fields: len(l.Record.Fields), host: l.Host.Name, session: l.Session.ID,
			lasts: time.Duration(l.Event.Duration), failed: l.Event.Outcome == "failure",
		}
		if len(l.Record.ID) > 0 {
			if s.record = o.records[l.Record.ID[0]]; s.record == nil {
				t.Fatalf("an event names the record %s, which records.csv does not have", l.Record.ID[0])
			}
		}
		o.looks = append(o.looks, s)
	}
	slices.SortStableFunc(o.looks, func(a, b seen) int { return a.at.Compare(b.at) })
}

// owners gives accounts to employees.
func (o *observed) owners() map[string]string {
	owner := map[string]string{}
	for _, e := range o.employees {
		for _, a := range strings.Split(e["accounts"], ";") {
			owner[a] = e["employee_id"]
		}
	}
	return owner
}

type span struct{ from, to time.Time }

// judge finds a reason for each look, as DESIGN has it: record and employee fit, the
// time lies within, and who filed it late did not file it for himself.
func (o *observed) judge(t *testing.T) {
	t.Helper()
	type key struct{ record, employee string }
	spans := map[key][]span{}
	for _, r := range o.reasons {
		from, err := time.Parse(time.RFC3339, r["valid_from"])
		if err != nil {
			t.Fatal(err)
		}
		to, err := time.Parse(time.RFC3339, r["valid_to"])
		if err != nil {
			to = from.AddDate(100, 0, 0)
		}
		if r["record_id"] == "" && r["employee_id"] == "" {
			t.Fatalf("the reason %s covers everything", r["reason_id"])
		}
		if r["made_by"] == r["employee_id"] && r["created"] > r["valid_from"] {
			continue
		}
		k := key{r["record_id"], r["employee_id"]}
		spans[k] = append(spans[k], span{from, to})
	}
	for i := range o.looks {
		s := &o.looks[i]
		id := ""
		if s.record != nil {
			id = s.record["record_id"]
		}
		for _, k := range []key{{id, s.employee}, {id, ""}, {"", s.employee}} {
			for _, sp := range spans[k] {
				s.explained = s.explained || !s.at.Before(sp.from) && s.at.Before(sp.to)
			}
		}
	}
}

// where returns the looks for which all conditions hold.
func (o *observed) where(conditions ...func(*seen) bool) []seen {
	var out []seen
	for _, s := range o.looks {
		if !slices.ContainsFunc(conditions, func(c func(*seen) bool) bool { return !c(&s) }) {
			out = append(out, s)
		}
	}
	return out
}

func unexplained(s *seen) bool { return s.isLook() && !s.explained }

func (o *observed) insiders() map[string]bool {
	set := map[string]bool{}
	for _, l := range o.labels {
		set[l["employee_id"]] = true
	}
	return set
}

// innocent leaves out everybody with a label.
func (o *observed) innocent() func(*seen) bool {
	guilty := o.insiders()
	return func(s *seen) bool { return !guilty[s.employee] }
}

// labelled returns whether a look was on a day of the scenario, plain or covered.
func (o *observed) labelled(scenario string) func(*seen) bool {
	days := map[string]bool{}
	for _, l := range o.labels {
		if strings.TrimSuffix(l["scenario"], ".covered") == scenario {
			days[l["date"]+l["employee_id"]] = true
		}
	}
	return func(s *seen) bool { return days[s.day+s.employee] }
}

func small() Config {
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Looks = 60, 36, .5
	return cfg
}

func dayOf(t *testing.T, s string) ueba.Day {
	t.Helper()
	d, err := ueba.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
