package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

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
