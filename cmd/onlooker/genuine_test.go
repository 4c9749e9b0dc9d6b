package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// genuine returns a file of the genuine samples beside the repository.
func genuine(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "samples", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatalf("the genuine samples are wanted: %v", err)
		}
		t.Skip("no genuine samples beside the repository")
	}
	return path
}

var staff = []string{"anna.crm", "boris.collections", "chi.credit"}

// TestGenuineLogWithoutADirectory: accounts that nobody knows make looks all the same, and
// coverage names them.
func TestGenuineLogWithoutADirectory(t *testing.T) {
	s := newStage(t)
	s.now = func() time.Time { return time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC) }
	s.run("import", "--format", "pgaudit", genuine(t, "postgresql-pgaudit-real/pg.json"))

	byAccount := map[string]int{}
	var records []string
	for _, look := range s.rows("looks") {
		user := strings.TrimPrefix(look["account"], "postgresql:")
		if !slices.Contains(staff, user) {
			continue
		}
		if look["employee_id"] != "" || look["verdict"] != "unexplained" {
			t.Errorf("a look by nobody known: %v", look)
		}
		byAccount[user]++
		if look["record_id"] != "" {
			records = append(records, look["record_id"])
		}
	}
	if n := byAccount["anna.crm"] + byAccount["boris.collections"] + byAccount["chi.credit"]; n != 17 || len(byAccount) != 3 {
		t.Errorf("%d looks by staff: %v", n, byAccount)
	}
	slices.Sort(records)
	if got := strings.Join(records, " "); got != "1 2 3 42 42 42 43 43 44 7 8" {
		t.Errorf("records %s", got)
	}

	var who []string
	for _, look := range s.rows("who", "42") {
		who = append(who, look["account"]+" "+look["action"])
	}
	want := "postgresql:chi.credit view, postgresql:chi.credit edit, postgresql:anna.crm view"
	if got := strings.Join(slices.DeleteFunc(who, func(w string) bool { return strings.Contains(w, ":postgres ") }), ", "); got != want {
		t.Errorf("who 42: %s, want %s", got, want)
	}

	holes := s.run("coverage")
	for _, user := range staff {
		if !strings.Contains(holes, "account postgresql:"+user+" belongs to nobody known") {
			t.Errorf("coverage does not name %s:\n%s", user, holes)
		}
	}
	row := s.rows("coverage")[0]
	if row["system"] != "postgresql" || row["received"] != "611" || row["dead"] != "0" || row["attributed"] != "0" {
		t.Errorf("coverage %v", row)
	}
}

// TestGenuineLogWithADirectory: a small directory turns the same lines into people, scores
// and looks without a reason.
func TestGenuineLogWithADirectory(t *testing.T) {
	log := genuine(t, "postgresql-pgaudit-real/pg.json")
	dir := t.TempDir()
	employees := writeFile(t, filepath.Join(dir, "employees.csv"), "employee_id,name,department,role,hire_date,accounts\n"+
		"E1,Anna,CRM,agent,2020-01-01,postgresql:anna.crm\n"+
		"E2,Boris,Collections,agent,2020-01-01,boris.collections\n"+
		"E3,Chi,Credit,analyst,2020-01-01,postgresql:chi.credit\n")
	reasons := writeFile(t, filepath.Join(dir, "reasons.csv"), "reason_id,record_id,employee_id,kind,valid_from,valid_to,created,made_by\n"+
		"T-1,42,E1,ticket,2026-11-20T00:00:00+08:00,2026-11-30T00:00:00+08:00,2026-11-20T00:00:00+08:00,E9\n"+
		"T-2,7,E2,ticket,2026-11-20T00:00:00+08:00,2026-11-30T00:00:00+08:00,2026-11-20T00:00:00+08:00,E9\n")
	s := newStage(t, "--set", "directory.employees="+employees, "--set", "directory.reasons="+reasons)
	s.now = func() time.Time { return time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC) }
	s.run("import", "--format", "pgaudit", log)

	explained := map[string]string{}
	unexplained := map[string]int{}
	for _, look := range s.rows("looks") {
		switch {
		case look["employee_id"] == "":
		case look["verdict"] == "explained":
			explained[look["employee_id"]+"/"+look["record_id"]] = look["reason_id"]
		default:
			unexplained[look["employee_id"]]++
		}
	}
	if len(explained) != 2 || explained["E1/42"] != "T-1" || explained["E2/7"] != "T-2" {
		t.Errorf("explained looks: %v", explained)
	}
	if unexplained["E1"] != 2 || unexplained["E2"] != 5 || unexplained["E3"] != 8 {
		t.Errorf("unexplained looks: %v", unexplained)
	}

	scores := s.rows("scores", "--from", "2026-11-23", "--to", "2026-11-23")
	if len(scores) != 3 {
		t.Fatalf("scores: %v", scores)
	}
	for _, row := range scores {
		if row["score"] == "" || row["state"] == "unmonitored" {
			t.Errorf("not scored: %v", row)
		}
	}
	if holes := s.run("coverage"); strings.Contains(holes, "anna.crm belongs to nobody") {
		t.Errorf("coverage:\n%s", holes)
	}
	if row := s.rows("coverage")[0]; row["attributed"] != "16" || row["scored"] != "16" {
		t.Errorf("coverage %v", row)
	}
}
