package elastic

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	// pageSize is how many documents a page of a long scan or list has at most, and
	// firstPage how many the first one has; see firstSize.
	pageSize  = 5000
	firstPage = 1000
	fewLooks  = 100
	// maxTerms is how many keys the server takes in one query; with more it is asked for
	// all facts.
	maxTerms = 30000
)

// Sync implements store.Facts.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.refresh(ctx, []string{s.allEvents(), s.allFacts(), s.allDocs()}); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// Scan implements store.Facts.
func (s *Store) Scan(ctx context.Context, q store.Query) iter.Seq2[ueba.Fact, error] {
	return func(yield func(ueba.Fact, error) bool) {
		if err := s.scan(ctx, q, yield); err != nil {
			yield(ueba.Fact{}, fmt.Errorf("scan: %w", err))
		}
	}
}

// scan reads page by page, each from where the last one ended. What a query cannot say
// exactly, such as a nanosecond, is looked at here.
func (s *Store) scan(ctx context.Context, q store.Query, yield func(ueba.Fact, error) bool) error {
	if err := errors.Join(ctx.Err(), q.Check()); err != nil {
		return err
	}
	if q.By != store.ByTime && len(q.Keys) == 0 {
		return nil
	}
	if !q.To.IsZero() && !q.From.IsZero() && q.Kind != ueba.KindReason && !q.From.Before(q.To) {
		return nil
	}
	if err := s.refreshOwn(ctx, s.scanned(q)); err != nil {
		return err
	}
	given, wanted := 0, newKeys(q)
	w := window{q: q}
	for place := q.After; ; {
		size := pageSize
		if w.pages == 0 {
			size = firstSize(q)
		}
		if q.Limit > 0 {
			size = min(size, q.Limit-given)
		}
		indices, ok := w.next(s)
		if !ok {
			return nil
		}
		hits, err := s.search(ctx, "scan", indices, scanQuery(q, place, size))
		if err != nil {
			return err
		}
		for _, h := range hits {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, _, err := decodeFact(q.Kind, h)
			if err != nil {
				return err
			}
			place = store.PlaceOf(f)
			if !q.Within(f.Body) || !q.Knew(f.Known) || !wanted.has(f.Body) {
				continue
			}
			if given++; !yield(f, nil) || given == q.Limit {
				return nil
			}
		}
		if err := w.turn(ctx, s, place, len(hits) == size); err != nil {
			return err
		}
	}
}

// firstSize is how many facts the first page has. Each of the days that are asked makes room
// for so many before it looks, and few records have many looks.
func firstSize(q store.Query) int {
	if q.By == store.ByRecord {
		return fewLooks
	}
	return firstPage
}

// scanned names the indices that may hold what q asks for.
func (s *Store) scanned(q store.Query) []string {
	if q.Kind != ueba.KindEvent {
		return []string{s.kindIndex(q.Kind)}
	}
	if q.From.IsZero() || q.To.IsZero() {
		return []string{s.allEvents()}
	}
	return s.eventIndices(q.From, q.To.Add(-1))
}

// window is which days of events the next page is asked of. The first page asks all of them
// at once, which is best for few facts; after a full page it is as many days as a page
// covered, because every day that is asked has to sort a page of its own.
type window struct {
	q     store.Query
	pages int
	days  int       // 0: all
	at    time.Time // the day where the window begins, in the direction of the scan
	end   time.Time // the last day in that direction
	over  bool
}

func (w *window) next(s *Store) ([]string, bool) {
	switch {
	case w.over:
		return nil, false
	case w.days == 0:
		return s.scanned(w.q), true
	case w.q.Reverse:
		return s.eventIndices(later(w.at.AddDate(0, 0, 1-w.days), w.end), w.at), true
	}
	return s.eventIndices(w.at, sooner(w.at.AddDate(0, 0, w.days-1), w.end)), true
}

