package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Scan implements store.Facts. It reads the store as it is when the loop begins.
func (s *Store) Scan(ctx context.Context, q store.Query) iter.Seq2[ueba.Fact, error] {
	return func(yield func(ueba.Fact, error) bool) {
		if err := s.scan(ctx, q, yield); err != nil {
			yield(ueba.Fact{}, fmt.Errorf("scan: %w", err))
		}
	}
}

// Sync implements store.Facts: a scan sees what was appended at once.
func (s *Store) Sync(ctx context.Context) error { return ctx.Err() }

func (s *Store) scan(ctx context.Context, q store.Query, yield func(ueba.Fact, error) bool) (err error) {
	if err := errors.Join(ctx.Err(), q.Check()); err != nil {
		return err
	}
	kind, err := kindCode(q.Kind)
	if err != nil {
		return err
	}
	e, err := s.acquire()
	if err != nil {
		return err
	}
	defer e.release()
	sc := newScan(ctx, e, q, kind, yield)
	defer func() { err = errors.Join(err, sc.snapshot.Close()) }()
	return sc.run()
}

// scan is one running Scan.
type scan struct {
	ctx      context.Context
	snapshot *pebble.Snapshot
	q        store.Query
	kind     byte
	keys     map[string]bool
	yield    func(ueba.Fact, error) bool

	low, high []byte // bounds of the place, by After and by From and To where they bound the start
	last      []byte // the place given last: a fact that two keys find comes once
	given     int
}

func newScan(ctx context.Context, e *engine, q store.Query, kind byte, yield func(ueba.Fact, error) bool) *scan {
	sc := &scan{ctx: ctx, snapshot: e.db.NewSnapshot(), q: q, kind: kind, yield: yield}
	sc.keys = make(map[string]bool, len(q.Keys))
	for _, k := range q.Keys {
		sc.keys[k] = true
	}
	sc.bound()
	return sc
}

// bound sets the bounds of the place. What they let pass is still looked at in full.
func (sc *scan) bound() {
	q := sc.q
	if !q.From.IsZero() && q.Kind != ueba.KindReason {
		sc.low = appendTime(nil, q.From)
	}
	if !q.To.IsZero() {
		sc.high = appendTime(nil, q.To)
	}
	if q.After == (store.Place{}) {
		return
	}
	place := appendTime(nil, q.After.Time)
	id, whole := parseID(q.After.ID)
	switch {
	case whole && q.Reverse:
		sc.lowerHigh(append(place, id[:]...))
	case whole:
		sc.raiseLow(append(append(place, id[:]...), 0))
	case q.Reverse:
		sc.lowerHigh(append(place, bytes.Repeat([]byte{0xff}, idSize+1)...))
	default:
		sc.raiseLow(place)
	}
}

func (sc *scan) raiseLow(to []byte) {
	if bytes.Compare(to, sc.low) > 0 {
		sc.low = to
	}
}

func (sc *scan) lowerHigh(to []byte) {
	if len(sc.high) == 0 || bytes.Compare(to, sc.high) < 0 {
		sc.high = to
	}
}

func (sc *scan) run() (err error) {
	if len(sc.high) > 0 && bytes.Compare(sc.low, sc.high) >= 0 {
		return nil
	}
	it, err := sc.snapshot.NewIterWithContext(sc.ctx, sc.space())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if sc.q.Kind == ueba.KindEvent && sc.q.By != store.ByRecord {
		return sc.runDays(it)
	}
	return merge(sc.ctx, it, sc.spans(), sc.q.Reverse, sc.visit)
}

// space returns the bounds of the space that the query reads.
func (sc *scan) space() *pebble.IterOptions {
	space := byte(spaceFact)
	switch {
	case sc.q.By == store.ByRecord:
		space = spaceRecord
	case sc.q.By == store.ByEmployee:
		space = spaceEmployee
	case sc.q.Kind == ueba.KindEvent:
		space = spaceEvent
	case sc.q.By == store.ByTime:
		space = spaceTime
	}
	return &pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}}
}

// spans returns what a query that is not by day reads.
func (sc *scan) spans() []span {
	var spans []span
	switch sc.q.By {
	case store.ByTime:
		return sc.classSpans(nil, []byte{spaceTime, sc.kind})
	case store.ByRecord:
		for k := range sc.keys {
			spans = append(spans, span{appendHash([]byte{spaceRecord}, k), sc.low, sc.high})
		}
	case store.ByEmployee:
		for k := range sc.keys {
			spans = sc.classSpans(spans, appendHash([]byte{spaceEmployee}, k))
		}
	default:
		for k := range sc.keys {
			spans = sc.classSpans(spans, appendHash([]byte{spaceFact, sc.kind}, k))
		}
	}
	return spans
}

// classSpans adds a span for each class of validity: a reason of a class that ends after
// From began at most that long before it.
func (sc *scan) classSpans(spans []span, prefix []byte) []span {
	prefix = prefix[:len(prefix):len(prefix)]
	if sc.q.Kind != ueba.KindReason {
		return append(spans, span{append(prefix, 0), sc.low, sc.high})
	}
	for class := range openClass + 1 {
		low := sc.low
		if class < openClass && !sc.q.From.IsZero() {
			if began := appendTime(nil, sc.q.From.Add(-classes[class])); bytes.Compare(began, low) > 0 {
				low = began
			}
		}
		spans = append(spans, span{append(prefix, class), low, sc.high})
	}
	return spans
}

