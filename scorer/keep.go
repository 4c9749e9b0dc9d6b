package scorer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The kinds of document that the scorer writes.
const (
	DocScore  = "score"  // id: see ScoreID
	DocSeal   = "seal"   // id: see SealID
	DocCursor = "scorer" // one document, CursorID
	CursorID  = "cursor"
)

// ScoreID names a revision: <day>/<employee>/<revision>. The employee is path-escaped, so
// that ids order by day, employee and revision.
func ScoreID(day ueba.Day, employee string, revision int) string {
	return fmt.Sprintf("%s/%s/%04d", day, url.PathEscape(employee), revision)
}

// ScoreRange bounds the ids of a day's revisions, for store.Docs.List.
func ScoreRange(day ueba.Day) (from, to string) { return day.String() + "/", day.String() + "0" }

// SealID names a day's seal; a day that is sealed again has further ones.
func SealID(day ueba.Day, again int) string {
	if again == 0 {
		return day.String()
	}
	return fmt.Sprintf("%s/%04d", day, again)
}

// Cursor says how far scoring has come.
type Cursor struct {
	At      time.Time `json:"at"`     // of the last complete run
	To      ueba.Day  `json:"to"`     // its last day
	Closed  ueba.Day  `json:"closed"` // the last day scored with its own seal
	Version string    `json:"version"`
	Config  string    `json:"config"`
}

// LoadCursor reads how far scoring has come; store.ErrNotFound before the first run.
func LoadCursor(ctx context.Context, docs store.Docs) (Cursor, error) {
	var c Cursor
	doc, err := docs.Get(ctx, DocCursor, CursorID)
	if err != nil {
		return c, fmt.Errorf("read scoring cursor: %w", err)
	}
	if err := json.Unmarshal(doc.Body, &c); err != nil {
		return c, fmt.Errorf("read scoring cursor: %w", err)
	}
	return c, nil
}

// kept is what is stored as the newest revision of an employee's day.
type kept struct {
	Employee string         `json:"employee_id"`
	Revision int            `json:"revision"`
	Hash     string         `json:"hash"`
	Level    ueba.RiskLevel `json:"level"`
}

// keeper stores the days of one run.
type keeper struct {
	engine  *Engine
	tick    Tick
	sum     Summary
	missing map[ueba.Day][]string
	closed  ueba.Day
	any     bool
	stored  map[ueba.Day]map[string]kept
}

// keep stores one day: alerts before scores, so that a crash in between repeats and
// never loses one.
func (k *keeper) keep(ctx context.Context, res dayResult) error {
	k.sum.Eligible += len(res.scores) + len(res.broken)
	if len(res.broken) > 0 {
		k.missing[res.day] = res.broken
	}
	if err := k.look(ctx, res.day); err != nil {
		return err
	}
	docs, alerts, err := k.changed(res)
	if err != nil {
		return err
	}
	if len(alerts) > 0 {
		if err := k.engine.raiser.Raise(ctx, alerts...); err != nil {
			return fmt.Errorf("raise alerts: %w", err)
		}
		k.sum.Alerts += len(alerts)
	}
	if err := k.create(ctx, docs); err != nil {
		return err
	}
	k.sum.Scored += len(res.scores)
	if res.seal != nil {
		k.closed, k.any = res.day, true
		return k.sealed(ctx, res.seal)
	}
	return nil
}

// ahead is how many later days are asked whether a rise of the level is news: a late fact
// may move the day on which a level was reached, but the alert was sent.
const ahead = 7

// look loads the newest revisions of the day and those ahead.
func (k *keeper) look(ctx context.Context, day ueba.Day) error {
	if k.stored == nil {
		k.stored = map[ueba.Day]map[string]kept{}
	}
	delete(k.stored, day-1)
	for d := day; d <= day+ahead; d++ {
		if k.stored[d] != nil {
			continue
		}
		newest, err := k.newest(ctx, d)
		if err != nil {
			return err
		}
		k.stored[d] = newest
	}
	return nil
}

