package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// farFuture stands for "as known now" where an instant is wanted.
var farFuture = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	kindFile   = "file"
	fileAppend = 5000 // facts of one append while a large file is loaded
)

// files loads the directory files into the store and watches them. A broken file keeps
// the old one in force.
type files struct {
	config   DirectoryConfig
	business ueba.Business
	facts    store.Facts
	docs     store.Docs
	book     *directory.Book
	now      func() time.Time
	wake     func()
	warn     func(directory.Problem)

	mu     sync.Mutex // one load at a time: the watcher and every import ask for one
	stamps map[string]stamp
}

// stamp tells whether a file may have changed since it was read.
type stamp struct {
	size int64
	time time.Time
}

// fileDoc remembers which content of a file is in force.
type fileDoc struct {
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"`
	Loaded time.Time `json:"loaded"`
	Rows   int       `json:"rows"`
}

// kinds lists the files that are configured, in the order in which they are loaded.
func (f *files) kinds() [][2]string {
	var out [][2]string
	for _, k := range [][2]string{
		{"systems", f.config.Systems}, {"calendar", f.config.Calendar}, {"employees", f.config.Employees},
		{"records", f.config.Records}, {"reasons", f.config.Reasons},
	} {
		if k[1] != "" {
			out = append(out, k)
		}
	}
	return out
}

// restore puts what the store knows of people, systems and days into the book.
func (f *files) restore(ctx context.Context) error {
	for _, kind := range []ueba.Kind{ueba.KindSystem, ueba.KindHoliday, ueba.KindEmployee} {
		for fact, err := range f.facts.Scan(ctx, store.Query{Kind: kind}) {
			if err != nil {
				return fmt.Errorf("read the directory: %w", err)
			}
			f.book.Apply(fact)
		}
	}
	china, err := directory.China()
	if err != nil {
		return fmt.Errorf("read the calendar: %w", err)
	}
	if f.config.Calendar != "" {
		return nil // its rows and China's are laid over each other when it is loaded
	}
	return f.appendAndApply(ctx, f.book.Changes(directory.Snapshot{Holidays: china}, f.now()))
}

// load reads every file that changed. It goes on after a broken one and reports all.
func (f *files) load(ctx context.Context, progress func(stage string, done int64)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, k := range f.kinds() {
		if err := f.loadOne(ctx, k[0], k[1], progress); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *files) loadOne(ctx context.Context, kind, name string, progress func(string, int64)) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("directory.%s: %w", kind, err)
	}
	now := stamp{info.Size(), info.ModTime()}
	if f.stamps[kind] == now {
		return nil
	}
	sum, err := digest(name)
	if err != nil {
		return fmt.Errorf("directory.%s: %w", kind, err)
	}
	old, err := f.docs.Get(ctx, kindFile, kind)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("directory.%s: %w", kind, err)
	}
	first := err != nil
	var loaded fileDoc
	if !first {
		if err := json.Unmarshal(old.Body, &loaded); err != nil {
			return fmt.Errorf("directory.%s: %w", kind, err)
		}
	}
	if first || loaded.SHA256 != sum {
		rows, err := f.read(ctx, kind, name, first, progress)
		if err != nil {
			f.stamps[kind] = now // tell of it once, not at every look
			return fmt.Errorf("directory.%s: %w", kind, err)
		}
		body, err := json.Marshal(fileDoc{Name: name, SHA256: sum, Loaded: f.now().UTC(), Rows: rows})
		if err != nil {
			return fmt.Errorf("directory.%s: %w", kind, err)
		}
		if err := f.docs.Put(ctx, store.Doc{Kind: kindFile, ID: kind, Day: ueba.NoDay, Body: body}); err != nil {
			return fmt.Errorf("directory.%s: %w", kind, err)
		}
		f.wake()
	}
	f.stamps[kind] = now
	return nil
}

