package directory

import (
	"cmp"
	"slices"
	"time"
)

// version is what one fact says of something, from when, and since when it is known.
type version[T any] struct {
	from, known time.Time
	id          string
	body        T
}

// timeline holds the versions of things by their key, the newest first: by the start of
// validity, then by when they became known.
type timeline[K comparable, T any] map[K][]version[T]

// add keeps a version; a fact that is there already is not kept twice.
func (t timeline[K, T]) add(key K, v version[T]) bool {
	order := func(a, b version[T]) int {
		return cmp.Or(b.from.Compare(a.from), b.known.Compare(a.known), cmp.Compare(a.id, b.id))
	}
	at, found := slices.BinarySearchFunc(t[key], v, order)
	if !found {
		t[key] = slices.Insert(t[key], at, v)
	}
	return !found
}

// pick returns the version in force at when, as known at at; a zero at is "by now".
func (t timeline[K, T]) pick(key K, when, at time.Time) (body T, ok bool) {
	for _, v := range t[key] {
		if !v.from.After(when) && (at.IsZero() || !v.known.After(at)) {
			return v.body, true
		}
	}
	return body, false
}
