package ueba

import "time"

// Kind names a kind of fact.
type Kind string

// The kinds of fact. Facts are only ever added.
const (
	KindEvent    Kind = "event"
	KindReason   Kind = "reason"
	KindEmployee Kind = "employee"
	KindRecord   Kind = "record"
	KindSystem   Kind = "system"
	KindHoliday  Kind = "holiday"
	KindReview   Kind = "review"
	KindStep     Kind = "step"
	KindSetting  Kind = "setting"
	KindDead     Kind = "dead"
)

// Fact is a body with its identity and the time it became known.
// When it happened is the body's own business.
type Fact struct {
	ID    string    // identity: facts of one kind with the same ID and content are one fact
	Known time.Time // when it became known; zero until a store stamps it
	Body  Body
}

// Body is what a fact says: *Event, *Reason, *Employee, *Record, *System, *Holiday,
// *Review, *Step, *Setting or *DeadLetter.
type Body interface {
	Kind() Kind
	// Happened is the instant by which the fact is ordered: the event's time,
	// a reason's or a directory row's first day of validity.
	Happened() time.Time
	// Key is the subject by which facts of this kind are looked up: an account's key
	// for an event, the record id for a reason or a record, the employee id for an
	// employee or a review, the alert id for a step, the source for a dead letter.
	Key() string
}
