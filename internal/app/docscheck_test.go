package app_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/internal/app"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// checker knows what pages may name.
type checker struct {
	onlooker string
	scratch  string
	keys     map[string]bool // of the configuration
	metrics  string          // the source that declares them
	tests    map[string]bool
	targets  map[string]bool // of make
	helps    map[string]help
	anchors  map[string][]string
}

// help is what --help tells of a command.
type help struct {
	commands []string
	flags    map[string]bool
	args     bool // it can be called without one of its commands
}

// folders are the first parts of the paths that pages name.
var folders = []string{
	".ci", "cmd", "collector", "configs", "console", "coverage", "deploy", "directory", "docs", "evaluate", "internal", "notify", "profile",
	"rules", "scorer", "scripts", "simulate", "store", "text", "ueba",
}

func newChecker(t *testing.T, onlooker string) *checker {
	t.Helper()
	c := &checker{
		onlooker: onlooker, scratch: t.TempDir(), keys: map[string]bool{}, tests: map[string]bool{},
		targets: map[string]bool{}, helps: map[string]help{}, anchors: map[string][]string{},
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(read(t, "configs/onlooker.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	c.addKeys(doc.Content[0], "")
	c.metrics = string(read(t, "internal/app/status.go"))
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(string(read(t, "Makefile")), -1) {
		c.targets[m[1]] = true
	}
	for _, p := range readPages(t) {
		c.anchors[p.name] = p.anchors
	}
	c.addTests(t)
	// What secrets of the pages' examples stand for.
	t.Setenv("DINGTALK_URL", "https://oapi.dingtalk.com/robot/send?access_token=0123456789")
	t.Setenv("DINGTALK_SECRET", "SEC0123456789")
	t.Setenv("SLACK_URL", "https://hooks.slack.com/services/T0/B0/0123456789")
	t.Setenv("WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")
	return c
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *checker) addKeys(n *yaml.Node, prefix string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		name := prefix + n.Content[i].Value
		c.keys[name] = true
		c.addKeys(n.Content[i+1], name+".")
	}
}

func (c *checker) addTests(t *testing.T) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(repository, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			c.tests[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// check gives every problem of a page.
func (c *checker) check(p page) []string {
	out := slices.Concat(c.checkCodes(p), c.checkLinks(p), c.checkCommands(p), c.checkBlocks(p))
	if regexp.MustCompile(`/work/|/root/|/home/`).MatchString(p.text) {
		out = append(out, "names a path of somebody's machine")
	}
	return out
}

var (
	pathLike   = regexp.MustCompile(`^[\w.\-]+(/[\w.\-]*)+$`)
	keyLike    = regexp.MustCompile(`^[a-z]+(\.[a-z_]+)+$`)
	metricLike = regexp.MustCompile(`^onlooker_\w+$`)
	testLike   = regexp.MustCompile(`^Test[A-Z]\w+$`)
)

// checkCodes checks what stands in inline code: paths, keys, metrics and tests.
func (c *checker) checkCodes(p page) []string {
	var out []string
	for _, code := range p.codes {
		first, _, _ := strings.Cut(code, "/")
		section, _, _ := strings.Cut(code, ".")
		switch {
		case pathLike.MatchString(code) && slices.Contains(folders, first):
			if !exists(code) && !strings.Contains(code, "NAME") {
				out = append(out, code+" does not exist")
			}
		case metricLike.MatchString(code) && !strings.Contains(c.metrics, `"`+code+`"`):
			out = append(out, code+" is no metric")
		case testLike.MatchString(code) && !c.tests[code]:
			out = append(out, code+" is no test")
		case keyLike.MatchString(code) && c.keys[section] && !c.keys[code] && !exists(code):
			out = append(out, code+" is no key of the configuration")
		}
	}
	return out
}

func (c *checker) checkLinks(p page) []string {
	var out []string
	for _, link := range p.links {
		if strings.Contains(link, "://") {
			continue
		}
		target, anchor, hasAnchor := strings.Cut(link, "#")
		name, anchors := p.name, p.anchors
		if target != "" {
			name = p.relative(target)
			anchors = c.anchors[name]
		}
		switch {
		case target != "" && !exists(name):
			out = append(out, "link "+link+": no such file")
		case hasAnchor && !slices.Contains(anchors, anchor):
			out = append(out, "link "+link+": no such heading")
		}
	}
	return out
}

func (c *checker) checkCommands(p page) []string {
	var out []string
	for _, words := range p.commands() {
		said := strings.Join(words, " ")
		if words[0] == "make" {
			if !c.targets[words[1]] {
				out = append(out, said+": no such target")
			}
			continue
		}
		path, flags, h := c.walk(words)
		if len(path) == 0 && !strings.HasPrefix(words[1], "-") {
			out = append(out, said+": no such command")
			continue
		}
		if len(h.commands) > 0 && !h.args {
			out = append(out, said+": want one of its commands")
		}
		for _, f := range flags {
			if !h.flags[f] {
				out = append(out, said+": no flag "+f)
			}
		}
	}
	return out
}

// walk finds which command is called, with which flags.
func (c *checker) walk(words []string) (path, flags []string, h help) {
	h = c.help(nil)
	for _, w := range words[1:] {
		name, _, _ := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(w, "-") && len(w) > 1:
			flags = append(flags, name)
		case slices.Contains(h.commands, w):
			path = append(path, w)
			h = c.help(path)
		}
	}
	return path, flags, h
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+) +\S`)
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[a-z-]+)`)
)

func (c *checker) help(path []string) help {
	key := strings.Join(path, " ")
	if h, ok := c.helps[key]; ok {
		return h
	}
	cmd := exec.Command(c.onlooker, append(slices.Clone(path), "--help")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ONLOOKER_LANG=en"}
	text, err := cmd.CombinedOutput()
	if err != nil {
		return help{}
	}
	usage, rest, _ := strings.Cut(string(text), "\nFlags:")
	h := help{flags: map[string]bool{}, args: strings.Contains(usage, "[flags]")}
	if _, list, ok := strings.Cut(usage, "Available Commands:\n"); ok {
		for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
			h.commands = append(h.commands, m[1])
		}
	}
	for _, m := range helpFlag.FindAllStringSubmatch(rest, -1) {
		h.flags[m[1]], h.flags[m[2]] = true, true
	}
	c.helps[key] = h
	return h
}

// leaves lists the commands that do something, below a path.
func (c *checker) leaves(path []string) []string {
	h := c.help(path)
	var out []string
	if len(path) > 0 && (len(h.commands) == 0 || h.args) {
		out = append(out, strings.Join(path, " "))
	}
	for _, name := range h.commands {
		if name != "help" && name != "completion" {
			out = append(out, c.leaves(append(slices.Clone(path), name))...)
		}
	}
	return out
}

// kinds are the kinds of blocks that pages have.
var kinds = []string{"sh", "text", "yaml", "json", "csv", "ini"}

func (c *checker) checkBlocks(p page) []string {
	var out []string
	for i, b := range p.blocks {
		_, isRule := b.option("rule")
		switch {
		case !slices.Contains(kinds, b.kind):
			out = append(out, problemf(b, "a block of unknown kind %s", b.kind))
		case b.shows() && (i == 0 || !p.blocks[i-1].runs()):
			out = append(out, problemf(b, "text shows without a block that is run before it"))
		case b.kind == "yaml" && !isRule:
			out = append(out, c.checkConfiguration(b)...)
		case b.kind == "csv":
			out = append(out, c.checkDirectory(b)...)
		case b.kind == "json" && slices.Contains(b.options, "event"):
			if _, err := ueba.DecodeEvent([]byte(b.body), ueba.DecodeOptions{}); err != nil {
				out = append(out, problemf(b, "an event that does not decode: %v", err))
			}
		}
	}
	return append(out, c.checkRules(p)...)
}

func (c *checker) checkConfiguration(b block) []string {
	name := filepath.Join(c.scratch, "onlooker.yaml")
	err := os.WriteFile(name, []byte(b.body), 0o600)
	if err == nil {
		_, err = app.LoadConfig(app.Overrides{File: name}, nil)
	}
	if err != nil {
		return []string{problemf(b, "a configuration that does not load: %v", err)}
	}
	return nil
}

// checkDirectory reads the block as the directory file that its option names.
func (c *checker) checkDirectory(b block) []string {
	if len(b.options) != 1 {
		return []string{problemf(b, "a csv block names its file, as in csv employees")}
	}
	kind := b.options[0]
	name := filepath.Join(c.scratch, kind+".csv")
	err := os.WriteFile(name, []byte(b.body), 0o600)
	if err == nil {
		var cfg app.Config
		cfg, err = app.LoadConfig(app.Overrides{Set: map[string]string{"directory." + kind: name}}, nil)
		if err == nil {
			err = app.CheckFiles(cfg)
		}
	}
	if err != nil {
		return []string{problemf(b, "%s.csv that does not load: %v", kind, err)}
	}
	return nil
}

// checkRules loads and tests the rules of a page.
func (c *checker) checkRules(p page) []string {
	dir, err := os.MkdirTemp(c.scratch, "rules")
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, b := range p.blocks {
		if name, ok := b.option("rule"); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	err = writeRules(p, dir)
	if err == nil {
		_, err = app.CheckRules([]string{dir})
	}
	if err == nil {
		err = app.TestRules([]string{dir})
	}
	if err != nil {
		return []string{fmt.Sprintf("rule %s: %v", strings.Join(names, ", "), err)}
	}
	return nil
}
