package ueba

import "time"

// Employee is one person as a directory row says, from ValidFrom on.
type Employee struct {
	ID         string    `json:"employee_id"`
	Name       string    `json:"name,omitempty"`
	Department string    `json:"department,omitempty"`
	Role       string    `json:"role,omitempty"`
	Manager    string    `json:"manager_id,omitempty"`
	Location   string    `json:"location,omitempty"`
	Hired      Day       `json:"hire_date,omitempty"`  // NoDay: since ever
	Left       Day       `json:"leave_date,omitempty"` // NoDay: still here; the last day of employment otherwise
	Accounts   []string  `json:"accounts,omitempty"`   // "service:user" or "user"
	Shift      string    `json:"shift,omitempty"`      // "09:00-18:00", "22:00-06:00" or empty
	ValidFrom  time.Time `json:"valid_from,omitzero"`
}

// Employed reports whether d lies between hire and leave, both included.
func (e *Employee) Employed(d Day) bool {
	return (e.Hired == NoDay || d >= e.Hired) && (e.Left == NoDay || d <= e.Left)
}

// PeerGroup names the employees he is compared with.
func (e *Employee) PeerGroup() string { return e.Department + "/" + e.Role }

// Kind implements Body.
func (e *Employee) Kind() Kind { return KindEmployee }

// Happened implements Body.
func (e *Employee) Happened() time.Time { return e.ValidFrom }

// Key implements Body: the employee id.
func (e *Employee) Key() string { return e.ID }

// Record is what the directory knows of a customer's record.
type Record struct {
	ID        string    `json:"record_id"`
	Type      string    `json:"type,omitempty"`
	Class     string    `json:"class,omitempty"` // C1, C2, C3; C3 is gravest
	Tags      []string  `json:"tags,omitempty"`  // vip, employee, deceased …
	Employee  string    `json:"employee_id,omitempty"`
	Related   []string  `json:"related_to,omitempty"` // employee ids (family)
	Owner     string    `json:"owner_id,omitempty"`   // the employee in charge
	Region    string    `json:"region,omitempty"`
	ValidFrom time.Time `json:"valid_from,omitzero"`
}

// HasTag reports whether the record carries the tag.
func (r *Record) HasTag(tag string) bool {
	for _, t := range r.Tags {
		if t == tag {
			return true
		}
	}
	return false
}

// Kind implements Body.
func (r *Record) Kind() Kind { return KindRecord }

// Happened implements Body.
func (r *Record) Happened() time.Time { return r.ValidFrom }

// Key implements Body: the record id.
func (r *Record) Key() string { return r.ID }

// Reason is a business fact that explains looks. An empty RecordID means any record,
// an empty EmployeeID anybody; never both.
type Reason struct {
	ID         string    `json:"reason_id"`
	RecordID   string    `json:"record_id,omitempty"`
	EmployeeID string    `json:"employee_id,omitempty"`
	Type       string    `json:"kind"` // ticket, assignment, call, application, campaign, audit, …
	ValidFrom  time.Time `json:"valid_from"`
	ValidTo    time.Time `json:"valid_to,omitzero"` // zero: open end
	Created    time.Time `json:"created,omitzero"`  // as its system claims
	MadeBy     string    `json:"made_by,omitempty"` // employee id or account
	Source     string    `json:"source,omitempty"`
}

// Covers reports whether t lies in the reason's validity, the end excluded.
func (r *Reason) Covers(t time.Time) bool {
	return !t.Before(r.ValidFrom) && (r.ValidTo.IsZero() || t.Before(r.ValidTo))
}

// Overlaps reports whether the validity meets [from, to).
func (r *Reason) Overlaps(from, to time.Time) bool {
	return (to.IsZero() || r.ValidFrom.Before(to)) && (r.ValidTo.IsZero() || from.IsZero() || r.ValidTo.After(from))
}

// Kind implements Body.
func (r *Reason) Kind() Kind { return KindReason }

// Happened implements Body: the start of validity.
func (r *Reason) Happened() time.Time { return r.ValidFrom }

// Key implements Body: the record id, empty for a reason on any record.
func (r *Reason) Key() string { return r.RecordID }

// System is a registered business system, of which logs are expected.
type System struct {
	Service     string    `json:"service"`
	Owner       string    `json:"owner,omitempty"`
	Criticality string    `json:"criticality,omitempty"`
	Classes     []string  `json:"classes,omitempty"`
	Expected    string    `json:"expected,omitempty"` // events per working hour, or the cron expression of its batches
	ValidFrom   time.Time `json:"valid_from,omitzero"`
}

// Kind implements Body.
func (s *System) Kind() Kind { return KindSystem }

// Happened implements Body.
func (s *System) Happened() time.Time { return s.ValidFrom }

// Key implements Body: the service.
func (s *System) Key() string { return s.Service }

// Holiday overrides the weekday rule for one date: a holiday, or a make-up working day.
type Holiday struct {
	Date    Day    `json:"date"`
	Workday bool   `json:"workday"`
	Name    string `json:"name,omitempty"`
}

// Kind implements Body.
func (h *Holiday) Kind() Kind { return KindHoliday }

// Happened implements Body.
func (h *Holiday) Happened() time.Time { return h.Date.Midnight() }

// Key implements Body: the date.
func (h *Holiday) Key() string { return h.Date.String() }

// Setting is a change of configuration that takes effect on From.
type Setting struct {
	Name  string    `json:"name"`
	Value string    `json:"value"`
	From  Day       `json:"from"`
	Time  time.Time `json:"time"`
	By    string    `json:"by,omitempty"`
}

// Kind implements Body.
func (s *Setting) Kind() Kind { return KindSetting }

// Happened implements Body.
func (s *Setting) Happened() time.Time { return s.Time }

// Key implements Body: the name of the setting.
func (s *Setting) Key() string { return s.Name }

// DeadLetter is a raw record that could not be parsed, kept with its reason.
type DeadLetter struct {
	Time   time.Time `json:"time"`
	Source string    `json:"source"`
	Format string    `json:"format"`
	Place  string    `json:"place,omitempty"` // line of the request, or file and offset
	Reason string    `json:"reason"`
	Raw    []byte    `json:"raw"`            // cut to a limit
	Size   int       `json:"size,omitempty"` // bytes before the cut
}

// Kind implements Body.
func (d *DeadLetter) Kind() Kind { return KindDead }

// Happened implements Body.
func (d *DeadLetter) Happened() time.Time { return d.Time }

// Key implements Body: the source.
func (d *DeadLetter) Key() string { return d.Source }
