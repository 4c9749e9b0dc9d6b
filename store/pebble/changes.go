package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// recentLength is how many of the newest facts are kept in memory, for followers that
// keep up.
const recentLength = 1 << 14

// change is one fact in the feed, as it is stored.
type change struct {
	seq uint64
	key string
	row []byte
}

// recent is the end of the feed: the newest facts, and how far the feed is on the disk.
// Nothing beyond that is handed out, for after a crash other facts could take its place.
type recent struct {
	mu   sync.Mutex
	ring []change // by seq modulo its length
	last uint64   // the newest durable sequence number
	from uint64   // the ring holds what was added after this one
}

// restart forgets the facts; the feed is on the disk up to last.
func (r *recent) restart(last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.last, r.from = make([]change, recentLength), last, last
}

// add adds what became durable up to last.
func (r *recent) add(changes []change, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		r.ring[c.seq%recentLength] = c
	}
	r.last = last
}

// forget takes out facts that were deleted.
func (r *recent) forget(seqs []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seq := range seqs {
		if r.ring[seq%recentLength].seq == seq {
			r.ring[seq%recentLength] = change{}
		}
	}
}

// take returns up to limit changes after seq and the sequence number they end with. ok is
// false when the ring does not reach back that far.
func (r *recent) take(seq uint64, limit int) (changes []change, end uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq > r.last || seq < r.from || r.last-seq > recentLength {
		return nil, r.last, false
	}
	for end = seq; end < r.last && len(changes) < limit; {
		end++
		if c := r.ring[end%recentLength]; c.seq == end { // else it was deleted
			changes = append(changes, c)
		}
	}
	return changes, end, true
}

// Changes implements store.Facts.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, store.Cursor, error) {
	facts, seq, err := s.changes(ctx, after, limit)
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	return facts, store.Cursor(strconv.FormatUint(seq, 10)), nil
}

func (s *Store) changes(ctx context.Context, after store.Cursor, limit int) ([]ueba.Fact, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	seq, err := parseCursor(after)
	if err != nil {
		return nil, 0, err
	}
	e, err := s.acquire()
	if err != nil {
		return nil, 0, err
	}
	defer e.release()
	changes, end, ok := s.recent.take(seq, limit)
	if !ok {
		if seq > end {
			return nil, 0, fmt.Errorf("cursor %q is beyond the end of the feed: it is of another data folder", after)
		}
		if changes, end, err = e.feed(ctx, seq, end, limit); err != nil {
			return nil, 0, err
		}
	}
	facts := make([]ueba.Fact, len(changes))
	for i, c := range changes {
		if facts[i], err = decodeRow([]byte(c.key), c.row); err != nil {
			return nil, 0, err
		}
	}
	return facts, end, nil
}

func parseCursor(c store.Cursor) (uint64, error) {
	if c == "" {
		return 0, nil
	}
	seq, err := strconv.ParseUint(string(c), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("cursor %q is not of this store", c)
	}
	return seq, nil
}

// feed reads the changes after seq, up to last, from the disk.
func (e *engine) feed(ctx context.Context, seq, last uint64, limit int) (changes []change, end uint64, err error) {
	if limit <= 0 {
		return nil, seq, nil
	}
	snapshot := e.db.NewSnapshot()
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	end = last
	err = each(ctx, snapshot, feedKey(nil, seq+1), feedKey(nil, last+1), func(key, row []byte) (bool, error) {
		c := change{seq: binary.BigEndian.Uint64(key[1:]), key: string(row)}
		c.row, err = get(snapshot, row)
		changes = append(changes, c)
		if len(changes) == limit {
			end = c.seq
		}
		return len(changes) < limit, err
	})
	return changes, end, err
}
