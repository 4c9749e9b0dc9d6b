package pebble

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// The spaces of keys, by their first byte. "key" stands for the first 8 bytes of a hash
// of the body's key: all keys are of one length then, and what a hash confuses the
// reader of the row tells apart. An event's row stands by day and account, so that
// an employee's day is one place on the disk; every other fact's row by its key. Reasons
// stand by their employee a second time, for every day that is scored asks for his.
const (
	spaceEvent    = 'e' // day key time id        → row
	spaceFact     = 'k' // kind key class time id → row
	spaceTime     = 't' // kind class time id     → key
	spaceEmployee = 'm' // employee class time id → row again; reasons only
	spaceRecord   = 'r' // record time id         → key; events only
	spaceIdentity = 'i' // kind id                → content, known
	spaceFeed     = 'f' // sequence               → the row's key
	spaceDoc      = 'd' // kind 0 id              → document
	spaceState    = 's' //                        → counters
)

const (
	hashSize = 8
	idSize   = 16
	daySize  = 4
)

// kinds gives each kind of fact its byte on the disk: its place here, which never changes.
var kinds = [...]ueba.Kind{
	1: ueba.KindEvent, ueba.KindReason, ueba.KindEmployee, ueba.KindRecord, ueba.KindSystem,
	ueba.KindHoliday, ueba.KindReview, ueba.KindStep, ueba.KindSetting, ueba.KindDead,
}

func kindCode(kind ueba.Kind) (byte, error) {
	for i, k := range kinds {
		if k == kind && i > 0 {
			return byte(i), nil
		}
	}
	return 0, fmt.Errorf("unknown kind of fact %q", kind)
}

func appendHash(dst []byte, key string) []byte {
	return binary.BigEndian.AppendUint64(dst, xxhash.Sum64String(key))
}

// The instants that fit 64 bits of nanoseconds, 1677 to 2262, are written as such. What
// lies outside is written after eight bytes of 00 or FF, in 12 more bytes. Both ways
// the bytes order as the instants do.
const edgeSeconds = math.MaxInt64 / int64(time.Second)

func appendTime(dst []byte, t time.Time) []byte {
	seconds := t.Unix()
	if -edgeSeconds < seconds && seconds < edgeSeconds {
		return binary.BigEndian.AppendUint64(dst, ordered(t.UnixNano()))
	}
	edge := uint64(0)
	if seconds > 0 {
		edge = math.MaxUint64
	}
	dst = binary.BigEndian.AppendUint64(dst, edge)
	dst = binary.BigEndian.AppendUint64(dst, ordered(seconds))
	return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
}

// takeTime reads what appendTime wrote and returns what follows.
func takeTime(b []byte) (time.Time, []byte, error) {
	if len(b) < 8 {
		return time.Time{}, nil, errDamaged
	}
	n := binary.BigEndian.Uint64(b)
	if n != 0 && n != math.MaxUint64 {
		return time.Unix(0, unordered(n)).UTC(), b[8:], nil
	}
	if len(b) < 20 {
		return time.Time{}, nil, errDamaged
	}
	seconds := unordered(binary.BigEndian.Uint64(b[8:]))
	return time.Unix(seconds, int64(binary.BigEndian.Uint32(b[16:]))).UTC(), b[20:], nil
}

// ordered maps integers to unsigned ones of the same order.
func ordered(n int64) uint64   { return uint64(n) ^ 1<<63 }
func unordered(n uint64) int64 { return int64(n ^ 1<<63) }

// utcDay is the UTC day of t, counted from the epoch.
func utcDay(t time.Time) int32 {
	day := t.Unix() / 86400
	if t.Unix()%86400 < 0 {
		day--
	}
	return int32(min(max(day, math.MinInt32), math.MaxInt32))
}

func appendDay(dst []byte, day int32) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(day)^1<<31)
}

func takeDay(b []byte) int32 { return int32(binary.BigEndian.Uint32(b) ^ 1<<31) }

// place is a fact's place in the order of a scan as bytes: time, id.
func appendPlace(dst []byte, t time.Time, id [idSize]byte) []byte {
	return append(appendTime(dst, t), id[:]...)
}

// takePlace reads what appendPlace wrote.
func takePlace(b []byte) (t time.Time, id string, err error) {
	t, b, err = takeTime(b)
	if err != nil || len(b) != idSize {
		return time.Time{}, "", errDamaged
	}
	return t, hex.EncodeToString(b), nil
}

// parseID reads an id as Identity writes it.
func parseID(id string) (out [idSize]byte, ok bool) {
	if len(id) != 2*idSize {
		return out, false
	}
	_, err := hex.Decode(out[:], []byte(id))
	return out, err == nil
}

func eventKey(dst []byte, day int32, account [hashSize]byte, place []byte) []byte {
	dst = appendDay(append(dst, spaceEvent), day)
	return append(append(dst, account[:]...), place...)
}

func factKey(dst []byte, kind byte, key [hashSize]byte, class byte, place []byte) []byte {
	dst = append(append(dst, spaceFact, kind), key[:]...)
	return append(append(dst, class), place...)
}

// splitRowKey takes apart the key of a row: its kind's byte and its place.
func splitRowKey(key []byte) (kind byte, place []byte, err error) {
	switch {
	case len(key) > 1+daySize+hashSize && key[0] == spaceEvent:
		return 1, key[1+daySize+hashSize:], nil
	case len(key) > 2+hashSize+1 && key[0] == spaceFact:
		return key[1], key[2+hashSize+1:], nil
	}
	return 0, nil, errDamaged
}

func identityKey(kind byte, id [idSize]byte) [2 + idSize]byte {
	var key [2 + idSize]byte
	key[0], key[1] = spaceIdentity, kind
	copy(key[2:], id[:])
	return key
}

func feedKey(dst []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, spaceFeed), seq)
}

func docKey(kind, id string) []byte {
	key := make([]byte, 0, 2+len(kind)+len(id))
	key = append(key, spaceDoc)
	key = append(key, kind...)
	key = append(key, 0)
	return append(key, id...)
}

var stateKey = []byte{spaceState}

// after returns the first key that does not begin with the prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// The classes of validity. A reason stands under the class of its length, so that those
// which overlap an instant are found among the few that began within that length before
// it, however long the longest is. Facts that are no reasons are of class 0.
var classes = [...]time.Duration{time.Hour, 24 * time.Hour, 8 * 24 * time.Hour, 64 * 24 * time.Hour, 512 * 24 * time.Hour}

// openClass is the class of what is longer, or has no end.
const openClass = byte(len(classes))

func classOf(b ueba.Body) byte {
	r, ok := b.(*ueba.Reason)
	if !ok {
		return 0
	}
	if r.ValidTo.IsZero() {
		return openClass
	}
	for c, longest := range classes {
		if r.ValidTo.Sub(r.ValidFrom) <= longest {
			return byte(c)
		}
	}
	return openClass
}
