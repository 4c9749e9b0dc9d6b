package directory

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tolerance is how long before and after a shift a look still belongs to it.
const tolerance = 30 * time.Minute

// shift is when somebody works: from and to after the midnight of the day on which it
// begins; to is beyond 24 h for one that ends on the next day. With days it is worked on
// those weekdays whatever the calendar says, without it on the calendar's working days.
type shift struct {
	from, to time.Duration
	days     [7]bool
	hasDays  bool
}

var defaultShift = shift{from: 9 * time.Hour, to: 18 * time.Hour}

// parseShift reads "09:00-18:00", "22:00-06:00" or, with the weekdays on which it is
// worked, "mon-sat 08:00-20:00", "mon/wed/fri 08:00-20:00", "daily 22:00-06:00". Nothing
// is the default shift.
func parseShift(s string) (shift, error) {
	fields := strings.Fields(strings.ToLower(s))
	out := defaultShift
	bad := fmt.Errorf(`want hours such as 09:00-18:00, with or without days as in "mon-sat 09:00-18:00", found %q`, s)
	if len(fields) == 0 {
		return out, nil
	}
	if len(fields) > 2 {
		return out, bad
	}
	if len(fields) == 2 {
		days, ok := parseDays(fields[0])
		if !ok {
			return out, bad
		}
		out.days, out.hasDays = days, true
	}
	from, to, ok := parseHours(fields[len(fields)-1])
	if !ok {
		return defaultShift, bad
	}
	out.from, out.to = from, to
	return out, nil
}

func parseHours(s string) (from, to time.Duration, ok bool) {
	a, b, found := strings.Cut(s, "-")
	from, okFrom := parseClock(a)
	to, okTo := parseClock(b)
	if !found || !okFrom || !okTo || from == to || from == 24*time.Hour {
		return 0, 0, false
	}
	if to < from {
		to += 24 * time.Hour
	}
	return from, to, true
}

func parseClock(s string) (time.Duration, bool) {
	h, m, ok := strings.Cut(s, ":")
	hour, errHour := strconv.ParseUint(h, 10, 8)
	minute, errMinute := strconv.ParseUint(m, 10, 8)
	if !ok || errHour != nil || errMinute != nil || len(m) != 2 || minute > 59 || hour*60+minute > 24*60 {
		return 0, false
	}
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute, true
}

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday,
	"thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
}

func parseDays(s string) (days [7]bool, ok bool) {
	if s == "daily" {
		return [7]bool{true, true, true, true, true, true, true}, true
	}
	for _, part := range strings.Split(s, "/") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, okFrom := weekdays[first]
		to, okTo := weekdays[last]
		if !okFrom || !okTo {
			return days, false
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, true
}

// covers reports whether the shift that begins on some day holds the instant that is
// clock after that day's midnight.
func (s shift) covers(clock time.Duration) bool {
	return clock >= s.from-tolerance && clock < s.to+tolerance
}
