package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var reasonChecks = []check{
	{"reasons: of a record, by overlap", reasonsOfRecord},
	{"reasons: of an employee, and for anybody", reasonsOfEmployee},
	{"reasons: long, short, open and inverted ones", reasonsOfAnyLength},
	{"reasons: pages", reasonPages},
}

func reasonsOfRecord(s *suite) {
	facts := []ueba.Fact{
		reason("open", "C1", "E1", at(0), time.Time{}),
		reason("hour", "C1", "E1", at(0), at(3600)),
		reason("later", "C1", "", at(7200), at(9000)),
		reason("other", "C2", "E1", at(0), time.Time{}),
		reason("any", "", "E1", at(0), time.Time{}),
	}
	s.append(facts...)
	of := func(from, to time.Time) []string {
		return reasonIDs(s.scan(store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{"C1"}, From: from, To: to}))
	}
	s.same("before all", []string{}, of(at(-10), at(0)))
	s.same("at the start", []string{"hour", "open"}, of(at(-10), at(1)))
	s.same("the end is excluded", []string{"open"}, of(at(3600), at(3601)))
	s.same("all", []string{"hour", "later", "open"}, of(time.Time{}, time.Time{}))
	s.same("any record", []string{"any"}, reasonIDs(s.scan(store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{""}})))
	both := s.scan(store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{"", "C2"}})
	s.same("two keys", []string{"any", "other"}, reasonIDs(both))
}

func reasonsOfEmployee(s *suite) {
	facts := []ueba.Fact{
		reason("mine", "C1", "E1", at(0), at(60)),
		reason("mine too", "", "E1", at(30), time.Time{}),
		reason("hers", "C1", "E2", at(0), time.Time{}),
		reason("anybody's", "C1", "", at(0), time.Time{}),
	}
	s.append(facts...)
	of := func(employee string, from, to time.Time) []string {
		return reasonIDs(s.scan(store.Query{Kind: ueba.KindReason, By: store.ByEmployee, Keys: []string{employee}, From: from, To: to}))
	}
	s.same("his", []string{"mine", "mine too"}, of("E1", time.Time{}, time.Time{}))
	s.same("his, early", []string{"mine"}, of("E1", at(0), at(30)))
	s.same("his, late", []string{"mine too"}, of("E1", at(60), time.Time{}))
	s.same("anybody's", []string{"anybody's"}, of("", time.Time{}, time.Time{}))
	s.same("nobody's", []string{}, of("E3", time.Time{}, time.Time{}))
}

// reasonIDs returns the reasons' own ids, sorted.
func reasonIDs(facts []ueba.Fact) []string {
	ids := []string{}
	for _, f := range facts {
		ids = append(ids, f.Body.(*ueba.Reason).ID)
	}
	slices.Sort(ids)
	return ids
}

// lengths of validity from nothing to years; a negative one ends before it begins.
var lengths = []time.Duration{
	-time.Hour, 0, 1, time.Minute, time.Hour, time.Hour + 1, 24 * time.Hour, 25 * time.Hour,
	10 * 24 * time.Hour, 100 * 24 * time.Hour, 3 * 365 * 24 * time.Hour,
}

// manyReasons appends reasons of every length for two records and two employees and
// returns them in the order of a scan.
func (s *suite) manyReasons() []ueba.Fact {
	s.Helper()
	var all []ueba.Fact
	for i := range 30 {
		from := noon.Add(time.Duration(i/2) * 31 * time.Hour)
		for j, d := range lengths {
			id := fmt.Sprintf("%d-%d", i, j)
			all = append(all, reason(id, fmt.Sprintf("C%d", i%2), fmt.Sprintf("E%d", j%2), from, from.Add(d)))
		}
		all = append(all, reason(fmt.Sprint(i), "C0", "", from, time.Time{}))
	}
	all = append(all, reason("ever", "C1", "E1", time.Time{}, at(0)), reason("ever and ever", "C1", "E1", time.Time{}, time.Time{}))
	s.append(all...)
	slices.SortFunc(all, func(a, b ueba.Fact) int { return store.PlaceOf(a).Compare(store.PlaceOf(b)) })
	return all
}

func reasonsOfAnyLength(s *suite) {
	all := s.manyReasons()
	day := 24 * time.Hour
	for _, b := range [][2]time.Time{
		{}, {noon, noon.Add(1)}, {noon.Add(5 * day), noon.Add(6 * day)}, {noon.Add(-day), noon}, {noon.Add(31 * time.Hour), noon.Add(31 * time.Hour)},
		{noon.Add(400 * day), {}}, {{}, noon.Add(2 * day)}, {noon.Add(5000 * day), noon.Add(5001 * day)},
	} {
		q := store.Query{Kind: ueba.KindReason, From: b[0], To: b[1]}
		s.expect(q, all)
		q.By, q.Keys = store.ByKey, []string{"C0"}
		s.expect(q, all)
		q.By, q.Keys = store.ByEmployee, []string{"E1", ""}
		s.expect(q, all)
	}
}

func reasonPages(s *suite) {
	all := s.manyReasons()
	q := store.Query{Kind: ueba.KindReason, By: store.ByKey, Keys: []string{"C1", "C0"}, From: noon.Add(72 * time.Hour), To: noon.Add(200 * time.Hour)}
	want := matching(q, all)
	s.same("pages", want, s.pages(q, 5))
	q.Reverse = true
	s.same("pages backwards", reversed(want), s.pages(q, 5))
}
