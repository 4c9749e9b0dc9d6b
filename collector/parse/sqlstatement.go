package parse

// sqlStatement is what one statement of SQL says of the data it touches.
type sqlStatement struct {
	verb     string // select, insert, update, delete, copy to, copy from, execute, …
	prepared string // the name that PREPARE gives, or EXECUTE uses
	cursor   bool   // the query is a cursor's
	copies   bool   // what is read goes into another table
	target   string // the table that is written or copied
	query    sqlQuery
}

// sqlQuery is a SELECT, or the part of an UPDATE or DELETE that chooses rows.
type sqlQuery struct {
	tables   []sqlTable
	where    []sqlToken
	branches []sqlQuery // of a UNION and its like, or of a sub-query in FROM
}

type sqlTable struct{ schema, name, alias string }

// readSQL reads all statements of a text and its comments.
func readSQL(text string) (statements []sqlStatement, comments []string) {
	tokens, comments := scanSQL(text)
	for _, part := range splitTop(tokens, func(t sqlToken) bool { return t.is(";") }) {
		if len(part) > 0 {
			statements = append(statements, readStatement(part, 0))
		}
	}
	return statements, comments
}

// splitTop splits at the tokens outside all brackets for which at says so.
func splitTop(tokens []sqlToken, at func(sqlToken) bool) (parts [][]sqlToken) {
	depth, start := 0, 0
	for i, t := range tokens {
		depth += nesting(t)
		if depth <= 0 && at(t) {
			parts = append(parts, tokens[start:i])
			start, depth = i+1, 0
		}
	}
	return append(parts, tokens[start:])
}

func nesting(t sqlToken) int {
	switch {
	case t.is("("), t.is("["):
		return 1
	case t.is(")"), t.is("]"):
		return -1
	}
	return 0
}

// findTop finds the first token outside all brackets for which at says so, or -1.
func findTop(tokens []sqlToken, at func(sqlToken) bool) int {
	depth := 0
	for i, t := range tokens {
		if depth == 0 && at(t) {
			return i
		}
		depth += nesting(t)
	}
	return -1
}

func isWord(words ...string) func(sqlToken) bool {
	return func(t sqlToken) bool { return t.word(words...) }
}

// after returns the tokens after the first one at the top for which at says so.
func after(tokens []sqlToken, at func(sqlToken) bool) []sqlToken {
	if i := findTop(tokens, at); i >= 0 {
		return tokens[i+1:]
	}
	return nil
}

// deepest bounds how deep statements and conditions are followed into one another.
const deepest = 50

func readStatement(tokens []sqlToken, depth int) sqlStatement {
	if len(tokens) == 0 || depth > deepest {
		return sqlStatement{}
	}
	if tokens[0].is("(") {
		inner := inBrackets(tokens)
		if len(inner) < len(tokens)-2 {
			return sqlStatement{verb: "select", query: readQuery(tokens, depth)}
		}
		return readStatement(inner, depth+1)
	}
	s := sqlStatement{verb: tokens[0].text}
	rest := tokens[1:]
	switch s.verb {
	case "with":
		if i := findTop(tokens, isWord("select", "insert", "update", "delete", "merge", "values", "table")); i > 0 {
			return readStatement(tokens[i:], depth+1)
		}
	case "explain":
		if i := findTop(rest, isWord("select", "insert", "update", "delete", "merge", "with", "execute", "create")); i >= 0 {
			return readStatement(rest[i:], depth+1)
		}
	case "prepare":
		s.prepared = nameOf(rest)
		inner := readStatement(after(rest, isWord("as")), depth+1)
		s.target, s.query = inner.target, inner.query
	case "execute":
		s.prepared = nameOf(rest)
	case "declare":
		inner := readStatement(after(rest, isWord("for")), depth+1)
		s.cursor, s.query = true, inner.query
	case "copy":
		return readCopy(rest, depth)
	case "create", "refresh":
		return readCreate(s.verb, rest, depth)
	default:
		s.readData(tokens, depth)
	}
	return s
}

// readData reads the statements that work on rows.
func (s *sqlStatement) readData(tokens []sqlToken, depth int) {
	rest := tokens[1:]
	switch s.verb {
	case "select", "values":
		s.verb = "select"
		s.query = readQuery(tokens, depth)
		s.copies = findTop(rest, isWord("into")) >= 0
	case "table":
		s.verb = "select"
		if t, _ := readTable(rest); t.name != "" {
			s.query.tables = []sqlTable{t}
		}
	case "insert", "merge":
		rest = after(rest, isWord("into"))
		t, rest := readTable(rest)
		s.target = t.name
		if i := findTop(rest, isWord("select", "with", "table")); i >= 0 {
			s.copies, s.query = true, readStatement(rest[i:], depth+1).query
		}
	case "update", "delete":
		if s.verb == "delete" {
			rest = after(rest, isWord("from"))
		}
		t, rest := readTable(rest)
		s.target = t.name
		s.query = sqlQuery{tables: []sqlTable{t}, where: clause(rest, "where")}
	case "truncate":
		t, _ := readTable(skipWords(rest, "table"))
		s.target = t.name
	}
}