func (k *keeper) newest(ctx context.Context, day ueba.Day) (map[string]kept, error) {
	out := map[string]kept{}
	from, to := ScoreRange(day)
	for doc, err := range k.engine.docs.List(ctx, DocScore, from, to, false) {
		if err != nil {
			return nil, fmt.Errorf("list scores of %s: %w", day, err)
		}
		var s kept
		if err := json.Unmarshal(doc.Body, &s); err != nil {
			return nil, fmt.Errorf("read score %s: %w", doc.ID, err)
		}
		out[s.Employee] = s // ascending ids: the newest stays
	}
	return out, nil
}

// changed gives the revisions to add and the alerts to raise for them.
func (k *keeper) changed(res dayResult) (docs []store.Doc, alerts []ueba.Alert, err error) {
	for i := range res.scores {
		s := &res.scores[i]
		old := k.stored[res.day][s.Employee]
		if old.Hash == s.Hash {
			continue
		}
		s.Revision = old.Revision + 1
		body, err := json.Marshal(&s.RiskScore)
		if err != nil {
			return nil, nil, fmt.Errorf("encode score of %s on %s: %w", s.Employee, s.Day, err)
		}
		docs = append(docs, store.Doc{Kind: DocScore, ID: ScoreID(s.Day, s.Employee, s.Revision), Day: s.Day, Body: body})
		alerts = append(alerts, k.alertsOf(s)...)
	}
	return docs, alerts, nil
}

// createBatch bounds how many documents one call to the store writes.
const createBatch = 500

func (k *keeper) create(ctx context.Context, docs []store.Doc) error {
	for len(docs) > 0 {
		n := min(len(docs), createBatch)
		made, err := k.engine.docs.Create(ctx, docs[:n]...)
		k.sum.Written += made
		if err != nil {
			return fmt.Errorf("create scores: %w", err)
		}
		docs = docs[n:]
	}
	return nil
}

// sealed stores the day's seal if it differs from the newest one.
func (k *keeper) sealed(ctx context.Context, s *Seal) error {
	again, newest := 0, ""
	day := s.Day.String()
	for doc, err := range k.engine.docs.List(ctx, DocSeal, day, day+"0", false) {
		if err != nil {
			return fmt.Errorf("list seals of %s: %w", day, err)
		}
		var old struct{ Hash string }
		if err := json.Unmarshal(doc.Body, &old); err != nil {
			return fmt.Errorf("read seal %s: %w", doc.ID, err)
		}
		newest = old.Hash
		again++
	}
	if newest == s.Hash {
		return nil
	}
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode seal of %s: %w", day, err)
	}
	if _, err := k.engine.docs.Create(ctx, store.Doc{Kind: DocSeal, ID: SealID(s.Day, again), Day: s.Day, Body: body}); err != nil {
		return fmt.Errorf("create seal of %s: %w", day, err)
	}
	if k.sum.Seals++; again > 0 {
		k.sum.Reseals++
	}
	return nil
}

// cursor notes that the run is complete. It never goes back: scoring the past again
// does not undo what is newer.
func (k *keeper) cursor(ctx context.Context) error {
	c := Cursor{At: k.tick.At, To: k.tick.To, Closed: ueba.NoDay, Version: Version, Config: k.engine.machine.hash}
	if k.any {
		c.Closed = k.closed
	}
	if old, err := LoadCursor(ctx, k.engine.docs); err == nil {
		if old.At.After(c.At) {
			c.At = old.At
		}
		c.To, c.Closed = max(c.To, old.To), max(c.Closed, old.Closed)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode scoring cursor: %w", err)
	}
	if err := k.engine.docs.Put(ctx, store.Doc{Kind: DocCursor, ID: CursorID, Day: ueba.NoDay, Body: body}); err != nil {
		return fmt.Errorf("write scoring cursor: %w", err)
	}
	return nil
}
