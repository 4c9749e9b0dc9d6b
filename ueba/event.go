package ueba

import "time"

// Action is what an account did, in Onlooker's short closed list. Another value is
// kept as reported and counted as other.
type Action string

// The actions that Onlooker knows.
const (
	ActionView      Action = "view"
	ActionList      Action = "list"
	ActionSearch    Action = "search"
	ActionExport    Action = "export"
	ActionDownload  Action = "download"
	ActionPrint     Action = "print"
	ActionCopy      Action = "copy"
	ActionUnmask    Action = "unmask"
	ActionEdit      Action = "edit"
	ActionCreate    Action = "create"
	ActionDelete    Action = "delete"
	ActionOpen      Action = "open"
	ActionClose     Action = "close"
	ActionHeartbeat Action = "heartbeat"
	ActionLogin     Action = "login"
	ActionLogout    Action = "logout"
)

// Event is one thing that an account did in a system, as a source reported it.
type Event struct {
	EventID string    // event.id as reported, or the natural key that the collector gave it
	Time    time.Time // @timestamp, in UTC
	Source  string    // the source that was authenticated when it was delivered

	Service string // service.name: the business system
	User    string // user.id: the login name in that system
	Action  Action
	Outcome string // success, failure, unknown or empty

	// Duration is how long the record was on the screen, as measured by the
	// system itself; it means nothing unless HasDuration.
	Duration    time.Duration
	HasDuration bool

	Session string
	IP      string
	Host    string

	Record  EventRecord
	Purpose Purpose

	// Labels are the unknown fields of the line, flattened to dotted names.
	Labels map[string]string
}

// EventRecord is what an event says of the records it touched.
type EventRecord struct {
	Type   string
	Class  string
	IDs    []string
	Count  int64 // number of records where IDs are not given, else 0 or len(IDs)
	Fields []string
}

// Purpose is what the account claimed as its reason. It explains nothing by itself.
type Purpose struct {
	ID   string
	Kind string
}

// Account is a login name in a namespace: a service, unless the directory says that
// several services share one.
type Account struct {
	Service string
	User    string
}

// Key returns the account as one string that orders by service, then user.
func (a Account) Key() string { return a.Service + "\x00" + a.User }

func (a Account) String() string { return a.Service + ":" + a.User }

// Account returns the account that acted.
func (e *Event) Account() Account { return Account{e.Service, e.User} }

// Kind implements Body.
func (e *Event) Kind() Kind { return KindEvent }

// Happened implements Body.
func (e *Event) Happened() time.Time { return e.Time }

// Key implements Body: the account's key.
func (e *Event) Key() string { return e.Account().Key() }
