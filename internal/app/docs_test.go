package app_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// repository is the root of the repository.
var repository = filepath.Join("..", "..")

// TestDocumentation holds that what the pages name exists, loads and runs: paths, links,
// configurations, directory files, rules, events, metrics, tests, commands and flags. A
// block marked "sh run" is run in a copy of configs/sample, and a block marked "text shows"
// after it is what was printed.
func TestDocumentation(t *testing.T) {
	onlooker := buildOnlooker(t)
	c := newChecker(t, onlooker)
	pages := readPages(t)
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			for _, problem := range c.check(p) {
				t.Error(problem)
			}
			if !testing.Short() {
				runPage(t, p, onlooker)
			}
		})
	}
	t.Run("whole", func(t *testing.T) { testWhole(t, c, pages) })
	t.Run("mistakes", func(t *testing.T) { testMistakes(t, c) })
}

// testWhole holds what no single page can: every command is described, and both READMEs
// say the same.
func testWhole(t *testing.T, c *checker, all []page) {
	pages := map[string]page{}
	for _, p := range all {
		pages[p.name] = p
	}
	english, chinese := pages["README.md"], pages["README.zh-CN.md"]
	if diff := cmp.Diff(english.shellLines(), chinese.shellLines()); diff != "" {
		t.Errorf("the READMEs name different commands:\n%s", diff)
	}
	described := map[string]bool{}
	for _, words := range pages["docs/cli.md"].commands() {
		called, _, _ := c.walk(words)
		described[strings.Join(called, " ")] = true
	}
	for _, leaf := range c.leaves(nil) {
		if !described[leaf] {
			t.Errorf("docs/cli.md shows no onlooker %s", leaf)
		}
	}
	for _, p := range pages {
		if path.Dir(p.name) == "docs" && !strings.Contains(english.text, "("+p.name+")") {
			t.Errorf("the README does not lead to %s", p.name)
		}
	}
	entry := regexp.MustCompile(`^- \[(FEATURE|CHANGE|FIX|SECURITY)\] [a-z ]+: \S`)
	for line := range strings.Lines(pages["CHANGELOG.md"].text) {
		if strings.HasPrefix(line, "- ") && !entry.MatchString(line) {
			t.Errorf("CHANGELOG.md: want [TYPE] area: what a user sees, found %s", line)
		}
	}
}

// testMistakes holds that the checks can fail.
func testMistakes(t *testing.T, c *checker) {
	fence := "```"
	for text, want := range map[string]string{
		"see `docs/nowhere.md`":                                   "docs/nowhere.md does not exist",
		"see [this](nowhere.md)":                                  "link nowhere.md: no such file",
		"see [this](events.md#nowhere)":                           "link events.md#nowhere: no such heading",
		"set `http.listenn`":                                      "http.listenn is no key of the configuration",
		"watch `onlooker_nothing_total`":                          "onlooker_nothing_total is no metric",
		"held by `TestThatIsNotThere`":                            "TestThatIsNotThere is no test",
		"run `onlooker loooks`":                                   "onlooker loooks: no such command",
		"run `onlooker looks --employe E1`":                       "onlooker looks --employe E1: no flag --employe",
		"run `make coffee`":                                       "make coffee: no such target",
		fence + "sh\nonlooker rules\n" + fence:                    "onlooker rules: want one of its commands",
		fence + "sh\nx | onlooker who C1 --when now\n" + fence:    "onlooker who C1 --when now: no flag --when",
		fence + "yaml\nhttp:\n  listn: x\n" + fence:               "unknown key http.listn; did you mean http.listen?",
		fence + "csv records\nrecord_id,class\nC1,C9\n" + fence:   "records.csv:2:4: class: want C1, C2 or C3",
		fence + "json event\n{\"@timestamp\":1}\n" + fence:        "an event that does not decode",
		fence + "yaml rule=x.yml\ntitle: x\n" + fence:             "rule x.yml: ",
		fence + "perl\n1\n" + fence:                               "a block of unknown kind perl",
		fence + "text shows\nx\n" + fence:                         "text shows without a block that is run",
		"never /work" + "/main":                                   "names a path of somebody's machine",
		"[a]: events.md#identity\nsee [this](events.md#identity)": "",
	} {
		got := strings.Join(c.check(parsePage("docs/page.md", text)), "\n")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

func TestShownOutput(t *testing.T) {
	printed := "time   id\nreading 10,000 \n1  abc\n2  def\n3  ghi\n"
	for shown, want := range map[string]bool{
		"time id\n1 abc\n2 def\n3 ghi\n": true,
		"time id\n…\n3 ghi\n":            true,
		"…\n2 d…\n…\n":                   true,
		"time id\n1 …c\n2 def\n3 ghi\n…": true,
		"time id\n2 def\n3 ghi\n":        false,
		"time id\n1 abc\n":               false,
		"…\n4 …\n…\n":                    false,
	} {
		if got := shows(shown, printed); got != want {
			t.Errorf("%q shows %q: %v", shown, printed, got)
		}
	}
}

// readPages reads every page of the repository.
func readPages(t *testing.T) []page {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repository, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(repository, "docs"), func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []page
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(repository, name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parsePage(filepath.ToSlash(rel), string(text)))
	}
	if len(out) < 10 {
		t.Fatalf("found only %d pages", len(out))
	}
	return out
}

// buildOnlooker builds the command that the pages name.
func buildOnlooker(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "onlooker")
	build := exec.Command("go", "build", "-o", name, "./cmd/onlooker")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return name
}

