package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// company makes a small company that ends on the Friday before and returns a stage on the
// Monday after, and its folder.
func company(t *testing.T) (s *stage, dir string) {
	t.Helper()
	return companyOf(t, "14")
}

func companyOf(t *testing.T, days string) (s *stage, dir string) {
	t.Helper()
	dir = t.TempDir()
	maker := newStage(t)
	maker.run("simulate", "--out", dir, "--staff", "20", "--days", days, "--end", "2026-10-30", "--seed", "3")
	return newStage(t, "--config", filepath.Join(dir, "onlooker.yaml")), dir
}

func (s *stage) allScores() string {
	s.t.Helper()
	return s.run("scores", "--from", "2026-10-10", "--to", "2026-10-30", "--output", "csv")
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func fileOf(t *testing.T, lines []string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "events.ndjson"), strings.Join(lines, "\n")+"\n")
}

func diff(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out []string
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			out = append(out, "- "+l, "+ "+r)
		}
	}
	return strings.Join(out[:min(len(out), 20)], "\n")
}

// TestScoresDoNotDependOnDelivery holds the contract of scores: the same facts give the
// same bytes, in whatever order and however often they come.
func TestScoresDoNotDependOnDelivery(t *testing.T) {
	once, dir := companyOf(t, "21")
	events := filepath.Join(dir, "events.ndjson")
	lines := linesOf(t, events)
	importing := func(s *stage, files ...string) string {
		t.Helper()
		for _, file := range files {
			if r := s.try("import", file); r.code != exitDead { // the company's logs hold broken lines
				t.Fatalf("import: exit code %d\n%s", r.code, r.errout)
			}
		}
		return s.allScores()
	}
	want := importing(once, events)
	if n := strings.Count(want, "\n"); n < 20*20 {
		t.Fatalf("%d lines of scores", n)
	}
	if !slices.ContainsFunc(parseCSV(t, want), func(row map[string]string) bool { return len(row["score"]) == len("10.00") }) {
		t.Fatal("nobody stands out: the comparison says little")
	}

	if got := importing(once, events); got != want {
		t.Errorf("a second import of the same file moved scores:\n%s", diff(want, got))
	}

	reversed := slices.Clone(lines)
	slices.Reverse(reversed)
	if got := importing(once.elsewhere(), fileOf(t, reversed)); got != want {
		t.Errorf("the lines in reverse order gave other scores:\n%s", diff(want, got))
	}

	random := rand.New(rand.NewPCG(1, 2))
	var first, second []string
	for _, l := range lines {
		if random.IntN(400) == 0 {
			second = append(second, l)
			continue
		}
		first = append(first, l)
	}
	late := once.elsewhere()
	late.try("import", fileOf(t, first))
	if late.allScores() == want {
		t.Fatal("the late lines say nothing: the comparison proves nothing")
	}
	late.try("import", fileOf(t, second))
	if got := late.allScores(); got != want {
		t.Errorf("lines that came after a scoring gave other scores:\n%s", diff(want, got))
	}
}

// TestLateReasonsAreTheSameAsEarlyOnes delivers reasons on the wire before the events, and
// after the days were scored without them.
func TestLateReasonsAreTheSameAsEarlyOnes(t *testing.T) {
	s, dir := company(t)
	events := filepath.Join(dir, "events.ndjson")
	rows := linesOf(t, filepath.Join(dir, "reasons.csv"))
	var early, late []string
	for i, line := range reasonLines(t, rows) {
		if i%50 == 0 {
			late = append(late, line)
			continue
		}
		early = append(early, line)
	}
	s.flags = append(slices.Clone(s.flags), "--set", "directory.reasons=")
	s.run("import", "--no-score", fileOf(t, early), fileOf(t, late))
	s.try("import", events)
	want := s.allScores()

	other := s.elsewhere()
	other.run("import", "--no-score", fileOf(t, early))
	other.try("import", events)
	if other.allScores() == want {
		t.Fatal("the late reasons say nothing: the comparison proves nothing")
	}
	other.run("import", fileOf(t, late))
	if got := other.allScores(); got != want {
		t.Errorf("reasons that came after a scoring gave other scores:\n%s", diff(want, got))
	}
}

// reasonLines writes the rows of reasons.csv as events of a source.
func reasonLines(t *testing.T, rows []string) []string {
	t.Helper()
	var out []string
	for _, row := range parseCSV(t, strings.Join(rows, "\n")) {
		line := `{"@timestamp":"` + row["created"] + `","event":{"kind":"reason","id":"` + row["reason_id"] + `"},"record":{"id":"` + row["record_id"] +
			`"},"employee":{"id":"` + row["employee_id"] + `"},"reason":{"id":"` + row["reason_id"] + `","kind":"` + row["kind"] +
			`","valid_from":"` + row["valid_from"] + `"`
		if row["valid_to"] != "" {
			line += `,"valid_to":"` + row["valid_to"] + `"`
		}
		out = append(out, line+`,"created":"`+row["created"]+`","made_by":"`+row["made_by"]+`"}}`)
	}
	return out
}
