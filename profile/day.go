package profile

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// DefaultIdle is how long without an event a record counts as on the screen.
const DefaultIdle = 5 * time.Minute

// maxExplicit is the longest view time that a system may report; more is a slip of its.
const maxExplicit = 24 * time.Hour

// Settings are what the operator decides of view times and days.
type Settings struct {
	Business ueba.Business
	Idle     time.Duration            // the idle timeout; zero means DefaultIdle
	IdleBy   map[string]time.Duration // by service, where it differs
}

func (s Settings) idle(service string) time.Duration {
	if d, ok := s.IdleBy[service]; ok {
		return d
	}
	if s.Idle > 0 {
		return s.Idle
	}
	return DefaultIdle
}

// Until returns the end of the events that Fold wants for a day: some after the day's
// end, which tell how long its last looks were.
func (s Settings) Until(d ueba.Day) time.Time {
	longest := s.idle("")
	for _, idle := range s.IdleBy {
		longest = max(longest, idle)
	}
	return s.Business.End(d).Add(longest)
}

// Day is what Fold needs to know of an employee's day.
type Day struct {
	Employee *ueba.Employee // nil for accounts that belong to nobody known
	Day      ueba.Day
	Type     ueba.DayType
	// Events are those of all his accounts from the day's begin to Settings.Until; more
	// do no harm.
	Events []ueba.Fact
	// Reasons are those that name him, and those for the records in Events that name
	// nobody, whose validity meets the day; more do no harm.
	Reasons []ueba.Fact
	// At leaves out facts that became known later; zero keeps all.
	At time.Time
	// Missing names inputs that do not exist: "reasons" without any source of them,
	// "records" without a directory of them.
	Missing []string
}

// Directory is what Fold asks about records, people and shifts. The caller fetches it
// beforehand for the records that the day's events name.
type Directory interface {
	// Record returns what is known of a record, or nil.
	Record(id string) *ueba.Record
	// Seen reports whether the employee looked at the record in the 28 days before.
	Seen(recordID string) bool
	// Person returns the id of the employee for whom a name stands, itself an id or an
	// account, or nothing.
	Person(name string) string
	// OffHours reports whether the instant lies outside the employee's working hours.
	OffHours(t time.Time) bool
}
