package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const token = "crm-append-only-0123456789abcdef"

// TestALineThatDoesNotParse becomes a dead letter that is counted, shown and replayed once
// the right parser is named.
func TestALineThatDoesNotParse(t *testing.T) {
	s := newStage(t)
	good := view("e-1", noon.Add(-time.Hour), "wang", "C1")
	pgaudit := `2026-11-02 03:00:00.000 UTC,"anna","crm",77,"10.0.0.7:5000",65f0aa01.4d,3,"SELECT",2026-11-02 02:59:00 UTC,3/9,0,LOG,00000,` +
		`"AUDIT: OBJECT,1,1,READ,SELECT,TABLE,public.customers,SELECT * FROM customers WHERE id = 42,<none>",,,,,,,,,"psql","client backend",,0` + "\n"
	file := writeFile(t, filepath.Join(t.TempDir(), "mixed.ndjson"), good+"{\"broken\n"+pgaudit)
	r := s.try("import", file, "--source", "crm-export")
	if r.code != exitDead || !strings.Contains(r.out, "3 lines received") || !strings.Contains(r.out, "2 dead") {
		t.Fatalf("import: exit code %d\n%s%s", r.code, r.out, r.errout)
	}

	rows := s.rows("coverage")
	dead := 0
	for _, row := range rows {
		if row["source"] == "crm-export" && row["dead"] == "2" {
			dead++
		}
	}
	if dead != 1 {
		t.Errorf("coverage: %v", rows)
	}

	letters := s.rows("dead")
	if len(letters) != 2 || letters[0]["reason"] == "" || !strings.HasPrefix(letters[0]["place"], "line ") {
		t.Fatalf("dead: %v", letters)
	}
	shown := s.run("dead", "show", letters[0]["id"])
	if !strings.Contains(shown, "AUDIT: OBJECT") && !strings.Contains(shown, "{\"broken") {
		t.Errorf("dead show: %s", shown)
	}

	if r := s.try("dead", "replay", "--format", "pgaudit"); !strings.Contains(r.out, "resolved 1") {
		t.Errorf("dead replay: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	if left := s.rows("dead"); len(left) != 1 || left[0]["place"] != "line 2" {
		t.Errorf("left after the replay: %v", left)
	}
	if all := s.rows("dead", "--resolved"); len(all) != 2 {
		t.Errorf("with those resolved: %v", all)
	}
	if who := s.rows("who", "42"); len(who) != 1 || who[0]["account"] != "postgresql:anna" {
		t.Errorf("who 42: %v", who)
	}
}

// TestAWrongDirectoryFileKeepsTheOldOne names the place of what is wrong.
func TestAWrongDirectoryFileKeepsTheOldOne(t *testing.T) {
	const header = "employee_id,name,department,role,hire_date,accounts\n"
	employees := writeFile(t, filepath.Join(t.TempDir(), "employees.csv"), header+"E1,Wang,CRM,agent,2020-01-01,wang\n")
	s := newStage(t, "--set", "directory.employees="+employees, "--set", "directory.reload=20ms")
	d := s.serve()
	d.post("", view("e-1", noon.Add(-time.Minute), "wang", "C1"))

	writeFile(t, employees, header+"E1,Wang,CRM,agent,20-01-01,wang\n")
	want := employees + ":2:19"
	d.await("the log names "+want, func() bool { return strings.Contains(d.log.String(), want) })
	if rows := s.rows("looks"); len(rows) != 1 || rows[0]["employee_id"] != "E1" {
		t.Errorf("the old file is not in force: %v", rows)
	}
	time.Sleep(100 * time.Millisecond)
	if n := strings.Count(d.log.String(), want); n != 1 {
		t.Errorf("the same fault is told %d times", n)
	}

	writeFile(t, employees, header+"E1,Wang,CRM,agent,2020-01-01,wang\nE2,Li,CRM,agent,2020-01-01,li\n")
	d.post("", view("e-2", noon.Add(-time.Minute), "li", "C1"))
	d.await("the mended file is in force", func() bool {
		rows := s.rows("who", "C1")
		return slices.ContainsFunc(rows, func(row map[string]string) bool { return row["employee_id"] == "E2" })
	})
}

// TestWrongConfigurationIsRefused by name, with exit code 2, before anything is opened.
func TestWrongConfigurationIsRefused(t *testing.T) {
	file := writeFile(t, filepath.Join(t.TempDir(), "onlooker.yaml"), "data: data\nscore:\n  corn: \"5 * * * *\"\n")
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown key of the file", []string{"--config", file, "scores"}, "onlooker.yaml:3:3: unknown key score.corn; did you mean score.cron?"},
		{"an unknown key of --set", []string{"--set", "http.listn=x", "scores"}, "did you mean http.listen?"},
		{"an address without tokens", []string{"--set", "http.listen=0.0.0.0:0", "serve"}, "without http.tokens only loopback may listen"},
		{"another output", []string{"--output", "xml", "scores"}, "--output: want table, json or csv"},
		{"an unknown flag", []string{"scores", "--since", "x"}, "unknown flag: --since"},
		{"a day that is none", []string{"demo", "--end", "yesterday"}, "--end: want YYYY-MM-DD"},
	} {
		s := newStage(t)
		r := s.try(tt.args...)
		if r.code != exitUsage || !strings.Contains(r.errout, tt.want) || r.out != "" {
			t.Errorf("%s: exit code %d, %q; want %q", tt.name, r.code, r.errout, tt.want)
		}
		if _, err := os.Stat(s.data); err == nil {
			t.Errorf("%s: a data folder was made", tt.name)
		}
	}
}

