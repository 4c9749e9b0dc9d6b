package profile

import (
	"cmp"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// ledger holds the reasons that meet the day and concern the employee, by record; those
// for any record under the empty id.
type ledger struct {
	byRecord map[string][]reason
	used     time.Time // when the newest reason that counted for something became known
}

type reason struct {
	*ueba.Reason
	ref   string
	known time.Time
	own   bool // he made it himself
}

// identity is what makes two facts versions of one reason: a ticket whose end was moved
// is delivered again, and what became known last holds. A version that does not meet the
// day is no version of the day's: callers need not fetch it. A ticket for three records
// is three reasons.
type identity struct{ source, id, record, employee string }

func newLedger(f *folding) ledger {
	latest := make(map[identity]reason, len(f.day.Reasons))
	for i := range f.day.Reasons {
		fact := &f.day.Reasons[i]
		r, ok := fact.Body.(*ueba.Reason)
		if !ok || f.knownLater(fact) || !r.Overlaps(f.begin, f.end) || !f.concerns(r) {
			continue
		}
		key := identity{r.Source, r.ID, r.RecordID, r.EmployeeID}
		if old, there := latest[key]; !there || newer(fact, old) {
			latest[key] = reason{Reason: r, ref: fact.ID, known: fact.Known, own: f.isHim(r.MadeBy)}
		}
	}
	l := ledger{byRecord: make(map[string][]reason, len(latest))}
	for _, r := range latest {
		l.byRecord[r.RecordID] = append(l.byRecord[r.RecordID], r)
	}
	return l
}

// newer reports whether a fact became known after the version that is kept. Of two that
// became known together the id decides, so that their order does not.
func newer(fact *ueba.Fact, old reason) bool {
	if c := fact.Known.Compare(old.known); c != 0 {
		return c > 0
	}
	return fact.ID > old.ref
}

// concerns reports whether a reason is for the employee or for anybody.
func (f *folding) concerns(r *ueba.Reason) bool {
	if r.EmployeeID == "" {
		return r.RecordID != ""
	}
	return f.isHim(r.EmployeeID)
}

func (f *folding) isHim(name string) bool {
	him := f.employee()
	return him != "" && name != "" && (name == him || f.dir.Person(name) == him)
}

// best returns the reason that explains a look, or nil: of several the one that the
// account claimed, then one that he did not make himself, then the one that says most.
func (l *ledger) best(look *ueba.Look) *reason {
	var best *reason
	consider := func(list []reason) {
		for i := range list {
			r := &list[i]
			if r.explains(look.Event.Time) && (best == nil || compareReasons(r, best, look.Event.Purpose.ID) < 0) {
				best = r
			}
		}
	}
	if look.RecordID != "" {
		consider(l.byRecord[look.RecordID])
	}
	consider(l.byRecord[""])
	if best != nil {
		l.used = newest(l.used, best.known)
	}
	return best
}

// explains reports whether the reason held at t. One that he made himself must have been
// there before the look: else anybody could excuse himself.
func (r *reason) explains(t time.Time) bool {
	if !r.Covers(t) {
		return false
	}
	made := r.Created
	if made.IsZero() {
		made = r.known
	}
	return !r.own || !made.After(t)
}

func compareReasons(a, b *reason, claimed string) int {
	return cmp.Or(
		prefer(claimed != "" && a.ID == claimed, claimed != "" && b.ID == claimed),
		prefer(!a.own, !b.own),
		prefer(a.RecordID != "", b.RecordID != ""),
		prefer(a.EmployeeID != "", b.EmployeeID != ""),
		b.ValidFrom.Compare(a.ValidFrom),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.ref, b.ref),
	)
}

// prefer orders what has a property before what lacks it.
func prefer(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// assigned returns how many records the reasons of others gave him for the day.
func (l *ledger) assigned() int {
	n := 0
	for id, list := range l.byRecord {
		given := false
		for _, r := range list {
			if id != "" && r.EmployeeID != "" && !r.own {
				given = true
				l.used = newest(l.used, r.known)
			}
		}
		if given {
			n++
		}
	}
	return n
}

// accounts reports whether a reason of another's making concerns the record on that day,
// were it an hour before or after the look.
func (l *ledger) accounts(recordID string) bool {
	found := false
	for _, r := range l.byRecord[recordID] {
		if !r.own {
			found = true
			l.used = newest(l.used, r.known)
		}
	}
	return found
}

func newest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