// runDays reads events day by day.
func (sc *scan) runDays(it *pebble.Iterator) error {
	for day, ok := sc.firstDay(it); ok; day, ok = sc.nextDay(it, day) {
		more := true
		err := merge(sc.ctx, it, sc.daySpans(it, day), sc.q.Reverse, func(prefix, rest, value []byte) (_ bool, err error) {
			more, err = sc.visit(prefix, rest, value)
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return it.Error()
}

// firstDay returns the first day that holds events within the bounds.
func (sc *scan) firstDay(it *pebble.Iterator) (int32, bool) {
	if sc.q.Reverse {
		if len(sc.high) == 0 {
			return sc.dayAt(it.Last(), it)
		}
		t, _, err := takeTime(sc.high)
		if err != nil {
			return 0, false
		}
		return sc.dayAt(it.SeekLT(after(appendDay([]byte{spaceEvent}, utcDay(t)))), it)
	}
	if len(sc.low) == 0 {
		return sc.dayAt(it.First(), it)
	}
	t, _, err := takeTime(sc.low)
	if err != nil {
		return 0, false
	}
	return sc.dayAt(it.SeekGE(appendDay([]byte{spaceEvent}, utcDay(t))), it)
}

func (sc *scan) nextDay(it *pebble.Iterator, day int32) (int32, bool) {
	prefix := appendDay([]byte{spaceEvent}, day)
	if sc.q.Reverse {
		return sc.dayAt(it.SeekLT(prefix), it)
	}
	return sc.dayAt(it.SeekGE(after(prefix)), it)
}

// dayAt returns the day at which the iterator stands, if it is within the bounds.
func (sc *scan) dayAt(ok bool, it *pebble.Iterator) (int32, bool) {
	if !ok {
		return 0, false
	}
	day := takeDay(it.Key()[1:])
	if !sc.q.Reverse && len(sc.high) > 0 {
		t, _, err := takeTime(sc.high)
		return day, err == nil && day <= utcDay(t)
	}
	if sc.q.Reverse && len(sc.low) > 0 {
		t, _, err := takeTime(sc.low)
		return day, err == nil && day >= utcDay(t)
	}
	return day, true
}

// daySpans returns the accounts to read of a day.
func (sc *scan) daySpans(it *pebble.Iterator, day int32) []span {
	prefix := appendDay([]byte{spaceEvent}, day)
	prefix = prefix[:len(prefix):len(prefix)]
	var spans []span
	if sc.q.By == store.ByKey {
		for k := range sc.keys {
			spans = append(spans, span{appendHash(prefix, k), sc.low, sc.high})
		}
		return spans
	}
	for ok := it.SeekGE(prefix); ok && bytes.HasPrefix(it.Key(), prefix); {
		account := bytes.Clone(it.Key()[:len(prefix)+hashSize])
		spans = append(spans, span{account, sc.low, sc.high})
		ok = it.SeekGE(after(account))
	}
	return spans
}

// visit looks at an entry and gives its fact when it is asked for; false ends the scan.
func (sc *scan) visit(prefix, place, value []byte) (bool, error) {
	if bytes.Equal(place, sc.last) {
		return true, nil // found by another key already
	}
	f, ok, err := sc.fact(prefix, place, value)
	if err != nil || !ok {
		return true, err
	}
	sc.last = append(sc.last[:0], place...)
	if !sc.yield(f, nil) {
		return false, nil
	}
	sc.given++
	return sc.q.Limit == 0 || sc.given < sc.q.Limit, nil
}

// fact reads the fact that an entry holds or leads to; ok is false when the query does
// not ask for it.
func (sc *scan) fact(prefix, place, value []byte) (f ueba.Fact, ok bool, err error) {
	row, err := sc.row(prefix, place, value)
	if err != nil {
		return f, false, err
	}
	h, body, err := takeHeader(row)
	if err != nil || !sc.q.Knew(h.known) {
		return f, false, err
	}
	f, err = decodeFact(sc.kind, place, h.known, body)
	if err != nil {
		return f, false, err
	}
	return f, sc.q.Within(f.Body) && sc.hasKey(f.Body) && !sc.q.Passed(store.PlaceOf(f)), nil
}

// hasKey tells apart what a hash confused.
func (sc *scan) hasKey(b ueba.Body) bool {
	if sc.q.By == store.ByTime {
		return true
	}
	for _, k := range store.KeysOf(b, sc.q.By) {
		if sc.keys[k] {
			return true
		}
	}
	return false
}

// row returns the row that an entry holds or leads to.
func (sc *scan) row(prefix, place, value []byte) ([]byte, error) {
	if prefix[0] != spaceRecord && prefix[0] != spaceTime {
		return value, nil
	}
	t, _, err := takeTime(place)
	if err != nil || len(value) != hashSize {
		return nil, errDamaged
	}
	key := [hashSize]byte(value)
	if prefix[0] == spaceRecord {
		return get(sc.snapshot, eventKey(nil, utcDay(t), key, place))
	}
	return get(sc.snapshot, factKey(nil, sc.kind, key, prefix[len(prefix)-1], place))
}
