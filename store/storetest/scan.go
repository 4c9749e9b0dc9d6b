package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var scanChecks = []check{
	{"scan: an empty store", scanEmpty},
	{"scan: ordered by time, then id, over days and accounts", scanOrder},
	{"scan: by account and time", scanByAccount},
	{"scan: by record and time", scanByRecord},
	{"scan: keys that begin alike are apart", scanSimilarKeys},
	{"scan: bounds of time", scanBounds},
	{"scan: before the epoch and without a time", scanOldTimes},
	{"scan: KnownBy", scanKnownBy},
	{"scan: limit", scanLimit},
	{"scan: pages, both ways", scanPages},
	{"scan: pages among equal times", scanPagesTies},
	{"scan: After without an id", scanAfterTime},
	{"scan: what no index can answer is an error", scanMisuse},
	{"scan: stops early", scanStops},
	{"scan: a cancelled context", scanCancelled},
	{"scan: may write while it reads", scanWhileWriting},
}

func scanEmpty(s *suite) {
	for _, kind := range []ueba.Kind{ueba.KindEvent, ueba.KindReason, ueba.KindRecord} {
		s.same(string(kind), 0, len(s.scan(store.Query{Kind: kind})))
	}
	s.same("keys", 0, len(s.scan(store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("li")}})))
}

// week appends 7 days of 3 accounts' looks at 5 records, out of order, and returns
// them in the order of a scan.
func (s *suite) week() []ueba.Fact {
	s.Helper()
	var facts []ueba.Fact
	for i := range 210 {
		t := noon.Add(time.Duration(i%70) * 149 * time.Minute) // three at each instant
		facts = append(facts, event(fmt.Sprint(i), fmt.Sprintf("u%d", i%3), t, fmt.Sprintf("C%d", i%5), "C-all"))
		facts[i].Known = at(i * 7 % 210)
	}
	for i := range facts { // 97 has no factor in common with 210
		if i < len(facts)/2 {
			j := i * 97 % len(facts)
			facts[i], facts[j] = facts[j], facts[i]
		}
	}
	s.append(facts[:50]...)
	s.append(facts[50:]...)
	slices.SortFunc(facts, func(a, b ueba.Fact) int { return store.PlaceOf(a).Compare(store.PlaceOf(b)) })
	return facts
}

// matching is what a query should give from all facts in order, Limit and Reverse apart.
func matching(q store.Query, all []ueba.Fact) []ueba.Fact {
	return slices.DeleteFunc(slices.Clone(all), func(f ueba.Fact) bool { return !q.Matches(f) })
}

// expect scans both ways and compares with what matches among all.
func (s *suite) expect(q store.Query, all []ueba.Fact) {
	s.Helper()
	s.same(fmt.Sprintf("%+v", q), matching(q, all), s.scan(q))
	q.Reverse = true
	s.same(fmt.Sprintf("%+v", q), reversed(matching(q, all)), s.scan(q))
}

func scanOrder(s *suite) { s.expect(store.Query{Kind: ueba.KindEvent}, s.week()) }

func scanByAccount(s *suite) {
	all := s.week()
	for _, users := range [][]string{{"u1"}, {"u2", "u0"}, {"u1", "nobody", "u1"}, {"nobody"}} {
		q := store.Query{Kind: ueba.KindEvent, By: store.ByKey}
		for _, u := range users {
			q.Keys = append(q.Keys, account(u))
		}
		s.expect(q, all)
		q.From, q.To = noon.Add(20*time.Hour), noon.Add(80*time.Hour)
		s.expect(q, all)
	}
	s.same("no keys", 0, len(s.scan(store.Query{Kind: ueba.KindEvent, By: store.ByKey})))
}

func scanByRecord(s *suite) {
	all := s.week()
	for _, records := range [][]string{{"C1"}, {"C-all"}, {"C-all", "C3", "C1"}, {"C", ""}} {
		q := store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: records}
		s.expect(q, all)
		q.From, q.To = noon.Add(20*time.Hour), noon.Add(80*time.Hour)
		s.expect(q, all)
	}
}

func scanSimilarKeys(s *suite) {
	records := []string{"C", "C1", "C10", "C1\x00", "C1\x00\x01", "c1", "C1 ", "", "ÿ", "客户", "客"}
	var facts []ueba.Fact
	for i, r := range records {
		f := event(fmt.Sprint(i), "u"+r, at(i), r)
		facts = append(facts, f)
	}
	s.append(facts...)
	for i, r := range records {
		q := store.Query{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{r}}
		s.same(fmt.Sprintf("record %q", r), facts[i:i+1], s.scan(q))
		q = store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("u" + r)}}
		s.same(fmt.Sprintf("user %q", "u"+r), facts[i:i+1], s.scan(q))
	}
}

func scanBounds(s *suite) {
	facts := []ueba.Fact{event("0", "li", at(0)), event("1", "li", at(1)), event("2", "li", at(2)), event("3", "li", at(3))}
	midnight := ueba.Fact{Body: &ueba.Event{Time: noon.Add(12 * time.Hour), EventID: "4", Service: "crm", User: "li", Action: "view"}}
	facts = append(facts, midnight)
	s.append(facts...)
	ns := time.Nanosecond
	for _, b := range [][2]time.Time{
		{at(1), at(3)}, {at(1), at(1)}, {at(2), at(1)}, {at(1).Add(ns), at(3).Add(ns)}, {at(1).Add(-ns), at(3).Add(-ns)},
		{{}, at(2)}, {at(2), {}}, {{}, noon.Add(12 * time.Hour)}, {noon.Add(12 * time.Hour), {}},
	} {
		s.expect(store.Query{Kind: ueba.KindEvent, From: b[0], To: b[1]}, facts)
		s.expect(store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("li")}, From: b[0], To: b[1]}, facts)
	}
}

