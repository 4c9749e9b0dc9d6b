package storetest

import (
	"slices"
	"testing"

	"github.com/onlooker-ueba/onlooker/store"
)

// Engine says how the suite gets stores of the engine under test. The suite closes
// what it opened.
type Engine struct {
	// Open gives a fresh, empty store.
	Open func(t testing.TB) store.Store
	// Reopen closes the store and opens its data again; nil when the engine keeps
	// nothing past Close.
	Reopen func(t testing.TB, s store.Store) store.Store
}

// Run runs the whole suite on the engine.
func Run(t *testing.T, e Engine) {
	for _, group := range [][]check{appendChecks, scanChecks, reasonChecks, changesChecks, docChecks, retentionChecks, durableChecks} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) { c.run(newSuite(t, e)) })
		}
	}
	t.Run("property: as the model does", func(t *testing.T) { checkModel(t, e) })
}

// check is one promise of a store.
type check struct {
	name string
	run  func(s *suite)
}

// suite is one running check with its store.
type suite struct {
	*testing.T
	engine Engine
	store  store.Store
}

func newSuite(t *testing.T, e Engine) *suite {
	s := &suite{T: t, engine: e, store: e.Open(t)}
	t.Cleanup(func() {
		if err := s.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// reopen closes and opens the store; it skips the check where that is not possible.
func (s *suite) reopen() {
	s.Helper()
	if s.engine.Reopen == nil {
		s.Skip("the engine keeps nothing past Close")
	}
	s.store = s.engine.Reopen(s.T, s.store)
}

func reversed[T any](in []T) []T {
	out := slices.Clone(in)
	slices.Reverse(out)
	return out
}
