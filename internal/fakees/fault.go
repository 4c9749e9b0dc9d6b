package fakees

import (
	"slices"
	"time"
)

// Fault is something that the server does wrong.
type Fault struct {
	On    string // the API word of the requests that it hits, such as _bulk; empty: all
	Over  int    // it hits only requests whose bodies are larger
	Skip  int    // so many of them pass first
	Times int    // it hits so many, then none; 0: all until it is lifted

	Delay time.Duration // before anything is done
	Apply bool          // does what was asked, and lies about it

	Status       int    // of an answer that is an error
	Type, Reason string //
	Cut          bool   // the connection is cut instead of an answer

	// Item answers single items of a bulk request with a status of its own; 0 leaves the
	// item alone. With Apply the item is done nevertheless.
	Item func(n int, action, index, id string) (status int, kind, reason string)
}

// instead reports whether the fault takes the place of what was asked.
func (f *Fault) instead() bool { return f.Cut || f.Status != 0 }

// Busy is the answer of a server whose queue is full.
func Busy() Fault {
	return Fault{Status: 429, Type: "es_rejected_execution_exception", Reason: "rejected execution of coordinating operation"}
}

// Inject makes the server do it; lift ends that.
func (s *Server) Inject(f Fault) (lift func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := &f
	if f.Times == 0 {
		own.Times = -1
	}
	s.faults = append(s.faults, own)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(o *Fault) bool { return o == own })
	}
}

// fault returns the fault that hits a request, the oldest first; the caller holds mu.
func (s *Server) fault(api string, size int) *Fault {
	for _, f := range s.faults {
		if f.On != "" && f.On != api || f.Times == 0 || size <= f.Over && f.Over > 0 {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}
