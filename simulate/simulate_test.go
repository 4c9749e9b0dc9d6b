package simulate

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	a, _ := write(t, small())
	b, _ := write(t, small())
	for _, name := range Files() {
		if !bytes.Equal(content(t, a, name), content(t, b, name)) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestOtherSeedOtherCompany(t *testing.T) {
	t.Parallel()
	cfg := small()
	a, _ := write(t, cfg)
	cfg.Seed++
	b, _ := write(t, cfg)
	for _, name := range Files() {
		same := bytes.Equal(content(t, a, name), content(t, b, name))
		if fixed := name == "calendar.csv" || name == "onlooker.yaml"; same != fixed {
			t.Errorf("%s: same for two seeds: %t", name, same)
		}
	}
}

func TestLostReasonsMoveNothingElse(t *testing.T) {
	t.Parallel()
	cfg := small()
	a, whole := write(t, cfg)
	cfg.ReasonLoss = .2
	b, less := write(t, cfg)
	for _, name := range Files() {
		if name != "reasons.csv" && !bytes.Equal(content(t, a, name), content(t, b, name)) {
			t.Errorf("%s differs when reasons are lost", name)
		}
	}
	if share := float64(less.Reasons) / float64(whole.Reasons); share < .78 || share > .82 {
		t.Errorf("%.3f of the reasons are left, want .8", share)
	}
}

func content(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestColumnsAreTheContract(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	for name, want := range map[string]string{
		"employees.csv": "employee_id,name,department,role,manager_id,location,hire_date,leave_date,accounts,shift,valid_from",
		"records.csv":   "record_id,type,class,tags,employee_id,related_to,owner_id,region",
		"reasons.csv":   "reason_id,record_id,employee_id,kind,valid_from,valid_to,created,made_by",
		"calendar.csv":  "date,kind,name",
		"systems.csv":   "service,owner,criticality,classes,expected",
		"labels.csv":    "date,employee_id,scenario",
		"benign.csv":    "employee_id,oddity",
	} {
		header, _, _ := strings.Cut(string(content(t, dir, name)), "\n")
		if header != want {
			t.Errorf("%s begins with %q, want %q", name, header, want)
		}
	}
	for _, key := range []string{"data: data", "  employees: employees.csv", "  reasons: reasons.csv", "  zone: Asia/Shanghai"} {
		if !strings.Contains(string(content(t, dir, "onlooker.yaml")), "\n"+key+"\n") {
			t.Errorf("onlooker.yaml has no line %q", key)
		}
	}
}

// The directory's own readers take every file without a word.
func TestDirectoryReadsTheFiles(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Oddities = 14
	dir, sum := write(t, cfg)
	opt := directory.ReadOptions{Zone: shanghai(), Warn: func(p directory.Problem) { t.Errorf("warns: %v", p) }}
	var reasons, records int
	employees, err := directory.ReadEmployees(bytes.NewReader(content(t, dir, "employees.csv")), "employees.csv", opt)
	check(t, err)
	_, err = directory.ReadCalendar(bytes.NewReader(content(t, dir, "calendar.csv")), "calendar.csv", opt)
	check(t, err)
	systems, err := directory.ReadSystems(bytes.NewReader(content(t, dir, "systems.csv")), "systems.csv", opt)
	check(t, err)
	check(t, directory.ReadReasons(bytes.NewReader(content(t, dir, "reasons.csv")), "reasons.csv", opt, func(*ueba.Reason) error { reasons++; return nil }))
	check(t, directory.ReadRecords(bytes.NewReader(content(t, dir, "records.csv")), "records.csv", opt, func(*ueba.Record) error { records++; return nil }))
	if len(employees) < cfg.Staff || len(systems) != 5 || reasons != sum.Reasons || records != sum.Records {
		t.Errorf("read %d employees, %d systems, %d reasons, %d records; written %+v", len(employees), len(systems), reasons, records, sum)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestEventsDecodeButForTheDamagedOnes(t *testing.T) {
	t.Parallel()
	dir, sum := write(t, small())
	lines := bytes.Split(bytes.TrimSpace(content(t, dir, "events.ndjson")), []byte("\n"))
	if len(lines) != sum.Lines {
		t.Errorf("%d lines, summary says %d", len(lines), sum.Lines)
	}
	refused := 0
	for _, l := range lines {
		body, err := ueba.DecodeEvent(l, ueba.DecodeOptions{})
		if err != nil {
			refused++
			continue
		}
		e := body.(*ueba.Event)
		if e.EventID == "" || e.IP == "" || e.Host == "" || e.Session == "" || len(e.Labels) > 0 {
			t.Fatalf("line lacks a field or has an unknown one: %s", l)
		}
	}
	if refused != sum.Malformed || refused != 5 {
		t.Errorf("%d lines are refused, want %d and 5", refused, sum.Malformed)
	}
}

func TestFlawsAreThere(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	o := observe(t, dir)
	id := regexp.MustCompile(`"id":"([0-9a-f]{16})"`)
	stamp := regexp.MustCompile(`^\{"@timestamp":"([^"]+)"`)
	var late, twice int
	ids, newest := map[string]bool{}, ""
	for _, l := range o.lines {
		if m := stamp.FindStringSubmatch(l); m != nil {
			if m[1] < newest {
				late++
			}
			newest = max(newest, m[1])
		}
		if m := id.FindStringSubmatch(l); m != nil {
			if ids[m[1]] {
				twice++
			}
			ids[m[1]] = true
		}
	}
	n := float64(len(o.lines))
	if share := float64(twice) / n; share < .01 || share > .03 {
		t.Errorf("%.4f of the lines come twice, want .01 to .03", share)
	}
	if share := float64(late) / n; share < .004 || share > .05 {
		t.Errorf("%.4f of the lines are out of order", share)
	}
	if o.nobody["svc.report"] == 0 || o.nobody["front.desk"] == 0 || len(o.nobody) != 2 {
		t.Errorf("accounts of nobody: %v", o.nobody)
	}
}

func TestHolesInCoverage(t *testing.T) {
	t.Parallel()
	cfg := small()
	dir, _ := write(t, cfg)
	o := observe(t, dir)
	last := cfg.Start + ueba.Day(cfg.Days) - 1
	var silent, busy, manager int
	for _, s := range o.looks {
		if s.service == "funds" && dayOf(t, s.day) > last-2 {
			silent++
		}
		if s.service == "funds" && dayOf(t, s.day) <= last-2 {
			busy++
		}
		if s.employee == o.employees[0]["employee_id"] {
			manager++
		}
	}
	if silent > 0 || busy == 0 {
		t.Errorf("funds: %d events on the last two days, %d before", silent, busy)
	}
	if manager > 0 {
		t.Errorf("the head of the company made %d events, want an employee who is never seen", manager)
	}
	hosts := map[string]bool{}
	for _, l := range o.lines {
		if strings.Contains(l, `"front.desk"`) {
			_, rest, _ := strings.Cut(l, `"host":{"name":"`)
			hosts[rest[:7]] = true
		}
	}
	if len(hosts) < 5 {
		t.Errorf("the shared account is used from %d computers", len(hosts))
	}
}

func TestProgressAndSummary(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Days = 12
	var told []int
	sum, err := Write(t.TempDir(), cfg, func(done, total int) {
		if total != 12 {
			t.Errorf("total is %d", total)
		}
		told = append(told, done)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(told) || told[len(told)-1] != 12 {
		t.Errorf("progress told %v", told)
	}
	if sum.Employees != 60 || sum.Records != 15_000 || sum.Lines == 0 || sum.Reasons == 0 {
		t.Errorf("summary %+v", sum)
	}
}

func TestWriteNamesTheFolderItCannotMake(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(blocked, nil, 0o600))
	if _, err := Write(filepath.Join(blocked, "demo"), small(), nil); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("error %v, want one that names %s", err, blocked)
	}
}

// The demo is what README shows: it must stay quick and of the promised make-up.
func TestDemoCompany(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 300 MB")
	}
	begin := time.Now()
	dir, sum := write(t, Default())
	t.Logf("%+v in %v", sum, time.Since(begin).Round(time.Millisecond))
	if sum.Employees != 200 || sum.Insiders < 8 || sum.Insiders > 12 || sum.Oddities < 15 {
		t.Errorf("summary %+v", sum)
	}
	if share := float64(sum.Labels) / (200 * 60); share < .001 || share > .006 {
		t.Errorf("%.4f of the employee-days are labelled", share)
	}
	if n := len(readCSV(t, dir, "labels.csv")); n != sum.Labels {
		t.Errorf("%d labels, summary says %d", n, sum.Labels)
	}
}

func BenchmarkWrite(b *testing.B) {
	cfg := small()
	for b.Loop() {
		sum, err := Write(b.TempDir(), cfg, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(sum.Lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	}
}