// turn moves on after a page that ended at the place.
func (w *window) turn(ctx context.Context, s *Store, place store.Place, full bool) error {
	w.pages++
	switch {
	case full && w.q.Kind != ueba.KindEvent:
		return nil
	case full && w.days == 0:
		return w.narrow(ctx, s, place)
	case full:
		w.at = midnight(place.Time)
		w.days = max(1, w.days/2)
		return nil
	case w.days == 0:
		w.over = true
		return nil
	}
	if w.q.Reverse {
		w.at = w.at.AddDate(0, 0, -w.days)
		w.over = w.at.Before(w.end)
	} else {
		w.at = w.at.AddDate(0, 0, w.days)
		w.over = w.at.After(w.end)
	}
	w.days = min(2*w.days, 60)
	return nil
}

// narrow finds out where the scan will end.
func (w *window) narrow(ctx context.Context, s *Store, place store.Place) error {
	end := w.q.To.Add(-1)
	if w.q.Reverse {
		end = w.q.From
	}
	if w.q.To.IsZero() && !w.q.Reverse || w.q.From.IsZero() && w.q.Reverse {
		hits, err := s.search(ctx, "scan", []string{s.allEvents()}, object{
			"size": 1, "_source": []string{"fact.us"}, "sort": []any{order("fact.us", "long", !w.q.Reverse)},
		})
		if err != nil || len(hits) == 0 {
			w.over = len(hits) == 0
			return err
		}
		a, err := decodeAbout(hits[0].Source)
		if err != nil {
			return err
		}
		end = time.UnixMicro(a.US)
	}
	w.at, w.end, w.days = midnight(place.Time), midnight(end), 1
	return nil
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// scanQuery asks for at least what q asks for, after the place.
func scanQuery(q store.Query, place store.Place, size int) object {
	var filters []any
	if by := terms(q); by != nil {
		filters = append(filters, by)
	}
	us := object{}
	if !q.From.IsZero() && q.Kind != ueba.KindReason {
		us["gte"] = micros(q.From)
	}
	if !q.To.IsZero() {
		us["lte"] = micros(q.To)
	}
	if len(us) > 0 {
		filters = append(filters, object{"range": object{"fact.us": us}})
	}
	if !q.From.IsZero() && q.Kind == ueba.KindReason {
		open := object{"bool": object{"must_not": object{"exists": object{"field": "fact.until"}}}}
		filters = append(filters, object{"bool": object{"should": []any{
			object{"range": object{"fact.until": object{"gte": micros(q.From)}}}, open,
		}}})
	}
	if !q.KnownBy.IsZero() {
		filters = append(filters, object{"range": object{"fact.known": object{"lte": q.KnownBy.UnixMilli(), "format": "epoch_millis"}}})
	}
	out := object{
		"size": size,
		"sort": []any{order("fact.us", "long", q.Reverse), order("fact.tie", "keyword", q.Reverse)},
	}
	if len(filters) > 0 {
		out["query"] = object{"bool": object{"filter": filters}}
	}
	if place != (store.Place{}) {
		out["search_after"] = []any{micros(place.Time), tie(place.Time, place.ID)}
	}
	return out
}

// terms finds the facts of q's keys; nil finds all.
func terms(q store.Query) any {
	field := map[store.Index]string{store.ByKey: "fact.key", store.ByRecord: "record.id", store.ByEmployee: "fact.employee"}[q.By]
	if field == "" || len(q.Keys) > maxTerms {
		return nil
	}
	var short, long []string
	for _, k := range q.Keys {
		if len(k) > longest {
			long = append(long, longToken(k))
		} else {
			short = append(short, k)
		}
	}
	both := []any{object{"terms": object{field: short}}}
	if short == nil {
		both = nil
	}
	if long != nil {
		both = append(both, object{"terms": object{"fact.long": long}})
	}
	if len(both) == 1 {
		return both[0]
	}
	return object{"bool": object{"should": both}}
}

// keys tells facts that q's keys find from those that only look alike to the server.
type keys struct {
	by  store.Index
	all map[string]bool
}

func newKeys(q store.Query) keys {
	k := keys{q.By, make(map[string]bool, len(q.Keys))}
	for _, key := range q.Keys {
		k.all[key] = true
	}
	return k
}

func (k keys) has(b ueba.Body) bool {
	return k.by == store.ByTime || slices.ContainsFunc(store.KeysOf(b, k.by), func(key string) bool { return k.all[key] })
}
