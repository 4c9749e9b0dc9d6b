package pebble

import (
	"bytes"
	"container/heap"
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// span is a run of keys with a common prefix, of which those with low ≤ rest < high are
// wanted; an empty high is open. The rest of the key begins with a fact's place, so that
// a span is ordered as a scan is.
type span struct {
	prefix    []byte
	low, high []byte
}

func (s span) lower() []byte { return append(bytes.Clone(s.prefix), s.low...) }

func (s span) upper() []byte {
	if len(s.high) == 0 {
		return after(s.prefix)
	}
	return append(bytes.Clone(s.prefix), s.high...)
}

// Spans are merged from chunks that one iterator reads in turn: an iterator for each
// would be dear when a scan asks for a thousand records. The chunks begin small, for
// most spans hold few facts, and grow while a span goes on; all together they hold
// about mergeBudget entries, however many spans there are.
const (
	mergeBudget = 1 << 15
	firstChunk  = 16
	largeChunk  = 1024
)

// merge calls do with the keys (prefix and rest) and values of the spans, ordered by
// the rest, until it says no. What is in two spans comes twice. Keys and values are valid within the call.
func merge(ctx context.Context, it *pebble.Iterator, spans []span, reverse bool, do func(prefix, rest, value []byte) (bool, error)) error {
	m := merger{it: it, reverse: reverse, most: min(max(mergeBudget/max(len(spans), 1), 2), largeChunk)}
	for _, sp := range spans {
		s := &stream{span: sp, chunk: min(firstChunk, m.most)}
		if s.next = s.lower(); reverse {
			s.next = s.upper()
		}
		more, err := m.fill(s)
		if err != nil {
			return err
		}
		if more {
			m.streams = append(m.streams, s)
		}
	}
	heap.Init(&m)
	return m.run(ctx, do)
}

// stream is a span that is being read.
type stream struct {
	span
	entries []entry // read, and not given yet
	next    []byte  // where reading goes on; the end of what is left when going backwards
	chunk   int     // how many are read at once
	end     bool
}

type entry struct{ rest, value []byte }

// merger is a heap of streams by their first entry.
type merger struct {
	it      *pebble.Iterator
	reverse bool
	most    int
	streams []*stream
}

func (m *merger) Len() int      { return len(m.streams) }
func (m *merger) Swap(i, j int) { m.streams[i], m.streams[j] = m.streams[j], m.streams[i] }
func (m *merger) Push(x any)    { m.streams = append(m.streams, x.(*stream)) }

func (m *merger) Less(i, j int) bool {
	c := bytes.Compare(m.streams[i].entries[0].rest, m.streams[j].entries[0].rest)
	if m.reverse {
		return c > 0
	}
	return c < 0
}

func (m *merger) Pop() any {
	last := m.streams[len(m.streams)-1]
	m.streams = m.streams[:len(m.streams)-1]
	return last
}

func (m *merger) run(ctx context.Context, do func(prefix, rest, value []byte) (bool, error)) error {
	for n := 0; len(m.streams) > 0; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s := m.streams[0]
		more, err := do(s.prefix, s.entries[0].rest, s.entries[0].value)
		if err != nil || !more {
			return err
		}
		if err := m.advance(s); err != nil {
			return err
		}
	}
	return nil
}

// advance takes the entry off the first stream, and the stream off the heap at its end.
func (m *merger) advance(s *stream) error {
	if s.entries = s.entries[1:]; len(s.entries) == 0 {
		more, err := m.fill(s)
		if err != nil {
			return err
		}
		if !more {
			heap.Pop(m)
			return nil
		}
	}
	heap.Fix(m, 0)
	return nil
}

// fill reads the next chunk of a stream; false means that there is none.
func (m *merger) fill(s *stream) (bool, error) {
	if s.end {
		return false, nil
	}
	seek, step, bound := m.it.SeekGE, m.it.Next, s.upper()
	inside := func(key []byte) bool { return bytes.Compare(key, bound) < 0 }
	if m.reverse {
		seek, step, bound = m.it.SeekLT, m.it.Prev, s.lower()
		inside = func(key []byte) bool { return bytes.Compare(key, bound) >= 0 }
	}
	s.entries = s.entries[:0]
	ok := seek(s.next)
	for ; ok && inside(m.it.Key()) && len(s.entries) < s.chunk; ok = step() {
		s.entries = append(s.entries, entry{bytes.Clone(m.it.Key()[len(s.prefix):]), bytes.Clone(m.it.Value())})
	}
	if err := m.it.Error(); err != nil {
		return false, err
	}
	s.end = len(s.entries) < s.chunk
	s.chunk = min(s.chunk*4, m.most)
	if len(s.entries) == 0 {
		return false, nil
	}
	s.next = append(append(s.next[:0], s.prefix...), s.entries[len(s.entries)-1].rest...)
	if !m.reverse {
		s.next = append(s.next, 0)
	}
	return true, nil
}
