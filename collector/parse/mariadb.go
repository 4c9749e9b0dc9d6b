package parse

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// mariadb makes events of the file of MariaDB's server_audit plugin.
//
// One statement is several lines: READ and WRITE for each table it touches, then QUERY
// with its text. They are joined by connection and query number and make one event. A
// unit ends with its QUERY line, when its connection goes on to something else, when
// another line is two seconds younger, or at Flush: the lines of a plugin that logs only
// tables, or only queries, make events too.
type mariadb struct {
	options Options
	taken   int
	open    []*mariaUnit // by first line
}

type mariaUnit struct {
	line  mariaLine // its first
	first int       // number of its first record
	last  time.Time
	read  []string // tables with their databases
	wrote []string
}

// mariaLine is one line of the plugin.
type mariaLine struct {
	time                                     time.Time
	stamp, server, user, host                string
	connection, query                        string
	operation, database, object, returnValue string
}

// Labels of events from MariaDB.
const (
	labelMariaDatabase = "mariadb.database"
	labelMariaObjects  = "mariadb.objects"
	labelMariaError    = "mariadb.error"
)

func newMariaDB(o Options) Parser {
	if o.Service == "" {
		o.Service = "mariadb"
	}
	return &mariadb{options: o}
}

// Parse implements Parser.
func (p *mariadb) Parse(raw []byte, emit func(ueba.Body)) error {
	p.taken++
	l, err := readMariaLine(string(raw), p.options.Zone)
	if err != nil {
		return err
	}
	p.closeIf(emit, func(u *mariaUnit) bool {
		return l.time.Sub(u.last) > unitQuiet || u.line.connection == l.connection && u.line.server == l.server && u.line.query != l.query
	})
	switch l.operation {
	case "READ", "WRITE":
		p.touched(l, emit)
	case "QUERY":
		p.queried(l, emit)
	}
	return nil
}

// Flush implements Parser.
func (p *mariadb) Flush(emit func(ueba.Body)) {
	p.closeIf(emit, func(*mariaUnit) bool { return true })
}

// Waiting implements Parser.
func (p *mariadb) Waiting() int {
	if len(p.open) == 0 {
		return 0
	}
	return p.taken - p.open[0].first
}

func (p *mariadb) closeIf(emit func(ueba.Body), done func(*mariaUnit) bool) {
	kept := p.open[:0]
	for _, u := range p.open {
		if done(u) {
			p.speak(u, "", emit)
		} else {
			kept = append(kept, u)
		}
	}
	clear(p.open[len(kept):])
	p.open = kept
}

func (p *mariadb) unit(l *mariaLine) int {
	return slices.IndexFunc(p.open, func(u *mariaUnit) bool {
		return u.line.query == l.query && u.line.connection == l.connection && u.line.server == l.server
	})
}

func (p *mariadb) touched(l mariaLine, emit func(ueba.Body)) {
	i := p.unit(&l)
	if i < 0 {
		if len(p.open) == maxUnits {
			p.speak(p.open[0], "", emit)
			p.open = slices.Delete(p.open, 0, 1)
		}
		i = len(p.open)
		p.open = append(p.open, &mariaUnit{line: l, first: p.taken - 1})
	}
	u := p.open[i]
	u.last = l.time
	list := &u.read
	if l.operation == "WRITE" {
		list = &u.wrote
	}
	name := l.database + "." + l.object
	if !ofMySQL(l.database) && !slices.Contains(*list, name) && len(*list) < maxGroups {
		*list = append(*list, name)
	}
}

// ofMySQL reports whether a database holds only what the server keeps about itself.
func ofMySQL(database string) bool {
	switch strings.ToLower(database) {
	case "mysql", "information_schema", "performance_schema", "sys":
		return true
	}
	return false
}

func (p *mariadb) queried(l mariaLine, emit func(ueba.Body)) {
	i := p.unit(&l)
	if i < 0 {
		p.speak(&mariaUnit{line: l}, l.object, emit)
		return
	}
	u := p.open[i]
	p.open = slices.Delete(p.open, i, i+1)
	u.line.returnValue = l.returnValue
	if len(u.read)+len(u.wrote) == 0 {
		return // it touched only the server's own tables
	}
	p.speak(u, l.object, emit)
}

