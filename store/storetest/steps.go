package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Steps that the checks are made of: do it, fail the test when it fails.

func (s *suite) append(facts ...ueba.Fact) []store.Outcome {
	s.Helper()
	outcomes, err := s.store.Append(s.Context(), facts)
	if err != nil {
		s.Fatalf("Append: %v", err)
	}
	if len(outcomes) != len(facts) {
		s.Fatalf("Append gave %d outcomes for %d facts", len(outcomes), len(facts))
	}
	return outcomes
}

func (s *suite) scan(q store.Query) []ueba.Fact {
	s.Helper()
	facts, err := scan(s.T, s.store, q)
	if err != nil {
		s.Fatalf("Scan(%+v): %v", q, err)
	}
	return facts
}

func scan(t testing.TB, st store.Store, q store.Query) ([]ueba.Fact, error) {
	if err := st.Sync(t.Context()); err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	var facts []ueba.Fact
	for f, err := range st.Scan(t.Context(), q) {
		if err != nil {
			return nil, err
		}
		facts = append(facts, f)
	}
	return facts, nil
}

// changes reads the whole feed after the cursor, in batches of limit.
func (s *suite) changes(after store.Cursor, limit int) ([]ueba.Fact, store.Cursor) {
	s.Helper()
	var all []ueba.Fact
	for {
		facts, next, err := s.store.Changes(s.Context(), after, limit)
		if err != nil {
			s.Fatalf("Changes(%q): %v", after, err)
		}
		if len(facts) > limit {
			s.Fatalf("Changes gave %d facts, over the limit of %d", len(facts), limit)
		}
		if len(facts) == 0 {
			return all, next
		}
		all, after = append(all, facts...), next
	}
}

func (s *suite) get(kind, id string) store.Doc {
	s.Helper()
	doc, err := s.store.Get(s.Context(), kind, id)
	if err != nil {
		s.Fatalf("Get(%s, %s): %v", kind, id, err)
	}
	return doc
}

func (s *suite) put(docs ...store.Doc) {
	s.Helper()
	if err := s.store.Put(s.Context(), docs...); err != nil {
		s.Fatalf("Put: %v", err)
	}
}

// ids lists the ids of a kind's documents.
func (s *suite) ids(kind, from, to string, reverse bool) []string {
	s.Helper()
	docs, err := list(s.T, s.store, kind, from, to, reverse)
	if err != nil {
		s.Fatalf("List: %v", err)
	}
	ids := []string{}
	for _, d := range docs {
		ids = append(ids, d.ID)
	}
	return ids
}

func list(t testing.TB, st store.Store, kind, from, to string, reverse bool) ([]store.Doc, error) {
	if err := st.Sync(t.Context()); err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	var docs []store.Doc
	for d, err := range st.List(t.Context(), kind, from, to, reverse) {
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// same compares by value: instants by the moment they mean, empty lists as equal to none.
func (s *suite) same(what string, want, got any) {
	s.Helper()
	if d := diff(want, got); d != "" {
		s.Errorf("%s: (-want +got)\n%s", what, d)
	}
}

func diff(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

// bodies leaves out what a store sets.
func bodies(facts []ueba.Fact) []ueba.Body {
	var out []ueba.Body
	for _, f := range facts {
		out = append(out, f.Body)
	}
	return out
}

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// at returns the instant so many seconds after noon of the suite's day.
func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// event makes a look of an account of the crm at records.
func event(id, user string, t time.Time, records ...string) ueba.Fact {
	return ueba.Fact{Body: &ueba.Event{
		EventID: id, Time: t, Source: "test", Service: "crm", User: user, Action: ueba.ActionView,
		Record: ueba.EventRecord{Type: "customer", IDs: records},
	}}
}

func account(user string) string { return ueba.Account{Service: "crm", User: user}.Key() }

func reason(id, record, employee string, from, to time.Time) ueba.Fact {
	return ueba.Fact{Body: &ueba.Reason{
		ID: id, RecordID: record, EmployeeID: employee, Type: "ticket", ValidFrom: from, ValidTo: to,
	}}
}

func doc(kind, id, body string) store.Doc {
	return store.Doc{Kind: kind, ID: id, Day: ueba.NoDay, Body: []byte(body)}
}
