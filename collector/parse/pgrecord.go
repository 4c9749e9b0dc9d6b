package parse

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// pgRecord is one record of PostgreSQL's server log, from csvlog or jsonlog.
type pgRecord struct {
	time        time.Time
	user        string
	database    string
	host        string // address or name, empty for a local socket
	session     string
	line        int64  // its number in the session
	tag         string // what the session's top statement is: SELECT, ALTER TABLE
	severity    string
	state       string // SQLSTATE
	message     string
	context     string
	statement   string
	application string
	plain       bool // from the stderr log, whose details are lines of their own
}

// pgRecords cuts a stream of jsonlog lines or csvlog records, which may span lines
// within quotes. Which of the two a record is its first byte says.
func pgRecords() bufio.SplitFunc {
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		start := 0
		for start < len(data) && (data[start] == '\n' || data[start] == '\r') {
			start++
		}
		end := recordEnd(data[start:])
		switch {
		case end >= 0:
			return start + end + 1, bytes.TrimSuffix(data[start:start+end], []byte{'\r'}), nil
		case atEOF && start < len(data):
			return len(data), data[start:], nil
		}
		return start, nil, nil
	}
}

// recordEnd finds the newline that ends the first record, or -1.
func recordEnd(data []byte) int {
	if len(data) > 0 && data[0] == '{' {
		return bytes.IndexByte(data, '\n')
	}
	if isPlainLog(data) {
		return plainEnd(data)
	}
	quoted := false
	for i, c := range data {
		switch c {
		case '"':
			quoted = !quoted
		case '\n':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// readPgRecord reads one record of either kind.
func readPgRecord(raw []byte, zone *time.Location) (pgRecord, error) {
	var r pgRecord
	var at string
	var err error
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '{' {
		r, at, err = readJSONLog(raw)
	} else if isPlainLog(raw) {
		r, at, err = readPlainLog(raw)
	} else {
		r, at, err = readCSVLog(raw)
	}
	if err != nil {
		return r, err
	}
	if r.time, err = pgTime(at, zone); err != nil {
		return r, fmt.Errorf("pgaudit: %w", err)
	}
	return r, nil
}

func readJSONLog(raw []byte) (r pgRecord, at string, err error) {
	var v struct {
		Timestamp   string `json:"timestamp"`
		User        string `json:"user"`
		Database    string `json:"dbname"`
		Host        string `json:"remote_host"`
		Session     string `json:"session_id"`
		Line        int64  `json:"line_num"`
		Tag         string `json:"ps"`
		Severity    string `json:"error_severity"`
		State       string `json:"state_code"`
		Message     string `json:"message"`
		Context     string `json:"context"`
		Statement   string `json:"statement"`
		Application string `json:"application_name"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return r, "", fmt.Errorf("pgaudit: jsonlog: %w", withoutData(err))
	}
	if v.Timestamp == "" || v.Severity == "" {
		return r, "", errors.New("pgaudit: jsonlog: no timestamp or error_severity: not a line of PostgreSQL's log")
	}
	return pgRecord{
		user: v.User, database: v.Database, host: socketless(v.Host), session: v.Session, line: v.Line, tag: v.Tag,
		severity: v.Severity, state: v.State, message: v.Message, context: v.Context,
		statement: v.Statement, application: v.Application,
	}, v.Timestamp, nil
}

// withoutData keeps values of the record out of an error of encoding/json.
func withoutData(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("broken JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: wrong kind of value at byte %d", clip(kind.Field), kind.Offset)
	}
	return errors.New("broken JSON")
}

// clip bounds what an error shows of a record.
func clip(s string) string {
	const limit = 40
	if len(s) > limit {
		s = s[:limit-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// The columns of csvlog that are read; later versions of PostgreSQL only add more.
const (
	pgTimeColumn        = 0
	pgUserColumn        = 1
	pgDatabaseColumn    = 2
	pgHostColumn        = 4
	pgSessionColumn     = 5
	pgLineColumn        = 6
	pgTagColumn         = 7
	pgSeverityColumn    = 11
	pgStateColumn       = 12
	pgMessageColumn     = 13
	pgContextColumn     = 18
	pgStatementColumn   = 19
	pgApplicationColumn = 22
	pgColumns           = 23
)

func readCSVLog(raw []byte) (r pgRecord, at string, err error) {
	fields, err := csvFields(string(raw))
	if err != nil {
		return r, "", fmt.Errorf("pgaudit: csvlog: %w", err)
	}
	if len(fields) < pgColumns {
		return r, "", fmt.Errorf("pgaudit: csvlog: %d columns, want at least %d", len(fields), pgColumns)
	}
	line, err := strconv.ParseInt(fields[pgLineColumn], 10, 64)
	if err != nil {
		return r, "", fmt.Errorf("pgaudit: csvlog: column %d: line number %q", pgLineColumn+1, clip(fields[pgLineColumn]))
	}
	return pgRecord{
		user: fields[pgUserColumn], database: fields[pgDatabaseColumn], host: withoutPort(fields[pgHostColumn]),
		session: fields[pgSessionColumn], line: line,
		tag: fields[pgTagColumn], severity: fields[pgSeverityColumn], state: fields[pgStateColumn],
		message: fields[pgMessageColumn], context: fields[pgContextColumn], statement: fields[pgStatementColumn],
		application: fields[pgApplicationColumn],
	}, fields[pgTimeColumn], nil
}

// csvFields reads exactly one CSV record, which may hold line ends within quotes.
func csvFields(text string) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	fields, err := reader.Read()
	if err != nil {
		return nil, csvProblem(err)
	}
	if int(reader.InputOffset()) < len(strings.TrimRight(text, "\r\n")) {
		return nil, errors.New("more than one CSV record")
	}
	return fields, nil
}

func csvProblem(err error) error {
	var broken *csv.ParseError
	if errors.As(err, &broken) {
		return fmt.Errorf("line %d, column %d: %w", broken.Line, broken.Column, broken.Err)
	}
	return err
}

// withoutPort cuts the port off csvlog's host:port.
func withoutPort(s string) string {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		s = s[:i]
	}
	return socketless(s)
}

// socketless drops what PostgreSQL writes for a connection by a local socket.
func socketless(host string) string {
	if host == "[local]" {
		return ""
	}
	return host
}

// place tells an address from a host's name.
func (r *pgRecord) place() (ip, host string) {
	if a, err := netip.ParseAddr(r.host); err == nil {
		return a.String(), ""
	}
	return "", r.host
}

// pgTime reads "2026-11-22 21:33:11.338 UTC". The zone is an abbreviation, which means
// nothing by itself unless it is UTC or an offset: CST is in China and in Chicago. It
// has to be the one of the configured zone.
func pgTime(s string, zone *time.Location) (time.Time, error) {
	const shape = "2006-01-02 15:04:05"
	i := strings.LastIndexByte(s, ' ')
	if i < len(shape) {
		return time.Time{}, fmt.Errorf("timestamp %q: want a time like 2026-11-22 21:33:11.338 UTC", clip(s))
	}
	clock, name := s[:i], s[i+1:]
	if offset, ok := pgOffset(name); ok {
		zone = time.FixedZone(name, offset)
	} else if zone == nil {
		return time.Time{}, fmt.Errorf("timestamp: zone %q alone says nothing: configure the source's zone", clip(name))
	}
	t, err := time.ParseInLocation(shape, clock, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("timestamp %q: want a time like 2026-11-22 21:33:11.338 UTC", clip(s))
	}
	if actual, _ := t.Zone(); actual != name {
		return time.Time{}, fmt.Errorf("timestamp: zone %q, but the source's zone is %s", clip(name), zone)
	}
	if t.Year() < 2000 || t.Year() >= 2100 {
		return time.Time{}, fmt.Errorf("timestamp %q: outside the years 2000 to 2099", clip(s))
	}
	return t.UTC(), nil
}

// pgOffset reads the zones that mean the same everywhere: UTC, GMT, +08, -0330.
func pgOffset(name string) (seconds int, ok bool) {
	if name == "UTC" || name == "GMT" {
		return 0, true
	}
	for _, layout := range []string{"-07", "-0700", "-07:00"} {
		if t, err := time.Parse(layout, name); err == nil {
			_, seconds = t.Zone()
			return seconds, true
		}
	}
	return 0, false
}
