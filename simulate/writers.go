package simulate

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// file is a file in the making; the first error stays until close.
type file struct {
	f   *os.File
	buf *bufio.Writer
	err error
}

func create(dir, name string) (*file, error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return &file{f: f, buf: bufio.NewWriterSize(f, 1<<18)}, nil
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.buf.Write(b)
	if err != nil && f.err == nil {
		f.err = err
	}
	return n, err
}

func (f *file) close() error {
	err := cmp.Or(f.err, f.buf.Flush())
	if err = cmp.Or(err, f.f.Close()); err != nil {
		return fmt.Errorf("simulate: write %s: %w", filepath.Base(f.f.Name()), err)
	}
	return nil
}

// table writes a whole CSV file.
func table(dir, name string, header []string, rows func(row func(...string))) error {
	f, err := create(dir, name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	row := func(cells ...string) { _ = w.Write(cells) } // the error stays in f
	row(header...)
	rows(row)
	w.Flush()
	return f.close()
}

// Columns of the files, as in the contract.
var (
	employeeColumns = []string{"employee_id", "name", "department", "role", "manager_id", "location", "hire_date", "leave_date", "accounts", "shift", "valid_from"}
	recordColumns   = []string{"record_id", "type", "class", "tags", "employee_id", "related_to", "owner_id", "region"}
	reasonColumns   = []string{"reason_id", "record_id", "employee_id", "kind", "valid_from", "valid_to", "created", "made_by"}
	calendarColumns = []string{"date", "kind", "name"}
	systemColumns   = []string{"service", "owner", "criticality", "classes", "expected"}
	labelColumns    = []string{"date", "employee_id", "scenario"}
	benignColumns   = []string{"employee_id", "oddity"}
)

func (c *company) writeEmployees(dir string) error {
	return table(dir, "employees.csv", employeeColumns, func(row func(...string)) {
		for _, p := range c.people {
			first := version{role: p.role, region: p.region, start: p.start}
			c.employeeRow(row, p, first, "")
			for _, v := range p.versions {
				c.employeeRow(row, p, v, v.from.String())
			}
		}
	})
}

func (c *company) employeeRow(row func(...string), p *person, v version, from string) {
	accounts := p.user + ";" + c.cfg.Systems[payments] + ":" + p.paymentsUser()
	row(p.id, p.name, v.role.department, v.role.name, p.manager, cities[v.region], p.hired.String(), p.left.String(), accounts, shift(v), from)
}

// shift is the rota's shift, without the minutes by which somebody is early or late.
func shift(v version) string {
	start := v.start.Round(30*time.Minute) % (24 * time.Hour)
	end := (start + shiftLength) % (24 * time.Hour)
	return hourMinute(start) + "-" + hourMinute(end)
}

func hourMinute(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// paymentsUser is the log-in name in the payments system, which names people by number.
func (p *person) paymentsUser() string {
	if p.ghost {
		return p.user
	}
	return "f" + p.id[1:]
}

func (c *company) writeRecords(dir string) error {
	idOf := func(i int32) string {
		if i < 0 {
			return ""
		}
		return c.people[i].id
	}
	return table(dir, "records.csv", recordColumns, func(row func(...string)) {
		for i := range c.base.records {
			r := &c.base.records[i]
			var related []string
			for _, e := range r.related {
				related = append(related, idOf(e))
			}
			row(recordID(int32(i)), "customer", "C"+strconv.Itoa(int(r.class)), r.tags(), idOf(r.employee), strings.Join(related, ";"), idOf(r.owner), cities[r.region])
		}
	})
}

func (c *company) writeCalendar(dir string) error {
	return table(dir, "calendar.csv", calendarColumns, func(row func(...string)) {
		for _, h := range c.calendar.dates {
			kind := "holiday"
			if h.Workday {
				kind = "workday"
			}
			row(h.Date.String(), kind, h.Name)
		}
	})
}

// writeSystems expects of each system what it sent in a working hour, on the average.
func (c *company) writeSystems(dir string, counts [systemCount]int) error {
	hours := 0
	for d := c.cfg.Start; d < c.cfg.Start+ueba.Day(c.cfg.Days); d++ {
		if c.calendar.workday(d) {
			hours += int((shiftLength - mealLength).Hours())
		}
	}
	return table(dir, "systems.csv", systemColumns, func(row func(...string)) {
		for i, s := range systems {
			row(c.cfg.Systems[i], s.owner, s.criticality, s.classes, strconv.Itoa(max(counts[i]/max(hours, 1), 1)))
		}
	})
}

func (c *company) writeLabels(dir string, labels map[label]bool) error {
	rows := make([]label, 0, len(labels))
	for l := range labels {
		rows = append(rows, l)
	}
	slices.SortFunc(rows, func(a, b label) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.employee, b.employee), cmp.Compare(a.scenario, b.scenario))
	})
	return table(dir, "labels.csv", labelColumns, func(row func(...string)) {
		for _, l := range rows {
			row(l.day.String(), l.employee, l.scenario)
		}
	})
}

