package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var docChecks = []check{
	{"docs: put, get, overwrite, delete", docLife},
	{"docs: nothing to write is no error", docNothing},
	{"docs: create writes what is new and names a conflict", docCreate},
	{"docs: compare-and-set", docCompareAndSet},
	{"docs: a token does not come back", docTokens},
	{"docs: list", docList},
	{"docs: ids of any characters", docIDs},
	{"docs: the kinds that are there", docKinds},
	{"docs: creating in a race has one winner", docCreateRace},
	{"docs: compare-and-set in a race loses no step", docSetRace},
}

func docLife(s *suite) {
	_, err := s.store.Get(s.Context(), "profile", "a")
	s.wants(err, store.ErrNotFound)
	d := doc("profile", "a", `{"n":1}`)
	d.Day = 20500
	s.put(d, doc("profile", "b", `{"n":2}`), doc("seal", "a", `{"n":3}`))
	got := s.get("profile", "a")
	if got.Token == "" {
		s.Error("Get gave no token")
	}
	got.Token = ""
	s.same("a", d, got)
	s.put(doc("profile", "a", `{"n":4}`))
	s.same("overwritten", `{"n":4}`, string(s.get("profile", "a").Body))
	s.same("its day is overwritten too", ueba.NoDay, s.get("profile", "a").Day)
	if err := s.store.DeleteDoc(s.Context(), "profile", "a"); err != nil {
		s.Fatal(err)
	}
	_, err = s.store.Get(s.Context(), "profile", "a")
	s.wants(err, store.ErrNotFound)
	if err := s.store.DeleteDoc(s.Context(), "profile", "a"); err != nil {
		s.Errorf("deleting what is not there: %v", err)
	}
	s.same("the seal of that id", `{"n":3}`, string(s.get("seal", "a").Body))
}

func docNothing(s *suite) {
	s.put()
	if n, err := s.store.Create(s.Context()); n != 0 || err != nil {
		s.Errorf("Create of nothing: %d, %v", n, err)
	}
}

func docKinds(s *suite) {
	lister, ok := s.store.(store.KindLister)
	if !ok {
		s.Skip("the engine does not list kinds")
	}
	kinds := func() []string {
		s.Helper()
		if err := s.store.Sync(s.Context()); err != nil {
			s.Fatal(err)
		}
		got, err := lister.DocKinds(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		return got
	}
	s.same("of an empty store", []string{}, kinds())
	s.append(event("1", "li", at(0)))
	s.put(doc("score", "a", "{}"), doc("score", "b", "{}"), doc("profile", "a", "{}"), doc("score_cursor", "", "{}"))
	s.same("kinds", []string{"profile", "score", "score_cursor"}, kinds())
	if err := s.store.DeleteDoc(s.Context(), "profile", "a"); err != nil {
		s.Fatal(err)
	}
	s.same("after the last of a kind is gone", []string{"score", "score_cursor"}, kinds())
}

func (s *suite) wants(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("error is %v, want %v", err, want)
	}
}

func docCreate(s *suite) {
	s.put(doc("score", "b", `{"r":1}`))
	n, err := s.store.Create(s.Context(), doc("score", "a", `{"r":0}`), doc("score", "b", `{"r":1}`))
	if n != 1 || err != nil {
		s.Errorf("Create beside an equal one: %d, %v; want 1 new", n, err)
	}
	n, err = s.store.Create(s.Context(), doc("score", "b", `{"r":2}`), doc("score", "c", `{"r":3}`), doc("score", "a", `{"r":0}`))
	s.wants(err, store.ErrConflict)
	s.same("new beside the conflict", 1, n)
	s.same("b", `{"r":1}`, string(s.get("score", "b").Body))
	s.same("c, after the conflict", `{"r":3}`, string(s.get("score", "c").Body))
	n, err = s.store.Create(s.Context(), doc("score", "d", `{}`), doc("score", "d", `{}`))
	if n != 1 || err != nil {
		s.Errorf("Create of the same twice: %d, %v; want 1 new", n, err)
	}
}

func (s *suite) set(d store.Doc) string {
	s.Helper()
	token, err := s.store.CompareAndSet(s.Context(), d)
	if err != nil {
		s.Fatalf("CompareAndSet: %v", err)
	}
	return token
}