func digest(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// read takes in one file and returns how many rows it has.
func (f *files) read(ctx context.Context, kind, name string, first bool, progress func(string, int64)) (int, error) {
	opt := directory.ReadOptions{Zone: f.business.Zone, Warn: f.warn}
	if kind == "records" || kind == "reasons" {
		return f.stream(ctx, kind, name, first, opt, progress)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	s, rows, err := snapshot(kind, name, raw, opt)
	if err != nil {
		return 0, err
	}
	return rows, f.appendAndApply(ctx, f.book.Changes(s, f.now()))
}

func snapshot(kind, name string, raw []byte, opt directory.ReadOptions) (s directory.Snapshot, rows int, err error) {
	r := bytes.NewReader(raw)
	switch kind {
	case "employees":
		s.Employees, err = directory.ReadEmployees(r, name, opt)
		return s, len(s.Employees), err
	case "systems":
		s.Systems, err = directory.ReadSystems(r, name, opt)
		return s, len(s.Systems), err
	}
	own, err := directory.ReadCalendar(r, name, opt)
	if err != nil {
		return s, 0, err
	}
	china, err := directory.China()
	s.Holidays = directory.Overlay(china, own)
	return s, len(own), err
}

// stream takes in a file of which the rows are too many to hold. It is read twice: a
// broken row anywhere must leave the old file in force.
func (f *files) stream(ctx context.Context, kind, name string, first bool, opt directory.ReadOptions, progress func(string, int64)) (int, error) {
	if err := eachRow(kind, name, opt, func(ueba.Fact) error { return nil }); err != nil {
		return 0, err
	}
	known := time.Time{}
	if first {
		known = directory.Ever()
	}
	rows := 0
	batch := make([]ueba.Fact, 0, fileAppend)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		_, err := f.facts.Append(ctx, batch)
		rows += len(batch)
		batch = batch[:0]
		if progress != nil {
			progress("directory", int64(rows))
		}
		return err
	}
	err := eachRow(kind, name, opt, func(fact ueba.Fact) error {
		fact.Known = known
		batch = append(batch, fact)
		if len(batch) == fileAppend {
			return flush()
		}
		return nil
	})
	return rows, errors.Join(err, flush())
}

func eachRow(kind, name string, opt directory.ReadOptions, fn func(ueba.Fact) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if kind == "records" {
		return directory.ReadRecords(file, name, opt, func(r *ueba.Record) error { return fn(ueba.Fact{Body: r}) })
	}
	return directory.ReadReasons(file, name, opt, func(r *ueba.Reason) error { return fn(ueba.Fact{Body: r}) })
}

func (f *files) appendAndApply(ctx context.Context, facts []ueba.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	if _, err := f.facts.Append(ctx, facts); err != nil {
		return err
	}
	f.book.Apply(facts...)
	return nil
}

// watch looks at the files every so often until ctx ends and reports what is wrong.
func (f *files) watch(ctx context.Context, fault func(error)) error {
	tick := time.NewTicker(f.config.Reload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := f.load(ctx, nil); err != nil && ctx.Err() == nil {
				fault(err)
			}
		}
	}
}

// CheckFiles reads the directory files and the rules without storing anything.
func CheckFiles(c Config) error {
	f := files{config: c.Directory, business: c.Clock()}
	opt := directory.ReadOptions{Zone: f.business.Zone, Warn: f.warn}
	var errs []error
	for _, k := range f.kinds() {
		err := checkFile(k[0], k[1], opt)
		if err != nil {
			errs = append(errs, fmt.Errorf("directory.%s: %w", k[0], err))
		}
	}
	if _, err := loadRules(c.Rules); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkFile(kind, name string, opt directory.ReadOptions) error {
	if kind == "records" || kind == "reasons" {
		return eachRow(kind, name, opt, func(ueba.Fact) error { return nil })
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, _, err = snapshot(kind, name, raw, opt)
	return err
}
