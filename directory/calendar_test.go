package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestReadCalendar(t *testing.T) {
	got, err := ReadCalendar(strings.NewReader("date,kind,name\n2026-10-10,Workday,调休\n2026-10-01,holiday,国庆节\n"), "calendar.csv", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []ueba.Holiday{
		{Date: day(t, "2026-10-01"), Name: "国庆节"},
		{Date: day(t, "2026-10-10"), Workday: true, Name: "调休"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = ReadCalendar(strings.NewReader("date,kind\n,holiday\n2026-10-01,off\n2026-10-01,holiday\n"), "c.csv", ReadOptions{})
	bad := []string{
		`c.csv:2:1: date: is empty`,
		`c.csv:3:12: kind: want holiday or workday, found "off"`,
		`c.csv:4:1: date: 2026-10-01 is there already, in line 3`,
	}
	if diff := cmp.Diff(bad, problems(t, err)); diff != "" {
		t.Error(diff)
	}
}

func chinaByYear(t *testing.T) map[int][]ueba.Holiday {
	t.Helper()
	all, err := China()
	if err != nil {
		t.Fatal(err)
	}
	byYear := map[int][]ueba.Holiday{}
	for _, h := range all {
		year := h.Date.Midnight().Year()
		byYear[year] = append(byYear[year], h)
	}
	return byYear
}

// The numbers of days are those of the published schedules: 2025 and later have two
// statutory days more.
func TestChinaHasThePublishedDays(t *testing.T) {
	byYear := chinaByYear(t)
	for year, want := range map[int]struct{ free, workdays, made int }{
		2024: {28, 251, 8},
		2025: {28, 248, 5},
		2026: {33, 248, 6},
	} {
		made, free := 0, 0
		off := map[ueba.Day]bool{}
		for _, h := range byYear[year] {
			if h.Workday {
				made++
			} else {
				free++
			}
			off[h.Date] = !h.Workday
		}
		workdays := 0
		first := ueba.DateOf(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		last := ueba.DateOf(time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC))
		for d := first; d <= last; d++ {
			free, named := off[d]
			weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
			if named && !free || !named && !weekend {
				workdays++
			}
		}
		if made != want.made || free != want.free || workdays != want.workdays {
			t.Errorf("%d: %d free, %d workdays, %d made up, want %+v", year, free, workdays, made, want)
		}
	}
}

func TestChinaIsConsistentWithTheWeek(t *testing.T) {
	for year, days := range chinaByYear(t) {
		runs := map[string][]ueba.Day{}
		for _, h := range days {
			weekend := h.Date.Weekday() == time.Saturday || h.Date.Weekday() == time.Sunday
			if h.Workday && !weekend {
				t.Errorf("%s: a make-up day on a %s", h.Date, h.Date.Weekday())
			}
			if h.Workday != strings.HasSuffix(h.Name, "调休上班") {
				t.Errorf("%s: %s", h.Date, h.Name)
			}
			if !h.Workday {
				runs[h.Name] = append(runs[h.Name], h.Date)
			}
		}
		for name, run := range runs {
			if got := int(run[len(run)-1]-run[0]) + 1; got != len(run) {
				t.Errorf("%d %s: %d days between %s and %s", year, name, len(run), run[0], run[len(run)-1])
			}
		}
	}
}

func TestChina2027SaysWhatIsNotKnown(t *testing.T) {
	days := chinaByYear(t)[2027]
	if len(days) != 13 {
		t.Errorf("%d days, want the 13 statutory ones", len(days))
	}
	for _, h := range days {
		if h.Workday || !strings.Contains(h.Name, "待公布") {
			t.Errorf("%s %s: only statutory days are certain", h.Date, h.Name)
		}
	}
}

func TestOverlay(t *testing.T) {
	base := []ueba.Holiday{{Date: 3, Name: "b"}, {Date: 1, Name: "a"}}
	own := []ueba.Holiday{{Date: 3, Name: "ours", Workday: true}, {Date: 2, Name: "day of the house"}}
	want := []ueba.Holiday{{Date: 1, Name: "a"}, {Date: 2, Name: "day of the house"}, {Date: 3, Name: "ours", Workday: true}}
	if diff := cmp.Diff(want, Overlay(base, own)); diff != "" {
		t.Error(diff)
	}
}
