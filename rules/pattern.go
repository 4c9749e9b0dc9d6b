package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The wild cards of a pattern, outside the range of characters.
const (
	anyMany rune = -1 - iota // *
	anyOne                   // ?
)

// pattern is a compiled Sigma string: characters and wild cards, without regard to case
// unless cased. It is matched in time of at most length × length, without recursion.
type pattern struct {
	runes   []rune // folded unless cased
	literal string // used when there is no wild card
	wild    bool
	cased   bool
}

// newPattern reads * and ? as wild cards and \*, \? and \\ as themselves. Another
// backslash stands for itself, as in Sigma.
func newPattern(source string, cased bool) pattern {
	p := pattern{cased: cased}
	escaped := false
	for _, r := range source {
		switch {
		case escaped && (r == '*' || r == '?' || r == '\\'):
			p.add(r)
			escaped = false
		case escaped:
			p.add('\\')
			p.add(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			p.addWild(anyMany)
		case r == '?':
			p.addWild(anyOne)
		default:
			p.add(r)
		}
	}
	if escaped {
		p.add('\\')
	}
	return p
}

func (p *pattern) add(r rune) {
	p.literal += string(r)
	if !p.cased {
		r = fold(r)
	}
	p.runes = append(p.runes, r)
}

func (p *pattern) addWild(r rune) {
	p.wild = true
	if n := len(p.runes); r == anyMany && n > 0 && p.runes[n-1] == anyMany {
		return
	}
	p.runes = append(p.runes, r)
}

// between returns the pattern with * before or behind it.
func (p pattern) between(before, behind bool) pattern {
	q := pattern{literal: p.literal, wild: p.wild, cased: p.cased}
	if before {
		q.addWild(anyMany)
	}
	for _, r := range p.runes {
		if r < 0 {
			q.addWild(r)
		} else {
			q.runes = append(q.runes, r)
		}
	}
	if behind {
		q.addWild(anyMany)
	}
	return q
}

// match reports whether the whole of s fits.
func (p pattern) match(s string) bool {
	switch {
	case p.wild:
		return p.glob(s)
	case p.cased:
		return s == p.literal
	}
	return strings.EqualFold(s, p.literal)
}

// glob goes back only to the last *, which is enough: an earlier one need never take more.
func (p pattern) glob(s string) bool {
	i, at := 0, 0
	star, mark := -1, 0
	for at < len(s) {
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case i < len(p.runes) && p.runes[i] == anyMany:
			star, mark = i, at
			i++
		case i < len(p.runes) && p.fits(p.runes[i], r):
			i++
			at += size
		case star >= 0:
			_, size = utf8.DecodeRuneInString(s[mark:])
			mark += size
			i, at = star+1, mark
		default:
			return false
		}
	}
	for i < len(p.runes) && p.runes[i] == anyMany {
		i++
	}
	return i == len(p.runes)
}

func (p pattern) fits(want, r rune) bool {
	if want == anyOne || want == r {
		return true
	}
	return !p.cased && want == fold(r)
}

// fold maps characters that differ only in case to one of them.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	// K (Kelvin) and ſ fold to ASCII; keep ASCII letters in lower case as above.
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}