// runPage runs the blocks of a page that are marked so, one after the other in one folder.
func runPage(t *testing.T, p page, onlooker string) {
	t.Helper()
	if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.runs() }) {
		return
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "configs", "sample"))); err != nil {
		t.Fatal(err)
	}
	if err := writeRules(p, filepath.Join(dir, "rules")); err != nil {
		t.Fatal(err)
	}
	lang := "en"
	if strings.Contains(p.name, "zh-CN") {
		lang = "zh"
	}
	for i, b := range p.blocks {
		if !b.runs() {
			continue
		}
		printed, err := runShell(dir, b.body, onlooker, lang)
		if err != nil {
			t.Errorf("line %d: %v\n%s", b.line, err, printed)
			continue
		}
		if next := i + 1; next < len(p.blocks) && p.blocks[next].shows() && !shows(p.blocks[next].body, printed) {
			t.Errorf("line %d: the page shows\n%s\nand it printed\n%s", p.blocks[next].line, p.blocks[next].body, printed)
		}
	}
}

func runShell(dir, script, onlooker, lang string) (string, error) {
	cmd := exec.Command("sh", "-eu", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Dir(onlooker) + ":" + os.Getenv("PATH"), "HOME=" + dir, "ONLOOKER_LANG=" + lang}
	cmd.WaitDelay = time.Second
	kill := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// writeRules puts the rules of a page into a folder, which is there only if it has any.
func writeRules(p page, dir string) error {
	var errs []error
	for _, b := range p.blocks {
		if name, ok := b.option("rule"); ok {
			errs = append(errs, os.MkdirAll(dir, 0o750), os.WriteFile(filepath.Join(dir, name), []byte(b.body), 0o600))
		}
	}
	return errors.Join(errs...)
}

// progress is what commands print on the way when they take longer than a second.
var progress = regexp.MustCompile(`^(reading|simulating|loading the directory|folding|scoring|following|读取|模拟|载入目录|汇总|评分|跟进) [\d,]+`)

// shows reports whether a page shows what was printed. … stands for anything within a
// line and, alone on a line, for any lines; blanks are as wide as one likes.
func shows(shown, printed string) bool {
	var lines []string
	for _, l := range tidyLines(printed) {
		if !progress.MatchString(l) {
			lines = append(lines, l)
		}
	}
	return linesMatch(tidyLines(shown), lines)
}

func tidyLines(s string) []string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func linesMatch(shown, printed []string) bool {
	if len(shown) == 0 {
		return len(printed) == 0
	}
	if shown[0] == "…" {
		for skip := range len(printed) + 1 {
			if linesMatch(shown[1:], printed[skip:]) {
				return true
			}
		}
		return false
	}
	return len(printed) > 0 && lineMatches(shown[0], printed[0]) && linesMatch(shown[1:], printed[1:])
}

func lineMatches(shown, printed string) bool {
	parts := strings.Split(shown, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(strings.TrimSpace(parts[i]))
	}
	return regexp.MustCompile(`^` + strings.Join(parts, ` ?.*`) + `$`).MatchString(printed)
}

// exists reports whether a path is there, below the root.
func exists(path string) bool {
	_, err := os.Stat(filepath.Join(repository, filepath.FromSlash(path)))
	return !errors.Is(err, fs.ErrNotExist)
}

func problemf(b block, format string, args ...any) string {
	return fmt.Sprintf("line %d: ", b.line) + fmt.Sprintf(format, args...)
}