func docCompareAndSet(s *suite) {
	d := doc("alert", "a", `{"state":"new"}`)
	d.Token = s.set(d)
	if d.Token == "" {
		s.Fatal("CompareAndSet gave no token")
	}
	s.same("token of Get", d.Token, s.get("alert", "a").Token)
	stale := d
	d.Body = []byte(`{"state":"closed"}`)
	d.Token = s.set(d)
	_, err := s.store.CompareAndSet(s.Context(), stale)
	s.wants(err, store.ErrConflict)
	_, err = s.store.CompareAndSet(s.Context(), doc("alert", "a", `{}`))
	s.wants(err, store.ErrConflict)
	missing := doc("alert", "none", `{}`)
	missing.Token = d.Token
	_, err = s.store.CompareAndSet(s.Context(), missing)
	s.wants(err, store.ErrConflict)
	s.same("stored", `{"state":"closed"}`, string(s.get("alert", "a").Body))
}

func docTokens(s *suite) {
	d := doc("lease", "scorer", `{"owner":"a"}`)
	first := s.set(d)
	s.put(doc("lease", "scorer", `{"owner":"b"}`))
	s.put(d) // what it was at first
	d.Token = first
	_, err := s.store.CompareAndSet(s.Context(), d)
	s.wants(err, store.ErrConflict)
	if err := s.store.DeleteDoc(s.Context(), "lease", "scorer"); err != nil {
		s.Fatal(err)
	}
	_, err = s.store.CompareAndSet(s.Context(), d)
	s.wants(err, store.ErrConflict)
	d.Token = ""
	second := s.set(d)
	d.Token = first
	_, err = s.store.CompareAndSet(s.Context(), d)
	s.wants(err, store.ErrConflict)
	d.Token = second
	s.set(d)
}

func docList(s *suite) {
	for _, id := range []string{"b", "a", "d", "c", "aa"} {
		s.put(doc("profile", id, `{"id":"`+id+`"}`))
	}
	s.put(doc("profil", "x", `{}`), doc("profiles", "y", `{}`))
	s.same("all", []string{"a", "aa", "b", "c", "d"}, s.ids("profile", "", "", false))
	s.same("reverse", []string{"d", "c", "b", "aa", "a"}, s.ids("profile", "", "", true))
	s.same("range", []string{"aa", "b"}, s.ids("profile", "aa", "c", false))
	s.same("range, reverse", []string{"b", "aa"}, s.ids("profile", "aa", "c", true))
	s.same("from", []string{"c", "d"}, s.ids("profile", "bb", "", false))
	s.same("empty range", []string{}, s.ids("profile", "c", "c", false))
	s.same("turned range", []string{}, s.ids("profile", "d", "a", false))
	s.same("no such kind", []string{}, s.ids("none", "", "", false))
	docs, err := list(s.T, s.store, "profile", "c", "d", false)
	if err != nil {
		s.Fatal(err)
	}
	s.same("whole", s.get("profile", "c"), docs[0])
	n := 0
	for _, err := range s.store.List(s.Context(), "profile", "", "", false) {
		if err != nil {
			s.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	s.put(doc("profile", "e", `{}`))
}

func docIDs(s *suite) {
	want := []string{"a", "a/b", "a/b/c", "王伟 2026-11-02", "ÿ"}
	for _, id := range want {
		s.put(doc("any", id, strconv.Quote(id)))
	}
	s.same("ids", len(want), len(s.ids("any", "", "", false)))
	for _, id := range want {
		s.same(id, strconv.Quote(id), string(s.get("any", id).Body))
	}
}

func docCreateRace(s *suite) {
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			n, err := s.store.Create(s.Context(), doc("lease", "one", fmt.Sprintf(`{"owner":%d}`, i)))
			if err != nil && !errors.Is(err, store.ErrConflict) {
				s.Errorf("Create: %v", err)
			}
			won.Add(int64(n))
		})
	}
	wg.Wait()
	s.same("winners", int64(1), won.Load())
}

func docSetRace(s *suite) {
	const workers, steps = 6, 10
	s.put(doc("count", "n", "0"))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range steps {
				s.increment("count", "n")
			}
		})
	}
	wg.Wait()
	s.same("count", strconv.Itoa(workers*steps), string(s.get("count", "n").Body))
}

// increment adds one to a number by compare-and-set, until it wins.
func (s *suite) increment(kind, id string) {
	for {
		d, err := s.store.Get(s.Context(), kind, id)
		if err != nil {
			s.Errorf("Get: %v", err)
			return
		}
		n, _ := strconv.Atoi(string(d.Body))
		d.Body = []byte(strconv.Itoa(n + 1))
		_, err = s.store.CompareAndSet(s.Context(), d)
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrConflict) {
			s.Errorf("CompareAndSet: %v", err)
			return
		}
	}
}