// readCopy reads what follows COPY: a query in brackets or a table, and the direction.
func readCopy(rest []sqlToken, depth int) sqlStatement {
	direction := findTop(rest, isWord("to", "from"))
	if direction < 0 {
		return sqlStatement{verb: "copy"}
	}
	s := sqlStatement{verb: "copy " + rest[direction].text}
	if rest[0].is("(") {
		s.query = readStatement(inBrackets(rest), depth+1).query
		return s
	}
	t, _ := readTable(rest)
	s.target = t.name
	if s.verb == "copy to" {
		s.query.tables = []sqlTable{t}
	}
	return s
}

// readCreate reads CREATE TABLE … AS and REFRESH MATERIALIZED VIEW: data are copied.
func readCreate(verb string, rest []sqlToken, depth int) sqlStatement {
	inner := readStatement(after(rest, isWord("as")), depth+1)
	copies := verb == "refresh" || inner.verb == "select" || inner.verb == "execute"
	return sqlStatement{verb: verb, copies: copies, query: inner.query}
}

// inBrackets returns what stands between the opening bracket at the start and its
// closing one.
func inBrackets(tokens []sqlToken) []sqlToken {
	depth := 0
	for i, t := range tokens {
		depth += nesting(t)
		if depth == 0 {
			return tokens[1:i]
		}
	}
	return tokens[1:]
}

func nameOf(tokens []sqlToken) string {
	if len(tokens) > 0 {
		return tokens[0].text
	}
	return ""
}

func skipWords(tokens []sqlToken, words ...string) []sqlToken {
	for len(tokens) > 0 && tokens[0].word(words...) {
		tokens = tokens[1:]
	}
	return tokens
}

// readQuery reads a SELECT with its sets and sub-queries.
func readQuery(tokens []sqlToken, depth int) sqlQuery {
	parts := splitTop(tokens, isWord("union", "except", "intersect"))
	if len(parts) > 1 {
		var q sqlQuery
		for _, part := range parts {
			q.branches = append(q.branches, readStatement(skipWords(part, "all", "distinct"), depth+1).query)
		}
		return q
	}
	from := clause(tokens, "from")
	q := sqlQuery{where: clause(tokens, "where")}
	for _, item := range splitTop(from, func(t sqlToken) bool { return t.is(",") || t.word("join") }) {
		item = skipWords(item, "lateral")
		if len(item) > 0 && item[0].is("(") {
			q.branches = append(q.branches, readStatement(inBrackets(item), depth+1).query)
			continue
		}
		t, rest := readTable(item)
		isFunction := len(rest) > 0 && rest[0].is("(")
		if t.name != "" && !isFunction {
			q.tables = append(q.tables, t)
		}
	}
	return q
}

// clauseEnds are the words that end FROM and WHERE.
var clauseEnds = isWord("where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "returning", "set", "into")

// clause returns the tokens of FROM or WHERE.
func clause(tokens []sqlToken, word string) []sqlToken {
	rest := after(tokens, isWord(word))
	if end := findTop(rest, clauseEnds); end >= 0 {
		return rest[:end]
	}
	return rest
}

// readTable reads a table's name and its alias, and returns what follows.
func readTable(tokens []sqlToken) (sqlTable, []sqlToken) {
	tokens = skipWords(tokens, "only")
	t, rest := readName(tokens)
	if t.name == "" || len(rest) > 0 && rest[0].is("(") {
		// A function, or the columns of INSERT: no alias follows.
		return t, rest
	}
	if len(rest) > 0 && rest[0].is("*") {
		rest = rest[1:]
	}
	rest = skipWords(rest, "as")
	if len(rest) > 0 && (rest[0].kind == sqlName || rest[0].kind == sqlWord && !notAliases(rest[0])) {
		t.alias, rest = rest[0].text, rest[1:]
	}
	return t, rest
}

var notAliases = isWord("where", "set", "from", "using", "on", "join", "inner", "left", "right", "full", "cross", "natural",
	"group", "having", "window", "order", "limit", "offset", "fetch", "for", "returning", "values", "select", "with",
	"default", "overriding", "when", "tablesample", "to", "restart", "cascade", "restrict", "continue")

// readName reads a name with or without a schema.
func readName(tokens []sqlToken) (t sqlTable, rest []sqlToken) {
	for len(tokens) > 0 && (tokens[0].kind == sqlWord || tokens[0].kind == sqlName) {
		t.schema, t.name, t.alias = t.name, tokens[0].text, tokens[0].text
		tokens = tokens[1:]
		if len(tokens) < 2 || !tokens[0].is(".") {
			break
		}
		tokens = tokens[1:]
	}
	return t, tokens
}
