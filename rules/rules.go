package rules

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

//go:embed builtin/*.yml
var builtin embed.FS

// Builtin returns the rules that Onlooker ships, with their tests beside them.
func Builtin() fs.FS {
	sub, err := fs.Sub(builtin, "builtin")
	if err != nil {
		panic(err) // only an invalid path does that, and this one is a constant
	}
	return sub
}

// Info describes a rule of a Set to people and to the scorer.
type Info struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Status      string         `json:"status,omitempty"`
	Level       ueba.RiskLevel `json:"level"`
	Tags        []string       `json:"tags,omitempty"`
	File        string         `json:"file"`
	// Immediate rules run within seconds of a look; all rules run over the whole day.
	Immediate bool `json:"immediate"`
	// Wait is how long an immediate rule lets late reasons arrive first.
	Wait time.Duration `json:"wait,omitempty"`
	// Evidence is what one detection adds to the day's evidence before the cap.
	Evidence float64 `json:"evidence"`
	// Grave rules hold the level up while their alert is open.
	Grave bool `json:"grave,omitempty"`
}

// Set is a set of compiled rules. It does not change.
type Set struct {
	rules []*rule // by id
	infos []Info
}

// rule is what runs: a condition on one look, or a correlation.
type rule struct {
	Info
	when  predicate    // nil for a correlation
	count *correlation // a rule on single looks has one too: the first look of each event
}

// Load reads every *.yml and *.yaml of the file systems but *_test.yml, and compiles them.
// If anything is wrong with any of them the error is Problems and there is no Set.
func Load(fsys ...fs.FS) (*Set, error) {
	var problems Problems
	var written []*writtenRule
	for _, f := range fsys {
		more, err := readRules(f, &problems)
		if err != nil {
			return nil, err
		}
		written = append(written, more...)
	}
	set := assemble(written)
	if len(problems) > 0 {
		problems.sort()
		return nil, problems
	}
	return set, nil
}

func readRules(fsys fs.FS, problems *Problems) ([]*writtenRule, error) {
	var written []*writtenRule
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read rules: %w", err)
		}
		if d.IsDir() || !IsRuleFile(name) {
			return nil
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("read rule: %w", err)
		}
		written = append(written, parseFile(&reporter{file: name, problems: problems}, source)...)
		return nil
	})
	return written, err
}

// IsRuleFile reports whether Load reads a file of this name.
func IsRuleFile(name string) bool {
	base, ext := path.Base(name), path.Ext(name)
	return (ext == ".yml" || ext == ".yaml") && !strings.HasPrefix(base, ".") &&
		!strings.HasSuffix(strings.TrimSuffix(base, ext), "_test")
}

// Rules describes the rules that can make detections, by id.
func (s *Set) Rules() []Info { return slices.Clone(s.infos) }

// Rule describes one rule.
func (s *Set) Rule(id string) (Info, bool) {
	i, ok := slices.BinarySearchFunc(s.infos, id, func(info Info, id string) int { return strings.Compare(info.ID, id) })
	if !ok {
		return Info{}, false
	}
	return s.infos[i], true
}

// matches reports whether the rule counts the look.
func (r *rule) matches(s subject) bool {
	if r.when != nil {
		return r.when.match(s)
	}
	return some(r.count.of).match(s)
}