func scanOldTimes(s *suite) {
	var facts []ueba.Fact
	for _, t := range []time.Time{{}, time.Date(1969, 12, 31, 23, 59, 59, 999, time.UTC), time.Unix(0, 0).UTC(), noon} {
		facts = append(facts, ueba.Fact{Body: &ueba.Record{ID: "C1", ValidFrom: t, Region: t.String()}})
	}
	s.append(facts[2], facts[0], facts[3], facts[1])
	s.same("outcome", []store.Outcome{store.Duplicate}, s.append(facts[0])) // and sets ID and Known of facts[0]
	got := s.scan(store.Query{Kind: ueba.KindRecord})
	s.same("records", bodies(facts), bodies(got))
	s.same("of C1", got, s.scan(store.Query{Kind: ueba.KindRecord, By: store.ByKey, Keys: []string{"C1"}}))
	s.same("after the first", got[1:], s.scan(store.Query{Kind: ueba.KindRecord, After: store.PlaceOf(got[0])}))
	s.same("before the epoch", got[:2], s.scan(store.Query{Kind: ueba.KindRecord, To: time.Unix(0, 0)}))
}

func scanKnownBy(s *suite) {
	all := s.week()
	for _, q := range []store.Query{
		{Kind: ueba.KindEvent},
		{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("u1")}},
		{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C2"}},
	} {
		q.KnownBy = at(90)
		s.expect(q, all)
		q.KnownBy = at(-1)
		s.expect(q, all)
	}
}

func scanLimit(s *suite) {
	all := s.week()
	q := store.Query{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("u1")}, KnownBy: at(100)}
	want := matching(q, all)
	for _, n := range []int{1, 2, len(want) - 1, len(want), len(want) + 1} {
		q.Limit = n
		s.same(fmt.Sprintf("limit %d", n), want[:min(n, len(want))], s.scan(q))
	}
}

func scanPages(s *suite) {
	all := s.week()
	for _, q := range []store.Query{
		{Kind: ueba.KindEvent},
		{Kind: ueba.KindEvent, By: store.ByKey, Keys: []string{account("u0"), account("u2")}},
		{Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C2", "C-all"}, From: noon.Add(time.Hour)},
	} {
		want := matching(q, all)
		s.same("pages", want, s.pages(q, 7))
		q.Reverse = true
		s.same("pages backwards", reversed(want), s.pages(q, 7))
	}
}

func scanPagesTies(s *suite) {
	var all []ueba.Fact
	for i := range 40 {
		all = append(all, event(fmt.Sprint(i), fmt.Sprintf("u%d", i%4), at(0), "C1"))
	}
	s.append(all...)
	slices.SortFunc(all, func(a, b ueba.Fact) int { return store.PlaceOf(a).Compare(store.PlaceOf(b)) })
	for _, q := range []store.Query{{Kind: ueba.KindEvent}, {Kind: ueba.KindEvent, By: store.ByRecord, Keys: []string{"C1"}}} {
		s.same("pages", all, s.pages(q, 3))
		q.Reverse = true
		s.same("pages backwards", reversed(all), s.pages(q, 3))
	}
}

// pages scans page by page.
func (s *suite) pages(q store.Query, size int) []ueba.Fact {
	s.Helper()
	var all []ueba.Fact
	for q.Limit = size; ; q.After = store.PlaceOf(all[len(all)-1]) {
		page := s.scan(q)
		if len(page) > size {
			s.Fatalf("a page of %d has %d facts", size, len(page))
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func scanAfterTime(s *suite) {
	all := s.week()
	q := store.Query{Kind: ueba.KindEvent, After: store.Place{Time: all[100].Body.Happened()}}
	s.same("from that time on", matching(q, all), s.scan(q))
	q.Reverse = true
	s.same("before that time", reversed(matching(q, all)), s.scan(q))
}

func scanMisuse(s *suite) {
	s.append(event("1", "li", at(0), "C1"))
	for _, q := range []store.Query{
		{Kind: ueba.KindReason, By: store.ByRecord, Keys: []string{"C1"}},
		{Kind: ueba.KindEvent, By: store.ByEmployee, Keys: []string{"E1"}},
		{Kind: ueba.KindEvent, Keys: []string{account("li")}},
		{Kind: ueba.KindEvent, By: 99},
	} {
		if _, err := scan(s.T, s.store, q); err == nil {
			s.Errorf("Scan(%+v) gave no error", q)
		}
	}
}

func scanStops(s *suite) {
	s.week()
	n := 0
	for _, err := range s.store.Scan(s.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			s.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	s.append(event("later", "li", at(0)))
}

func scanCancelled(s *suite) {
	s.week()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	var last error
	for _, err := range s.store.Scan(ctx, store.Query{Kind: ueba.KindEvent}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		s.Errorf("a scan with a cancelled context ends with %v", last)
	}
}

func scanWhileWriting(s *suite) {
	all := s.week()
	if err := s.store.Sync(s.Context()); err != nil {
		s.Fatal(err)
	}
	seen := make(map[string]int)
	for f, err := range s.store.Scan(s.Context(), store.Query{Kind: ueba.KindEvent}) {
		if err != nil {
			s.Fatal(err)
		}
		if seen[f.ID]++; len(seen)%10 == 0 {
			s.append(event(fmt.Sprint("w", len(seen)), "w", at(len(seen)*60)))
		}
	}
	for _, f := range all {
		if seen[f.ID] != 1 {
			s.Fatalf("fact %s, appended before the scan, was given %d times", f.ID, seen[f.ID])
		}
	}
}
