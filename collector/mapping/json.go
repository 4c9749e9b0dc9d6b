package mapping

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// deepest is how far values of a record may stand in one another.
const deepest = 64

// readJSON reads one JSON value. Names given twice, invalid UTF-8, depth beyond the limit
// and what follows the value are errors. Whole numbers are int, or text if they do not
// fit; others are float64.
func readJSON(data []byte) (any, error) {
	r := jsonReader{data: data}
	r.space()
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.pos < len(r.data) {
		return nil, r.fail("something follows the value")
	}
	return v, nil
}

type jsonReader struct {
	data []byte
	pos  int
}

func (r *jsonReader) fail(what string) error {
	return fmt.Errorf("JSON: %s at byte %d", what, r.pos)
}

func (r *jsonReader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *jsonReader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

func (r *jsonReader) value(depth int) (any, error) {
	if depth > deepest {
		return nil, r.fail("deeper than 64")
	}
	switch c := r.peek(); {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		return r.text()
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case r.word("true"):
		return true, nil
	case r.word("false"):
		return false, nil
	case r.word("null"):
		return nil, nil
	}
	return nil, r.fail("want a value")
}

func (r *jsonReader) word(w string) bool {
	if len(r.data)-r.pos < len(w) || string(r.data[r.pos:r.pos+len(w)]) != w {
		return false
	}
	r.pos += len(w)
	return true
}

func (r *jsonReader) object(depth int) (any, error) {
	out := make(map[string]any, 8)
	err := r.items('}', func() error {
		if r.peek() != '"' {
			return r.fail("want a name")
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		if _, twice := out[name]; twice {
			return r.fail("name " + strconv.Quote(clip(name)) + " given twice")
		}
		if r.space(); r.peek() != ':' {
			return r.fail("want a colon")
		}
		r.pos++
		r.space()
		out[name], err = r.value(depth + 1)
		return err
	})
	return out, err
}

func (r *jsonReader) array(depth int) (any, error) {
	var out []any
	err := r.items(']', func() error {
		v, err := r.value(depth + 1)
		out = append(out, v)
		return err
	})
	return out, err
}

// items reads what stands between brackets, separated by commas.
func (r *jsonReader) items(end byte, item func() error) error {
	r.pos++
	if r.space(); r.peek() == end {
		r.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case ',':
			r.pos++
			r.space()
		case end:
			r.pos++
			return nil
		default:
			return r.fail("want a comma or the end")
		}
	}
}

func (r *jsonReader) text() (string, error) {
	start := r.pos
	plain := true
	for i := start + 1; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			r.pos = i
			return "", r.fail("control character")
		case c == '"':
			r.pos = i + 1
			inside := r.data[start+1 : i]
			if !utf8.Valid(inside) {
				return "", r.fail("invalid UTF-8 before")
			}
			if plain {
				return string(inside), nil
			}
			var s string
			if json.Unmarshal(r.data[start:i+1], &s) != nil {
				return "", r.fail("broken escape before")
			}
			return s, nil
		}
	}
	r.pos = len(r.data)
	return "", r.fail("text without an end")
}

func (r *jsonReader) number() (any, error) {
	start := r.pos
	if r.peek() == '-' {
		r.pos++
	}
	zero := r.peek() == '0'
	digits := r.digits()
	if digits == 0 || zero && digits > 1 {
		return nil, r.fail("broken number")
	}
	whole := true
	if r.peek() == '.' {
		whole = false
		r.pos++
		if r.digits() == 0 {
			return nil, r.fail("broken number")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		whole = false
		r.pos++
		if c := r.peek(); c == '+' || c == '-' {
			r.pos++
		}
		if r.digits() == 0 {
			return nil, r.fail("broken number")
		}
	}
	s := string(r.data[start:r.pos])
	if whole {
		if n, err := strconv.Atoi(s); err == nil {
			return n, nil
		}
		return s, nil // beyond an int: kept exactly, as text
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, r.fail("number out of range")
	}
	return f, nil
}

func (r *jsonReader) digits() (n int) {
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.pos++
		n++
	}
	return n
}
