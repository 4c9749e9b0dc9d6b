package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Check returns an error when q asks for what no store has.
func (q Query) Check() error {
	switch {
	case q.By > ByEmployee:
		return fmt.Errorf("scan: no index %d", q.By)
	case q.By == ByTime && len(q.Keys) > 0:
		return fmt.Errorf("scan: by time takes no keys")
	case q.By == ByRecord && q.Kind != ueba.KindEvent:
		return fmt.Errorf("scan: %s facts are not found by record", q.Kind)
	case q.By == ByEmployee && q.Kind != ueba.KindReason:
		return fmt.Errorf("scan: %s facts are not found by employee", q.Kind)
	}
	return nil
}

// Matches reports whether q asks for f, Limit apart.
func (q Query) Matches(f ueba.Fact) bool {
	return f.Body.Kind() == q.Kind && q.hasKey(f.Body) && q.Within(f.Body) && q.Knew(f.Known) && !q.Passed(PlaceOf(f))
}

func (q Query) hasKey(b ueba.Body) bool {
	if q.By == ByTime {
		return true
	}
	return slices.ContainsFunc(KeysOf(b, q.By), func(k string) bool { return slices.Contains(q.Keys, k) })
}

// Within reports whether the body's time, for a reason its validity, meets From and To.
func (q Query) Within(b ueba.Body) bool {
	if r, ok := b.(*ueba.Reason); ok {
		return r.Overlaps(q.From, q.To)
	}
	t := b.Happened()
	return (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || t.Before(q.To))
}

// Knew reports whether what became known at the instant is not left out by KnownBy.
func (q Query) Knew(known time.Time) bool { return q.KnownBy.IsZero() || !known.After(q.KnownBy) }

// Passed reports whether the place is at or before After in the order of the scan.
func (q Query) Passed(p Place) bool {
	if q.After == (Place{}) {
		return false
	}
	if q.Reverse {
		return p.Compare(q.After) >= 0
	}
	return p.Compare(q.After) <= 0
}

// KeysOf returns the keys under which an index other than ByTime holds the body.
func KeysOf(b ueba.Body, by Index) []string {
	switch by {
	case ByKey:
		return []string{b.Key()}
	case ByRecord:
		if e, ok := b.(*ueba.Event); ok {
			return e.Record.IDs
		}
	case ByEmployee:
		if r, ok := b.(*ueba.Reason); ok {
			return []string{r.EmployeeID}
		}
	}
	return nil
}

// PlaceOf returns the fact's place in the order of a Scan.
func PlaceOf(f ueba.Fact) Place { return Place{Time: f.Body.Happened(), ID: f.ID} }

// Compare orders places by time, then id.
func (p Place) Compare(o Place) int {
	if c := p.Time.Compare(o.Time); c != 0 {
		return c
	}
	return strings.Compare(p.ID, o.ID)
}
