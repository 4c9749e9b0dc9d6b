package pebble

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// get returns a copy of a value that must be there.
func get(from pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errDamaged // an index entry without its row
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(value), closer.Close()
}

// each calls do with the keys and values of [from, to) in order until it says no. They
// are only valid within the call.
func each(ctx context.Context, in pebble.Reader, from, to []byte, do func(key, value []byte) (bool, error)) (err error) {
	if bytes.Compare(from, to) >= 0 {
		return nil
	}
	it, err := in.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		more, err := do(it.Key(), it.Value())
		if err != nil || !more {
			return err
		}
	}
	return nil
}
