package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// place is a line and a column, both counted from 1, the column in characters.
type place struct{ line, col int }

// Problem is one mistake in a rule file.
type Problem struct {
	File    string
	Line    int // from 1; 0 when the file as a whole is meant
	Column  int // from 1, in characters
	Message string
	Source  string // the line itself
}

// String gives "file:line:column: message" and, below it, the line with a caret.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	head := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Source == "" {
		return head
	}
	return head + "\n    " + p.Source + "\n    " + caret(p.Source, p.Column)
}

// caret indents with blanks as wide as the characters above them, so that it stands
// under the right one after Chinese text and tabs too.
func caret(line string, col int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i >= col-1 {
			break
		}
		switch {
		case r == '\t':
			b.WriteByte('\t')
		case unicode.In(r, unicode.Han) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60:
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String() + "^"
}

// Problems are all mistakes that Load found, ordered by file and place.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// reporter gathers the problems of one file.
type reporter struct {
	file     string
	lines    []string
	problems *Problems
}

func (r *reporter) fail(at place, format string, args ...any) {
	p := Problem{File: r.file, Line: at.line, Column: at.col, Message: fmt.Sprintf(format, args...)}
	if at.line >= 1 && at.line <= len(r.lines) {
		p.Source = strings.TrimRight(r.lines[at.line-1], "\r")
	}
	*r.problems = append(*r.problems, p)
}

// failNear reports an unknown word with the nearest known one, if one is near.
func (r *reporter) failNear(at place, what, word string, known []string) {
	if near := nearest(word, known); near != "" {
		r.fail(at, "%s %q is not known; did you mean %q?", what, word, near)
		return
	}
	r.fail(at, "%s %q is not known", what, word)
}

// nearest returns the known word with the smallest edit distance, if that is at most a
// third of the word's length (and at least 2 are allowed), else "".
func nearest(word string, known []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's edit distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
