package mapping

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

//go:embed builtin/*.yml
var builtinFiles embed.FS

// Options are what a source's configuration tells a parser.
type Options struct {
	Zone    *time.Location // of times without a zone; nil: such times are refused
	Service string         // service.name, in place of the mapping's
	Source  string
}

// Parser turns the raw records of one stream into bodies, in order.
type Parser interface {
	// Parse takes the next raw record. An error makes it a dead letter; neither an
	// error nor a body means that a rule dropped it.
	Parse(raw []byte, emit func(ueba.Body)) error
	// Flush emits what waits: nothing does.
	Flush(emit func(ueba.Body))
	// Waiting is always 0.
	Waiting() int
}

// Format is one mapping as a raw format.
type Format struct {
	Name  string
	About string
	Split func() bufio.SplitFunc
	New   func(Options) Parser
}

// Set is the mappings in force: the built-in ones and those of folders, of which one with
// a built-in's name stands in its place. It is safe for concurrent use.
type Set struct {
	sql  SQL
	dirs []string

	mu      sync.Mutex // of Reload
	current atomic.Pointer[edition]
}

// edition is what one load gave. It does not change.
type edition struct {
	byName map[string]*Mapping
	names  []string
	print  [sha256.Size]byte // of all files
}

// limits of what is read from folders.
const (
	maxFile  = 1 << 20
	maxFiles = 1000
)

// Load compiles the built-in mappings and those of the folders (*.yml, *.yaml) and runs
// the tests of all.
func Load(sql SQL, dirs ...string) (*Set, error) {
	s := &Set{sql: sql, dirs: dirs}
	if _, err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the folders again. It takes all mappings or, with an error that lists every
// fault, none: then those in force stay. A mapping that is in force may not vanish. It
// reports whether something changed.
func (s *Set) Reload() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := s.files()
	if err != nil {
		return false, fmt.Errorf("load mappings: %w", err)
	}
	next := &edition{byName: map[string]*Mapping{}, print: fingerprint(files)}
	before := s.current.Load()
	if before != nil && before.print == next.print {
		return false, nil
	}
	if err := next.compile(files, before, s.sql); err != nil {
		return false, fmt.Errorf("load mappings: %w", err)
	}
	s.current.Store(next)
	return true, nil
}

type source struct {
	name, file string
	data       []byte
}

// files reads all mappings, one a name.
func (s *Set) files() ([]source, error) {
	out, err := readFolder(builtinFiles, "builtin", "builtin")
	if err != nil {
		return nil, err
	}
	var own []source
	var errs []error
	for _, dir := range s.dirs {
		files, err := readFolder(os.DirFS(dir), ".", dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("folder %s (mappings.dirs): %w", dir, err))
		}
		for _, f := range files {
			if i := slices.IndexFunc(own, func(o source) bool { return o.name == f.name }); i >= 0 {
				errs = append(errs, fmt.Errorf("%s and %s have one name", own[i].file, f.file))
			}
			own = append(own, f)
		}
	}
	for _, f := range own {
		if i := slices.IndexFunc(out, func(o source) bool { return o.name == f.name }); i >= 0 {
			out[i] = f
			continue
		}
		out = append(out, f)
	}
	return out, errors.Join(errs...)
}

var mappingName = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

func readFolder(fsys fs.FS, dir, shown string) (out []source, err error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		ext := path.Ext(e.Name())
		if e.IsDir() || ext != ".yml" && ext != ".yaml" {
			continue
		}
		file := filepath.Join(shown, e.Name())
		name := strings.TrimSuffix(e.Name(), ext)
		if !mappingName.MatchString(name) {
			return nil, fmt.Errorf("%s: want a name of small letters, digits, _ and -", file)
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() > maxFile || len(out) == maxFiles {
			return nil, fmt.Errorf("%s: more than %d bytes, or more than %d files", file, maxFile, maxFiles)
		}
		data, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, source{name, file, data})
	}
	return out, nil
}

func fingerprint(files []source) [sha256.Size]byte {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%q %q %d\n", f.name, f.file, len(f.data))
		h.Write(f.data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (e *edition) compile(files []source, before *edition, sql SQL) error {
	var errs []error
	for _, f := range files {
		m, err := compile(f.name, f.file, f.data, sql)
		errs = append(errs, err)
		e.byName[f.name] = m
		e.names = append(e.names, f.name)
	}
	slices.Sort(e.names)
	if before != nil {
		for _, name := range before.names {
			if e.byName[name] == nil && !slices.Contains(e.names, name) {
				errs = append(errs, fmt.Errorf("mapping %s is in force and its file is gone", name))
			}
		}
	}
	return errors.Join(errs...)
}

// Formats lists the mappings by name. A format follows reloads: a stream takes its next
// record by the mapping then in force.
func (s *Set) Formats() []Format {
	var out []Format
	now := s.current.Load()
	for _, name := range now.names {
		split := bufio.ScanLines
		if now.byName[name].quoted {
			split = quotedLines
		}
		out = append(out, Format{
			Name: name, About: now.byName[name].About,
			Split: func() bufio.SplitFunc { return split },
			New:   func(o Options) Parser { return &parser{set: s, name: name, engine: newEngine(o)} },
		})
	}
	return out
}

// Has reports whether there is a mapping of the name.
func (s *Set) Has(name string) bool { return s.current.Load().byName[name] != nil }

// Tests is the number of tests that each mapping passed when it was loaded.
func (s *Set) Tests() map[string]int {
	out := map[string]int{}
	for name, m := range s.current.Load().byName {
		out[name] = len(m.tests)
	}
	return out
}

// Trial is what a mapping makes of one record, for people who write mappings.
type Trial struct {
	Fields  map[string]any // the record after decode and extract; nil if it was not decoded
	Dropped string         // the rule that dropped it
	Bodies  []ueba.Body
	Err     error // why it is a dead letter
}

// Try takes one record through the mapping of the name.
func (s *Set) Try(name string, raw []byte, o Options) Trial {
	m := s.current.Load().byName[name]
	if m == nil {
		return Trial{Err: fmt.Errorf("no mapping %q", name)}
	}
	var t Trial
	on, err := newEngine(o).apply(m, raw, func(b ueba.Body) { t.Bodies = append(t.Bodies, b) })
	t.Fields, t.Dropped, t.Err = on.fields, on.dropped, err
	return t
}

type parser struct {
	set    *Set
	name   string
	engine *engine
}

// Parse implements Parser.
func (p *parser) Parse(raw []byte, emit func(ueba.Body)) error {
	_, err := p.engine.apply(p.set.current.Load().byName[p.name], raw, emit)
	return err
}

// Flush implements Parser.
func (p *parser) Flush(func(ueba.Body)) {}

// Waiting implements Parser.
func (p *parser) Waiting() int { return 0 }

// quotedLines cuts records that may span lines within double quotes.
func quotedLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	quoted := false
	for i, c := range data {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\n' && !quoted:
			token := data[:i]
			if i > 0 && data[i-1] == '\r' {
				token = data[:i-1]
			}
			return i + 1, token, nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
