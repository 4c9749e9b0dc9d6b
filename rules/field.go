package rules

import (
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// subject is what a rule looks at. The employee may be nil: nobody known.
type subject struct {
	look     *ueba.Look
	employee *ueba.Employee
}

// field gives one fact of a subject. Exactly one of its functions is set. An empty
// string, no strings, or false mean that the subject has no such fact.
type field struct {
	name   string
	word   func(subject) string
	words  func(subject) []string
	number func(subject) (float64, bool)
	truth  func(subject) bool
	closed []string // the only values there are; nil: any
}

const (
	fieldVerdict  = "look.verdict"
	fieldViewTime = "look.view_time"
	labelPrefix   = "labels."
)

// flagNames lists the names of every set of flags, so that asking allocates nothing.
var flagNames = func() [][]string {
	all := (^ueba.Flags(0)).Names()
	names := make([][]string, 1<<len(all))
	for i := range names {
		names[i] = ueba.Flags(i).Names()
	}
	return names
}()

// fields are the names that rules may use, in ECS names and Onlooker's own, besides labels.*.
var fields = []field{
	{name: "event.action", word: func(s subject) string { return string(s.look.Event.Action) }},
	{name: "event.outcome", word: func(s subject) string { return s.look.Event.Outcome }},
	{name: "user.id", word: func(s subject) string { return s.look.Event.User }},
	{name: "service.name", word: func(s subject) string { return s.look.Event.Service }},
	{name: "session.id", word: func(s subject) string { return s.look.Event.Session }},
	{name: "source.ip", word: func(s subject) string { return s.look.Event.IP }},
	{name: "host.name", word: func(s subject) string { return s.look.Event.Host }},
	{name: "record.id", word: func(s subject) string { return s.look.RecordID }},
	{name: "record.type", word: func(s subject) string { return s.look.Event.Record.Type }},
	{name: "record.class", word: func(s subject) string { return s.look.Class }},
	{name: "record.count", number: recordCount},
	{name: "record.fields", words: func(s subject) []string { return s.look.Event.Record.Fields }},
	{name: "record.tags", words: func(s subject) []string { return s.look.Tags }},
	{name: "purpose.id", word: func(s subject) string { return s.look.Event.Purpose.ID }},
	{name: "purpose.kind", word: func(s subject) string { return s.look.Event.Purpose.Kind }},
	{name: "employee.id", word: func(s subject) string { return s.look.Employee }},
	{name: "employee.department", word: ofEmployee(func(e *ueba.Employee) string { return e.Department })},
	{name: "employee.role", word: ofEmployee(func(e *ueba.Employee) string { return e.Role })},
	{name: "employee.location", word: ofEmployee(func(e *ueba.Employee) string { return e.Location })},
	{
		name: fieldVerdict, word: func(s subject) string { return string(s.look.Verdict) },
		closed: []string{string(ueba.Explained), string(ueba.Unexplained)},
	},
	{
		name: "look.flags", words: func(s subject) []string { return flagNames[int(s.look.Flags)&(len(flagNames)-1)] },
		closed: flagNames[len(flagNames)-1],
	},
	{name: fieldViewTime, number: viewSeconds},
	{name: "time.off_hours", truth: func(s subject) bool { return s.look.OffHours }},
}

// recordCount is the number of records that the event touched: of all its ids, or the
// count where ids are not given.
func recordCount(s subject) (float64, bool) {
	n := max(s.look.Event.Record.Count, int64(len(s.look.Event.Record.IDs)), s.look.Count)
	return float64(n), n > 0
}

// viewSeconds is unknown for a look that has only bounds.
func viewSeconds(s subject) (float64, bool) {
	v := s.look.View
	return v.Value.Seconds(), v.Method != "" && v.Method != ueba.MethodNone
}

func ofEmployee(get func(*ueba.Employee) string) func(subject) string {
	return func(s subject) string {
		if s.employee == nil {
			return ""
		}
		return get(s.employee)
	}
}

// fieldNamed finds a field by its exact name.
func fieldNamed(name string) (field, bool) {
	if label, ok := strings.CutPrefix(name, labelPrefix); ok && label != "" {
		return field{name: name, word: func(s subject) string { return s.look.Event.Labels[label] }}, true
	}
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

func fieldNames() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
