package ueba

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep objects and arrays may nest.
const maxDepth = 32

// manyKeys is the size from which an object's keys are compared through a map, so that
// a line of nothing but keys cannot cost quadratic time.
const manyKeys = 32

// reader walks over one JSON text and accepts RFC 8259 strictly: no duplicate keys, no
// invalid UTF-8, no lone surrogates, no raw control characters, no trailing bytes.
// It is a plain walker; what the values mean is the decoder's business.
type reader struct {
	line  []byte
	pos   int
	depth int
	names []byte // decoded names of the members of all open objects
	keys  []span // their places in names
	path  []byte // dotted name of the value being read
	arena []byte // decoded text of strings that are kept or had escapes
}

// span is a place in a buffer; the zero span is nothing.
type span struct{ from, to int }

// DecodeError says what is wrong with a line, in which field and where. It holds none
// of the line's values, only names of fields.
type DecodeError struct {
	Field   string // dotted name, empty for the line as a whole
	Problem string
	Offset  int // byte of the line, from 0
}

func (e *DecodeError) Error() string {
	b := []byte("event: ")
	if e.Field != "" {
		b = append(append(b, e.Field...), ": "...)
	}
	b = append(append(b, e.Problem...), ", at byte "...)
	return string(strconv.AppendInt(b, int64(e.Offset), 10))
}

// fail reports a problem with the value being read.
func (r *reader) fail(problem string) error { return r.failAt(r.pos, problem) }

func (r *reader) failAt(offset int, problem string) error {
	return &DecodeError{Field: shorten(r.path), Problem: problem, Offset: offset}
}

// failOf reports a problem with a field by name, or with the line when it is empty.
func (r *reader) failOf(name, problem string) error {
	return &DecodeError{Field: name, Problem: problem, Offset: r.pos}
}

// shorten keeps a hostile name from filling the logs.
func shorten(name []byte) string {
	const limit = 64
	if len(name) <= limit {
		return string(name)
	}
	return string(bytes.ToValidUTF8(name[:limit], nil)) + "…"
}

