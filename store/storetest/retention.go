package storetest

import (
	"fmt"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var retentionChecks = []check{
	{"retention: whole days of events go, with all that finds them", dropEvents},
	{"retention: other kinds", dropOthers},
	{"retention: documents by day", dropDocs},
}

var durableChecks = []check{
	{"durable: all is there after reopening", reopenKeeps},
}

func (s *suite) drop(kind ueba.Kind, before time.Time) {
	s.Helper()
	if err := s.store.DropDays(s.Context(), kind, before); err != nil {
		s.Fatalf("DropDays: %v", err)
	}
}

func dropEvents(s *suite) {
	all := s.week()
	other := reason("r", "C1", "E1", noon, time.Time{})
	s.append(other)
	before := noon.Add(80 * time.Hour) // in the middle of the fourth day, which stays
	s.drop(ueba.KindEvent, before)
	kept := matching(store.Query{Kind: ueba.KindEvent, From: before.Truncate(24 * time.Hour)}, all)
	if len(kept) == 0 || len(kept) == len(all) {
		s.Fatalf("of %d facts %d are to be kept: nothing is tested", len(all), len(kept))
	}
	s.expect(store.Query{Kind: ueba.KindEvent}, kept)
	s.expect(store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C-all"}}, kept)
	s.expect(store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("u1")}}, kept)
	fed, _ := s.changes("", 10)
	s.same("in the feed", len(kept)+1, len(fed))
	s.same("reasons", 1, len(s.scan(store.Query{Kind: ueba.KindReason})))
	s.drop(ueba.KindEvent, before) // nothing is left to drop
	// What was dropped is forgotten: it may come again. What was kept is not.
	s.same("outcomes", []store.Outcome{store.Stored, store.Duplicate}, s.append(all[0], all[len(all)-1]))
}

func dropOthers(s *suite) {
	var facts []ueba.Fact
	for i := range 5 {
		day := noon.Add(time.Duration(i) * 24 * time.Hour)
		facts = append(facts,
			ueba.Fact{Body: &ueba.DeadLetter{Time: day, Source: "s", Place: fmt.Sprint("line ", i), Reason: "bad", Raw: []byte("x")}},
			reason(fmt.Sprint(i), "C1", "E1", day, day.Add(time.Hour)))
	}
	s.append(facts...)
	s.drop(ueba.KindDead, noon.Add(60*time.Hour))
	s.same("dead letters", 2, len(s.scan(store.Query{Kind: ueba.KindDead})))
	s.same("of the source", 2, len(s.scan(store.Query{Kind: ueba.KindDead, By: store.ByKey, Keys: []string{"s"}})))
	s.same("reasons", 5, len(s.scan(store.Query{Kind: ueba.KindReason})))
	s.drop(ueba.KindReason, noon.Add(36*time.Hour))
	for _, q := range []store.Query{
		{Kind: ueba.KindReason}, {Kind: ueba.KindReason, By: store.ByKey, Keys: []string{"C1"}}, {Kind: ueba.KindReason, By: store.ByEmployee, Keys: []string{"E1"}},
	} {
		s.same(fmt.Sprintf("%+v", q), []string{"2", "3", "4"}, reasonIDs(s.scan(q)))
	}
	s.same("outcome", []store.Outcome{store.Stored}, s.append(facts[0]))
}

func dropDocs(s *suite) {
	for i := range 6 {
		d := doc("profile", fmt.Sprintf("%d", i), "{}")
		d.Day = ueba.Day(20500 + i)
		s.put(d)
	}
	s.put(doc("profile", "timeless", "{}"))
	other := doc("score", "0", "{}")
	other.Day = 20500
	s.put(other)
	if err := s.store.DropDocs(s.Context(), "profile", 20503); err != nil {
		s.Fatal(err)
	}
	s.same("profiles", []string{"3", "4", "5", "timeless"}, s.ids("profile", "", "", false))
	s.same("scores", []string{"0"}, s.ids("score", "", "", false))
}

func reopenKeeps(s *suite) {
	all := s.week()
	many := s.manyReasons()
	s.put(doc("profile", "a", `{"n":1}`))
	d := doc("alert", "a", `{}`)
	d.Token = s.set(d)
	s.reopen()
	s.expect(store.Query{Kind: ueba.KindEvent}, all)
	s.expect(store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C2"}}, all)
	s.expect(store.Query{Kind: ueba.KindReason}, many)
	fed, _ := s.changes("", 50)
	s.same("in the feed", len(all)+len(many), len(distinct(fed)))
	s.same("profile", `{"n":1}`, string(s.get("profile", "a").Body))
	s.set(d) // its token still holds
	s.same("outcome", []store.Outcome{store.Duplicate}, s.append(all[7]))
	late := []ueba.Fact{event("late", "li", at(0))}
	s.append(late...)
	fed, _ = s.changes("", 50)
	s.same("the last of the feed", late[0], fed[len(fed)-1])
}
