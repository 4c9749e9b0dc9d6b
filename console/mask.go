package console

import (
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// masked stands where an id of a business system held who the employee is.
const masked = "•••"

// mask takes the employee out of an id that a business system made: tickets are often
// numbered after the agent, and then a pseudonym beside them would hide nobody. It masks
// the employee id and the login name wherever they stand, and their numbers of four and
// more digits where they stand as a number of their own.
func mask(s string, l *ueba.Look) string {
	if l.Employee == "" || s == "" {
		return s
	}
	names := []string{l.Employee}
	if l.Event != nil {
		names = append(names, l.Event.User)
	}
	for _, n := range names {
		s = maskWord(s, n)
		for _, number := range numbers(n) {
			s = maskNumber(s, number)
		}
	}
	return s
}

func maskWord(s, word string) string {
	if len(word) < 3 {
		return s // would mask half of everything
	}
	var b strings.Builder
	for {
		i := indexFold(s, word)
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i] + masked)
		s = s[i+len(word):]
	}
}

// indexFold is strings.Index that takes a and A for the same. Only ASCII folds, so that
// lengths stay what they are.
func indexFold(s, word string) int {
	return strings.Index(lowerASCII(s), lowerASCII(word))
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// numbers gives the runs of four and more digits, without leading zeros.
func numbers(s string) []string {
	var out []string
	for _, run := range strings.FieldsFunc(s, func(r rune) bool { return !digit(r) }) {
		if run = strings.TrimLeft(run, "0"); len(run) >= 4 {
			out = append(out, run)
		}
	}
	return out
}

func maskNumber(s, number string) string {
	var b strings.Builder
	for s != "" {
		end := strings.IndexFunc(s, func(r rune) bool { return !digit(r) })
		switch {
		case end < 0:
			end = len(s)
		case end == 0:
			end = strings.IndexFunc(s, digit)
			if end < 0 {
				end = len(s)
			}
		}
		run := s[:end]
		if strings.TrimLeft(run, "0") == number {
			run = masked
		}
		b.WriteString(run)
		s = s[end:]
	}
	return b.String()
}

func digit(r rune) bool { return '0' <= r && r <= '9' }
