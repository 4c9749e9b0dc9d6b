package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Summary says what was written.
type Summary struct {
	Employees int `json:"employees"`
	Records   int `json:"records"`
	Reasons   int `json:"reasons"`
	Lines     int `json:"lines"`     // of events.ndjson: events, second copies and damaged lines
	Malformed int `json:"malformed"` // damaged lines among them
	Labels    int `json:"labels"`    // employee-days with something bad
	Insiders  int `json:"insiders"`  // stories of insiders that are in the events
	Oddities  int `json:"oddities"`  // rows of benign.csv
}

// Write makes the company of cfg and writes its files into dir, which it creates:
// events.ndjson, employees.csv, records.csv, reasons.csv, calendar.csv, systems.csv,
// labels.csv, benign.csv and an onlooker.yaml that points at them. It tells progress,
// which may be nil, how many of the days are done. An error leaves the files half written.
func Write(dir string, cfg Config, progress func(done, total int)) (Summary, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return Summary{}, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return Summary{}, fmt.Errorf("simulate: %w", err)
	}
	c := newCompany(cfg)
	if progress == nil {
		progress = func(int, int) {}
	}
	out := &sink{labels: map[label]bool{}}
	sum, err := c.writeDays(dir, out, progress)
	if err != nil {
		return Summary{}, err
	}
	sum.Employees, sum.Records, sum.Oddities = len(c.people), len(c.base.records), len(c.benign)
	sum.Labels, sum.Insiders = len(out.labels), stories(out.labels)
	return sum, c.writeTables(dir, out)
}

func (c *company) writeTables(dir string, out *sink) error {
	for _, write := range []func(string) error{
		c.writeEmployees, c.writeRecords, c.writeCalendar, c.writeBenign, c.writeConfig,
		func(dir string) error { return c.writeSystems(dir, out.counts) },
		func(dir string) error { return c.writeLabels(dir, out.labels) },
	} {
		if err := write(dir); err != nil {
			return err
		}
	}
	return nil
}

// writeDays lets everybody work day by day. At any time no more is held than a day's
// events and what is still under way.
func (c *company) writeDays(dir string, out *sink, progress func(done, total int)) (sum Summary, err error) {
	reasons, err := newReasonWriter(dir, c.cfg)
	if err != nil {
		return sum, err
	}
	defer func() { err = firstError(err, reasons.close()) }()
	events, err := newEventWriter(dir, c.cfg)
	if err != nil {
		return sum, err
	}
	defer func() { err = firstError(err, events.close()) }()

	out.events = c.damaged()
	sum.Malformed = len(out.events)
	reasons.write(c.standing())
	for i := range c.cfg.Days {
		d := c.cfg.Start + ueba.Day(i)
		c.work(d, out)
		out.events = events.write(out.events, c.business.Begin(d+1).UnixMilli())
		reasons.write(out.reasons)
		out.reasons = out.reasons[:0]
		if firstError(events.err, reasons.err) != nil {
			break // a full disk shows when the files are closed
		}
		progress(i+1, c.cfg.Days)
	}
	events.write(out.events, forever)
	sum.Reasons, sum.Lines = reasons.count, events.count
	return sum, nil
}

func (c *company) work(d ueba.Day, out *sink) {
	for _, list := range [][]*person{c.people, c.ghosts} {
		for _, p := range list {
			if pl := c.plan(p, d); pl != nil {
				pl.perform(out)
			}
		}
	}
}

// damaged are the lines that no parser should take, at drawn instants.
func (c *company) damaged() []event {
	d := stream(c.cfg.Seed, topicFlaws, 1)
	var list []event
	for i, form := range []string{
		`{"@timestamp":"%s","event":{"id":"9b1d","action":"view"},"user":{"id":"li.na001"},"service":{"na`,
		`{"@timestamp":"%s","event":{"id":"77c0","action":"view"},"service":{"name":"crm"},"record":{"id":["C1000077"]}}`,
		`%s WARN  [audit-writer-2] queue full, flushing 512 entries`,
		`{"@timestamp":"%.10sT25:61:00+08:00","event":{"id":"51aa","action":"view"},"user":{"id":"zhang.wei001"},"service":{"name":"crm"}}`,
		`{"@timestamp":"%s","event":{"id":"03fe","action":"view"},"user":{"id":"wang.min001"},"service":{"name":"crm"},"record":{"id":{"no":1}}}`,
	} {
		at := c.business.Begin(c.cfg.Start + ueba.Day(d.IntN(c.cfg.Days))).Add(time.Duration(d.between(9, 18) * float64(time.Hour)))
		line := fmt.Sprintf(form, at.Format("2006-01-02T15:04:05.000Z07:00"))
		list = append(list, event{at: at.UnixMilli(), deliver: at.UnixMilli(), id: uint64(i), raw: line})
	}
	return list
}

func stories(labels map[label]bool) int {
	type story struct{ employee, scenario string }
	seen := map[story]bool{}
	for l := range labels {
		seen[story{l.employee, l.scenario}] = true
	}
	return len(seen)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Files are the names of what Write writes, in the order of their names.
func Files() []string {
	return []string{"benign.csv", "calendar.csv", "employees.csv", "events.ndjson", "labels.csv", "onlooker.yaml", "reasons.csv", "records.csv", "systems.csv"}
}

// ConfigFile is the path of the configuration in a folder that Write wrote.
func ConfigFile(dir string) string { return filepath.Join(dir, "onlooker.yaml") }
