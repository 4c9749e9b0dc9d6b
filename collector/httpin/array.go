package httpin

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/onlooker-ueba/onlooker/collector"
)

const blank = " \t\r\n"

func isArray(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(text, blank), []byte("["))
}

// elements cuts a JSON array into its raw elements. It knows strings and nesting and
// nothing more: whether an element is JSON is for the parser to say. An element that does
// not end, one over the limit, and what follows the array are records too, so that they
// become dead letters and nothing is dropped in silence.
func elements(text []byte, limit int) iter.Seq2[collector.Record, error] {
	return func(yield func(collector.Record, error) bool) {
		a := array{text: text, line: 1, limit: limit}
		a.move(bytes.IndexByte(text, '[') + 1)
		for ended := false; !ended && a.at < len(text); {
			a.move(blanks(text[a.at:]))
			n, ok := element(text[a.at:])
			ended = !ok || text[a.at+n] == ']'
			if rec := a.record(n); rec.Size > 0 && !yield(rec, nil) {
				return
			}
			a.move(min(n+1, len(text)-a.at))
		}
		a.move(blanks(text[a.at:]))
		if rec := a.record(len(text) - a.at); rec.Size > 0 {
			yield(rec, nil)
		}
	}
}

// array is a place in the text of one.
type array struct {
	text     []byte
	at, line int
	limit    int
}

func (a *array) move(n int) {
	a.line += bytes.Count(a.text[a.at:a.at+n], []byte("\n"))
	a.at += n
}

// record is the element of n bytes at the place.
func (a *array) record(n int) collector.Record {
	raw := bytes.TrimRight(a.text[a.at:a.at+n], blank)
	rec := collector.Record{Raw: raw, Offset: int64(a.at), Next: int64(a.at + n), Line: a.line, Size: len(raw)}
	if len(raw) > a.limit {
		rec.Raw = raw[:min(len(raw), collector.CutTo)]
		rec.Err = fmt.Errorf("%w: %d bytes, the limit is %d", collector.ErrTooLong, len(raw), a.limit)
	}
	return rec
}

func blanks(data []byte) int { return len(data) - len(bytes.TrimLeft(data, blank)) }

// element returns the length of the element that data begin with, up to the comma or
// bracket that ends it, and whether there is one that does.
func element(data []byte) (int, bool) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i += quoted(data[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i, true
			}
			depth--
		case ',':
			if depth == 0 {
				return i, true
			}
		}
	}
	return len(data), false
}

// quoted returns the length of the string that data begin with.
func quoted(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}
