package parse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// pgaudit makes events of the server log of PostgreSQL with the pgaudit extension.
//
// One statement is many lines: an OBJECT and a SESSION line, one for each table of a
// view, one more for COPY. They are gathered as a unit and make one event for each
// (statement, sub-statement) that read or wrote a table. A unit ends when its session
// goes on to something else, when another line is two seconds younger, or at Flush.
// Statements sent together as one text are one unit, because each of their lines
// carries the whole text and only their order tells which is which.
type pgaudit struct {
	options Options
	taken   int
	current int       // number of the record that is being worked on
	open    []*pgUnit // by first line
	held    []*pgHeld // of the stderr log: what may have details to come
}

// unitQuiet is how much younger another line is when a unit is surely complete: the
// server writes the lines of one statement in one go.
const unitQuiet = 2 * time.Second

// Limits of what waits.
const (
	maxUnits  = 4096
	maxGroups = 64
)

func newPgaudit(o Options) Parser {
	if o.Service == "" {
		o.Service = "postgresql"
	}
	return &pgaudit{options: o}
}

// pgUnit is what is gathered of one statement, or of statements sent together.
type pgUnit struct {
	session string
	first   int // number of its first record
	last    time.Time
	groups  []*pgGroup
	count   int    // statements so far
	looked  string // number of the last statement that was a look
	text    sqlReader
}

// pgGroup is what the lines of one (statement, sub-statement) say together.
type pgGroup struct {
	record     pgRecord // of its first line
	statement  string   // numbers in the session
	sub        string
	class      string
	command    string
	objects    []pgObject
	text       string // "" if it is not in the log
	parameters []string
	rows       int64
	counted    bool // rows are logged
}

type pgObject struct{ class, command, kind, name string }

// Parse implements Parser.
func (p *pgaudit) Parse(raw []byte, emit func(ueba.Body)) error {
	p.taken++
	r, err := readPgRecord(raw, p.options.Zone)
	if err != nil {
		return err
	}
	if r.plain {
		return p.hold(r, emit)
	}
	p.current = p.taken - 1
	p.closeQuiet(r.time, emit)
	return p.work(r, emit)
}

// work takes a record that is complete.
func (p *pgaudit) work(r pgRecord, emit func(ueba.Body)) error {
	switch audit, isAudit := strings.CutPrefix(r.message, "AUDIT: "); {
	case isAudit:
		return p.audited(r, audit, emit)
	case r.severity == "ERROR", r.severity == "FATAL":
		p.closeSession(r.session, emit)
		if r.state == "42501" {
			p.denied(r, emit)
		}
	case strings.HasPrefix(r.message, "duration: "), strings.HasPrefix(r.message, "disconnection: "):
		p.closeSession(r.session, emit)
	}
	return nil
}

// Flush implements Parser.
func (p *pgaudit) Flush(emit func(ueba.Body)) {
	// Flush has nobody to tell: what cannot be spoken of was refused when it came.
	_ = p.release(emit, func(*pgHeld) bool { return true })
	for _, u := range p.open {
		p.speak(u, emit)
	}
	p.open = nil
}

// Waiting implements Parser.
func (p *pgaudit) Waiting() int {
	first := p.taken
	for _, u := range p.open {
		first = min(first, u.first)
	}
	for _, h := range p.held {
		first = min(first, h.first)
	}
	return p.taken - first
}

func (p *pgaudit) closeQuiet(now time.Time, emit func(ueba.Body)) {
	p.closeIf(emit, func(u *pgUnit) bool { return now.Sub(u.last) > unitQuiet })
}

func (p *pgaudit) closeSession(session string, emit func(ueba.Body)) {
	p.closeIf(emit, func(u *pgUnit) bool { return u.session == session })
}

func (p *pgaudit) closeIf(emit func(ueba.Body), done func(*pgUnit) bool) {
	kept := p.open[:0]
	for _, u := range p.open {
		if done(u) {
			p.speak(u, emit)
		} else {
			kept = append(kept, u)
		}
	}
	clear(p.open[len(kept):])
	p.open = kept
}

// audited takes a line that pgaudit wrote.
func (p *pgaudit) audited(r pgRecord, audit string, emit func(ueba.Body)) error {
	g, err := readAudit(r, audit)
	if err != nil {
		return err
	}
	u := p.unit(g, emit)
	u.last = r.time
	if last := len(u.groups) - 1; last >= 0 && u.groups[last].statement == g.statement && u.groups[last].sub == g.sub {
		u.groups[last].merge(g)
	} else {
		if last < 0 || u.groups[last].statement != g.statement {
			u.count++
		}
		if len(u.groups) == maxGroups {
			p.relieve(u, emit)
		}
		u.groups = append(u.groups, g)
	}
	return nil
}

// relieve speaks of what a long unit holds so far and lets it go on.
func (p *pgaudit) relieve(u *pgUnit, emit func(ueba.Body)) {
	p.speak(u, emit)
	u.first = p.current
	slices.SortStableFunc(p.open, func(a, b *pgUnit) int { return a.first - b.first })
}