// TestTokensMayOnlyAppend and requests over the limits leave nothing behind.
func TestTokensMayOnlyAppend(t *testing.T) {
	s := newStage(t, "--set", "http.tokens=crm="+token, "--set", "http.max_body=2000", "--set", "http.max_line=1000")
	d := s.serve()
	one := view("e-1", noon.Add(-time.Minute), "wang", "C1")

	for name, auth := range map[string]string{"no token": "", "another token": "another-token-0123456789abcdef"} {
		if status, answer := d.post(auth, one); status != http.StatusUnauthorized || strings.Contains(answer, token) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	for _, path := range []string{"/", "/api/v1/scores", "/api/v1/looks", "/api/v1/coverage", "/metrics"} {
		if path == "/metrics" {
			continue // open to this machine
		}
		if status, _ := d.get(path, "Authorization", "Bearer "+token); status != http.StatusUnauthorized {
			t.Errorf("GET %s with a token that may only append: %d", path, status)
		}
	}
	var many strings.Builder
	for i := range 20 {
		many.WriteString(view("big-"+string(rune('a'+i)), noon.Add(-time.Minute), "wang", "C1"))
	}
	if status, _ := d.post(token, many.String()); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d", status)
	}
	if status, answer := d.post(token, one); status != http.StatusOK || !strings.Contains(answer, `"stored":1`) {
		t.Errorf("a good request: %d %s", status, answer)
	}
	rows := s.rows("looks")
	if len(rows) != 1 {
		t.Errorf("%d looks, want the one that was acknowledged", len(rows))
	}
	if row := s.rows("coverage")[0]; row["source"] != "crm" || row["received"] != "1" {
		t.Errorf("coverage: %v", row)
	}
}

// TestOneDaemonForAFolder refuses a second one with a sentence; commands go beside it.
func TestOneDaemonForAFolder(t *testing.T) {
	s := newStage(t)
	d := s.serve()
	begin := time.Now()
	r := s.try("--set", "http.listen=127.0.0.1:0", "serve")
	if r.code != exitFailed || !strings.Contains(r.errout, "in use") || !strings.Contains(r.errout, s.data) {
		t.Errorf("a second daemon: exit code %d\n%s", r.code, r.errout)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the refusal took %s", took)
	}
	if status, _ := d.get("/healthz"); status != http.StatusOK {
		t.Errorf("the first daemon: %d", status)
	}
}

// TestTheDaemonsConfigurationWins over a command's, and what contradicts it is named.
func TestTheDaemonsConfigurationWins(t *testing.T) {
	s := newStage(t)
	s.serve("--set", "score.high=65")
	if r := s.try("--set", "score.high=65", "scores"); r.code != exitDone {
		t.Errorf("the same setting: exit code %d\n%s", r.code, r.errout)
	}
	r := s.try("--set", "score.high=55", "scores")
	if r.code == exitDone || !strings.Contains(r.errout, `score.high (the daemon has "65")`) {
		t.Errorf("another setting: exit code %d\n%s", r.code, r.errout)
	}
	if strings.Contains(r.errout, "score.medium") {
		t.Errorf("settings that agree are named: %s", r.errout)
	}
}

// TestBesideTheDaemonAndWithoutIt: the user never has to know which.
func TestBesideTheDaemonAndWithoutIt(t *testing.T) {
	s, dir := company(t)
	s.try("import", filepath.Join(dir, "events.ndjson"))
	commands := [][]string{
		{"scores", "--from", "2026-10-20", "--to", "2026-10-30"}, {"scores", "-o", "json"}, {"today"}, {"coverage"}, {"coverage", "-o", "csv"},
		{"alerts"}, {"alerts", "-o", "csv"}, {"dead"}, {"who", "C1000001"}, {"looks", "--from", "2026-10-28", "--to", "2026-10-28", "-o", "csv"},
		{"looks", "--employee", "E10010", "--from", "2026-10-26", "-o", "json"}, {"looks", "--verdict", "unexplained", "--limit", "50"},
		{"explain", "E10010"}, {"explain", "E10010", "--date", "2026-10-29", "-o", "json"}, {"explain", "E10010", "-o", "csv"}, {"version"},
	}
	var alone []result
	for _, args := range commands {
		alone = append(alone, s.try(args...))
	}
	s.serve()
	for i, args := range commands {
		beside := s.try(args...)
		if beside != alone[i] {
			t.Errorf("onlooker %s beside a daemon: exit code %d, %d bytes, %s; alone: %d, %d bytes, %s\n%s", strings.Join(args, " "),
				beside.code, len(beside.out), beside.errout, alone[i].code, len(alone[i].out), alone[i].errout, diff(alone[i].out, beside.out))
		}
		if beside.code != exitDone || len(beside.out) < 10 {
			t.Errorf("onlooker %s: exit code %d, %q", strings.Join(args, " "), beside.code, beside.out)
		}
	}
}
