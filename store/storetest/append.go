package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var appendChecks = []check{
	{"append: every kind comes back whole", everyKindWhole},
	{"append: nothing to append is no error", appendNothing},
	{"append: a second delivery is a duplicate", duplicateKeepsFirst},
	{"append: duplicates within one call", duplicateWithinCall},
	{"append: same identity, other content: both are kept", collisionKeepsBoth},
	{"append: one id under two kinds is two facts", kindsAreApart},
	{"append: zero Known is stamped, and stamps never fall", stampsRise},
	{"append: a fact without a body stores nothing of its call", allOrNothing},
	{"append: a cancelled context stores nothing", cancelledAppend},
	{"append: what the caller changes afterwards is not stored", appendCopies},
	{"append: many writers at once", manyWriters},
}

// fullEvent has every field set.
func fullEvent() *ueba.Event {
	return &ueba.Event{
		EventID: "e-1", Time: noon.Add(123456789), Source: "http", Service: "信贷", User: "wang.wei001",
		Action: "stamp", Outcome: "failure", Duration: 41200 * time.Millisecond, HasDuration: true,
		Session: "s-88", IP: "10.21.4.7", Host: "ws-0101",
		Record:  ueba.EventRecord{Type: "customer", Class: "C3", IDs: []string{"C1", "客户 2"}, Count: 2, Fields: []string{"id_card", "phone"}},
		Purpose: ueba.Purpose{ID: "T-7", Kind: "call"},
		Labels:  map[string]string{"http.path": "/c/1", "note": "a\x00b\n\"中\""},
	}
}

// everyBody has one body of each kind.
func everyBody() []ueba.Body {
	return []ueba.Body{
		fullEvent(),
		&ueba.Event{EventID: "e-2", Time: noon, Service: "crm", User: "li", Action: ueba.ActionView, HasDuration: true},
		&ueba.Event{Time: noon, Service: "crm", User: "li", Action: ueba.ActionExport, Record: ueba.EventRecord{Count: 5000}},
		&ueba.Reason{ID: "r", RecordID: "C1", EmployeeID: "E1", Type: "ticket", ValidFrom: noon, ValidTo: at(60), Created: at(-5), MadeBy: "E2", Source: "crm"},
		&ueba.Reason{ID: "r", EmployeeID: "E1", Type: "audit", ValidFrom: noon},
		&ueba.Employee{ID: "E1", Name: "王伟", Department: "d", Role: "r", Manager: "E9", Location: "Jinan",
			Hired: 20000, Left: ueba.NoDay, Accounts: []string{"crm:wang", "li"}, Shift: "22:00-06:00", ValidFrom: noon},
		&ueba.Employee{ID: "E2", Hired: ueba.NoDay, Left: ueba.NoDay},
		&ueba.Record{ID: "C1", Type: "customer", Class: "C3", Tags: []string{"vip"}, Employee: "E3", Related: []string{"E4"}, Owner: "E5", Region: "SD", ValidFrom: noon},
		&ueba.System{Service: "crm", Owner: "o", Criticality: "high", Classes: []string{"C2", "C3"}, Expected: "0 2 * * *", ValidFrom: noon},
		&ueba.Holiday{Date: 20500, Workday: true, Name: "国庆节调休"},
		&ueba.Review{EmployeeID: "E1", From: 20490, To: 20495, Outcome: ueba.Expected, Feature: "volume/looks", Note: "n", By: "b", Time: noon},
		&ueba.Step{AlertID: "a", State: ueba.AlertClosed, Outcome: "confirmed", Note: "n", By: "b", Time: noon},
		&ueba.Setting{Name: "n", Value: "v", From: 20500, Time: noon, By: "b"},
		&ueba.DeadLetter{Time: noon, Source: "s", Format: "pgaudit", Place: "f:1", Reason: "r", Raw: []byte{0, 255, '{'}, Size: 9},
	}
}

func everyKindWhole(s *suite) {
	var facts []ueba.Fact
	for _, b := range everyBody() {
		facts = append(facts, ueba.Fact{Body: b})
	}
	s.append(facts...)
	for _, want := range facts {
		got := s.scan(store.Query{Kind: want.Body.Kind(), By: store.ByKey, Keys: []string{want.Body.Key()}})
		s.same("scanned", want, only(got, want.ID))
	}
	fed, _ := s.changes("", 100)
	for _, want := range facts {
		s.same("fed", want, only(fed, want.ID))
	}
}

// only returns the fact with the id, or a fact without a body.
func only(facts []ueba.Fact, id string) ueba.Fact {
	for _, f := range facts {
		if f.ID == id {
			return f
		}
	}
	return ueba.Fact{}
}

func appendNothing(s *suite) { s.append() }

func duplicateKeepsFirst(s *suite) {
	first, again := event("1", "li", at(0)), event("1", "li", at(0))
	first.Known, again.Known = at(100), at(50) // an earlier Known comes too late
	facts := []ueba.Fact{first}
	s.same("first outcome", []store.Outcome{store.Stored}, s.append(facts...))
	second := []ueba.Fact{again}
	s.same("second outcome", []store.Outcome{store.Duplicate}, s.append(second...))
	s.same("the second delivery's Known", at(100), second[0].Known)
	s.same("the second delivery's ID", facts[0].ID, second[0].ID)
	stored := s.scan(store.Query{Kind: ueba.KindEvent})
	s.same("stored", facts, stored)
	fed, _ := s.changes("", 10)
	s.same("bodies in the feed", bodies(facts), bodies(fed))
}