func (c *company) writeBenign(dir string) error {
	rows := slices.Clone(c.benign)
	slices.SortFunc(rows, func(a, b benignRow) int {
		return cmp.Or(cmp.Compare(a.employee, b.employee), cmp.Compare(a.oddity, b.oddity))
	})
	return table(dir, "benign.csv", benignColumns, func(row func(...string)) {
		for _, b := range rows {
			row(b.employee, b.oddity)
		}
	})
}

const configuration = `# Made by "onlooker simulate". Paths are relative to this file.
data: data
directory:
  employees: employees.csv
  records: records.csv
  reasons: reasons.csv
  calendar: calendar.csv
  systems: systems.csv
business:
  zone: %s
`

func (c *company) writeConfig(dir string) error {
	f, err := create(dir, "onlooker.yaml")
	if err != nil {
		return err
	}
	fmt.Fprintf(f, configuration, c.cfg.Zone)
	return f.close()
}

// reasonWriter writes reasons.csv as days go by, and loses some.
type reasonWriter struct {
	*file
	w     *csv.Writer
	zone  *time.Location
	loss  float64
	d     draws
	count int
	cells []string
}

func newReasonWriter(dir string, cfg Config) (*reasonWriter, error) {
	f, err := create(dir, "reasons.csv")
	if err != nil {
		return nil, err
	}
	w := &reasonWriter{file: f, w: csv.NewWriter(f), zone: cfg.Zone, loss: cfg.ReasonLoss, d: stream(cfg.Seed, topicLoss)}
	_ = w.w.Write(reasonColumns)
	return w, nil
}

// write puts the rows in the order in which their systems made them.
func (w *reasonWriter) write(rows []reasonRow) {
	slices.SortFunc(rows, func(a, b reasonRow) int { return cmp.Or(cmp.Compare(a.made, b.made), cmp.Compare(a.id, b.id)) })
	for i := range rows {
		if w.d.chance(w.loss) {
			continue
		}
		w.count++
		w.row(&rows[i])
	}
}

func (w *reasonWriter) row(r *reasonRow) {
	record := ""
	if r.record >= 0 {
		record = recordID(r.record)
	}
	w.cells = append(w.cells[:0], r.id, record, r.employee, reasonsOf[r.kind].name, w.instant(r.from), w.instant(r.to), w.instant(r.made), r.maker)
	_ = w.w.Write(w.cells) // the error stays in the file
}

func (w *reasonWriter) instant(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).In(w.zone).Format(time.RFC3339)
}

func (w *reasonWriter) close() error {
	w.w.Flush()
	return w.file.close()
}

// eventWriter writes events.ndjson in the order of delivery.
type eventWriter struct {
	*file
	services [systemCount]string // quoted
	zone     *time.Location
	line     []byte
	count    int
}

