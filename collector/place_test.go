package collector

import "testing"

func TestOrdinals(t *testing.T) {
	var o ordinals
	if a, b := o.next(7), o.next(7); a != 0 || b != 1 {
		t.Errorf("ordinals %d and %d, want 0 and 1", a, b)
	}
	for i := range uint64(remembered) {
		o.next(1000 + i)
	}
	if n := o.next(7); n != 2 {
		t.Errorf("ordinal %d after a million others, want 2", n)
	}
	for i := range uint64(2 * remembered) {
		o.next(1<<40 + i)
	}
	if n := o.next(7); n != 0 {
		t.Errorf("ordinal %d after it was forgotten, want 0", n)
	}
	if n := len(o.young) + len(o.old); n > 2*remembered {
		t.Errorf("%d payloads are remembered", n)
	}
}

func TestPlaceIsReadBack(t *testing.T) {
	for _, p := range []Place{{Line: 7}, {Line: 7, ID: "a id b"}, {File: "x y", Offset: 9, Fingerprint: "f0"}} {
		if got, ok := ParsePlace(p.String()); !ok || got != p {
			t.Errorf("%q is read as %+v", p, got)
		}
	}
}

func TestIDBesideTheRecordIsItsKey(t *testing.T) {
	var k keyer
	if got := k.key([]byte("x"), Place{Line: 1, ID: "doc-1"}); got != "doc-1" {
		t.Errorf("key %q", got)
	}
}
