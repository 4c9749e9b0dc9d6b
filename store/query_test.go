package store_test

import (
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func at(seconds int64) time.Time { return time.Unix(1_800_000_000+seconds, 0).UTC() }

func look(id, user string, t time.Time, records ...string) ueba.Fact {
	return ueba.Fact{ID: id, Known: t, Body: &ueba.Event{Time: t, Service: "crm", User: user, Record: ueba.EventRecord{IDs: records}}}
}

func ticket(from, to time.Time) ueba.Fact {
	return ueba.Fact{ID: "r", Body: &ueba.Reason{RecordID: "C1", EmployeeID: "E1", ValidFrom: from, ValidTo: to}}
}

func TestMatches(t *testing.T) {
	e := look("b", "li", at(10), "C1", "C2")
	for name, c := range map[string]struct {
		q    store.Query
		f    ueba.Fact
		want bool
	}{
		"kind":                  {store.Query{Kind: ueba.KindEvent}, e, true},
		"another kind":          {store.Query{Kind: ueba.KindReason}, e, false},
		"account":               {store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{"x", "crm\x00li"}}, e, true},
		"another account":       {store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{"crm\x00l"}}, e, false},
		"no keys":               {store.Query{Kind: ueba.KindEvent, By: store.ByKey}, e, false},
		"second record":         {store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C2"}}, e, true},
		"another record":        {store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C"}}, e, false},
		"from included":         {store.Query{Kind: ueba.KindEvent, From: at(10)}, e, true},
		"to excluded":           {store.Query{Kind: ueba.KindEvent, To: at(10)}, e, false},
		"known by included":     {store.Query{Kind: ueba.KindEvent, KnownBy: at(10)}, e, true},
		"known later":           {store.Query{Kind: ueba.KindEvent, KnownBy: at(9)}, e, false},
		"after itself":          {store.Query{Kind: ueba.KindEvent, After: store.Place{Time: at(10), ID: "b"}}, e, false},
		"after the id before":   {store.Query{Kind: ueba.KindEvent, After: store.Place{Time: at(10), ID: "a"}}, e, true},
		"after, backwards":      {store.Query{Kind: ueba.KindEvent, After: store.Place{Time: at(10), ID: "c"}, Reverse: true}, e, true},
		"before, backwards":     {store.Query{Kind: ueba.KindEvent, After: store.Place{Time: at(10), ID: "a"}, Reverse: true}, e, false},
		"employee of a reason":  {store.Query{Kind: ueba.KindReason, By: store.ByEmployee, Keys: []string{"E1"}}, ticket(at(0), at(5)), true},
		"record of a reason":    {store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{"C1"}}, ticket(at(0), at(5)), true},
		"validity overlaps":     {store.Query{Kind: ueba.KindReason, From: at(4), To: at(9)}, ticket(at(0), at(5)), true},
		"validity ended":        {store.Query{Kind: ueba.KindReason, From: at(5), To: at(9)}, ticket(at(0), at(5)), false},
		"validity without end":  {store.Query{Kind: ueba.KindReason, From: at(500)}, ticket(at(0), time.Time{}), true},
		"validity begins later": {store.Query{Kind: ueba.KindReason, To: at(0)}, ticket(at(0), at(5)), false},
	} {
		if got := c.q.Matches(c.f); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCheckRefusesWhatNoStoreHas(t *testing.T) {
	for _, bad := range []store.Query{
		{Kind: ueba.KindReason, By: store.ByRecord}, {Kind: ueba.KindEvent, By: store.ByEmployee},
		{Kind: ueba.KindEvent, Keys: []string{"a"}}, {Kind: ueba.KindEvent, By: store.ByEmployee + 1},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	for _, good := range []store.Query{
		{Kind: ueba.KindEvent}, {Kind: ueba.KindEvent, By: store.ByRecord}, {Kind: ueba.KindReason, By: store.ByEmployee}, {Kind: ueba.KindStep, By: store.ByKey},
	} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

func TestPlacesOrderByTimeThenID(t *testing.T) {
	order := []store.Place{{}, {Time: at(0)}, {Time: at(0), ID: "a"}, {Time: at(0), ID: "b"}, {Time: at(1), ID: "a"}}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%v against %v: %d", a, b, got)
			}
		}
	}
}
