package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// storeAt writes a configuration of a store in the folder, and returns its file.
func storeAt(t *testing.T, folder string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "onlooker.yaml"), "data: "+folder+"\n")
}

// migrate runs the command, which takes no --data.
func (s *stage) migrate(args ...string) result {
	s.t.Helper()
	var out, errout safeBuffer
	c := newCLI(nil, &out, &errout, "en")
	c.now = s.now
	code := c.execute(s.t.Context(), append([]string{"--lang", "en", "migrate"}, args...))
	return result{code, out.String(), errout.String()}
}

// migrateKilled runs the command as a process and kills it after a while; false when it
// had ended before.
func (s *stage) migrateKilled(after time.Duration, args ...string) bool {
	s.t.Helper()
	p := exec.Command(os.Args[0], append([]string{"migrate"}, args...)...)
	p.Env = []string{asOnlooker + "=" + s.now().Format(time.RFC3339), "TMPDIR=" + os.TempDir()}
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { _ = p.Process.Signal(syscall.SIGKILL) })
	err := p.Wait()
	return !kill.Stop() && err != nil
}

// TestMigrateMovesEverything moves an installation that has scores to another folder, with
// kills on the way, and on to a third: the same hashes and the same bytes of scores, and
// nothing is followed or folded anew.
func TestMigrateMovesEverything(t *testing.T) {
	s, dir := company(t)
	if r := s.try("import", filepath.Join(dir, "events.ndjson")); r.code != exitDead { // the company has broken lines
		t.Fatalf("import: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	want, coverage := s.allScores(), s.run("coverage", "--output", "csv")
	if len(strings.Split(want, "\n")) < 100 {
		t.Fatalf("too few scores to compare:\n%s", want)
	}
	second, third := s.elsewhere(), s.elsewhere()
	from, to := storeAt(t, s.data), storeAt(t, second.data)
	kills := 0
	for i := range 12 {
		if s.migrateKilled(time.Duration(20+i*25)*time.Millisecond, "--from", from, "--to", to) {
			kills++
		}
	}
	if kills == 0 {
		t.Fatal("every run ended before it was killed: nothing is tested")
	}
	if r := s.migrate("--from", from, "--to", to); r.code != exitDone || !strings.Contains(r.out, "all equal") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	r := s.migrate("--from", to, "--to", storeAt(t, third.data), "--output", "json")
	var sum struct {
		Facts, Documents int64
		Different        int
		Days             []struct{ What, Kind string }
	}
	if err := json.Unmarshal([]byte(r.out), &sum); err != nil || r.code != exitDone || sum.Facts == 0 || sum.Documents == 0 || sum.Different != 0 {
		t.Fatalf("exit code %d, %v\n%s%s", r.code, err, r.out, r.errout)
	}
	for _, moved := range []*stage{second, third} {
		if got := moved.allScores(); got != want {
			t.Errorf("scores changed by moving:\n%s", diff(want, got))
		}
		if got := moved.run("coverage", "--output", "csv"); got != coverage {
			t.Errorf("coverage changed by moving:\n%s", diff(coverage, got))
		}
	}
	t.Logf("%d kills; %d facts and %d documents", kills, sum.Facts, sum.Documents)
}

// TestMigrateSaysWhatDiffers: facts that the target has beside the source's end the
// command with the code for a difference.
func TestMigrateSaysWhatDiffers(t *testing.T) {
	line := `{"@timestamp":"2026-10-30T09:00:00+08:00","event":{"id":"%s","action":"view"},"user":{"id":"li"},"service":{"name":"crm"},"record":{"id":"C1"}}` + "\n"
	one, two := newStage(t), newStage(t)
	one.run("import", "--no-score", writeFile(t, filepath.Join(t.TempDir(), "a.ndjson"), fmt.Sprintf(line, "a")))
	two.run("import", "--no-score", writeFile(t, filepath.Join(t.TempDir(), "b.ndjson"), fmt.Sprintf(line, "b")))
	r := one.migrate("--from", storeAt(t, one.data), "--to", storeAt(t, two.data))
	if r.code != exitDifference || !strings.Contains(r.out, "differ") || !strings.Contains(r.out, "false") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errout)
	}
}

func TestMigrateUsage(t *testing.T) {
	s := newStage(t)
	file := storeAt(t, s.data)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--to", file}, exitUsage, "--from: want a configuration file"},
		{[]string{"--from", file, "--to", filepath.Join(s.data, "none.yaml")}, exitUsage, "--to: read configuration"},
		{[]string{"--from", file, "--to", file, "--set", "lang=en"}, exitUsage, "do not go with"},
		{[]string{"--from", file, "--to", storeAt(t, s.data+"/.")}, exitFailed, "the same store"},
	} {
		if r := s.migrate(tt.args...); r.code != tt.code || !strings.Contains(r.errout, tt.want) {
			t.Errorf("%v: exit code %d, %s; want %d, %q", tt.args, r.code, r.errout, tt.code, tt.want)
		}
	}
}

// TestMigrateFromARunningDaemonIsRefused: two processes never write to one folder.
func TestMigrateFromARunningDaemonIsRefused(t *testing.T) {
	s := newStage(t)
	s.serve()
	r := s.migrate("--from", storeAt(t, s.data), "--to", storeAt(t, s.elsewhere().data))
	if r.code != exitFailed || !strings.Contains(r.errout, "in use") {
		t.Errorf("exit code %d\n%s", r.code, r.errout)
	}
}
