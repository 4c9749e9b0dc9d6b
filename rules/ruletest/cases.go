package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	fire   = "fire"
	silent = "silent"
	// maxRepeat bounds the looks of one line of a case.
	maxRepeat = 100_000
)

// testFile is what a NAME_test.yml holds.
type testFile struct {
	Cases []testCase `yaml:"cases"`
}

// testCase is one day of one employee and what is expected of it.
type testCase struct {
	Name     string       `yaml:"name"`
	Employee testEmployee `yaml:"employee"`
	Looks    []testLook   `yaml:"looks"`
	Expect   string       `yaml:"expect"` // fire or silent
	Count    int          `yaml:"count"`  // detections; 0: one or more
}

type testEmployee struct {
	Department string `yaml:"department"`
	Role       string `yaml:"role"`
	Location   string `yaml:"location"`
}

// testLook is one look, or Repeat of them with {n} counted up.
type testLook struct {
	At       string            `yaml:"at"` // time of day, 09:00:00 unless given
	Repeat   int               `yaml:"repeat"`
	Every    time.Duration     `yaml:"every"`
	Action   string            `yaml:"action"` // view unless given
	Outcome  string            `yaml:"outcome"`
	User     string            `yaml:"user"`
	Service  string            `yaml:"service"`
	Session  string            `yaml:"session"`
	IP       string            `yaml:"ip"`
	Host     string            `yaml:"host"`
	Record   string            `yaml:"record"`
	Type     string            `yaml:"type"`
	Class    string            `yaml:"class"`
	Count    int64             `yaml:"count"`
	Fields   []string          `yaml:"fields"`
	Tags     []string          `yaml:"tags"`
	Flags    []string          `yaml:"flags"`
	Verdict  string            `yaml:"verdict"` // unexplained unless given
	View     time.Duration     `yaml:"view"`
	OffHours bool              `yaml:"off_hours"`
	Purpose  string            `yaml:"purpose"`
	Labels   map[string]string `yaml:"labels"`
}

// day is the day of every case, in UTC: a Monday.
var day = ueba.DateOf(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))

func readCases(source []byte) ([]testCase, error) {
	var f testFile
	if err := yaml.Load(source, &f, yaml.WithKnownFields()); err != nil {
		return nil, err
	}
	expected := map[string]bool{}
	for i, c := range f.Cases {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("case %d %q: %w", i+1, c.Name, err)
		}
		expected[c.Expect] = true
	}
	if !expected[fire] || !expected[silent] {
		return nil, errors.New("want at least one case that fires and one that stays silent")
	}
	return f.Cases, nil
}

func (c testCase) check() error {
	switch {
	case c.Name == "":
		return errors.New("it has no name")
	case len(c.Looks) == 0:
		return errors.New("it has no looks")
	case c.Expect != fire && c.Expect != silent:
		return fmt.Errorf("expect must be fire or silent, not %q", c.Expect)
	case c.Count < 0 || c.Count > 0 && c.Expect == silent:
		return errors.New("count belongs to expect: fire")
	}
	return nil
}

// employee is the one whose day it is.
func (c testCase) employee() *ueba.Employee {
	return &ueba.Employee{
		ID: "E1", Department: c.Employee.Department, Role: c.Employee.Role, Location: c.Employee.Location,
		Hired: ueba.NoDay, Left: ueba.NoDay,
	}
}

// looks writes out the looks of the case.
func (c testCase) looks() ([]ueba.Look, error) {
	var out []ueba.Look
	for i, l := range c.Looks {
		start, err := l.start()
		if err != nil {
			return nil, fmt.Errorf("look %d: %w", i+1, err)
		}
		flags, err := parseFlags(l.Flags)
		if err != nil {
			return nil, fmt.Errorf("look %d: %w", i+1, err)
		}
		if l.Repeat > maxRepeat {
			return nil, fmt.Errorf("look %d: repeat is more than %d", i+1, maxRepeat)
		}
		for n := range max(l.Repeat, 1) {
			look := l.look(n+1, start.Add(time.Duration(n)*l.Every), flags)
			look.EventRef = fmt.Sprintf("line%d-%d", i+1, n+1)
			out = append(out, look)
		}
	}
	return out, nil
}

func (l testLook) start() (time.Time, error) {
	at, err := time.Parse(time.TimeOnly, or(l.At, "09:00:00"))
	if err != nil {
		return time.Time{}, fmt.Errorf("at %q: want HH:MM:SS in quotes", l.At)
	}
	return day.Midnight().Add(at.Sub(at.Truncate(24 * time.Hour))), nil
}

func (l testLook) look(n int, at time.Time, flags ueba.Flags) ueba.Look {
	record := strings.ReplaceAll(l.Record, "{n}", strconv.Itoa(n))
	event := &ueba.Event{
		Time: at, Service: or(l.Service, "crm"), User: or(l.User, "li.na"), Action: ueba.Action(or(l.Action, "view")),
		Outcome: l.Outcome, Session: l.Session, IP: l.IP, Host: l.Host,
		Record:  ueba.EventRecord{Type: l.Type, Class: l.Class, Count: l.Count, Fields: l.Fields},
		Purpose: ueba.Purpose{ID: l.Purpose}, Labels: l.Labels,
	}
	if record != "" {
		event.Record.IDs = []string{record}
	}
	look := ueba.Look{
		Event: event, Known: at, Day: day, Employee: "E1", RecordID: record, Count: max(l.Count, 1), Class: l.Class,
		Tags: l.Tags, Flags: flags, Verdict: ueba.Verdict(or(l.Verdict, string(ueba.Unexplained))), OffHours: l.OffHours,
		View: ueba.ViewTime{Method: ueba.MethodNone, High: -1},
	}
	if l.View > 0 {
		look.View = ueba.ViewTime{Value: l.View, Low: l.View, High: l.View, Method: ueba.MethodExplicit}
	}
	return look
}

func parseFlags(names []string) (ueba.Flags, error) {
	known := (^ueba.Flags(0)).Names()
	var flags ueba.Flags
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return 0, fmt.Errorf("flag %q is not one of %s", name, strings.Join(known, ", "))
		}
		flags |= 1 << i
	}
	return flags, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
