package parse

import "strings"

// tokenKind says what a token of SQL is.
type tokenKind uint8

const (
	sqlWord   tokenKind = iota // a name or key word without quotes, in lower case
	sqlName                    // a name in double quotes, as it stands
	sqlText                    // a string
	sqlNumber                  // digits, with point and exponent
	sqlParam                   // $1, without the dollar
	sqlSymbol                  // one character, or :: or an operator such as <>
)

type sqlToken struct {
	kind tokenKind
	text string
}

func (t sqlToken) is(symbol string) bool { return t.kind == sqlSymbol && t.text == symbol }
func (t sqlToken) word(words ...string) bool {
	if t.kind != sqlWord {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// sqlScanner cuts SQL text into tokens. It never fails: text that is cut short, as logs
// cut it, ends the last token.
type sqlScanner struct {
	text     string
	pos      int
	tokens   []sqlToken
	comments []string
}

// scanSQL returns the tokens of a text, and its comments apart from them.
func scanSQL(text string) (tokens []sqlToken, comments []string) {
	s := sqlScanner{text: text}
	for s.pos < len(s.text) {
		s.next()
	}
	return s.tokens, s.comments
}

func (s *sqlScanner) add(kind tokenKind, text string) {
	s.tokens = append(s.tokens, sqlToken{kind, text})
}

func (s *sqlScanner) rest() string { return s.text[s.pos:] }

func (s *sqlScanner) next() {
	c := s.text[s.pos]
	switch {
	case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f', c == '\v':
		s.pos++
	case strings.HasPrefix(s.rest(), "--"):
		s.lineComment()
	case strings.HasPrefix(s.rest(), "/*"):
		s.blockComment()
	case c == '\'':
		s.pos++
		s.add(sqlText, s.quoted('\'', false))
	case c == '"':
		s.pos++
		s.add(sqlName, s.quoted('"', false))
	case c == '$':
		s.dollar()
	case isDigit(c), c == '.' && s.pos+1 < len(s.text) && isDigit(s.text[s.pos+1]):
		s.number()
	case isNameStart(c):
		s.word()
	default:
		s.symbol()
	}
}

func (s *sqlScanner) lineComment() {
	end := strings.IndexByte(s.rest(), '\n')
	if end < 0 {
		end = len(s.rest())
	}
	s.comments = append(s.comments, s.rest()[2:end])
	s.pos += end
}

// blockComment reads a comment; PostgreSQL lets them nest.
func (s *sqlScanner) blockComment() {
	start := s.pos + 2
	depth := 0
	for s.pos < len(s.text) {
		switch {
		case strings.HasPrefix(s.rest(), "/*"):
			depth++
			s.pos += 2
		case strings.HasPrefix(s.rest(), "*/"):
			depth--
			s.pos += 2
			if depth == 0 {
				s.comments = append(s.comments, s.text[start:s.pos-2])
				return
			}
		default:
			s.pos++
		}
	}
	if start < len(s.text) {
		s.comments = append(s.comments, s.text[start:])
	}
}

// quoted reads up to the closing quote; a doubled one stands for itself, and with
// backslashes (E'…') so does an escaped one.
func (s *sqlScanner) quoted(quote byte, backslashes bool) string {
	var b strings.Builder
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '\\' && backslashes && s.pos < len(s.text):
			b.WriteByte(unescaped(s.text[s.pos]))
			s.pos++
		case c == quote && s.pos < len(s.text) && s.text[s.pos] == quote:
			b.WriteByte(quote)
			s.pos++
		case c == quote:
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescaped is what stands for a character after a backslash. Escapes by number are not
// followed: the NUL that stands for them makes the text useless as an id.
func unescaped(c byte) byte {
	switch {
	case c == 'n', c == 'r', c == 't', c == 'b', c == 'f':
		return '\n'
	case isDigit(c), c == 'x', c == 'u', c == 'U':
		return 0
	}
	return c
}

// dollar reads a parameter ($1) or a string between dollar quotes ($tag$…$tag$).
func (s *sqlScanner) dollar() {
	i := s.pos + 1
	for i < len(s.text) && isDigit(s.text[i]) {
		i++
	}
	if i > s.pos+1 {
		s.add(sqlParam, s.text[s.pos+1:i])
		s.pos = i
		return
	}
	for i < len(s.text) && isNamePart(s.text[i]) && s.text[i] != '$' {
		i++
	}
	if i >= len(s.text) || s.text[i] != '$' {
		s.symbol()
		return
	}
	tag := s.text[s.pos : i+1]
	body := s.text[i+1:]
	end := strings.Index(body, tag)
	if end < 0 {
		s.add(sqlText, body)
		s.pos = len(s.text)
		return
	}
	s.add(sqlText, body[:end])
	s.pos = i + 1 + end + len(tag)
}

func (s *sqlScanner) number() {
	start := s.pos
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		exponent := (c == '+' || c == '-') && (s.text[s.pos-1] == 'e' || s.text[s.pos-1] == 'E') && s.pos > start
		if !isDigit(c) && c != '.' && c != '_' && !isNameStart(c) && !exponent {
			break
		}
		s.pos++
	}
	s.add(sqlNumber, s.text[start:s.pos])
}

func (s *sqlScanner) word() {
	start := s.pos
	for s.pos < len(s.text) && isNamePart(s.text[s.pos]) {
		s.pos++
	}
	word := strings.ToLower(s.text[start:s.pos])
	if s.pos < len(s.text) && s.text[s.pos] == '\'' && (word == "e" || word == "n" || word == "b" || word == "x") {
		s.pos++
		s.add(sqlText, s.quoted('\'', word == "e"))
		return
	}
	s.add(sqlWord, word)
}

// symbol reads an operator as a whole, so that = inside >= is not taken for equality.
func (s *sqlScanner) symbol() {
	const operators = "<>=!~@#%^&|?+-*/"
	start := s.pos
	s.pos++
	switch c := s.text[start]; {
	case c == ':' && s.pos < len(s.text) && (s.text[s.pos] == ':' || s.text[s.pos] == '='):
		s.pos++
	case strings.IndexByte(operators, c) >= 0:
		for s.pos < len(s.text) && strings.IndexByte(operators, s.text[s.pos]) >= 0 && !s.commentOrSign(c) {
			s.pos++
		}
	}
	s.add(sqlSymbol, s.text[start:s.pos])
}

// commentOrSign reports whether an operator ends here: at a comment, or at the sign of
// a number as in id=-5.
func (s *sqlScanner) commentOrSign(first byte) bool {
	rest := s.rest()
	if strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*") {
		return true
	}
	return first == '=' && (rest[0] == '-' || rest[0] == '+')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) || c == '$' }
