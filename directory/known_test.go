package directory

import (
	"slices"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestClaimants(t *testing.T) {
	desk, former := employee("E2", "crm:desk"), employee("E1", "ＤＥＳＫ", "own")
	b := bookOf(t, Snapshot{Employees: []ueba.Employee{former, desk, employee("E3", "funds:desk")}})
	for user, want := range map[string][]string{"desk": {"E1", "E2"}, "Desk": {"E1", "E2"}, "own": {"E1"}, "nobody": nil} {
		if got := b.Claimants(ueba.Account{Service: "crm", User: user}); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", user, got, want)
		}
	}
}

// TestKnown: who a person is rests on all versions of those who ever shared an account of
// his, and on the calendar around the day.
func TestKnown(t *testing.T) {
	mine, theirs, stranger := employee("E1", "crm:desk"), employee("E2", "desk"), employee("E3", "other")
	at := func(hour int) string { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC).Format(time.RFC3339) }
	b := NewBook(business(t))
	b.Apply(known("a", at(1), &mine, t), known("b", at(5), &theirs, t), known("c", at(9), &stranger, t),
		known("d", at(7), &ueba.Holiday{Date: day(t, "2026-03-03")}, t))
	for _, c := range []struct{ id, day, at, want string }{
		{"E1", "2026-03-09", at(23), at(5)},
		{"E1", "2026-03-09", at(4), at(1)},
		{"E1", "2026-03-02", at(23), at(7)},
		{"E1", "2026-03-04", at(23), at(7)},
		{"E1", "2026-03-05", at(23), at(5)},
		{"E3", "2026-03-09", at(23), at(9)},
	} {
		if got := b.Known(c.id, day(t, c.day), instant(t, c.at)); !got.Equal(instant(t, c.want)) {
			t.Errorf("%s on %s as known at %s: %s, want %s", c.id, c.day, c.at, got, c.want)
		}
	}
	if got := b.Known("E1", day(t, "2026-03-09"), time.Time{}); !got.Equal(instant(t, at(5))) {
		t.Errorf("as known now: %s", got)
	}
	if got := b.Known("nobody", day(t, "2026-03-09"), time.Time{}); !got.IsZero() {
		t.Errorf("nobody: %s", got)
	}
}