func duplicateWithinCall(s *suite) {
	got := s.append(event("1", "li", at(0)), event("2", "li", at(1)), event("1", "li", at(0)))
	s.same("outcomes", []store.Outcome{store.Stored, store.Stored, store.Duplicate}, got)
	s.same("stored", 2, len(s.scan(store.Query{Kind: ueba.KindEvent})))
}

func collisionKeepsBoth(s *suite) {
	a, b := event("1", "li", at(0), "C1"), event("1", "wang", at(5), "C2")
	facts := []ueba.Fact{a, b, b, a}
	s.same("outcomes", []store.Outcome{store.Stored, store.Collision, store.Duplicate, store.Duplicate}, s.append(facts...))
	s.same("outcomes of another call", []store.Outcome{store.Duplicate, store.Duplicate}, s.append(b, a))
	if facts[0].ID == facts[1].ID {
		s.Errorf("both are stored as %s", facts[0].ID)
	}
	s.same("IDs of the repetitions", []string{facts[1].ID, facts[0].ID}, []string{facts[2].ID, facts[3].ID})
	s.same("stored", facts[:2], s.scan(store.Query{Kind: ueba.KindEvent}))
	s.same("found by the second's record", facts[1:2], s.scan(store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C2"}}))
}

func kindsAreApart(s *suite) {
	record := ueba.Fact{Body: &ueba.Record{ID: "X", ValidFrom: at(0)}}
	setting := ueba.Fact{Body: &ueba.Setting{Name: "X", Time: at(0)}}
	s.same("outcomes", []store.Outcome{store.Stored, store.Stored}, s.append(record, setting))
	s.same("records", 1, len(s.scan(store.Query{Kind: ueba.KindRecord})))
	s.same("settings", 1, len(s.scan(store.Query{Kind: ueba.KindSetting})))
}

func stampsRise(s *suite) {
	var facts []ueba.Fact
	for i := range 50 {
		facts = append(facts, event(fmt.Sprint(i), "li", at(-i)))
	}
	s.append(facts[:25]...)
	s.append(facts[25:]...)
	for i, f := range facts {
		if f.Known.IsZero() {
			s.Fatalf("fact %d was not stamped", i)
		}
		if i > 0 && f.Known.Before(facts[i-1].Known) {
			s.Fatalf("fact %d is stamped %v, before the fact appended before it (%v)", i, f.Known, facts[i-1].Known)
		}
	}
	s.same("stored Known", facts[0].Known, only(s.scan(store.Query{Kind: ueba.KindEvent}), facts[0].ID).Known)
}

func allOrNothing(s *suite) {
	if _, err := s.store.Append(s.Context(), []ueba.Fact{event("1", "li", at(0)), {}, event("2", "li", at(1))}); err == nil {
		s.Fatal("Append took a fact without a body")
	}
	s.same("stored", 0, len(s.scan(store.Query{Kind: ueba.KindEvent})))
	s.same("outcome afterwards", []store.Outcome{store.Stored}, s.append(event("1", "li", at(0))))
}

func cancelledAppend(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.store.Append(ctx, []ueba.Fact{event("1", "li", at(0))}); err == nil {
		s.Fatal("Append with a cancelled context returned no error")
	}
	s.same("stored", 0, len(s.scan(store.Query{Kind: ueba.KindEvent})))
}

func appendCopies(s *suite) {
	e := fullEvent()
	s.append(ueba.Fact{Body: e})
	e.Record.IDs[0], e.Labels["note"], e.User = "other", "other", "other"
	for range 2 { // what a reader changes is not stored either
		got := s.scan(store.Query{Kind: ueba.KindEvent})
		s.same("stored", []ueba.Body{fullEvent()}, bodies(got))
		got[0].Body.(*ueba.Event).Record.IDs[0] = "other"
		fed, _ := s.changes("", 10)
		s.same("fed", []ueba.Body{fullEvent()}, bodies(fed))
		fed[0].Body.(*ueba.Event).Labels["note"] = "other"
	}
}

func manyWriters(s *suite) {
	const writers, batches, size = 8, 10, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for b := range batches {
				var facts []ueba.Fact
				for i := range size {
					facts = append(facts, event(fmt.Sprintf("%d-%d", b, i), fmt.Sprintf("u%d", w%2), at(b*size+i), "C1"))
				}
				if _, err := s.store.Append(s.Context(), facts); err != nil {
					s.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	// Writers of the same user deliver the same events; the first wins, and the
	// other user's are kept beside them as collisions.
	stored := s.scan(store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C1"}})
	s.same("stored", 2*batches*size, len(stored))
	fed, _ := s.changes("", 33)
	s.same("distinct in the feed", 2*batches*size, len(distinct(fed)))
}

// distinct counts each fact's occurrences by kind and id.
func distinct(facts []ueba.Fact) map[string]int {
	n := make(map[string]int)
	for _, f := range facts {
		n[string(f.Body.Kind())+"/"+f.ID]++
	}
	return n
}
