package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/evaluate"
	"github.com/onlooker-ueba/onlooker/profile"
	"github.com/onlooker-ueba/onlooker/rules"
	"github.com/onlooker-ueba/onlooker/simulate"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Folded is a made-up company after folding: all that scoring needs of it.
type Folded struct {
	Staff    []ueba.Employee // versions included
	Free     map[string]bool // freeKey of days that are not worked
	Profiles []ueba.Profile
	From, To ueba.Day
}

func freeKey(employee string, day ueba.Day) string { return fmt.Sprintf("%s/%d", employee, day) }

// shanghai has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func business() ueba.Business { return ueba.Business{Zone: shanghai, Grace: 2 * time.Hour} }

// company gives a folded company and its truth, from the cache where it is there.
func company(cache string, s setting) (*Folded, evaluate.Truth, error) {
	dir := filepath.Join(cache, s.name())
	kept := filepath.Join(dir, "folded.gob")
	f, err := load(kept)
	if errors.Is(err, os.ErrNotExist) {
		f, err = build(dir, kept, s)
	}
	if err != nil {
		return nil, evaluate.Truth{}, fmt.Errorf("company %s: %w", s.name(), err)
	}
	truth, err := evaluate.ReadTruth(dir)
	return f, truth, err
}

func load(name string) (*Folded, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f := &Folded{}
	return f, gob.NewDecoder(r).Decode(f)
}

// build makes the company, folds it, keeps what scoring needs and drops the great files.
func build(dir, kept string, s setting) (*Folded, error) {
	if _, err := simulate.Write(dir, s.config(), nil); err != nil {
		return nil, err
	}
	f, err := fold(dir)
	if err != nil {
		return nil, err
	}
	w, err := os.Create(kept)
	if err != nil {
		return nil, err
	}
	err = errors.Join(gob.NewEncoder(w).Encode(f), w.Close())
	for _, name := range []string{"events.ndjson", "reasons.csv", "records.csv"} {
		err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
	}
	return f, err
}

// house is what folding asks, out of files that are read whole.
type house struct {
	book    *directory.Book
	records map[string]*ueba.Record
	reasons map[string][]ueba.Fact // by employee, or by record where they name nobody
	events  map[string]map[ueba.Day][]ueba.Fact
}

func fold(dir string) (*Folded, error) {
	h := &house{
		book: directory.NewBook(business()), records: map[string]*ueba.Record{},
		reasons: map[string][]ueba.Fact{}, events: map[string]map[ueba.Day][]ueba.Fact{},
	}
	out := &Folded{Free: map[string]bool{}}
	if err := h.readDirectory(dir, out); err != nil {
		return nil, err
	}
	if err := h.readEvents(filepath.Join(dir, "events.ndjson"), out); err != nil {
		return nil, err
	}
	set, err := rules.Load(rules.Builtin())
	if err != nil {
		return nil, err
	}
	h.foldAll(out, set)
	for i := range out.Staff {
		for d := out.From; d <= out.To; d++ {
			if h.book.DayType(&out.Staff[i], d, time.Time{}) == ueba.FreeDay {
				out.Free[freeKey(out.Staff[i].ID, d)] = true
			}
		}
	}
	return out, nil
}

func (h *house) readDirectory(dir string, out *Folded) error {
	opt := directory.ReadOptions{Zone: shanghai}
	var snap directory.Snapshot
	read := func(name string, with func(r io.Reader) error) error {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		return with(f)
	}
	err := errors.Join(
		read("employees.csv", func(r io.Reader) (err error) {
			out.Staff, err = directory.ReadEmployees(r, "employees.csv", opt)
			return err
		}),
		read("calendar.csv", func(r io.Reader) (err error) {
			snap.Holidays, err = directory.ReadCalendar(r, "calendar.csv", opt)
			return err
		}),
		read("records.csv", func(r io.Reader) error {
			return directory.ReadRecords(r, "records.csv", opt, func(rec *ueba.Record) error {
				c := *rec
				h.records[c.ID] = &c
				return nil
			})
		}),
		read("reasons.csv", func(r io.Reader) error {
			return directory.ReadReasons(r, "reasons.csv", opt, func(reason *ueba.Reason) error {
				c := *reason
				key := c.EmployeeID
				if key == "" {
					key = c.RecordID
				}
				h.reasons[key] = append(h.reasons[key], directory.ReasonFact(&c, time.Time{}))
				return nil
			})
		}),
	)
	snap.Employees = out.Staff
	h.book.Apply(h.book.Changes(snap, time.Unix(0, 0))...)
	return err
}

