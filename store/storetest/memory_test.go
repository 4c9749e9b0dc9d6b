package storetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, storetest.Engine{Open: func(testing.TB) store.Store { return storetest.NewMemory() }})
}

func TestMemoryStampsByItsClock(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	m := storetest.NewMemoryAt(func() time.Time { return now })
	first := []ueba.Fact{{Body: &ueba.Record{ID: "C1"}}}
	if _, err := m.Append(t.Context(), first); err != nil || !first[0].Known.Equal(now) {
		t.Fatalf("stamped %v, %v; want %v", first[0].Known, err, now)
	}
	stamped := now
	now = now.Add(-time.Hour)
	second := []ueba.Fact{{Body: &ueba.Record{ID: "C2"}}}
	if _, err := m.Append(t.Context(), second); err != nil || !second[0].Known.Equal(stamped) {
		t.Fatalf("after the clock fell: stamped %v, %v; want %v", second[0].Known, err, stamped)
	}
}

func TestMemoryRefuses(t *testing.T) {
	m := storetest.NewMemory()
	m.Refuse(store.ErrFull)
	facts := []ueba.Fact{{Body: &ueba.Record{ID: "C1"}}}
	if _, err := m.Append(t.Context(), facts); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Append: %v, want ErrFull", err)
	}
	if err := m.Put(t.Context(), store.Doc{Kind: "k", ID: "i"}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("Put: %v, want ErrFull", err)
	}
	m.Refuse(nil)
	if _, err := m.Append(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
}