// unit finds the unit to which a group belongs, or opens it.
func (p *pgaudit) unit(g *pgGroup, emit func(ueba.Body)) *pgUnit {
	for _, u := range p.open {
		if u.session == g.record.session && u.takes(g) {
			return u
		}
	}
	p.closeSession(g.record.session, emit)
	if len(p.open) == maxUnits {
		p.speak(p.open[0], emit)
		p.open = slices.Delete(p.open, 0, 1)
	}
	u := &pgUnit{session: g.record.session, first: p.current}
	p.open = append(p.open, u)
	return u
}

// takes reports whether a group goes on with the unit: it is of the same statement, or
// of the next one of the same text.
func (u *pgUnit) takes(g *pgGroup) bool {
	if len(u.groups) == 0 {
		return false
	}
	last := u.groups[len(u.groups)-1]
	if last.statement == g.statement {
		return true
	}
	if g.text == "" || g.text != last.text || !strings.Contains(g.text, ";") {
		return false
	}
	u.text.load(g.text)
	return u.count < len(u.text.statements)
}

// The fields of an audit line.
const (
	auditType       = 0
	auditStatement  = 1
	auditSub        = 2
	auditClass      = 3
	auditCommand    = 4
	auditObjectKind = 5
	auditObjectName = 6
	auditText       = 7
	auditParameters = 8
	auditRows       = 9
	auditFields     = 9 // at least
)

