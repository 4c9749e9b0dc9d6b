package ueba

import (
	"strings"
	"time"
)

// Look is one event on one record, with everything that is known of it.
type Look struct {
	Event    *Event
	EventRef string // the fact id of the event
	Known    time.Time
	Day      Day
	Employee string // employee id; empty when the account belongs to nobody known
	RecordID string // empty for a look on Count records without ids
	Count    int64  // records: 1, or how many where ids are not given
	Class    string // the gravest of what the event and the directory say
	Tags     []string

	View     ViewTime
	Verdict  Verdict
	ReasonID string // the reason that explains it
	Flags    Flags
	OffHours bool
}

// Method says how a view time is known, best first.
type Method string

// The methods, in order of precedence.
const (
	MethodExplicit  Method = "explicit"
	MethodHeartbeat Method = "heartbeat"
	MethodSpan      Method = "span"
	MethodGap       Method = "gap"
	MethodNone      Method = "none"
)

// ViewTime is how long a record was on the screen. With MethodNone only the bounds
// mean something. High is negative when there is no upper bound.
type ViewTime struct {
	Value, Low, High time.Duration
	Method           Method
}

// Verdict says whether a look has a reason.
type Verdict string

// The verdicts.
const (
	Explained   Verdict = "explained"
	Unexplained Verdict = "unexplained"
)

// Flags is the set of what is remarkable about a look, apart from its verdict.
type Flags uint16

// The flags.
const (
	FlagVIP Flags = 1 << iota
	FlagSelf
	FlagColleague
	FlagFamily
	FlagDeceased
	FlagDormant
)

var flagNames = [...]string{"vip", "self", "colleague", "family", "deceased", "dormant"}

// Has reports whether all of f are set.
func (fs Flags) Has(f Flags) bool { return fs&f == f }

// Names lists the set flags in their fixed order.
func (fs Flags) Names() []string {
	var out []string
	for i, n := range flagNames {
		if fs&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

func (fs Flags) String() string { return strings.Join(fs.Names(), ";") }
