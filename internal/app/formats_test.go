package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const ownMapping = `
decode: {format: json}
time: {from: at}
set:
  user.id: who
  service.name: '"marketing"'
  event.action: '"view"'
  record.id: id
tests:
  - input: '{"at":"2026-11-02T01:31:04Z","who":"li.na","id":"C1"}'
    event: {user.id: li.na, record.id: [C1]}
`

func mappingFolder(t *testing.T, text string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "marketing.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func TestOwnMappingsAreFormatsOfSources(t *testing.T) {
	dir, file := mappingFolder(t, ownMapping)
	config := write(t, "c.yaml", "mappings: {dirs: ["+dir+"]}\nsources:\n  - {name: a, kind: file, paths: [x], format: marketing}\n")
	if _, err := LoadConfig(Overrides{File: config}, nil); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(ownMapping, "user.id: who", "user.id: whom")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(Overrides{File: config}, nil); err == nil || !strings.Contains(err.Error(), "marketing.yml:10:5: test") {
		t.Errorf("a mapping whose test fails: %v", err)
	}
}

func TestMappingsDoNotTakeTheNamesOfOtherFormats(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pgaudit.yml"), []byte(ownMapping), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadFormats(MappingsConfig{Dirs: []string{dir}}); err == nil || !strings.Contains(err.Error(), "pgaudit") {
		t.Error(err)
	}
}

// TestMappingsAreReloadedAllOrNone watches a folder as the daemon does.
func TestMappingsAreReloadedAllOrNone(t *testing.T) {
	dir, file := mappingFolder(t, ownMapping)
	formats, err := loadFormats(MappingsConfig{Dirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, faults, ended := make(chan bool, 10), make(chan error, 10), make(chan error)
	go func() {
		ended <- formats.watch(ctx, 10*time.Millisecond, func() { changed <- true }, func(err error) { faults <- err })
	}()
	replace(t, file, ownMapping+"colour: red\n")
	if err := <-faults; !strings.Contains(err.Error(), "unknown key colour") {
		t.Error(err)
	}
	replace(t, file, ownMapping+"about: mended\n")
	<-changed
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(faults) > 0 {
		t.Errorf("one fault was told %d times", 1+len(faults))
	}
}

// replace changes a file at once, so that nobody reads half of it.
func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func TestParseTellsOfEachRecord(t *testing.T) {
	dir, _ := mappingFolder(t, strings.Replace(ownMapping, "time:", "drop: {name: machines, when: 'who startsWith \"svc\"'}\ntime:", 1))
	c := Defaults()
	c.Mappings.Dirs = []string{dir}
	lines := `{"at":"2026-11-02T01:31:04Z","who":"li.na","id":"C1"}
{"at":"2026-11-02T01:31:04Z","who":"svc-1"}
{"who":"li.na"}
`
	var told []ParsedRecord
	err := Parse(t.Context(), c, ParseOptions{Format: "marketing"}, bytes.NewReader([]byte(lines)), func(r ParsedRecord) error {
		told = append(told, r)
		return nil
	})
	if err != nil || len(told) != 3 {
		t.Fatalf("%v, %d records", err, len(told))
	}
	if len(told[0].After) != 1 || told[0].Fields["id"] != "C1" || !strings.HasPrefix(told[0].Before, `{"at"`) {
		t.Errorf("%+v", told[0])
	}
	if !strings.Contains(told[1].Dropped, "drop machines (") || told[1].Line != 2 {
		t.Errorf("%+v", told[1])
	}
	if !strings.Contains(told[2].Error, "time: want a time") {
		t.Errorf("%+v", told[2])
	}
}
