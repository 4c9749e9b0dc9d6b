package pebble

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// drawTime draws instants near each other, and now and then absurd ones.
var drawTime = rapid.Custom(func(t *rapid.T) time.Time {
	base := rapid.SampledFrom([]int64{0, -1, 1793577600, -edgeSeconds, edgeSeconds, -62135596800, 253402300799, math.MinInt32 * 86400, math.MaxInt32 * 86400}).Draw(t, "base")
	return time.Unix(base+rapid.Int64Range(-2, 2).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanos")).UTC()
})

func TestTimesOrderAsTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime.Draw(t, "a"), drawTime.Draw(t, "b")
		keyA, keyB := appendTime(nil, a), appendTime(nil, b)
		if got, want := bytes.Compare(keyA, keyB), a.Compare(b); got != want {
			t.Fatalf("%v and %v compare %d, their bytes %d", a, b, want, got)
		}
		if a.Before(b) && bytes.HasPrefix(keyB, keyA) {
			t.Fatalf("the bytes of %v begin those of %v", a, b)
		}
		back, rest, err := takeTime(append(keyA, "rest"...))
		if err != nil || !back.Equal(a) || string(rest) != "rest" {
			t.Fatalf("%v comes back as %v, %q, %v", a, back, rest, err)
		}
	})
}

func TestDaysOrderAsTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime.Draw(t, "a"), drawTime.Draw(t, "b")
		dayA, dayB := utcDay(a), utcDay(b)
		if a.Before(b) && dayA > dayB {
			t.Fatalf("%v is of day %d, %v of day %d", a, dayA, b, dayB)
		}
		if got := bytes.Compare(appendDay(nil, dayA), appendDay(nil, dayB)); (got < 0) != (dayA < dayB) {
			t.Fatalf("days %d and %d: their bytes compare %d", dayA, dayB, got)
		}
		if back := takeDay(appendDay(nil, dayA)); back != dayA {
			t.Fatalf("day %d comes back as %d", dayA, back)
		}
	})
}

func TestDayBeforeTheEpoch(t *testing.T) {
	for text, want := range map[string]int32{"1970-01-01T00:00:00Z": 0, "1969-12-31T23:59:59Z": -1, "1969-12-31T00:00:00Z": -1, "1969-12-30T23:59:59Z": -2} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := utcDay(at); got != want {
			t.Errorf("%s is of day %d, want %d", text, got, want)
		}
	}
}

func TestAfterIsTheNextPrefix(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "ab": "ac", "a\xff\xff": "b", "\xff\xff": ""} {
		if got := after([]byte(prefix)); string(got) != want {
			t.Errorf("after %q comes %q, want %q", prefix, got, want)
		}
	}
}

func TestDamagedKeysAreErrors(t *testing.T) {
	whole := eventKey(nil, 3, hashOf("a"), appendPlace(nil, time.Unix(5, 0), [idSize]byte{1}))
	row := appendRow(nil, time.Time{}, 1, encodeBody(&ueba.Event{}))
	if _, err := decodeRow(whole, row); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := decodeRow(whole[:n], row); err == nil {
			t.Errorf("the first %d bytes of a key were taken for one", n)
		}
	}
}

func TestIDs(t *testing.T) {
	if id, ok := parseID("00112233445566778899aabbccddeeff"); !ok || id[1] != 0x11 || id[15] != 0xff {
		t.Errorf("parsed %x, %v", id, ok)
	}
	for _, bad := range []string{"", "0", "00112233445566778899aabbccddeefg", strings.Repeat("0", 34)} {
		if _, ok := parseID(bad); ok {
			t.Errorf("%q was taken for an id", bad)
		}
	}
}

func TestKindCodes(t *testing.T) {
	seen := make(map[byte]bool)
	for _, kind := range []ueba.Kind{
		ueba.KindEvent, ueba.KindReason, ueba.KindEmployee, ueba.KindRecord, ueba.KindSystem,
		ueba.KindHoliday, ueba.KindReview, ueba.KindStep, ueba.KindSetting, ueba.KindDead,
	} {
		code, err := kindCode(kind)
		if err != nil || seen[code] || kinds[code] != kind {
			t.Errorf("%s has code %d, %v", kind, code, err)
		}
		seen[code] = true
	}
	for _, kind := range []ueba.Kind{"", "other"} {
		if _, err := kindCode(kind); err == nil {
			t.Errorf("kind %q has a code", kind)
		}
	}
}
