package directory

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func day(t testing.TB, s string) ueba.Day {
	t.Helper()
	d, err := ueba.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func TestReadEmployees(t *testing.T) {
	const text = `employee_id,name,department,role,manager_id,location,hire_date,leave_date,accounts,shift,valid_from
E1,王伟,零售信贷部,客户经理,E9,上海,2024-01-05,,crm:wang.wei；wang.wei001; ,,
E1,王伟,风险部,审批,E9,上海,2024-01-05,2026-12-31,crm:wang.wei,22:00-06:00,2026-03-01
`
	got, err := ReadEmployees(strings.NewReader(text), "employees.csv", ReadOptions{Zone: shanghai(t)})
	if err != nil {
		t.Fatal(err)
	}
	first := ueba.Employee{ID: "E1", Name: "王伟", Department: "零售信贷部", Role: "客户经理", Manager: "E9",
		Location: "上海", Hired: day(t, "2024-01-05"), Left: ueba.NoDay, Accounts: []string{"crm:wang.wei", "wang.wei001"}}
	second := first
	second.Department, second.Role, second.Left = "风险部", "审批", day(t, "2026-12-31")
	second.Accounts, second.Shift = []string{"crm:wang.wei"}, "22:00-06:00"
	second.ValidFrom = instant(t, "2026-03-01T00:00:00+08:00")
	if diff := cmp.Diff([]ueba.Employee{first, second}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTwoRowsOfAPersonNeedDifferentStarts(t *testing.T) {
	err := readEmployees(t, "employee_id,accounts,valid_from", "E1,a,", "E2,b,", "E1,a,", "E1,c,2026-01-01")
	want := []string{`employees.csv:4:1: employee_id: "E1" is there already, in line 2, with the same valid_from`}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAccountHasOneOwnerAtATime(t *testing.T) {
	const header = "employee_id,hire_date,leave_date,accounts,valid_from"
	for name, c := range map[string]struct {
		rows []string
		want []string
	}{
		"two at once, spelt differently": {
			[]string{"E1,,,crm:Wang.Wei,", "E2,,,x;CRM:ｗang.wei,"},
			[]string{`employees.csv:3:6: accounts: "crm:wang.wei" belongs to E1 at the same time, by line 2`}},
		"one after the other left": {
			[]string{"E1,2020-01-01,2025-06-30,wang,", "E2,2025-07-01,,wang,"}, nil},
		"on the other's last day": {
			[]string{"E1,2020-01-01,2025-06-30,wang,", "E2,2025-06-30,,wang,"},
			[]string{`employees.csv:3:16: accounts: "wang" belongs to E1 at the same time, by line 2`}},
		"handed over by rows with valid_from": {
			[]string{"E1,,,duty;own1,", "E2,,,own2,", "E1,,,own1,2026-01-01", "E2,,,own2;duty,2026-01-01"}, nil},
		"an entry for a service beside one for any": {
			[]string{"E1,,,wang,", "E2,,,crm:wang,"}, nil},
		"twice in one row, and a placeholder in two": {
			[]string{"E1,,,wang;Wang;-,", "E2,,,-,"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := readEmployees(t, append([]string{header}, c.rows...)...)
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

func TestReadRecords(t *testing.T) {
	const text = `region,record_id,type,class,tags,employee_id,related_to,owner_id
上海,C1,customer,c3,VIP;Employee,E7,E1;E2,E3
,C2,,,,,,
`
	var got []ueba.Record
	err := ReadRecords(strings.NewReader(text), "records.csv", ReadOptions{}, func(r *ueba.Record) error {
		got = append(got, *r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []ueba.Record{
		{ID: "C1", Type: "customer", Class: "C3", Tags: []string{"vip", "employee"}, Employee: "E7",
			Related: []string{"E1", "E2"}, Owner: "E3", Region: "上海"},
		{ID: "C2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadRecordsEndWhatIsGivenOut(t *testing.T) {
	const text = "record_id,class\nC1,C3\nC2,secret\nC1,\nC4,\n"
	given := 0
	err := ReadRecords(strings.NewReader(text), "records.csv", ReadOptions{}, func(*ueba.Record) error { given++; return nil })
	want := []string{
		`records.csv:3:4: class: want C1, C2 or C3, found "secret"`,
		`records.csv:4:1: record_id: "C1" is there already, in line 2`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Error(diff)
	}
	if given != 1 {
		t.Errorf("%d rows given out, want the one before the first problem", given)
	}
}

func TestReadReasons(t *testing.T) {
	const text = `reason_id,record_id,employee_id,kind,valid_from,valid_to,created,made_by
T1,C1,E1,ticket,2026-11-02 09:00,2026-11-02 10:00:30,2026-11-02T08:59:00+08:00,E9
T1,C2,E1,ticket,2026-11-02,2026-11-03,,
A1,,E2,audit,2026-11-02,9999-12-31,,
P1,C3,,campaign,2026-11-02,,,crm:batch
`
	var got []ueba.Reason
	err := ReadReasons(strings.NewReader(text), "reasons.csv", ReadOptions{Zone: shanghai(t)}, func(r *ueba.Reason) error {
		got = append(got, *r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	midnight := instant(t, "2026-11-02T00:00:00+08:00")
	want := []ueba.Reason{
		{ID: "T1", RecordID: "C1", EmployeeID: "E1", Type: "ticket", MadeBy: "E9",
			ValidFrom: midnight.Add(9 * time.Hour), ValidTo: midnight.Add(10*time.Hour + 30*time.Second),
			Created: midnight.Add(9*time.Hour - time.Minute)},
		{ID: "T1", RecordID: "C2", EmployeeID: "E1", Type: "ticket", ValidFrom: midnight, ValidTo: midnight.Add(48 * time.Hour)},
		{ID: "A1", EmployeeID: "E2", Type: "audit", ValidFrom: midnight},
		{ID: "P1", RecordID: "C3", Type: "campaign", ValidFrom: midnight, MadeBy: "crm:batch"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBadReasons(t *testing.T) {
	const text = `reason_id,record_id,employee_id,kind,valid_from,valid_to
T1,,,ticket,2026-11-02,
T2,C1,,,2026-11-02,
T3,C1,,ticket,,
T4,C1,,ticket,2026-11-02 10:00,2026-11-02 10:00
T5,C1,,ticket,0001-01-01,
`
	err := ReadReasons(strings.NewReader(text), "r.csv", ReadOptions{}, func(*ueba.Reason) error { return nil })
	want := []string{
		`r.csv:2:4: record_id: is empty, and so is employee_id: a reason for anybody on any record explains nothing`,
		`r.csv:3:8: kind: is empty`,
		`r.csv:4:15: valid_from: is empty`,
		`r.csv:5:32: valid_to: "2026-11-02 10:00" is not after valid_from "2026-11-02 10:00"`,
		`r.csv:6:15: valid_from: want a time such as 2026-11-02T09:30:00+08:00, 2026-11-02 09:30 or 2026-11-02, found "0001-01-01"`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestAReaderOfRowsMayStop(t *testing.T) {
	full := errors.New("store full")
	text := "reason_id,record_id,kind,valid_from\nT1,C1,ticket,2026-11-02\nT2,,,\n"
	err := ReadReasons(strings.NewReader(text), "r.csv", ReadOptions{}, func(*ueba.Reason) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestReadSystems(t *testing.T) {
	const text = "service,owner,criticality,classes,expected\ncrm,营销部,high,c2;C3,400\nfunds,,,,0 2 * * *\n"
	got, err := ReadSystems(strings.NewReader(text), "systems.csv", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []ueba.System{
		{Service: "crm", Owner: "营销部", Criticality: "high", Classes: []string{"C2", "C3"}, Expected: "400"},
		{Service: "funds", Expected: "0 2 * * *"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = ReadSystems(strings.NewReader("service,classes\ncrm,C4\nCRM,\n"), "s.csv", ReadOptions{})
	bad := []string{
		`s.csv:2:5: classes: want C1, C2 or C3, found "C4"`,
		`s.csv:3:1: service: "CRM" is there already, in line 2`,
	}
	if diff := cmp.Diff(bad, problems(t, err)); diff != "" {
		t.Error(diff)
	}
}

func reasonsFile(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("reason_id,record_id,employee_id,kind,valid_from,valid_to,created,made_by\n")
	for i := range rows {
		fmt.Fprintf(&b, "T%d,C%d,E%04d,ticket,2026-11-02T09:%02d:00+08:00,2026-11-02T11:00:00+08:00,2026-11-02T08:59:00+08:00,E0001\n",
			i, i%90000, i%500, i%60)
	}
	return b.Bytes()
}

func BenchmarkReadReasons(b *testing.B) {
	const rows = 100_000
	file := reasonsFile(rows)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		err := ReadReasons(bytes.NewReader(file), "reasons.csv", ReadOptions{}, func(*ueba.Reason) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadReasonsLocalTimes(b *testing.B) {
	const rows = 100_000
	file := bytes.ReplaceAll(bytes.ReplaceAll(reasonsFile(rows), []byte("+08:00"), nil), []byte("T0"), []byte(" 0"))
	file = bytes.ReplaceAll(bytes.ReplaceAll(file, []byte("T11"), []byte(" 11")), []byte("\n "), []byte("\nT"))
	opt := ReadOptions{Zone: shanghai(b)}
	for b.Loop() {
		err := ReadReasons(bytes.NewReader(file), "reasons.csv", opt, func(*ueba.Reason) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func FuzzReadReasons(f *testing.F) {
	f.Add("reason_id,record_id,employee_id,kind,valid_from,valid_to\nT1,C1,,ticket,2026-11-02,2026-11-02\n")
	f.Add("valid_from,kind,reason_id,record_id,created\n2199-12-31,a,b,c,2026-11-02T09:30:00+08:00\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = ReadReasons(strings.NewReader(text), "r.csv", ReadOptions{}, func(r *ueba.Reason) error {
			if r.ID == "" || r.Type == "" || r.RecordID == "" && r.EmployeeID == "" {
				t.Fatalf("accepted %+v", r)
			}
			if !plausible(r.ValidFrom) || !r.ValidTo.IsZero() && !r.ValidTo.After(r.ValidFrom) {
				t.Fatalf("accepted validity %+v", r)
			}
			return nil
		})
	})
}
