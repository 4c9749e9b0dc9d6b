package ueba

import (
	"fmt"
	"time"
)

// Day is a business day, counted from 1970-01-01. Which instants belong to it is
// for Business to say. The zero Day is 1970-01-01; NoDay stands for "none".
type Day int32

// NoDay is the Day of things that have none.
const NoDay Day = -1 << 31

// DateOf returns the calendar date of t, in t's own location, as a Day.
func DateOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// ParseDay reads a day written as 2006-01-02.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return NoDay, fmt.Errorf("day %q: want YYYY-MM-DD", s)
	}
	return DateOf(t), nil
}

// Midnight returns the day's first instant in UTC.
func (d Day) Midnight() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// Weekday returns the day of the week.
func (d Day) Weekday() time.Weekday { return d.Midnight().Weekday() }

func (d Day) String() string {
	if d == NoDay {
		return ""
	}
	return d.Midnight().Format(time.DateOnly)
}

// MarshalText writes the day as 2006-01-02, or nothing for NoDay.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Day) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = NoDay
		return nil
	}
	day, err := ParseDay(string(b))
	*d = day
	return err
}

// Business says which instants make up a business day and when it closes.
type Business struct {
	Zone  *time.Location // nil means UTC
	Start time.Duration  // a day begins this long after local midnight
	Grace time.Duration  // a day closes this long after its end
}

// DayOf returns the business day to which t belongs.
func (b Business) DayOf(t time.Time) Day { return DateOf(t.In(b.zone()).Add(-b.Start)) }

// Begin returns the first instant of d.
func (b Business) Begin(d Day) time.Time {
	y, m, day := d.Midnight().Date()
	return time.Date(y, m, day, 0, 0, 0, 0, b.zone()).Add(b.Start)
}

// End returns the first instant after d.
func (b Business) End(d Day) time.Time { return b.Begin(d + 1) }

// Close returns the instant at which d closes: facts known until then make its seal.
func (b Business) Close(d Day) time.Time { return b.End(d).Add(b.Grace) }

// Local returns t in the business zone.
func (b Business) Local(t time.Time) time.Time { return t.In(b.zone()) }

func (b Business) zone() *time.Location {
	if b.Zone == nil {
		return time.UTC
	}
	return b.Zone
}
