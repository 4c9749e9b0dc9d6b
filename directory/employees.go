package directory

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	empID = iota
	empName
	empDepartment
	empRole
	empManager
	empLocation
	empHired
	empLeft
	empAccounts
	empShift
	empValidFrom
)

var employeeColumns = []column{
	{"employee_id", true}, {"name", false}, {"department", false}, {"role", false},
	{"manager_id", false}, {"location", false}, {"hire_date", false}, {"leave_date", false},
	{"accounts", true}, {"shift", false}, {"valid_from", false},
}

// employeeRow is an employee with the place of his row, for problems found later.
type employeeRow struct {
	ueba.Employee
	line, col int // of the accounts
}

// ReadEmployees reads employees.csv. A person may have several rows with different
// valid_from; an account may belong to one person at a time only.
func ReadEmployees(r io.Reader, name string, opt ReadOptions) ([]ueba.Employee, error) {
	var rows []employeeRow
	s, err := readSheet(r, name, opt, employeeColumns, func(s *sheet) error {
		before := len(s.problems)
		if row := s.employee(); len(s.problems) == before {
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.checkVersions(rows)
	s.checkClaims(rows)
	if err := s.err(); err != nil {
		return nil, err
	}
	out := make([]ueba.Employee, len(rows))
	for i := range rows {
		out[i] = rows[i].Employee
	}
	return out, nil
}

func (s *sheet) employee() employeeRow {
	row := employeeRow{Employee: ueba.Employee{
		ID: s.need(empID), Name: s.text(empName), Department: s.text(empDepartment),
		Role: s.text(empRole), Manager: s.text(empManager), Location: s.text(empLocation),
		Hired: s.day(empHired), Left: s.day(empLeft), Accounts: s.list(empAccounts),
		Shift: s.text(empShift), ValidFrom: s.time(empValidFrom),
	}}
	row.line, row.col = s.pos(empAccounts)
	if row.Left != ueba.NoDay && row.Left < row.Hired {
		s.fail(empLeft, "%s is before the hire date %s", row.Left, row.Hired)
	}
	if _, err := parseShift(row.Shift); err != nil {
		s.fail(empShift, "%s", err)
	}
	for _, entry := range row.Accounts {
		if IsPlaceholder(parseAccount(entry).User) {
			s.warn(row.line, row.col, "accounts", fmt.Sprintf("%q is a placeholder, nobody's account, and is ignored", entry))
		}
	}
	return row
}

func (s *sheet) checkVersions(rows []employeeRow) {
	type version struct {
		id   string
		from int64
	}
	seen := map[version]int{}
	for _, r := range rows {
		v := version{r.ID, r.ValidFrom.Unix()}
		if line, twice := seen[v]; twice {
			s.report(r.line, 1, "employee_id", fmt.Sprintf("%q is there already, in line %d, with the same valid_from", r.ID, line))
			continue
		}
		seen[v] = r.line
	}
}

// claim is the span in which a row gives an account to an employee. A zero end is open.
type claim struct {
	row      *employeeRow
	from, to time.Time
}

// checkClaims finds accounts that two employees have at one time: whose looks they are
// nobody could tell.
func (s *sheet) checkClaims(rows []employeeRow) {
	claims := map[ueba.Account][]claim{}
	for _, c := range spans(rows, ueba.Business{Zone: s.opt.Zone}) {
		accounts := parseAccounts(c.row.Accounts)
		for i, a := range accounts {
			if !slices.Contains(accounts[:i], a) {
				claims[a] = append(claims[a], c)
			}
		}
	}
	var found []Problem
	for a, list := range claims {
		sort.Slice(list, func(i, j int) bool { return list[i].row.line < list[j].row.line })
		for i, c := range list {
			if other := clash(c, list[:i]); other != nil {
				text := fmt.Sprintf("%q belongs to %s at the same time, by line %d", written(a), other.row.ID, other.row.line)
				found = append(found, Problem{s.file, c.row.line, c.row.col, "accounts", text})
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].Line != found[j].Line {
			return found[i].Line < found[j].Line
		}
		return found[i].Text < found[j].Text
	})
	for _, p := range found {
		s.report(p.Line, p.Column, p.Field, p.Text)
	}
}

func clash(c claim, earlier []claim) *claim {
	for i, o := range earlier {
		if o.row.ID != c.row.ID && startsBefore(c.from, o.to) && startsBefore(o.from, c.to) {
			return &earlier[i]
		}
	}
	return nil
}

func startsBefore(from, to time.Time) bool { return to.IsZero() || from.Before(to) }

// spans says from when to when each row holds: from its valid_from and the hire date to
// the person's next row and his leave date.
func spans(rows []employeeRow, b ueba.Business) []claim {
	byPerson := map[string][]*employeeRow{}
	for i := range rows {
		byPerson[rows[i].ID] = append(byPerson[rows[i].ID], &rows[i])
	}
	out := make([]claim, 0, len(rows))
	for _, versions := range byPerson {
		slices.SortStableFunc(versions, func(a, b *employeeRow) int { return a.ValidFrom.Compare(b.ValidFrom) })
		for i, r := range versions {
			c := claim{row: r, from: r.ValidFrom}
			if i+1 < len(versions) {
				c.to = versions[i+1].ValidFrom
			}
			if hired := r.Hired; hired != ueba.NoDay && b.Begin(hired).After(c.from) {
				c.from = b.Begin(hired)
			}
			if left := r.Left; left != ueba.NoDay && (c.to.IsZero() || b.End(left).Before(c.to)) {
				c.to = b.End(left)
			}
			out = append(out, c)
		}
	}
	return out
}
