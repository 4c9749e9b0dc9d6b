package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ResolvedKind is the kind of the documents that say a dead letter was parsed after all;
// their id is the letter's fact id.
const ResolvedKind = "dead_resolved"

// Resolved is the body of such a document.
type Resolved struct {
	Time   time.Time `json:"time"`
	Bodies int64     `json:"bodies"` // events and reasons that it was parsed into
}

// Scanner is where dead letters are found.
type Scanner interface {
	Scan(ctx context.Context, q store.Query) iter.Seq2[ueba.Fact, error]
}

// Letters gives the dead letters that q asks for and no replay has resolved. The caller
// sets q's Kind to ueba.KindDead; its Limit counts resolved letters too.
func Letters(ctx context.Context, facts Scanner, docs Documents, q store.Query) iter.Seq2[ueba.Fact, error] {
	return func(yield func(ueba.Fact, error) bool) {
		for f, err := range facts.Scan(ctx, q) {
			if err != nil {
				yield(ueba.Fact{}, fmt.Errorf("scan dead letters: %w", err))
				return
			}
			_, err := docs.Get(ctx, ResolvedKind, f.ID)
			if err == nil {
				continue
			}
			if !errors.Is(err, store.ErrNotFound) {
				yield(ueba.Fact{}, fmt.Errorf("dead letter %s: %w", f.ID, err))
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// Replayed is what a replay did.
type Replayed struct {
	Letters  int64 // read
	Resolved int64 // parsed now, and appended
	Result         // of the resolved ones; their records were counted when they came
}

// Replay parses dead letters again with the format and appends what they say, under the
// ids they would have had. A letter that still does not parse, or was cut, stays.
func (in *Intake) Replay(ctx context.Context, letters iter.Seq2[ueba.Fact, error], f Format, o Options) (Replayed, error) {
	var done Replayed
	for fact, err := range letters {
		if err != nil {
			return done, fmt.Errorf("replay: %w", err)
		}
		letter, ok := fact.Body.(*ueba.DeadLetter)
		if !ok {
			return done, fmt.Errorf("replay: fact %s is no dead letter", fact.ID)
		}
		done.Letters++
		b := in.parseAgain(letter, f, o)
		if b == nil {
			continue
		}
		result, err := in.Append(ctx, b)
		if err != nil {
			return done, fmt.Errorf("replay: %w", err)
		}
		if err := in.resolve(ctx, fact, result); err != nil {
			return done, fmt.Errorf("replay: %w", err)
		}
		done.Resolved++
		done.Add(result)
	}
	return done, nil
}

// parseAgain gives what the letter says, or nil if it still does not parse.
func (in *Intake) parseAgain(letter *ueba.DeadLetter, f Format, o Options) *Batch {
	if letter.Size > len(letter.Raw) {
		return nil
	}
	o.Source = letter.Source
	s := in.NewStream(f, Delivery{Options: o})
	at, _ := ParsePlace(letter.Place)
	if s.Take(Record{Raw: letter.Raw, Size: letter.Size}, at) != nil {
		return nil
	}
	s.Flush()
	b := s.Cut()
	b.tally = Tally{}
	return b
}

// resolve notes it after the append, so that a kill between them repeats the replay and
// loses nothing.
func (in *Intake) resolve(ctx context.Context, letter ueba.Fact, result Result) error {
	now := in.now().UTC()
	body, err := json.Marshal(Resolved{Time: now, Bodies: result.Parsed})
	if err != nil {
		return err
	}
	day := ueba.DateOf(letter.Body.Happened().UTC())
	return in.docs.Put(ctx, store.Doc{Kind: ResolvedKind, ID: letter.ID, Day: day, Body: body})
}
