package simulate

import (
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The table of the made-up company and the one that ships for real ones are written
// apart, and must say the same.
func TestCalendarIsChinas(t *testing.T) {
	real, err := directory.China()
	if err != nil {
		t.Fatal(err)
	}
	c := newCalendar()
	seen := map[ueba.Day]bool{}
	for _, h := range real {
		seen[h.Date] = true
		if worked, ok := c.kinds[h.Date]; !ok || worked != h.Workday {
			t.Errorf("%s %s: worked %t, known %t", h.Date, h.Name, worked, ok)
		}
	}
	for _, h := range c.dates {
		if !seen[h.Date] {
			t.Errorf("%s %s: no such date in China's calendar", h.Date, h.Name)
		}
	}
}

func TestMakeUpDaysAreWeekends(t *testing.T) {
	for _, h := range newCalendar().dates {
		weekend := h.Date.Weekday() == time.Saturday || h.Date.Weekday() == time.Sunday
		if h.Workday && !weekend {
			t.Errorf("%s is worked anyway", h.Date)
		}
	}
}

func TestWorkdaysAndMonthEnds(t *testing.T) {
	c := newCalendar()
	for s, want := range map[string][2]bool{ // worked, at the month's end
		"2026-09-20": {true, false},  // a Sunday, worked for the National Day
		"2026-09-28": {true, true},   // Monday
		"2026-09-30": {true, true},   //
		"2026-09-25": {false, false}, // mid-autumn
		"2026-10-01": {false, false},
		"2026-10-10": {true, false}, // a Saturday
		"2026-10-31": {false, false},
		"2026-10-28": {true, true},
		"2026-10-27": {true, false},
	} {
		d := dayOf(t, s)
		if c.workday(d) != want[0] || c.monthEnd(d) != want[1] {
			t.Errorf("%s: worked %t, month-end %t; want %v", s, c.workday(d), c.monthEnd(d), want)
		}
	}
}
