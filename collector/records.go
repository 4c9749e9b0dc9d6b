package collector

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

const (
	// DefaultMaxRecord is the size over which a raw record is a dead letter.
	DefaultMaxRecord = 1 << 20
	// CutTo is what is kept of a record that is too long to be read at all.
	CutTo = 4 << 10
	// firstBuffer is what a reader of records starts with; it grows to the limit.
	firstBuffer = 64 << 10
)

// ErrTooLong says that a record did not end within the limit.
var ErrTooLong = errors.New("record too long")

// Record is one raw record and where it lay. Raw is valid until the next call of Next.
type Record struct {
	Raw    []byte
	Offset int64 // of its first byte
	Next   int64 // of the byte after it and its line end
	Line   int   // in which it begins, from 1
	Size   int   // bytes; more than len(Raw) when it was cut
	Err    error // wraps ErrTooLong when it did not end within the limit
}

// Records cuts a stream into raw records within a bounded buffer. A record that does not
// end within the limit is given with Err: its first line when there is a line end (a
// quote that never closes must not swallow what follows), else its first bytes, and
// reading goes on after its line end. Blank records are passed over.
type Records struct {
	r     io.Reader
	split bufio.SplitFunc
	max   int

	buf        []byte
	start, end int
	offset     int64 // of buf[start] in the stream
	line       int   // line ends before buf[start]
	cut        *Record
}

// NewRecords reads r, whose first byte is at the offset. A max of 0 means DefaultMaxRecord.
func NewRecords(r io.Reader, split bufio.SplitFunc, max int, offset int64) *Records {
	return &Records{r: r, split: split, max: orDefault(max, DefaultMaxRecord), offset: offset}
}

// RecordsOf cuts data without copying them.
func RecordsOf(data []byte, split bufio.SplitFunc, max int) *Records {
	return &Records{r: eof{}, split: split, max: orDefault(max, DefaultMaxRecord), buf: data, end: len(data)}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func orDefault(n, d int) int {
	if n <= 0 {
		return d
	}
	return n
}

// Held is the begin of a record whose end has not come yet.
func (r *Records) Held() []byte { return r.buf[r.start:r.end] }

// Offset is where the next record begins.
func (r *Records) Offset() int64 {
	if r.cut != nil {
		return r.cut.Offset
	}
	return r.offset
}

// Next gives the next record, or io.EOF when no further one has ended; it may be asked
// again when the stream has grown. With final the stream will not grow, and what is left
// at its end is a record too.
func (r *Records) Next(final bool) (Record, error) {
	atEOF := false
	for {
		rec, ok, err := r.take(final && atEOF)
		if err != nil || ok {
			return rec, err
		}
		if atEOF {
			return Record{}, io.EOF
		}
		switch err := r.fill(); {
		case errors.Is(err, io.EOF):
			if !final {
				return Record{}, io.EOF
			}
			atEOF = true
		case err != nil:
			return Record{}, err
		}
	}
}

// Rest gives all records to the end of a stream that will not grow.
func (r *Records) Rest() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			rec, err := r.Next(true)
			if errors.Is(err, io.EOF) || !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// take gives a record that lies in the buffer. last says that nothing follows the buffer.
func (r *Records) take(last bool) (Record, bool, error) {
	for {
		if r.cut != nil {
			rec, ok := r.skip(last)
			return rec, ok, nil
		}
		window := r.buf[r.start:r.end]
		full := len(window) > r.max
		if full {
			window = window[:r.max]
		}
		if len(window) == 0 {
			return Record{}, false, nil
		}
		advance, token, err := r.split(window, last && !full)
		switch {
		case err != nil && !errors.Is(err, bufio.ErrFinalToken):
			return Record{}, false, fmt.Errorf("split records: %w", err)
		case advance > 0:
			if rec, ok := r.found(token, advance); ok {
				return rec, true, nil
			}
		case full:
			if rec, ok := r.tooLong(window); ok {
				return rec, true, nil
			}
		case last:
			rec, ok := r.found(window, len(window))
			return rec, ok, nil
		default:
			return Record{}, false, nil
		}
	}
}

func (r *Records) found(token []byte, advance int) (Record, bool) {
	rec := Record{Raw: token, Offset: r.offset, Next: r.offset + int64(advance), Line: r.line + 1, Size: len(token)}
	r.consume(advance)
	return rec, len(bytes.TrimSpace(token)) > 0
}

func (r *Records) consume(n int) {
	r.line += bytes.Count(r.buf[r.start:r.start+n], []byte("\n"))
	r.start += n
	r.offset += int64(n)
}

func (r *Records) tooLong(window []byte) (Record, bool) {
	err := fmt.Errorf("%w: no end within %d bytes", ErrTooLong, r.max)
	if i := bytes.IndexByte(window, '\n'); i >= 0 {
		rec, ok := r.found(bytes.TrimSuffix(window[:i], []byte("\r")), i+1)
		rec.Err = err
		return rec, ok
	}
	r.cut = &Record{Raw: bytes.Clone(window[:min(CutTo, len(window))]), Offset: r.offset, Line: r.line + 1, Err: err}
	return Record{}, false
}

// skip passes over the rest of a record that was cut.
func (r *Records) skip(last bool) (Record, bool) {
	window := r.buf[r.start:r.end]
	i := bytes.IndexByte(window, '\n')
	if i < 0 {
		r.cut.Size += len(window)
		r.consume(len(window))
		if !last {
			return Record{}, false
		}
	} else {
		r.cut.Size += i
		r.consume(i + 1)
	}
	rec := *r.cut
	rec.Next = r.offset
	r.cut = nil
	return rec, true
}

// fill reads more into the buffer, which never holds more than a record of the greatest
// size, and one byte that shows it is greater.
func (r *Records) fill() error {
	if _, whole := r.r.(eof); whole {
		return io.EOF
	}
	if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
		r.start, r.end = 0, r.end-r.start
	}
	if r.end == len(r.buf) {
		size := min(max(2*len(r.buf), firstBuffer), r.max+firstBuffer)
		r.buf = append(make([]byte, 0, size), r.buf[:r.end]...)[:size]
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}
