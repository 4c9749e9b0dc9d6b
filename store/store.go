// Package store is the contract between Onlooker and the engines that keep its data.
//
// There are two kinds of data. Facts are only ever added: Append returns when they are
// durable, drops duplicates, and keeps a second fact with the same identity and other
// content under its content hash. Derived documents have deterministic ids and are put,
// created or compared-and-set one by one; no transaction spans several of them.
//
// A store guarantees: what Append or a writing call of Docs returned without an error
// survives a kill and a power loss; a Scan is ordered by (time, id) and sees all that
// was appended before the last Sync; Changes gives facts in the order of appending, at
// least once. It does not guarantee that facts of one Append are adjacent in Changes.
// When a write fails a store refuses further writes with ErrBroken or ErrFull; reads go on.
package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

var (
	// ErrNotFound says that there is no such document.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the document changed since its token was read, or Create found
	// the id taken by other content.
	ErrConflict = errors.New("changed by somebody else")
	// ErrFull says that there is no room; nothing of the call is stored and nothing is
	// acknowledged until there is room again.
	ErrFull = errors.New("store full")
	// ErrBroken says that a write could not be made durable; the store must be opened again.
	ErrBroken = errors.New("store broken")
	// ErrLocked says that another process holds the data folder.
	ErrLocked = errors.New("data folder in use")
	// ErrNewer says that the data were written by a newer version.
	ErrNewer = errors.New("data of a newer version")
)

// Outcome says what Append did with one fact.
type Outcome uint8

// The outcomes.
const (
	Stored    Outcome = iota // new
	Duplicate                // same identity, same content: already there, first Known kept
	Collision                // same identity, other content: kept under its content hash
)

// Facts keeps what happened.
type Facts interface {
	// Append makes facts durable, stamps a zero Known with now, and says for each
	// what became of it. All or nothing is stored. Append sets ID and Known of the
	// facts it was given to what is stored.
	Append(ctx context.Context, facts []ueba.Fact) ([]Outcome, error)
	// Scan gives the facts that q asks for, ordered by (time, id).
	Scan(ctx context.Context, q Query) iter.Seq2[ueba.Fact, error]
	// Changes gives up to limit facts after the cursor in the order of appending and
	// the cursor after them. It returns at once; an empty batch means "nothing new".
	Changes(ctx context.Context, after Cursor, limit int) ([]ueba.Fact, Cursor, error)
	// Sync returns when a Scan sees everything appended before.
	Sync(ctx context.Context) error
	// DropDays deletes facts of one kind that happened before the instant. Only
	// whole UTC days are dropped.
	DropDays(ctx context.Context, kind ueba.Kind, before time.Time) error
}

// Cursor is a place in the order of appending; opaque, the zero value is the begin.
type Cursor string

// Index says by what a Scan finds facts.
type Index uint8

// The indexes.
const (
	ByTime     Index = iota // all facts of the kind; Keys is empty
	ByKey                   // the body's Key: accounts for events, record ids for reasons and records …
	ByRecord                // events only: the record ids that an event names
	ByEmployee              // reasons only: the employee id, "" for reasons for anybody
)

// Query says which facts a Scan gives.
type Query struct {
	Kind ueba.Kind
	By   Index
	Keys []string // with ByTime none; else facts of any of these
	// From and To bound the time: From ≤ t < To; zero is open. A reason matches
	// when its validity overlaps them.
	From, To time.Time
	// KnownBy leaves out what became known later; zero keeps all.
	KnownBy time.Time
	// After skips everything up to and including this place in the order; for pages.
	After Place
	// Limit ends the scan after so many facts; 0 is no limit.
	Limit int
	// Reverse gives the newest first.
	Reverse bool
}

// Place is a fact's place in the order of a Scan.
type Place struct {
	Time time.Time
	ID   string
}

// Doc is a derived document. Kind names its collection, ID its place in it: List gives
// documents of one kind by ascending ID. Day dates it for retention (NoDay: kept).
type Doc struct {
	Kind  string
	ID    string
	Day   ueba.Day
	Body  []byte // JSON
	Token string // what CompareAndSet wants; set by Get and List
}

// Docs keeps derived documents.
type Docs interface {
	// Get returns ErrNotFound when there is none.
	Get(ctx context.Context, kind, id string) (Doc, error)
	// Put writes all, whatever was there.
	Put(ctx context.Context, docs ...Doc) error
	// Create writes all that are not there yet. For those that are there with the
	// same body nothing happens; with another body ErrConflict is returned after
	// the rest was written. It returns how many were new.
	Create(ctx context.Context, docs ...Doc) (int, error)
	// CompareAndSet writes the document if its token is still doc.Token (empty:
	// if there is none) and returns the new token, else ErrConflict.
	CompareAndSet(ctx context.Context, doc Doc) (string, error)
	// List gives the documents with from ≤ ID < to (empty: open) by ascending ID,
	// or descending with reverse.
	List(ctx context.Context, kind, from, to string, reverse bool) iter.Seq2[Doc, error]
}

// Remover deletes derived documents: of days before one (retention), or by id.
type Remover interface {
	DropDocs(ctx context.Context, kind string, before ueba.Day) error
	// DeleteDoc deletes those of the ids that are there.
	DeleteDoc(ctx context.Context, kind string, ids ...string) error
}

// KindLister is what a store also implements that can tell which collections it has, for
// those who move everything to another store.
type KindLister interface {
	// DocKinds lists the kinds of which there are documents, ascending.
	DocKinds(ctx context.Context) ([]string, error)
}

// Store is what an engine provides and internal/app opens and closes.
type Store interface {
	Facts
	Docs
	Remover
	// Stats says what the engine holds and how it fares, by metric name.
	Stats() map[string]float64
	Close() error
}
