package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// TestLiveNumbers of the open day are at hand without a scoring run, survive a kill, and
// agree with the looks of the day once it is closed.
func TestLiveNumbers(t *testing.T) {
	employees := writeFile(t, filepath.Join(t.TempDir(), "employees.csv"),
		"employee_id,name,department,role,hire_date,accounts\nE1,Wang,CRM,agent,2020-01-01,wang\nE2,Li,CRM,agent,2020-01-01,li\n")
	s := newStage(t, "--set", "directory.employees="+employees)
	p := s.start("--set", "http.listen=127.0.0.1:0", "serve")
	d := &daemon{stage: s, url: p.awaitLink(t), log: p.log}
	d.post("", view("e-1", noon.Add(-20*time.Minute), "wang", "C1")+view("e-2", noon.Add(-10*time.Minute), "wang", "C2")+view("e-3", noon.Add(-5*time.Minute), "wang", "C1"))
	want := "2026-11-02 E1 looks 3 records 2 view_ms 90000 unexplained 3"
	d.await("today's numbers are there", func() bool { return todayOf(s, "E1") == want })
	if rows := s.rows("today"); len(rows) != 1 {
		t.Errorf("of everybody: %v", rows)
	}

	p.kill(t)
	d = s.serve()
	if got := todayOf(s, "E1"); got != want {
		t.Errorf("after a kill: %s, want %s", got, want)
	}
	d.post("", view("e-4", noon.Add(-time.Minute), "li", "C3"))
	if got := todayOf(s, "E2"); got != "2026-11-02 E2 looks 1 records 1 view_ms 30000 unexplained 1" {
		t.Errorf("right after the answer: %s", got)
	}
	d.stop()

	nextDay := *s
	nextDay.now = func() time.Time { return noon.Add(24 * time.Hour) }
	nextDay.run("score")
	if rows := nextDay.rows("today"); len(rows) != 0 {
		t.Errorf("the day after: %v", rows)
	}
	looks := nextDay.rows("looks", "--employee", "E1", "--from", "2026-11-02", "--to", "2026-11-02")
	var shown int64
	for _, look := range looks {
		shown += number64(t, look["view_ms"])
	}
	if len(looks) != 3 || shown != 90000 {
		t.Errorf("the closed day: %v", looks)
	}
	if rows := nextDay.rows("scores", "--from", "2026-11-02", "--to", "2026-11-02"); len(rows) != 2 || rows[0]["score"] == "" {
		t.Errorf("scores of the closed day: %v", rows)
	}
}

func todayOf(s *stage, employee string) string {
	s.t.Helper()
	rows := s.rows("today", employee)
	if len(rows) != 1 {
		return ""
	}
	r := rows[0]
	return strings.Join([]string{r["date"], r["employee_id"], "looks", r["looks"], "records", r["records"], "view_ms", r["view_ms"], "unexplained", r["unexplained"]}, " ")
}

// TestScoreAtAPastInstant shows what was stored then, whatever came later: the live way,
// with a scoring run after each day's close and facts that come late in between.
func TestScoreAtAPastInstant(t *testing.T) {
	s, dir := companyOf(t, "21")
	var late []string
	byDay := map[string][]string{}
	shanghai := time.FixedZone("", 8*3600)
	for i, line := range linesOf(t, filepath.Join(dir, "events.ndjson")) {
		at, ok := timeOf(line)
		if !ok {
			continue
		}
		day := at.In(shanghai).Format(time.DateOnly)
		if i%300 == 0 {
			late = append(late, line)
			continue
		}
		byDay[day] = append(byDay[day], line)
	}
	stored := map[string]string{}
	first, err := ueba.ParseDay("2026-10-10")
	if err != nil {
		t.Fatal(err)
	}
	var at time.Time
	for day := first; day <= first+16; day++ {
		at = time.Date(2026, 10, 10, 3, 0, 0, 0, shanghai).AddDate(0, 0, int(day-first)+1)
		s.now = func() time.Time { return at }
		s.try("import", "--known-at", "now", "--no-score", fileOf(t, byDay[day.String()]))
		if day == first+10 {
			s.try("import", "--known-at", "now", "--no-score", fileOf(t, late))
		}
		s.run("score", "--from", day.String(), "--to", day.String())
		stored[day.String()] = s.run("scores", "--from", day.String(), "--to", day.String(), "--output", "csv")
	}

	now := at
	for _, offset := range []int{2, 5, 9, 10, 13, 16} {
		day := first + ueba.Day(offset)
		then := time.Date(2026, 10, 10, 3, 0, 0, 0, shanghai).AddDate(0, 0, offset+1)
		s.now = func() time.Time { return now.Add(time.Hour) }
		r := s.try("score", "--at", then.Format(time.RFC3339), "--from", day.String(), "--to", day.String())
		if r.code != exitDone || strings.Contains(r.out, "→") {
			t.Errorf("%s as known at %s: exit code %d\n%s%s", day, then, r.code, r.out, r.errout)
		}
	}
	if now := s.run("scores", "--from", "2026-10-12", "--to", "2026-10-12", "--output", "csv"); now != stored["2026-10-12"] {
		t.Error("a dry run stored something")
	}

	// As known now the days before the late lines look different, and the exit code says so.
	r := s.try("score", "--dry-run", "--from", "2026-10-14", "--to", "2026-10-18")
	if r.code != exitDifference || !strings.Contains(r.out, "→") {
		t.Errorf("as known now: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
}

func timeOf(line string) (time.Time, bool) {
	_, rest, ok := strings.Cut(line, `"@timestamp":"`)
	value, _, _ := strings.Cut(rest, `"`)
	t, err := time.Parse(time.RFC3339Nano, value)
	return t, ok && err == nil
}
