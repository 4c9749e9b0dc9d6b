package parse

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Labels of events from PostgreSQL.
const (
	labelDatabase    = "postgresql.database"
	labelObjects     = "postgresql.objects"
	labelApplication = "postgresql.application"
)

// events emits what a group did: one event, or two where data were read from one table
// into another.
func (p *pgaudit) events(g *pgGroup, s *sqlStatement, comments []string, emit func(ueba.Body)) {
	objects := g.data()
	var written, read []pgObject
	for _, o := range objects {
		if o.class == "WRITE" {
			written = append(written, o)
		} else {
			read = append(read, o)
		}
	}
	if len(objects) == 0 {
		emit(p.event(g, s, comments, nil, g.class == "WRITE"))
		return
	}
	if len(written) > 0 {
		emit(p.event(g, s, comments, written, true))
	}
	if len(read) > 0 && (len(written) == 0 || s.copies) {
		e := p.event(g, s, comments, read, false)
		if len(written) > 0 {
			e.EventID += "/copy"
		}
		emit(e)
	}
}

func (p *pgaudit) event(g *pgGroup, s *sqlStatement, comments []string, objects []pgObject, writes bool) *ueba.Event {
	e := p.base(&g.record)
	e.EventID = g.record.key() + "/" + g.statement + "/" + g.sub
	e.Purpose = purposeOf(g.record.application, comments)
	names := make([]string, len(objects))
	for i, o := range objects {
		names[i] = clean(o.name)
	}
	if len(names) > 0 {
		e.Labels[labelObjects] = cut(strings.Join(names, ","))
	}
	found := s.query.recordIDs(g.parameters)
	known := found.usable() && (len(objects) == 0 || named(objects, found.table))
	switch {
	case known:
		e.Record.Type, e.Record.IDs = found.table, found.values
	case len(objects) > 0:
		e.Record.Type = clean(unqualified(objects[0].name))
	default:
		e.Record.Type = clean(firstTable(s))
	}
	if !known {
		e.Record.Count = g.rows
	}
	e.Action = actionOf(g, s, writes, known)
	return e
}

// base fills in what a record says of who, when and where.
func (p *pgaudit) base(r *pgRecord) *ueba.Event {
	e := &ueba.Event{
		Time: r.time, Source: p.options.Source, Service: p.options.Service, User: clean(r.user),
		Outcome: "success", Session: clean(r.session), Labels: map[string]string{},
	}
	ip, host := r.place()
	e.IP, e.Host = ip, clean(host)
	if r.database != "" {
		e.Labels[labelDatabase] = cut(clean(r.database))
	}
	if r.application != "" {
		e.Labels[labelApplication] = cut(clean(r.application))
	}
	return e
}

func cut(s string) string {
	if len(s) > ueba.MaxLabelBytes {
		s = strings.ToValidUTF8(s[:ueba.MaxLabelBytes], "")
	}
	return s
}

func named(objects []pgObject, table string) bool {
	for _, o := range objects {
		if unqualified(o.name) == table {
			return true
		}
	}
	return false
}

func firstTable(s *sqlStatement) string {
	q := &s.query
	for len(q.tables) == 0 && len(q.branches) > 0 {
		q = &q.branches[0]
	}
	if len(q.tables) > 0 {
		return q.tables[0].name
	}
	return s.target
}

// actionOf names what a group did. A read of records by their ids is a view. So is one
// of nobody knows how many, for it showed records and not a number of hits. With a
// number of rows it is a search where there are conditions, else a list.
func actionOf(g *pgGroup, s *sqlStatement, writes, known bool) ueba.Action {
	if writes {
		return writeAction(g.command, s.verb)
	}
	switch {
	case s.verb == "copy to":
		return ueba.ActionExport
	case s.copies:
		return ueba.ActionCopy
	case known, !g.rowsKnown():
		return ueba.ActionView
	case s.query.conditional():
		return ueba.ActionSearch
	}
	return ueba.ActionList
}

func writeAction(command, verb string) ueba.Action {
	switch command {
	case "INSERT", "COPY":
		return ueba.ActionCreate
	case "DELETE", "TRUNCATE TABLE":
		return ueba.ActionDelete
	case "":
		if verb == "delete" || verb == "truncate" {
			return ueba.ActionDelete
		}
		if verb == "insert" || verb == "copy from" {
			return ueba.ActionCreate
		}
	}
	return ueba.ActionEdit
}

// conditional reports whether a query chooses its rows.
func (q *sqlQuery) conditional() bool {
	if len(q.where) > 0 {
		return true
	}
	for i := range q.branches {
		if q.branches[i].conditional() {
			return true
		}
	}
	return false
}

var (
	ticketClaim  = regexp.MustCompile(`(?:^|[^\w-])ticket='?([A-Za-z0-9][\w.:-]{0,63})`)
	purposeClaim = regexp.MustCompile(`(?:^|[^\w-])purpose='?([A-Za-z0-9][\w.:-]{0,63})`)
)

// purposeOf reads ticket=… and purpose=… from a statement's comments, else from the
// application's name.
func purposeOf(application string, comments []string) (p ueba.Purpose) {
	for _, text := range append(comments, application) {
		if m := ticketClaim.FindStringSubmatch(text); m != nil && p.ID == "" {
			p.ID = m[1]
		}
		if m := purposeClaim.FindStringSubmatch(text); m != nil && p.Kind == "" {
			p.Kind = m[1]
		}
	}
	if p.ID != "" && p.Kind == "" {
		p.Kind = "ticket"
	}
	return p
}

var deniedObject = regexp.MustCompile(`^permission denied for (?:table|view|relation|materialized view|foreign table) (.+)$`)

// denied emits a statement that the server refused for want of a right: nobody saw
// anything, but somebody tried. pgaudit itself writes nothing about it.
func (p *pgaudit) denied(r pgRecord, emit func(ueba.Body)) {
	m := deniedObject.FindStringSubmatch(r.message)
	if m == nil || r.user == "" {
		return
	}
	s, comments := &sqlStatement{}, []string(nil)
	if statements, all := readSQL(r.statement); len(statements) == 1 {
		s, comments = &statements[0], all
	}
	e := p.base(&r)
	e.EventID = r.key() + "/line/" + strconv.FormatInt(r.line, 10)
	e.Outcome = "failure"
	e.Purpose = purposeOf(r.application, comments)
	e.Record.Type = clean(m[1])
	found := s.query.recordIDs(nil)
	known := found.usable() && found.table == m[1]
	if known {
		e.Record.IDs = found.values
	}
	writes := s.target != "" && s.verb != "copy to"
	e.Action = actionOf(&pgGroup{}, s, writes, known)
	emit(e)
}
