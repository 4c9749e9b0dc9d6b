package parse

import (
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Statement is what the text of one SQL statement says by itself.
type Statement struct {
	Action      ueba.Action // "" if no table of the organisation is read or written
	Table       string      // the table of the ids, else the first one
	IDs         []string    // of records, where they bind the whole statement
	Conditional bool        // it chooses its rows
	Copies      bool        // what it reads goes into another table
	Purpose     ueba.Purpose
}

// Dialects of SQL that ReadStatement knows beside the standard.
const (
	MySQL = "mysql" // names in backticks, texts in double quotes, backslash escapes
	TSQL  = "tsql"  // names in brackets
)

// ReadStatement reads the first statement of a text that reads or writes data. Without a
// number of rows a read is a view, or an export where it goes into a file.
func ReadStatement(text, dialect string) Statement {
	s, comments := firstDataStatement(text, dialect)
	out := Statement{Purpose: purposeOf("", comments)}
	if s == nil {
		return out
	}
	out.Action, out.Table, out.Conditional = plainAction(s), firstTable(s), s.query.conditional()
	out.Copies = s.copies && s.target != ""
	if (out.Action == ueba.ActionView || out.Action == ueba.ActionCopy) && dumps(standardSQL(text, dialect), comments) {
		out.Action = ueba.ActionExport
	}
	if out.Action == ueba.ActionCreate {
		out.Table = s.target // the ids of a query in it are those of what it reads
	} else if found := s.query.recordIDs(nil); found.usable() {
		out.Table, out.IDs = found.table, found.values
	}
	return out
}

func firstDataStatement(text, dialect string) (*sqlStatement, []string) {
	statements, comments := readSQL(standardSQL(text, dialect))
	i := slices.IndexFunc(statements, func(s sqlStatement) bool { return plainAction(&s) != "" })
	if i < 0 {
		return nil, comments
	}
	return &statements[i], comments
}

// plainAction names what a statement does, "" for nothing that concerns Onlooker.
func plainAction(s *sqlStatement) ueba.Action {
	switch s.verb {
	case "prepare", "execute", "declare":
		return ""
	case "insert", "merge", "replace", "copy from":
		return ueba.ActionCreate
	case "update":
		return ueba.ActionEdit
	case "delete", "truncate":
		return ueba.ActionDelete
	}
	switch {
	case !s.query.readsData():
		return ""
	case s.verb == "copy to":
		return ueba.ActionExport
	case s.copies:
		return ueba.ActionCopy
	}
	return ueba.ActionView
}

// dumps reports whether a statement writes a file at the server, or is how mysqldump and
// mariadb-dump read a whole table.
func dumps(text string, comments []string) bool {
	for _, c := range comments {
		if strings.HasPrefix(c, "!") && strings.Contains(c, "SQL_NO_CACHE") {
			return true
		}
	}
	tokens, _ := scanSQL(text)
	return slices.ContainsFunc(tokens, isWord("outfile", "dumpfile"))
}

// standardSQL writes a dialect's quotes in the standard's way.
func standardSQL(text, dialect string) string {
	switch dialect {
	case MySQL:
		return fromMySQL(text)
	case TSQL:
		return fromTSQL(text)
	}
	return text
}

func fromMySQL(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '`':
			i = requote(&b, text, i, '`', '"', false)
		case '"':
			i = requote(&b, text, i, '"', '\'', true)
		case '\'':
			i = requote(&b, text, i, '\'', '\'', true)
		case '#':
			b.WriteString("--")
		case '/':
			if end := strings.Index(text[i:], "*/"); strings.HasPrefix(text[i:], "/*") && end > 0 {
				b.WriteString(text[i : i+end+2])
				i += end + 1
				continue
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// requote copies what stands between quotes from i on, and returns where it ends.
func requote(b *strings.Builder, text string, i int, quote, with byte, backslash bool) int {
	b.WriteByte(with)
	for i++; i < len(text); i++ {
		c := text[i]
		switch {
		case backslash && c == '\\' && i+1 < len(text):
			i++
			c = text[i]
		case c == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case c == quote:
			b.WriteByte(with)
			return i
		}
		if c == with {
			b.WriteByte(with)
		}
		b.WriteByte(c)
	}
	b.WriteByte(with)
	return i
}

func fromTSQL(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '[':
			i = requote(&b, text, i, ']', '"', false)
		case '\'':
			i = requote(&b, text, i, '\'', '\'', false)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
