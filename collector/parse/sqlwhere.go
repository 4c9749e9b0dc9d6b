package parse

import (
	"slices"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// ids are the record ids to which a query is bound by its WHERE, and the table they are
// ids of. Conditions that only narrow the choice further do not matter; one that widens
// it (OR with something else, NOT) means that the ids say nothing: bound is false.
type ids struct {
	bound  bool
	table  string
	values []string
}

// recordIDs returns the ids that a query is bound to, with the values of its parameters.
func (q *sqlQuery) recordIDs(parameters []string) ids {
	return q.idsAt(parameters, 0)
}

func (q *sqlQuery) idsAt(parameters []string, depth int) ids {
	if depth > deepest {
		return ids{}
	}
	w := where{query: q, parameters: parameters}
	if found := w.either(q.where, 0); found.bound {
		return found
	}
	if len(q.tables) > 0 || len(q.branches) == 0 {
		return ids{}
	}
	all := make([]ids, len(q.branches))
	for i := range q.branches {
		all[i] = q.branches[i].idsAt(parameters, depth+1)
	}
	return union(all)
}

// union is bound only if all are, by ids of one table.
func union(all []ids) ids {
	out := ids{bound: true, table: all[0].table}
	for _, one := range all {
		if !one.bound || one.table != out.table {
			return ids{}
		}
		out.values = append(out.values, one.values...)
	}
	return out
}

// where reads the conditions of one query.
type where struct {
	query      *sqlQuery
	parameters []string
}

// either reads conditions joined by OR.
func (w *where) either(tokens []sqlToken, depth int) ids {
	if len(tokens) == 0 || depth > deepest {
		return ids{}
	}
	parts := splitTop(tokens, isWord("or"))
	all := make([]ids, len(parts))
	for i, part := range parts {
		all[i] = w.both(part, depth)
	}
	if len(all) == 1 {
		return all[0]
	}
	return union(all)
}

// both reads conditions joined by AND: any one that is bound binds all.
func (w *where) both(tokens []sqlToken, depth int) ids {
	for _, part := range splitTop(tokens, isWord("and")) {
		if found := w.condition(part, depth); found.bound {
			return found
		}
	}
	return ids{}
}

// condition reads one comparison, or conditions in brackets.
func (w *where) condition(tokens []sqlToken, depth int) ids {
	if len(tokens) > 1 && tokens[0].is("(") && tokens[len(tokens)-1].is(")") && len(inBrackets(tokens)) == len(tokens)-2 {
		return w.either(inBrackets(tokens), depth+1)
	}
	if i := findTop(tokens, func(t sqlToken) bool { return t.is("=") }); i > 0 {
		if table, ok := w.key(tokens[:i]); ok {
			return w.equal(table, tokens[i+1:])
		}
		if table, ok := w.key(tokens[i+1:]); ok {
			return w.equal(table, tokens[:i])
		}
		return ids{}
	}
	if i := findTop(tokens, isWord("in")); i > 0 && !tokens[i-1].word("not") {
		if table, ok := w.key(tokens[:i]); ok && len(tokens) > i+1 && tokens[i+1].is("(") {
			return w.listed(table, inBrackets(tokens[i+1:]))
		}
	}
	return ids{}
}

// equal reads what a key is compared with: a value, or ANY of an array.
func (w *where) equal(table string, tokens []sqlToken) ids {
	if len(tokens) > 1 && tokens[0].word("any", "some") && tokens[1].is("(") {
		return w.anyOf(table, inBrackets(tokens[1:]))
	}
	if v, ok := w.value(tokens); ok {
		return ids{bound: true, table: table, values: []string{v}}
	}
	return ids{}
}

func (w *where) anyOf(table string, tokens []sqlToken) ids {
	tokens = withoutCast(tokens)
	if len(tokens) > 1 && tokens[0].word("array") && tokens[1].is("[") {
		return w.listed(table, inBrackets(tokens[1:]))
	}
	text, ok := w.value(tokens)
	if !ok {
		return ids{}
	}
	values, ok := arrayElements(text)
	return ids{bound: ok, table: table, values: values}
}

func (w *where) listed(table string, tokens []sqlToken) ids {
	out := ids{bound: true, table: table}
	for _, item := range splitTop(tokens, func(t sqlToken) bool { return t.is(",") }) {
		v, ok := w.value(item)
		if !ok {
			return ids{}
		}
		out.values = append(out.values, v)
	}
	return out
}

// value reads a constant or a parameter, with a cast or a sign.
func (w *where) value(tokens []sqlToken) (string, bool) {
	tokens = withoutCast(tokens)
	for i := 0; i < deepest && len(tokens) > 2 && tokens[0].is("("); i++ {
		tokens = withoutCast(inBrackets(tokens))
	}
	sign := ""
	if len(tokens) == 2 && tokens[0].is("-") && tokens[1].kind == sqlNumber {
		sign, tokens = "-", tokens[1:]
	}
	if len(tokens) == 2 && tokens[0].kind == sqlWord && tokens[1].kind == sqlText {
		tokens = tokens[1:] // bigint '42'
	}
	if len(tokens) != 1 {
		return "", false
	}
	switch t := tokens[0]; t.kind {
	case sqlNumber:
		return sign + t.text, true
	case sqlText:
		return t.text, t.text != ""
	case sqlParam:
		n, err := strconv.Atoi(t.text)
		if err != nil || n < 1 || n > len(w.parameters) || w.parameters[n-1] == "" {
			return "", false
		}
		return w.parameters[n-1], true
	}
	return "", false
}

// withoutCast cuts a trailing ::type off.
func withoutCast(tokens []sqlToken) []sqlToken {
	if i := findTop(tokens, func(t sqlToken) bool { return t.is("::") }); i >= 0 {
		return tokens[:i]
	}
	return tokens
}

// key reports whether the tokens are a column that holds the ids of a table of the
// query, and which table that is. Another table's ids, such as loans.customer_id, are
// not: an id of the wrong kind would be a look at the wrong record.
func (w *where) key(tokens []sqlToken) (table string, ok bool) {
	tokens = withoutCast(tokens)
	parts := splitTop(tokens, func(t sqlToken) bool { return t.is(".") })
	for _, p := range parts {
		if len(p) != 1 || p[0].kind != sqlWord && p[0].kind != sqlName {
			return "", false
		}
	}
	column := strings.ToLower(parts[len(parts)-1][0].text)
	if len(w.query.tables) == 0 {
		return "", false
	}
	table = w.query.tables[0].name
	if len(parts) > 1 {
		alias := parts[len(parts)-2][0].text
		i := slices.IndexFunc(w.query.tables, func(t sqlTable) bool { return t.alias == alias })
		if i < 0 {
			return "", false
		}
		table = w.query.tables[i].name
	}
	return table, isKeyOf(column, strings.ToLower(table))
}

// isKeyOf reports whether a column is named as a table's key: id, or customer_id in
// customer or customers.
func isKeyOf(column, table string) bool {
	if column == "id" || column == "uuid" {
		return true
	}
	singular := strings.TrimSuffix(table, "s")
	for _, suffix := range []string{"_id", "id", "_no"} {
		if column == table+suffix || column == singular+suffix {
			return true
		}
	}
	return false
}

// arrayElements reads PostgreSQL's text of a one-dimensional array: {1,2,"a,b"}.
func arrayElements(text string) ([]string, bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	body := text[1 : len(text)-1]
	if body == "" {
		return nil, false
	}
	var out []string
	for body != "" {
		value, rest, ok := arrayElement(body)
		if !ok {
			return nil, false
		}
		if value != "" {
			out = append(out, value)
		}
		body = rest
	}
	return out, true
}

// arrayElement reads the first element and returns what follows its comma. NULL is no
// value.
func arrayElement(body string) (value, rest string, ok bool) {
	if body[0] != '"' {
		value, rest, _ = strings.Cut(body, ",")
		if strings.ContainsAny(value, `{}"\`) {
			return "", "", false
		}
		if value = strings.TrimSpace(value); strings.EqualFold(value, "null") {
			value = ""
		}
		return value, rest, true
	}
	var b strings.Builder
	for i := 1; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\' && i+1 < len(body):
			i++
			b.WriteByte(body[i])
		case c == '"':
			return b.String(), strings.TrimPrefix(body[i+1:], ","), true
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// usable drops repeated ids and reports whether the rest can stand in an event.
func (f *ids) usable() bool {
	if !f.bound || len(f.values) == 0 {
		return false
	}
	seen := make(map[string]bool, len(f.values))
	f.values = slices.DeleteFunc(f.values, func(v string) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
	const longest = 256
	return len(f.values) <= ueba.MaxRecordIDs && !slices.ContainsFunc(f.values, func(v string) bool {
		return len(v) > longest || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
}
