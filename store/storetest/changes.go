package storetest

import (
	"fmt"
	"slices"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var changesChecks = []check{
	{"changes: an empty store", changesEmpty},
	{"changes: everything in the order of appending, whatever the batch", changesInOrder},
	{"changes: the end is a cursor to wait at", changesResume},
	{"changes: a cursor of no store is an error", changesBadCursor},
	{"changes: a follower that keeps up sees each append", changesFollow},
}

func changesEmpty(s *suite) {
	facts, next, err := s.store.Changes(s.Context(), "", 10)
	if err != nil || len(facts) != 0 {
		s.Fatalf("Changes of an empty store: %d facts, %v", len(facts), err)
	}
	s.append(event("1", "li", at(0)))
	facts, _ = s.changes(next, 10)
	s.same("after the cursor of an empty store", 1, len(facts))
}

// mixed makes facts of several kinds whose times fall while they are appended.
func mixed(n int) []ueba.Fact {
	var facts []ueba.Fact
	for i := range n {
		switch i % 3 {
		case 0:
			facts = append(facts, event(fmt.Sprint(i), "li", at(-1000*i), "C1"))
		case 1:
			facts = append(facts, reason(fmt.Sprint(i), "C1", "E1", at(-i), at(i)))
		default:
			facts = append(facts, ueba.Fact{Body: &ueba.Record{ID: fmt.Sprint("C", i), ValidFrom: at(-i)}})
		}
	}
	return facts
}

func changesInOrder(s *suite) {
	facts := mixed(100)
	for batch := range slices.Chunk(facts, 9) {
		s.append(batch...)
	}
	s.append(facts[3:20]...) // duplicates add nothing
	for _, limit := range []int{1, 7, 100, 1000} {
		fed, _ := s.changes("", limit)
		s.same(fmt.Sprintf("by %d", limit), facts, fed)
	}
}

func changesResume(s *suite) {
	facts := mixed(30)
	s.append(facts[:10]...)
	_, end := s.changes("", 4)
	again, end := s.changes(end, 4)
	s.same("at the end", 0, len(again))
	s.append(facts[10:]...)
	fed, end := s.changes(end, 4)
	s.same("after the end", facts[10:], fed)
	first, middle, err := s.store.Changes(s.Context(), "", 12)
	if err != nil {
		s.Fatal(err)
	}
	s.same("the first twelve", facts[:12], first)
	rest, _ := s.changes(middle, 100)
	s.same("the rest", facts[12:], rest)
	if s.engine.Reopen == nil {
		return
	}
	s.reopen()
	s.append(event("new", "li", at(0)))
	fed, _ = s.changes(end, 100)
	s.same("an old cursor after reopening", 1, len(fed))
}

func changesBadCursor(s *suite) {
	for _, c := range []store.Cursor{"nonsense", "-1", "\x00"} {
		if _, _, err := s.store.Changes(s.Context(), c, 10); err == nil {
			s.Errorf("Changes(%q) gave no error", c)
		}
	}
}

func changesFollow(s *suite) {
	var cursor store.Cursor
	for i := range 20 {
		facts := []ueba.Fact{event(fmt.Sprint("a", i), "li", at(i)), event(fmt.Sprint("b", i), "li", at(i))}
		s.append(facts...)
		var fed []ueba.Fact
		fed, cursor = s.changes(cursor, 100)
		s.same("fed", facts, fed)
	}
}