func (h *house) readEvents(name string, out *Folded) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	seen := map[string]bool{}
	first := true
	for lines.Scan() {
		body, err := ueba.DecodeEvent(slices.Clone(lines.Bytes()), ueba.DecodeOptions{Source: "trial"})
		e, ok := body.(*ueba.Event)
		if err != nil || !ok {
			continue // damaged on purpose
		}
		owner, ok := h.book.EmployeeOf(e.Account(), e.Time, time.Time{})
		id, _ := ueba.Identity(e)
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		day := business().DayOf(e.Time)
		if first || day < out.From {
			out.From = day
		}
		out.To, first = max(out.To, day), false
		if h.events[owner.ID] == nil {
			h.events[owner.ID] = map[ueba.Day][]ueba.Fact{}
		}
		h.events[owner.ID][day] = append(h.events[owner.ID][day], ueba.Fact{ID: id, Body: e})
	}
	return lines.Err()
}

func (h *house) foldAll(out *Folded, set *rules.Set) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan string)
	for range 2 {
		wg.Go(func() {
			for id := range work {
				profiles := h.foldEmployee(id, set)
				mu.Lock()
				out.Profiles = append(out.Profiles, profiles...)
				mu.Unlock()
			}
		})
	}
	for id := range h.events {
		work <- id
	}
	close(work)
	wg.Wait()
	slices.SortFunc(out.Profiles, func(a, b ueba.Profile) int {
		if a.Day != b.Day {
			return int(a.Day - b.Day)
		}
		if a.Employee < b.Employee {
			return -1
		}
		return 1
	})
}

func (h *house) foldEmployee(id string, set *rules.Set) []ueba.Profile {
	var days []ueba.Day
	for d := range h.events[id] {
		days = append(days, d)
	}
	slices.Sort(days)
	seen := map[string]ueba.Day{}
	var out []ueba.Profile
	for _, day := range days {
		e, ok := h.book.Employee(id, business().End(day).Add(-1), time.Time{})
		if !ok {
			continue
		}
		d := profile.Day{Employee: e, Day: day, Type: h.book.DayType(e, day, time.Time{}), Reasons: h.reasonsOf(id, day)}
		d.Events = slices.Concat(h.events[id][day], h.events[id][day+1])
		p, looks := profile.Fold(profile.Settings{Business: business()}, d, &room{h, e, seen, day})
		p.Detections = set.Day(looks, e)
		for i := range looks {
			seen[looks[i].RecordID] = day
		}
		out = append(out, p)
	}
	return out
}

func (h *house) reasonsOf(id string, day ueba.Day) []ueba.Fact {
	list := slices.Clone(h.reasons[id])
	got := map[string]bool{}
	for _, f := range h.events[id][day] {
		for _, r := range f.Body.(*ueba.Event).Record.IDs {
			if !got[r] {
				got[r] = true
				list = append(list, h.reasons[r]...)
			}
		}
	}
	b := business()
	return slices.DeleteFunc(list, func(f ueba.Fact) bool { return !f.Body.(*ueba.Reason).Overlaps(b.Begin(day), b.End(day)) })
}

// room is the house as one employee's day sees it; it implements profile.Directory.
type room struct {
	*house
	employee *ueba.Employee
	seen     map[string]ueba.Day
	day      ueba.Day
}

func (r *room) Record(id string) *ueba.Record { return r.records[id] }

func (r *room) Seen(id string) bool {
	last, ok := r.seen[id]
	return ok && last < r.day && r.day-last <= 28
}

func (r *room) Person(name string) string {
	return r.book.Person(name, business().End(r.day).Add(-1), time.Time{})
}

func (r *room) OffHours(t time.Time) bool { return r.book.OffHours(r.employee, t, time.Time{}) }
