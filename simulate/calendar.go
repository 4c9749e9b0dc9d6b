package simulate

import (
	"cmp"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// festival is a run of public holidays with the weekend days that are worked for it.
// Dates are written as in the notices of the State Council.
type festival struct {
	name        string
	first, last string
	worked      []string
}

// festivals are China's. The arrangement of 2027 was not published when this was
// written: its dates are the statutory ones, without make-up days.
var festivals = []festival{
	{"元旦", "2024-01-01", "2024-01-01", nil},
	{"春节", "2024-02-10", "2024-02-17", []string{"2024-02-04", "2024-02-18"}},
	{"清明节", "2024-04-04", "2024-04-06", []string{"2024-04-07"}},
	{"劳动节", "2024-05-01", "2024-05-05", []string{"2024-04-28", "2024-05-11"}},
	{"端午节", "2024-06-10", "2024-06-10", nil},
	{"中秋节", "2024-09-15", "2024-09-17", []string{"2024-09-14"}},
	{"国庆节", "2024-10-01", "2024-10-07", []string{"2024-09-29", "2024-10-12"}},
	{"元旦", "2025-01-01", "2025-01-01", nil},
	{"春节", "2025-01-28", "2025-02-04", []string{"2025-01-26", "2025-02-08"}},
	{"清明节", "2025-04-04", "2025-04-06", nil},
	{"劳动节", "2025-05-01", "2025-05-05", []string{"2025-04-27"}},
	{"端午节", "2025-05-31", "2025-06-02", nil},
	{"国庆节、中秋节", "2025-10-01", "2025-10-08", []string{"2025-09-28", "2025-10-11"}},
	{"元旦", "2026-01-01", "2026-01-03", []string{"2026-01-04"}},
	{"春节", "2026-02-15", "2026-02-23", []string{"2026-02-14", "2026-02-28"}},
	{"清明节", "2026-04-04", "2026-04-06", nil},
	{"劳动节", "2026-05-01", "2026-05-05", []string{"2026-05-09"}},
	{"端午节", "2026-06-19", "2026-06-21", nil},
	{"中秋节", "2026-09-25", "2026-09-27", nil},
	{"国庆节", "2026-10-01", "2026-10-07", []string{"2026-09-20", "2026-10-10"}},
	{"元旦", "2027-01-01", "2027-01-01", nil},
	{"春节", "2027-02-05", "2027-02-08", nil},
	{"清明节", "2027-04-05", "2027-04-05", nil},
	{"劳动节", "2027-05-01", "2027-05-02", nil},
	{"端午节", "2027-06-09", "2027-06-09", nil},
	{"中秋节", "2027-09-15", "2027-09-15", nil},
	{"国庆节", "2027-10-01", "2027-10-03", nil},
}

// calendar knows which days are worked; elsewhere than on its dates the weekday says.
type calendar struct {
	dates []ueba.Holiday
	kinds map[ueba.Day]bool // worked
}

func newCalendar() calendar {
	c := calendar{kinds: map[ueba.Day]bool{}}
	for _, f := range festivals {
		for d := date(f.first); d <= date(f.last); d++ {
			c.dates = append(c.dates, ueba.Holiday{Date: d, Name: f.name})
		}
		for _, w := range f.worked {
			c.dates = append(c.dates, ueba.Holiday{Date: date(w), Workday: true, Name: f.name + "调休"})
		}
	}
	slices.SortFunc(c.dates, func(a, b ueba.Holiday) int { return cmp.Compare(a.Date, b.Date) })
	for _, h := range c.dates {
		c.kinds[h.Date] = h.Workday
	}
	return c
}

func date(s string) ueba.Day {
	d, err := ueba.ParseDay(s)
	if err != nil {
		panic(err) // a slip in the table above; the tests read all of it
	}
	return d
}

func (c calendar) workday(d ueba.Day) bool {
	if worked, ok := c.kinds[d]; ok {
		return worked
	}
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
}

// monthEnd reports whether d is one of the month's last three working days.
func (c calendar) monthEnd(d ueba.Day) bool {
	if !c.workday(d) {
		return false
	}
	left := 0
	month := d.Midnight().Month()
	for next := d + 1; next.Midnight().Month() == month; next++ {
		if c.workday(next) {
			left++
		}
	}
	return left < 3
}
