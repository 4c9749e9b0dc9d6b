package app

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/onlooker-ueba/onlooker"

// arrows is the import table of the house: which packages of the module a package may
// import. A package that is not listed inherits from its nearest listed parent, and a
// package below collector or notify may also import that parent.
var arrows = map[string][]string{
	"ueba":                 {},
	"text":                 {},
	"store":                {"ueba"},
	"store/storetest":      {"ueba", "store"},
	"store/pebble":         {"ueba", "store"},
	"store/spool":          {"ueba", "store"},
	"collector":            {"ueba", "store"},
	"collector/httpin":     {"ueba", "collector"},
	"collector/file":       {"ueba", "store", "collector"},
	"collector/syslog":     {"ueba", "collector"},
	"collector/parse":      {"ueba"},
	"collector/kafka":      {"ueba", "collector"},
	"collector/mapping":    {"ueba"}, // declarative formats: YAML, compiled, with tests of their own
	"collector/sourcetest": {"ueba", "collector"},
	"directory":            {"ueba"},
	"profile":              {"ueba"},
	"rules":                {"ueba"},
	"rules/ruletest":       {"ueba", "rules"},
	"scorer":               {"ueba", "store", "text"},
	"notify":               {"ueba", "store", "text"},
	"notify/dingtalk":      {"ueba", "store", "text", "notify"},
	"notify/slack":         {"ueba", "store", "text", "notify"},
	"notify/webhook":       {"ueba", "store", "text", "notify"},
	"notify/notifytest":    {"ueba", "store", "store/storetest", "text", "notify"},
	"console":              {"ueba", "store", "text"},
	"simulate":             {"ueba"},
	"evaluate":             {"ueba"},
	"coverage":             {"ueba"},
	"internal/esclient":    {},
	"internal/fakees":      {},
	"store/elastic":        {"ueba", "store", "internal/esclient"},
	"internal/company":     {"ueba", "store", "directory", "profile", "rules"},
	"internal/trial":       {"ueba", "directory", "profile", "rules", "scorer", "simulate", "evaluate"}, // a tool: it measures the model without a store
	"internal/pipeline":    {"ueba", "store"},
	"cmd/onlooker":         {"internal/app"},
}

// TestImports holds the table: parts do not know each other, internal/app ties them.
func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" {
			return fs.SkipDir
		}
		pkg, err := build.ImportDir(path, 0)
		if err != nil {
			return nil //nolint:nilerr // a folder without Go files is not a package
		}
		seen++
		checkArrows(t, filepath.ToSlash(name), pkg.Imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Fatalf("found only %d packages below %s", seen, root)
	}
}

func checkArrows(t *testing.T, name string, imports []string) {
	t.Helper()
	if name == "internal/app" {
		return
	}
	allowed, listed := arrows[name]
	if !listed {
		t.Errorf("package %s has no row in the import table", name)
		return
	}
	for _, imp := range imports {
		part, ours := strings.CutPrefix(imp, module+"/")
		if ours && !slices.Contains(allowed, part) {
			t.Errorf("%s imports %s; it may import only %v", name, part, allowed)
		}
	}
}