func newEventWriter(dir string, cfg Config) (*eventWriter, error) {
	f, err := create(dir, "events.ndjson")
	if err != nil {
		return nil, err
	}
	w := &eventWriter{file: f, zone: cfg.Zone}
	for i, name := range cfg.Systems {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("simulate: system %q: %w", name, err)
		}
		w.services[i] = string(quoted)
	}
	return w, nil
}

// write writes and forgets the events that are delivered before the instant, and returns the others.
func (w *eventWriter) write(events []event, before int64) []event {
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(cmp.Compare(a.deliver, b.deliver), cmp.Compare(a.id, b.id)) })
	n, _ := slices.BinarySearchFunc(events, before, func(e event, t int64) int { return cmp.Compare(e.deliver, t) })
	for i := range events[:n] {
		w.line = w.appendEvent(w.line[:0], &events[i])
		_, _ = w.Write(append(w.line, '\n')) // the error stays in the file
		w.count++
	}
	return slices.Delete(events, 0, n)
}

func (w *eventWriter) appendEvent(b []byte, e *event) []byte {
	if e.raw != "" {
		return append(b, e.raw...)
	}
	b = append(b, `{"@timestamp":"`...)
	b = time.UnixMilli(e.at).In(w.zone).AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","event":{"id":"`...)
	var id [8]byte
	for i := range id {
		id[i] = byte(e.id >> (56 - 8*i))
	}
	b = hex.AppendEncode(b, id[:])
	b = append(b, `","action":"`...)
	b = append(b, actionNames[e.act]...)
	if e.lasts >= 0 {
		b = append(b, `","duration":`...)
		b = strconv.AppendInt(b, e.lasts*int64(time.Millisecond), 10)
		b = append(b, `,"outcome":"`...)
	} else {
		b = append(b, `","outcome":"`...)
	}
	if e.failed {
		b = append(b, `failure"}`...)
	} else {
		b = append(b, `success"}`...)
	}
	b = w.appendWho(b, e)
	b = appendRecord(b, e)
	b = appendPurpose(b, e.purpose)
	return append(b, '}')
}

// appendPurpose writes a claim; its kind stands in the first letter of the id.
func appendPurpose(b []byte, claim string) []byte {
	if claim == "" {
		return b
	}
	b = append(b, `,"purpose":{"id":"`...)
	b = append(b, claim...)
	for _, k := range reasonsOf {
		if k.prefix == claim[:1] {
			b = append(b, `","kind":"`...)
			b = append(b, k.name...)
		}
	}
	return append(b, `"}`...)
}

func (w *eventWriter) appendWho(b []byte, e *event) []byte {
	user := e.person.user
	if e.system == payments {
		user = e.person.paymentsUser()
	}
	b = append(b, `,"user":{"id":"`...)
	b = append(b, user...)
	b = append(b, `"},"service":{"name":`...)
	b = append(b, w.services[e.system]...)
	b = append(b, `},"session":{"id":"s-`...)
	b = strconv.AppendUint(b, uint64(e.session), 36)
	b = append(b, `"},"source":{"ip":"`...)
	b = append(b, e.desk.ip...)
	b = append(b, `"},"host":{"name":"`...)
	b = append(b, e.desk.host...)
	return append(b, `"}`...)
}

// unmaskable are the fields that a screen masks, in the order in which people ask for them.
var unmaskable = [...]string{`"phone"`, `"id_card"`, `"bank_card"`}

func appendRecord(b []byte, e *event) []byte {
	switch e.act {
	case login, logout:
		return b
	case search:
		return append(b, `,"record":{"type":"customer"}`...)
	}
	b = append(b, `,"record":{"type":"customer"`...)
	if e.record >= 0 {
		b = append(b, `,"id":["`...)
		b = append(b, recordID(e.record)...)
		b = append(b, `"]`...)
	} else {
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, int64(e.rows), 10)
	}
	if systems[e.system].class {
		b = append(b, `,"class":"C2"`...)
	}
	if e.fields > 0 {
		b = append(b, `,"fields":[`...)
		b = append(b, strings.Join(unmaskable[:e.fields], ",")...)
		b = append(b, ']')
	}
	return append(b, '}')
}
