package elastic

import (
	"encoding/hex"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Names of indices.

func (s *Store) metaIndex() string  { return s.cfg.Prefix + "-meta" }
func (s *Store) idsIndex() string   { return s.cfg.Prefix + "-ids" }
func (s *Store) allEvents() string  { return s.cfg.Prefix + "-events-*" }
func (s *Store) allFacts() string   { return s.cfg.Prefix + "-facts-*" }
func (s *Store) allDocs() string    { return s.cfg.Prefix + "-docs-*" }
func (s *Store) everything() string { return s.cfg.Prefix + "-*" }

func (s *Store) factIndex(b ueba.Body) string {
	if e, ok := b.(*ueba.Event); ok {
		return s.dayIndex(e.Time)
	}
	return s.kindIndex(b.Kind())
}

func (s *Store) dayIndex(t time.Time) string {
	return s.cfg.Prefix + "-events-" + t.UTC().Format("2006.01.02")
}

func (s *Store) kindIndex(k ueba.Kind) string { return s.cfg.Prefix + "-facts-" + string(k) }

var goodKind = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,60}$`)

// docsIndex returns the index of a kind of document. A kind that is no good name for an
// index goes by its hash.
func (s *Store) docsIndex(kind string) string {
	if goodKind.MatchString(kind) {
		return s.cfg.Prefix + "-docs-" + kind
	}
	h := fnv.New128a()
	h.Write([]byte(kind))
	return s.cfg.Prefix + "-docs-x-" + hex.EncodeToString(h.Sum(nil))
}

// eventIndices names the indices of the days from first to last: whole months by a pattern,
// so that the list stays short enough for a URL.
func (s *Store) eventIndices(first, last time.Time) []string {
	first, last = midnight(first), midnight(last)
	if last.Sub(first) > 3*365*24*time.Hour {
		return []string{s.allEvents()}
	}
	var names []string
	for d := first; !d.After(last); {
		month := time.Date(d.Year(), d.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		if d.Day() == 1 && !month.After(last.AddDate(0, 0, 1)) {
			names = append(names, s.cfg.Prefix+"-events-"+d.Format("2006.01.")+"*")
			d = month
			continue
		}
		names = append(names, s.dayIndex(d))
		d = d.AddDate(0, 0, 1)
	}
	return names
}

func midnight(t time.Time) time.Time { return ueba.DateOf(t.UTC()).Midnight() }

// dirty knows which indices hold writes of this process that no refresh has shown yet.
type dirty struct {
	mu      sync.Mutex
	written map[string]uint64 // by index: the number of its newest write
	writes  uint64
}

// wrote notes a write that the server has answered.
func (d *dirty) wrote(index string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.written == nil {
		d.written = map[string]uint64{}
	}
	d.writes++
	d.written[index] = d.writes
}

// among returns the dirty ones of the names and patterns, and the newest write by now.
func (d *dirty) among(patterns []string) (names []string, upTo uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.written {
		if slices.ContainsFunc(patterns, func(p string) bool { return covers(p, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, d.writes
}

// refreshed notes that a refresh has shown what was written up to then.
func (d *dirty) refreshed(names []string, upTo uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if n, ok := d.written[name]; ok && n <= upTo {
			delete(d.written, name)
		}
	}
}

// covers reports whether a name is meant by a name or pattern.
func covers(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
