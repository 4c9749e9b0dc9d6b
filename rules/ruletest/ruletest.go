package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/rules"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// TB is what Run needs of a *testing.T.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Run is Check for Go tests: each failure is an error of the test.
func Run(t TB, fsys fs.FS) {
	t.Helper()
	for _, err := range check(fsys) {
		t.Errorf("%v", err)
	}
}

// Check loads the rules of fsys, runs the test file of each, and returns all failures joined.
func Check(fsys fs.FS) error { return errors.Join(check(fsys)...) }

func check(fsys fs.FS) []error {
	set, err := rules.Load(fsys)
	if err != nil {
		return []error{err}
	}
	var failures []error
	walk := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !rules.IsRuleFile(name) {
			return err
		}
		for _, err := range checkFile(fsys, set, name) {
			failures = append(failures, fmt.Errorf("%s: %w", testName(name), err))
		}
		return nil
	})
	if walk != nil {
		failures = append(failures, fmt.Errorf("read rules: %w", walk))
	}
	return failures
}

func testName(name string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "_test" + ext
}

func checkFile(fsys fs.FS, set *rules.Set, name string) []error {
	source, err := fs.ReadFile(fsys, testName(name))
	if errors.Is(err, fs.ErrNotExist) {
		return []error{fmt.Errorf("%s has no tests; write them there", name)}
	}
	if err != nil {
		return []error{err}
	}
	cases, err := readCases(source)
	if err != nil {
		return []error{err}
	}
	var failures []error
	for _, c := range cases {
		if err := c.run(set, name); err != nil {
			failures = append(failures, fmt.Errorf("case %q: %w", c.Name, err))
		}
	}
	return failures
}

// run judges what the rules of the file find in the case.
func (c testCase) run(set *rules.Set, file string) error {
	looks, err := c.looks()
	if err != nil {
		return err
	}
	mine := map[string]rules.Info{}
	for _, info := range set.Rules() {
		if info.File == file {
			mine[info.ID] = info
		}
	}
	found := idsOf(set.Day(looks, c.employee()), mine)
	return c.judge(len(found))
}

func (c testCase) judge(n int) error {
	switch {
	case c.Expect == silent && n > 0:
		return fmt.Errorf("want silence, got %d detections", n)
	case c.Expect == fire && n == 0:
		return errors.New("want a detection, got silence")
	case c.Count > 0 && n != c.Count:
		return fmt.Errorf("want %d detections, got %d", c.Count, n)
	}
	return nil
}

// idsOf lists "rule detection" for the detections of some rules, sorted.
func idsOf(found []ueba.Detection, of map[string]rules.Info) []string {
	var ids []string
	for _, d := range found {
		if _, ok := of[d.Rule]; ok {
			ids = append(ids, d.Rule+" "+d.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
