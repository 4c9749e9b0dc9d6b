package parse

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

var update = flag.Bool("update", false, "take what the parsers say now as what is expected")

// TestGolden parses the raw lines of testdata/FORMAT, made by hand after the formats,
// and compares with the expected bodies beside them.
func TestGolden(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	for _, f := range Formats() {
		files, err := filepath.Glob(filepath.Join("testdata", f.Name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, file := range files {
			if strings.HasSuffix(file, ".expected") {
				continue
			}
			compared++
			t.Run(filepath.ToSlash(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, file+".expected", parseAll(t, f, Options{Zone: shanghai, Source: "test"}, data))
			})
		}
		if compared == 0 {
			t.Errorf("no examples of %s", f.Name)
		}
	}
}

func parseAll(t *testing.T, f Format, o Options, data []byte) string {
	t.Helper()
	p := f.New(o)
	var out []byte
	emit := func(b ueba.Body) { out = append(ueba.EncodeBody(out, b), '\n') }
	for i, raw := range cutRecords(t, f, data) {
		if err := p.Parse(raw, emit); err != nil {
			t.Errorf("record %d: %v", i+1, err)
		}
	}
	p.Flush(emit)
	return string(out)
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("not what %s expects:\n%s", file, diff)
	}
}