func (r *reader) space() {
	for r.pos < len(r.line) {
		switch r.line[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, 0 at the end.
func (r *reader) peek() byte {
	r.space()
	if r.pos < len(r.line) {
		return r.line[r.pos]
	}
	return 0
}

func (r *reader) enter() error {
	r.depth++
	if r.depth > maxDepth {
		return r.fail("nested deeper than 32 levels")
	}
	r.pos++
	return nil
}

// object reads an object and calls member for each of its members, with the dotted
// name in r.path; member must read the value.
func (r *reader) object(member func() error) error {
	if err := r.enter(); err != nil {
		return err
	}
	base, names, prefix := len(r.keys), len(r.names), len(r.path)
	var many map[string]struct{}
	for first := true; ; first = false {
		end, err := r.separator('}', first)
		if err != nil {
			return err
		}
		if end {
			break
		}
		at := r.pos
		name, err := r.memberName(prefix)
		if err != nil {
			return err
		}
		if r.repeated(base, name, &many) {
			return r.failAt(at, "given twice")
		}
		r.keys = append(r.keys, span{len(r.names), len(r.names) + len(name)})
		r.names = append(r.names, name...)
		if err := member(); err != nil {
			return err
		}
		r.path = r.path[:prefix]
	}
	r.keys, r.names = r.keys[:base], r.names[:names]
	r.depth--
	return nil
}

// array reads an array and calls element for each of its elements.
func (r *reader) array(element func() error) error {
	if err := r.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		end, err := r.separator(']', first)
		if err != nil {
			return err
		}
		if end {
			break
		}
		if err := element(); err != nil {
			return err
		}
	}
	r.depth--
	return nil
}

// separator reads what stands before a member or element: nothing before the first, a
// comma before the others; or the closing bracket, and says so.
func (r *reader) separator(closing byte, first bool) (end bool, err error) {
	c := r.peek()
	switch {
	case c == closing:
		r.pos++
		return true, nil
	case first:
		return false, nil
	case c != ',':
		return false, r.fail("want a comma or a closing bracket")
	}
	r.pos++
	if r.peek() == closing {
		return false, r.fail("comma before a closing bracket")
	}
	return false, nil
}

// memberName reads a name and its colon, and appends the name to r.path.
func (r *reader) memberName(prefix int) ([]byte, error) {
	if r.peek() != '"' {
		return nil, r.fail("want a name in double quotes")
	}
	name, err := r.text()
	if err != nil {
		return nil, err
	}
	if prefix > 0 {
		r.path = append(r.path, '.')
	}
	r.path = append(r.path, name...)
	if r.peek() != ':' {
		return nil, r.fail("want a colon after the name")
	}
	r.pos++
	return name, nil
}

// repeated reports whether the open object, whose names begin at base, has the name.
func (r *reader) repeated(base int, name []byte, many *map[string]struct{}) bool {
	seen := r.keys[base:]
	if len(seen) < manyKeys {
		for _, k := range seen {
			if string(r.names[k.from:k.to]) == string(name) {
				return true
			}
		}
		return false
	}
	if *many == nil {
		*many = make(map[string]struct{}, 2*manyKeys)
		for _, k := range seen {
			(*many)[string(r.names[k.from:k.to])] = struct{}{}
		}
	}
	if _, ok := (*many)[string(name)]; ok {
		return true
	}
	(*many)[string(name)] = struct{}{}
	return false
}

// plain marks the bytes that stand for themselves in a string of ASCII.
var plain = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// text reads a string and returns its decoded bytes, which are valid until the arena
// is dropped.
func (r *reader) text() ([]byte, error) {
	start := r.pos + 1
	i := start
	ascii := true
	for ; i < len(r.line); i++ {
		c := r.line[i]
		if plain[c] {
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		ascii = false
	}
	if i == len(r.line) {
		return nil, r.fail("string without an end")
	}
	if !ascii && !utf8.Valid(r.line[start:i]) {
		return nil, r.fail("invalid UTF-8")
	}
	if r.line[i] == '"' {
		r.pos = i + 1
		return r.line[start:i], nil
	}
	return r.escaped(start, i)
}

// escaped reads the rest of a string from its first escape on.
func (r *reader) escaped(start, i int) ([]byte, error) {
	begin := len(r.arena)
	r.arena = append(r.arena, r.line[start:i]...)
	for i < len(r.line) {
		c := r.line[i]
		switch {
		case c == '"':
			r.pos = i + 1
			return r.arena[begin:len(r.arena):len(r.arena)], nil
		case c < ' ':
			return nil, r.failAt(i, "control character in a string")
		case c == '\\':
			n, err := r.escape(i)
			if err != nil {
				return nil, err
			}
			i += n
		case c < utf8.RuneSelf:
			r.arena = append(r.arena, c)
			i++
		default:
			char, size := utf8.DecodeRune(r.line[i:])
			if char == utf8.RuneError && size == 1 {
				return nil, r.failAt(i, "invalid UTF-8")
			}
			r.arena = append(r.arena, r.line[i:i+size]...)
			i += size
		}
	}
	return nil, r.fail("string without an end")
}

// escape decodes the escape at i into the arena and returns its length.
func (r *reader) escape(i int) (int, error) {
	if i+1 >= len(r.line) {
		return 0, r.fail("string without an end")
	}
	c := r.line[i+1]
	if at := bytes.IndexByte([]byte(`"\/bfnrt`), c); at >= 0 {
		r.arena = append(r.arena, "\"\\/\b\f\n\r\t"[at])
		return 2, nil
	}
	if c != 'u' {
		return 0, r.failAt(i, "unknown escape in a string")
	}
	char, ok := r.hex4(i + 2)
	if !ok {
		return 0, r.failAt(i, `want four hex digits after \u`)
	}
	if !utf16.IsSurrogate(char) {
		r.arena = utf8.AppendRune(r.arena, char)
		return 6, nil
	}
	if i+7 < len(r.line) && r.line[i+6] == '\\' && r.line[i+7] == 'u' {
		if low, ok := r.hex4(i + 8); ok {
			if both := utf16.DecodeRune(char, low); both != utf8.RuneError {
				r.arena = utf8.AppendRune(r.arena, both)
				return 12, nil
			}
		}
	}
	return 0, r.failAt(i, "half of a surrogate pair")
}

func (r *reader) hex4(i int) (rune, bool) {
	if i+4 > len(r.line) {
		return 0, false
	}
	var char rune
	for _, c := range r.line[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		char = char<<4 | rune(c)
	}
	return char, true
}

// number reads a number and returns its text as written.
func (r *reader) number() ([]byte, error) {
	start := r.pos
	if r.at(r.pos) == '-' {
		r.pos++
	}
	if r.at(r.pos) == '0' {
		r.pos++
	} else if r.digits() == 0 {
		return nil, r.fail("want a value")
	}
	if r.at(r.pos) == '.' {
		r.pos++
		if r.digits() == 0 {
			return nil, r.fail("want a digit after the point")
		}
	}
	if c := r.at(r.pos); c == 'e' || c == 'E' {
		r.pos++
		if c := r.at(r.pos); c == '+' || c == '-' {
			r.pos++
		}
		if r.digits() == 0 {
			return nil, r.fail("want a digit in the exponent")
		}
	}
	return r.line[start:r.pos], nil
}

func (r *reader) at(i int) byte {
	if i < len(r.line) {
		return r.line[i]
	}
	return 0
}

func (r *reader) digits() (n int) {
	for c := r.at(r.pos); '0' <= c && c <= '9'; c = r.at(r.pos) {
		r.pos++
		n++
	}
	return n
}

// literal reads true, false or null.
func (r *reader) literal(word string) error {
	if len(r.line)-r.pos < len(word) || string(r.line[r.pos:r.pos+len(word)]) != word {
		return r.fail("want a value")
	}
	r.pos += len(word)
	return nil
}

// skip reads any value and checks its grammar.
func (r *reader) skip() error {
	var err error
	switch r.peek() {
	case '{':
		return r.object(r.skip)
	case '[':
		return r.array(r.skip)
	case '"':
		_, err = r.text()
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	default:
		_, err = r.number()
	}
	return err
}

// found names the kind of value that comes next, for messages.
func (r *reader) found() string {
	switch c := r.peek(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't', c == 'f':
		return "a boolean"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	case r.pos >= len(r.line):
		return "the end of the line"
	}
	return "something else"
}
