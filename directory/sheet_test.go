package directory

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// problems returns the lines of a FileError.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var file *FileError
	if !errors.As(err, &file) {
		t.Fatalf("got %v, want a FileError", err)
	}
	return strings.Split(err.Error(), "\n")
}

func readEmployees(t *testing.T, lines ...string) error {
	t.Helper()
	_, err := ReadEmployees(strings.NewReader(strings.Join(lines, "\n")), "employees.csv", ReadOptions{Zone: shanghai(t)})
	return err
}

func TestEveryProblemIsNamedWithItsPlace(t *testing.T) {
	err := readEmployees(t,
		"employee_id,name,hire_date,leave_date,accounts,shift",
		"E1,王伟,2024/1/5,,w.wei,",
		",李娜,2024-01-05,2023-01-01,l.na,9-6",
		"E3,赵敏,2024-01-05,,z.min",
		`E4,"钱
多",2024-01-05,,q.duo,`,
	)
	want := []string{
		`employees.csv:2:11: hire_date: want YYYY-MM-DD, found "2024/1/5"`,
		`employees.csv:3:1: employee_id: is empty`,
		`employees.csv:3:20: leave_date: 2023-01-01 is before the hire date 2024-01-05`,
		`employees.csv:3:36: shift: want hours such as 09:00-18:00, with or without days as in "mon-sat 09:00-18:00", found "9-6"`,
		`employees.csv:4:1: row has more or fewer fields than the header`,
		`employees.csv:5:4: holds a line break or another control character`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestReadingStopsAfterTwentyProblems(t *testing.T) {
	rows := append([]string{"employee_id,accounts"}, make([]string, 50)...)
	for i := range rows[1:] {
		rows[i+1] = ",a"
	}
	got := problems(t, readEmployees(t, rows...))
	if len(got) != maxProblems+1 || got[maxProblems] != "(stopped after 20 problems)" {
		t.Errorf("got %d lines, the last %q", len(got), got[len(got)-1])
	}
}

func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"no file at all": {"", []string{"employees.csv:1:1: file is empty: want a header"}},
		"a column is missing": {"employee_id,name\nE1,a\n", []string{
			"employees.csv:1:1: accounts: column is missing"}},
		"a column is there twice": {"employee_id,accounts,Accounts\nE1,a,b\n", []string{
			"employees.csv:1:22: accounts: column is there twice, first as number 2"}},
		"not UTF-8": {"employee_id,accounts,name\nE1,a,\xcd\xf5\xce\xb0\n", []string{
			`employees.csv:2:6: is not UTF-8 (from Excel, save as "CSV UTF-8")`}},
		"open quote": {"employee_id,accounts\nE1,\"a\n", []string{
			`employees.csv:2:7: extraneous or missing " in quoted-field`}},
		"any order, case, space, byte order mark, blank rows": {
			"\ufeffAccounts , EMPLOYEE_ID\r\n,\r\n\r\n a.b ,E1\r\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadEmployees(strings.NewReader(c.text), "employees.csv", ReadOptions{})
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(c.want, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsIgnoredIsToldOnce(t *testing.T) {
	var got []string
	opt := ReadOptions{Warn: func(p Problem) { got = append(got, p.String()) }}
	text := "employee_id,departmnt,accounts\nE1,a,-\nE2,b,-\nE3,c,SYSTEM;x\n"
	if _, err := ReadEmployees(strings.NewReader(text), "e.csv", opt); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"e.csv:1:13: departmnt: column is not known and is ignored",
		`e.csv:2:6: accounts: "-" is a placeholder, nobody's account, and is ignored`,
		`e.csv:4:6: accounts: "SYSTEM" is a placeholder, nobody's account, and is ignored`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAReadErrorIsNotTheFilesFault(t *testing.T) {
	broken := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader("employee_id,accounts\nE1,a\n"), iotest.ErrReader(broken))
	_, err := ReadEmployees(r, "e.csv", ReadOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		text    string
		addDays int
		want    string // in UTC, or empty for an error
	}{
		{"2026-11-02T09:30:00+08:00", 0, "2026-11-02T01:30:00Z"},
		{"2026-11-02T09:30:00.120Z", 0, "2026-11-02T09:30:00.12Z"},
		{"2026-11-02 09:30", 0, "2026-11-02T01:30:00Z"},
		{"2026-11-02 09:30:04", 0, "2026-11-02T01:30:04Z"},
		{"2026-11-02", 0, "2026-11-01T16:00:00Z"},
		{"2026-11-02", 1, "2026-11-02T16:00:00Z"},
		{"2026-11-02T09:30:00", 0, ""},
		{"2026-02-30", 0, ""},
		{"2026/11/02", 0, ""},
		{"02.11.2026", 0, ""},
		{"今天", 0, ""},
	} {
		got, err := parseTime(c.text, shanghai(t), c.addDays)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: got %v, want an error", c.text, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.text, got, err, c.want)
		}
	}
}

// A loader may refuse what it is given; it must not panic, and what it accepts holds the
// promises that the rest builds on.
func FuzzReadEmployees(f *testing.F) {
	f.Add("employee_id,accounts,hire_date\nE1,crm:a;b,2024-01-05\n")
	f.Add("\ufeffaccounts,employee_id,valid_from,shift\n\"a\"\"b\",E1,2024-01-05 10:00,22:00-06:00\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadEmployees(strings.NewReader(text), "e.csv", ReadOptions{})
		if err != nil && len(rows) > 0 {
			t.Fatal("rows of a broken file")
		}
		for _, e := range rows {
			if e.ID == "" || hasControl(e.ID) {
				t.Fatalf("id %q", e.ID)
			}
			if _, err := parseShift(e.Shift); err != nil {
				t.Fatal(err)
			}
		}
	})
}