func readAudit(r pgRecord, audit string) (*pgGroup, error) {
	if strings.HasSuffix(r.context, " at RAISE") {
		return nil, errors.New("pgaudit: audit line made by RAISE, not by pgaudit: a forgery")
	}
	f, err := csvFields(audit)
	if err != nil {
		return nil, fmt.Errorf("pgaudit: audit line: %w", err)
	}
	switch {
	case len(f) < auditFields:
		return nil, fmt.Errorf("pgaudit: audit line: %d fields, want at least %d", len(f), auditFields)
	case f[auditType] != "SESSION" && f[auditType] != "OBJECT":
		return nil, fmt.Errorf("pgaudit: audit line of unknown type %q", clip(f[auditType]))
	case r.user == "" || r.session == "":
		return nil, errors.New("pgaudit: audit line without a user or session")
	}
	g := &pgGroup{record: r, statement: f[auditStatement], sub: f[auditSub], class: f[auditClass], command: f[auditCommand]}
	if name := f[auditObjectName]; name != "" {
		g.objects = []pgObject{{f[auditClass], f[auditCommand], f[auditObjectKind], name}}
	}
	g.text = logged(f[auditText])
	if text := logged(f[auditParameters]); text != "" {
		if g.parameters, err = csvFields(text); err != nil {
			return nil, fmt.Errorf("pgaudit: parameters of an audit line: %w", err)
		}
	}
	if len(f) > auditRows {
		g.counted = true
		if g.rows, err = readRows(f[auditRows]); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func readRows(s string) (int64, error) {
	var n int64
	for _, c := range []byte(s) {
		if !isDigit(c) || n > 1e15 {
			return 0, fmt.Errorf("pgaudit: audit line: rows %q", clip(s))
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// logged drops the words that stand for what is not in the log.
func logged(s string) string {
	switch s {
	case "<none>", "<not logged>", "<previously logged>":
		return ""
	}
	return s
}

func (g *pgGroup) merge(other *pgGroup) {
	for _, o := range other.objects {
		if !slices.Contains(g.objects, o) {
			g.objects = append(g.objects, o)
		}
	}
	if g.text == "" {
		g.text = other.text
	}
	if g.parameters == nil {
		g.parameters = other.parameters
	}
	g.rows = max(g.rows, other.rows)
	g.counted = g.counted || other.counted
}

// speak emits the events of a unit, which then is empty.
func (p *pgaudit) speak(u *pgUnit, emit func(ueba.Body)) {
	for _, g := range u.groups {
		s := u.text.statementOf(g)
		if g.isLook(s, u.looked == g.statement) {
			u.looked = g.statement
			p.events(g, s, u.text.comments, emit)
		}
	}
	u.groups = u.groups[:0]
}

// sqlReader finds the statement of a text that a group ran. Statements run in order, so
// it goes on from the one before.
type sqlReader struct {
	text       string
	statements []sqlStatement
	comments   []string
	number     string // of the statement found last
	next       int    // where to look for the one after it
	current    *sqlStatement
}

func (t *sqlReader) load(text string) {
	if text == t.text {
		return
	}
	statements, comments := readSQL(text)
	*t = sqlReader{text: text, statements: statements, comments: comments}
}

func (t *sqlReader) statementOf(g *pgGroup) *sqlStatement {
	t.load(g.text)
	if t.current != nil && g.statement == t.number {
		return t.current
	}
	t.number, t.current = g.statement, &sqlStatement{}
	for i := t.next; i < len(t.statements); i++ {
		if s := t.resolve(&t.statements[i]); g.ran(s) {
			t.next, t.current = i+1, s
			break
		}
	}
	return t.current
}

// resolve finds what an EXECUTE runs, if it was prepared in the same text.
func (t *sqlReader) resolve(s *sqlStatement) *sqlStatement {
	if s.verb != "execute" {
		return s
	}
	for i := range t.statements {
		if p := &t.statements[i]; p.verb == "prepare" && p.prepared == s.prepared {
			return &sqlStatement{verb: "select", target: p.target, query: p.query}
		}
	}
	return s
}

// ran reports whether a statement can be what the group's lines are about.
func (g *pgGroup) ran(s *sqlStatement) bool {
	switch g.command {
	case "PREPARE":
		return s.verb == "prepare"
	case "DECLARE CURSOR":
		return s.cursor
	case "COPY":
		return strings.HasPrefix(s.verb, "copy")
	case "INSERT", "UPDATE", "DELETE", "TRUNCATE TABLE", "MERGE":
		return s.target != "" && g.names(s.target)
	}
	if len(g.objects) == 0 {
		return s.verb == "select" || s.query.readsData()
	}
	if len(s.query.tables) > 0 {
		return g.names(s.query.tables[0].name) || s.copies
	}
	return len(s.query.branches) > 0
}

// names reports whether a table is among the group's objects, or none are named.
func (g *pgGroup) names(table string) bool {
	return len(g.objects) == 0 || slices.ContainsFunc(g.objects, func(o pgObject) bool { return unqualified(o.name) == table })
}

// unqualified cuts the schema off a name, and its quotes.
func unqualified(name string) string {
	if strings.HasSuffix(name, `"`) {
		if i := strings.LastIndex(name[:len(name)-1], `"`); i >= 0 {
			return name[i+1 : len(name)-1]
		}
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

// isLook reports whether somebody looked at or changed data. It drops what is told by
// other lines of the statement (then told is true: COPY and cursors have a line of their
// own), what reads nothing (PREPARE, queries without a table), and what the server did
// for itself. With pgaudit.log_relation off, as it is by default, the tables stand only
// in the text.
func (g *pgGroup) isLook(s *sqlStatement, told bool) bool {
	if g.isKeyCheck() {
		return false
	}
	if len(g.objects) > 0 {
		return len(g.data()) > 0
	}
	switch {
	case g.class == "WRITE":
		return !told && s.target != ""
	case g.class != "READ", g.command == "PREPARE":
		return false
	case g.command == "SELECT":
		return s.query.readsData()
	}
	return !told && s.query.readsData()
}

// readsData reports whether a query names a table that is none of the server's own.
func (q *sqlQuery) readsData() bool {
	for _, t := range q.tables {
		if !ofServer(t.schema) && !strings.HasPrefix(t.name, "pg_") {
			return true
		}
	}
	for i := range q.branches {
		if q.branches[i].readsData() {
			return true
		}
	}
	return false
}

// ofServer reports whether a schema holds only what the server keeps about itself.
func ofServer(schema string) bool {
	return schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast"
}

// rowsKnown reports whether the group's number of rows is that of what was read. It is
// always 0 for COPY and for cursors.
func (g *pgGroup) rowsKnown() bool {
	return g.counted && g.command != "COPY" && g.command != "DECLARE CURSOR"
}

// data lists the group's objects that hold data of the organisation.
func (g *pgGroup) data() []pgObject {
	return slices.DeleteFunc(slices.Clone(g.objects), func(o pgObject) bool {
		switch o.kind {
		case "INDEX", "SEQUENCE", "TOAST TABLE", "COMPOSITE TYPE", "FUNCTION":
			return true
		}
		schema, _, _ := strings.Cut(o.name, ".")
		return o.class != "READ" && o.class != "WRITE" || ofServer(schema)
	})
}

// isKeyCheck reports whether the server checked a foreign key: it does so in the name
// of whoever changes a row, and reads no column. The whole text is compared, for a
// query of one's own could end in the same words.
func (g *pgGroup) isKeyCheck() bool {
	tokens, comments := scanSQL(g.text)
	if len(comments) > 0 {
		return false
	}
	var b strings.Builder
	for _, t := range tokens {
		if t.kind == sqlName || t.kind == sqlParam {
			t.text = "?"
		}
		b.WriteString(t.text)
		b.WriteByte(' ')
	}
	shape := b.String()
	rest, ok := strings.CutPrefix(shape, "select 1 from only ? . ? x where ")
	if !ok {
		return g.record.tag == "ALTER TABLE" && validatesKey(shape)
	}
	rest, ok = strings.CutSuffix(rest, "for key share of x ")
	if !ok {
		return false
	}
	for _, condition := range strings.SplitAfter(rest, "and ") {
		condition = strings.TrimSuffix(condition, "and ")
		if condition != "? operator ( pg_catalog . = ) ? " {
			return false
		}
	}
	return true
}

// validatesKey recognises the query that ALTER TABLE … ADD FOREIGN KEY runs.
func validatesKey(shape string) bool {
	return strings.HasPrefix(shape, "select fk . ? ") && strings.Contains(shape, " from only ? . ? fk left outer join only ? . ? pk on ( ")
}

// clean makes a text fit for an event.
func clean(s string) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s), "\uFFFD")
}
