package directory

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	calDate = iota
	calKind
	calName
)

var calendarColumns = []column{{"date", true}, {"kind", true}, {"name", false}}

// ReadCalendar reads calendar.csv, sorted by date. A date that it does not name is worked
// from Monday to Friday.
func ReadCalendar(r io.Reader, name string, opt ReadOptions) ([]ueba.Holiday, error) {
	var out []ueba.Holiday
	seen := map[ueba.Day]int{}
	_, err := readSheet(r, name, opt, calendarColumns, func(s *sheet) error {
		h := s.holiday()
		line, _ := s.pos(calDate)
		if first, twice := seen[h.Date]; twice && h.Date != ueba.NoDay {
			s.fail(calDate, "%s is there already, in line %d", h.Date, first)
		}
		seen[h.Date] = line
		out = append(out, h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b ueba.Holiday) int { return int(a.Date) - int(b.Date) })
	return out, nil
}

func (s *sheet) holiday() ueba.Holiday {
	h := ueba.Holiday{Name: s.text(calName)}
	if s.need(calDate) != "" {
		h.Date = s.day(calDate)
	}
	switch kind := strings.ToLower(s.text(calKind)); kind {
	case "holiday":
	case "workday":
		h.Workday = true
	default:
		s.fail(calKind, "want holiday or workday, found %q", kind)
	}
	return h
}

// The schedules of the State Council for 2024, 2025 and 2026 with their make-up working
// days. That of 2027 is not published: its rows are the days that the law itself makes
// holidays, and their names say so.
//
//go:embed china.csv
var china string

// China returns mainland China's public holidays and make-up working days (调休), 2024 to
// 2027; of 2027 only those that are certain before the State Council's schedule.
func China() ([]ueba.Holiday, error) {
	out, err := ReadCalendar(strings.NewReader(china), "china.csv", ReadOptions{})
	if err != nil {
		return nil, fmt.Errorf("embedded calendar: %w", err)
	}
	return out, nil
}

// Overlay returns the calendar of base in which the dates of own replace base's, sorted.
func Overlay(base, own []ueba.Holiday) []ueba.Holiday {
	byDate := map[ueba.Day]ueba.Holiday{}
	for _, h := range base {
		byDate[h.Date] = h
	}
	for _, h := range own {
		byDate[h.Date] = h
	}
	out := make([]ueba.Holiday, 0, len(byDate))
	for _, h := range byDate {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b ueba.Holiday) int { return int(a.Date) - int(b.Date) })
	return out
}
