package rules

import (
	"strings"
	"unicode"
)

// condition is a parsed condition; nil stands for one that did not parse.
type condition any

type (
	bothOf     struct{ left, right condition }
	eitherOf   struct{ left, right condition }
	noneOf     struct{ inner condition }
	selected   struct{ name word }
	quantified struct {
		all     bool
		pattern word // "them", or a name that may end in *
	}
)

// maxDepth bounds how deeply conditions nest, so that hostile input cannot exhaust the stack.
const maxDepth = 50

// conditionParser is a recursive descent over: or := and {"or" and}; and := not {"and"
// not}; not := "not" not | "(" or ")" | quantifier "of" pattern | name.
type conditionParser struct {
	*reporter
	tokens []word
	next   int
	depth  int
	failed bool
}

func parseCondition(r *reporter, source word) condition {
	if !source.is() {
		return nil
	}
	p := &conditionParser{reporter: r, tokens: tokens(source)}
	if len(p.tokens) == 1 {
		p.failOnce(source.at, "the condition is empty")
		return nil
	}
	c := p.or()
	if t := p.peek(); t.text != "" && !p.failed {
		p.failOnce(t.at, "condition: want and, or, or the end before %q", t.text)
	}
	if p.failed {
		return nil
	}
	return c
}

// tokens splits a condition; the last token is empty and stands behind the text.
func tokens(source word) []word {
	var out []word
	column := source.at.col
	if !source.plain {
		column++
	}
	place := func(i int) place {
		if source.block {
			return source.at
		}
		return place{source.at.line, column + i}
	}
	runes := []rune(strings.TrimRightFunc(source.text, unicode.IsSpace))
	for i := 0; i < len(runes); {
		switch r := runes[i]; {
		case unicode.IsSpace(r):
			i++
		case r == '(' || r == ')' || r == '|':
			out = append(out, word{text: string(r), at: place(i)})
			i++
		default:
			start := i
			for i < len(runes) && !unicode.IsSpace(runes[i]) && !strings.ContainsRune("()|", runes[i]) {
				i++
			}
			out = append(out, word{text: string(runes[start:i]), at: place(start)})
		}
	}
	return append(out, word{at: place(len(runes))})
}

func (p *conditionParser) peek() word { return p.tokens[p.next] }

func (p *conditionParser) take() word {
	t := p.tokens[p.next]
	if p.next < len(p.tokens)-1 {
		p.next++
	}
	return t
}

func (p *conditionParser) accept(keyword string) bool {
	if !strings.EqualFold(p.peek().text, keyword) {
		return false
	}
	p.take()
	return true
}

// failOnce reports the first mistake only: what follows it is mostly its consequence.
func (p *conditionParser) failOnce(at place, format string, args ...any) {
	if !p.failed {
		p.fail(at, format, args...)
	}
	p.failed = true
}

func (p *conditionParser) or() condition {
	left := p.and()
	for !p.failed && p.accept("or") {
		left = eitherOf{left, p.and()}
	}
	return left
}

func (p *conditionParser) and() condition {
	left := p.not()
	for !p.failed && p.accept("and") {
		left = bothOf{left, p.not()}
	}
	return left
}

func (p *conditionParser) not() condition {
	p.depth++
	defer func() { p.depth-- }()
	switch {
	case p.depth > maxDepth:
		p.failOnce(p.peek().at, "condition: nested more than %d deep", maxDepth)
		return nil
	case p.accept("not"):
		return noneOf{p.not()}
	case p.peek().text == "(":
		return p.group()
	}
	return p.operand()
}

func (p *conditionParser) group() condition {
	open := p.take()
	inner := p.or()
	if p.failed || p.accept(")") {
		return inner
	}
	if t := p.peek(); t.text != "" {
		p.failOnce(t.at, "condition: want and, or, or ) before %q", t.text)
	} else {
		p.failOnce(open.at, "condition: this ( is never closed")
	}
	return nil
}

func (p *conditionParser) operand() condition {
	t := p.take()
	switch strings.ToLower(t.text) {
	case "":
		p.failOnce(t.at, "condition: a selection is missing at the end")
	case "|":
		p.failOnce(t.at, "condition: aggregations after | are not supported; write a correlation rule")
	case ")", "and", "or", "of", "near":
		p.failOnce(t.at, "condition: want a selection, not %q", t.text)
	case "1", "any", "all":
		if strings.EqualFold(p.peek().text, "of") {
			return p.quantified(t)
		}
	}
	if !p.failed && t.text != "" && t.text[0] >= '0' && t.text[0] <= '9' && strings.EqualFold(p.peek().text, "of") {
		p.failOnce(t.at, "condition: %q of is not supported; 1 of and all of are", t.text)
	}
	if !p.failed && p.peek().text == "|" {
		p.failOnce(p.peek().at, "condition: aggregations after | are not supported; write a correlation rule")
	}
	return selected{t}
}

func (p *conditionParser) quantified(quantity word) condition {
	p.take() // of
	t := p.take()
	switch strings.ToLower(t.text) {
	case "", "(", ")", "|", "and", "or", "not", "of":
		p.failOnce(t.at, "condition: want them or the name of a selection after of")
	}
	return quantified{all: strings.EqualFold(quantity.text, "all"), pattern: t}
}