// speak emits what a unit did: one event, or two where data were read from one table into
// another. text is its statement, "" if that is not in the log.
func (p *mariadb) speak(u *mariaUnit, text string, emit func(ueba.Body)) {
	s := ReadStatement(text, MySQL)
	switch {
	case len(u.wrote) > 0:
		action := s.Action
		if action == "" || action == ueba.ActionView {
			action = ueba.ActionEdit
		}
		emit(p.event(u, &s, action, u.wrote))
		if s.Copies && len(u.read) > 0 {
			e := p.event(u, &Statement{Purpose: s.Purpose}, ueba.ActionCopy, u.read)
			e.EventID += "/copy"
			emit(e)
		}
	case len(u.read) > 0 && s.Action == "":
		emit(p.event(u, &s, ueba.ActionView, u.read))
	case s.Action != "":
		emit(p.event(u, &s, s.Action, u.read))
	}
}

func (p *mariadb) event(u *mariaUnit, s *Statement, action ueba.Action, objects []string) *ueba.Event {
	l := &u.line
	e := &ueba.Event{
		// Numbers of connections begin anew when the server does: the time is part of the id.
		EventID: clean(strings.Join([]string{l.server, l.stamp, l.connection, l.query}, "/")),
		Time:    l.time, Source: p.options.Source, Service: p.options.Service, User: clean(l.user), Action: action,
		Outcome: "success", Session: clean(l.server + "/" + l.connection), Purpose: s.Purpose, Labels: map[string]string{},
	}
	e.Record.Type, e.Record.IDs = clean(s.Table), s.IDs
	if len(objects) > 0 {
		e.Labels[labelMariaObjects] = cut(clean(strings.Join(objects, ",")))
		if len(s.IDs) == 0 {
			e.Record.Type = clean(unqualified(objects[0]))
		}
	}
	if a, err := netip.ParseAddr(l.host); err == nil {
		e.IP = a.String()
	} else {
		e.Host = clean(l.host)
	}
	if l.database != "" {
		e.Labels[labelMariaDatabase] = cut(clean(l.database))
	}
	if l.returnValue != "" && l.returnValue != "0" {
		e.Outcome = "failure"
		e.Labels[labelMariaError] = l.returnValue
	}
	return e
}

// mariaColumns are the columns before the object and the return code.
const mariaColumns = 8

// readMariaLine reads a line: time, server, user, host, connection, query, operation,
// database, object, return code. The object of a QUERY is its text in single quotes with
// backslash escapes.
func readMariaLine(line string, zone *time.Location) (l mariaLine, err error) {
	f := strings.SplitN(line, ",", mariaColumns+1)
	if len(f) <= mariaColumns {
		return l, fmt.Errorf("mariadb: %d columns, want 10", len(f))
	}
	l = mariaLine{stamp: f[0], server: f[1], user: f[2], host: f[3], connection: f[4], query: f[5], operation: f[6], database: f[7]}
	if l.time, err = mariaTime(f[0], zone); err != nil {
		return l, fmt.Errorf("mariadb: %w", err)
	}
	i := strings.LastIndexByte(f[mariaColumns], ',')
	if i < 0 {
		return l, errors.New("mariadb: 9 columns, want 10")
	}
	l.object, l.returnValue = mariaText(f[mariaColumns][:i]), f[mariaColumns][i+1:]
	if _, err := strconv.ParseUint(l.returnValue, 10, 32); err != nil && l.returnValue != "" {
		return l, fmt.Errorf("mariadb: return code %q", clip(l.returnValue))
	}
	switch l.operation {
	case "READ", "WRITE", "QUERY":
		if l.user == "" {
			return l, errors.New("mariadb: no user")
		}
	case "CONNECT", "DISCONNECT", "FAILED_CONNECT", "CREATE", "ALTER", "DROP", "RENAME":
	default:
		return l, fmt.Errorf("mariadb: unknown operation %q", clip(l.operation))
	}
	return l, nil
}

// mariaTime reads "20261122 21:34:50", local time of the server.
func mariaTime(s string, zone *time.Location) (time.Time, error) {
	const shape = "20060102 15:04:05"
	if zone == nil {
		if _, err := time.Parse(shape, s); err == nil {
			return time.Time{}, errors.New("times say no zone: configure the source's zone")
		}
		zone = time.UTC
	}
	t, err := time.ParseInLocation(shape, s, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: want one like 20261122 21:34:50", clip(s))
	}
	if t.Year() < 2000 || t.Year() >= 2100 {
		return time.Time{}, fmt.Errorf("time %q: outside the years 2000 to 2099", clip(s))
	}
	return t.UTC(), nil
}

// mariaText undoes the quotes and escapes of a statement.
func mariaText(s string) string {
	if len(s) < 2 || s[0] != '\'' {
		return s
	}
	s = strings.TrimSuffix(s[1:], "'")
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
