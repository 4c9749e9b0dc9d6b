package rules

import (
	"net/netip"
	"regexp"
)

// predicate is a compiled condition or a part of one.
type predicate interface {
	match(s subject) bool
}

type (
	every  []predicate // all of them
	some   []predicate // any of them
	negate struct{ inner predicate }
)

func (ps every) match(s subject) bool {
	for _, p := range ps {
		if !p.match(s) {
			return false
		}
	}
	return true
}

func (ps some) match(s subject) bool {
	for _, p := range ps {
		if p.match(s) {
			return true
		}
	}
	return false
}

func (n negate) match(s subject) bool { return !n.inner.match(s) }

// textual is a test of one string that is there.
type textual interface{ match(string) bool }

// wordIs tests a field of one string. A field that is not there fits no test.
type wordIs struct {
	get  func(subject) string
	test textual
}

func (w wordIs) match(s subject) bool {
	v := w.get(s)
	return v != "" && w.test.match(v)
}

// wordsHave tests whether any string of a list fits.
type wordsHave struct {
	get  func(subject) []string
	test textual
}

func (w wordsHave) match(s subject) bool {
	for _, v := range w.get(s) {
		if w.test.match(v) {
			return true
		}
	}
	return false
}

type wordAbsent struct{ get func(subject) string }

func (w wordAbsent) match(s subject) bool { return w.get(s) == "" }

type wordsAbsent struct{ get func(subject) []string }

func (w wordsAbsent) match(s subject) bool { return len(w.get(s)) == 0 }

type numberAbsent struct {
	get func(subject) (float64, bool)
}

func (n numberAbsent) match(s subject) bool {
	_, ok := n.get(s)
	return !ok
}

// numberIs compares a number that is there.
type numberIs struct {
	get     func(subject) (float64, bool)
	compare func(a, b float64) bool
	bound   float64
}

func (n numberIs) match(s subject) bool {
	v, ok := n.get(s)
	return ok && n.compare(v, n.bound)
}

type truthIs struct {
	get  func(subject) bool
	want bool
}

func (t truthIs) match(s subject) bool { return t.get(s) == t.want }

type expression struct{ re *regexp.Regexp }

func (e expression) match(s string) bool { return e.re.MatchString(s) }

type network struct{ prefix netip.Prefix }

func (n network) match(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && n.prefix.Contains(addr.Unmap())
}

var comparisons = map[string]func(a, b float64) bool{
	"":    func(a, b float64) bool { return a == b },
	"gt":  func(a, b float64) bool { return a > b },
	"gte": func(a, b float64) bool { return a >= b },
	"lt":  func(a, b float64) bool { return a < b },
	"lte": func(a, b float64) bool { return a <= b },
}
