package evaluate

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadTruth(t *testing.T) {
	dir := folder(t, map[string]string{
		"labels.csv": "\ufeffscenario,employee_id,date,note\nvip_snooping,E1,2026-10-08,seen\n",
		"benign.csv": "employee_id,oddity\nE2,campaign\n",
	})
	got, err := ReadTruth(dir)
	if err != nil {
		t.Fatal(err)
	}
	day, _ := ueba.ParseDay("2026-10-08")
	want := Truth{Labels: []Label{{day, "E1", "vip_snooping"}}, Benign: []Benign{{"E2", "campaign"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v", got)
	}
}

func TestBenignMayBeAbsent(t *testing.T) {
	got, err := ReadTruth(folder(t, map[string]string{"labels.csv": "date,employee_id,scenario\n"}))
	if err != nil || len(got.Labels)+len(got.Benign) != 0 {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestReadErrorsNameThePlace(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"labels.csv: no such file":                   {},
		"labels.csv: read header: EOF":               {"labels.csv": ""},
		`labels.csv:1: no column "scenario"`:         {"labels.csv": "date,employee_id\n"},
		`labels.csv:3: day "8.10.": want YYYY-MM-DD`: {"labels.csv": "date,employee_id,scenario\n2026-10-08,E1,x\n8.10.,E1,x\n"},
		"labels.csv: record on line 2: wrong number": {"labels.csv": "date,employee_id,scenario\n2026-10-08\n"},
		`benign.csv:1: no column "oddity"`:           {"labels.csv": "date,employee_id,scenario\n", "benign.csv": "employee_id\n"},
	} {
		if _, err := ReadTruth(folder(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestReadRows(t *testing.T) {
	dir := folder(t, map[string]string{"scores.csv": "date,employee_id,score,level,state,priority\n" +
		"2026-10-08,E1,41.50,medium,scored,7.25\n2026-10-08,E2,,,unmonitored,\n2026-10-08,E3,0.00,low,learning,\n"})
	rows, err := ReadRows(filepath.Join(dir, "scores.csv"))
	if err != nil {
		t.Fatal(err)
	}
	day, _ := ueba.ParseDay("2026-10-08")
	want := []Row{
		{Day: day, Employee: "E1", Score: 41.5, Priority: 7.25, Level: ueba.Medium, State: ueba.Scored},
		{Day: day, Employee: "E2", State: ueba.Unmonitored},
		{Day: day, Employee: "E3", Level: ueba.Low, State: ueba.Learning},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("read %+v", rows)
	}
	for _, bad := range []string{"x,E1,1,low,scored,1", "2026-10-08,E1,much,low,scored,1", "2026-10-08,E1,1,low,scored,much"} {
		dir := folder(t, map[string]string{"scores.csv": "date,employee_id,score,level,state,priority\n" + bad + "\n"})
		if _, err := ReadRows(filepath.Join(dir, "scores.csv")); err == nil || !strings.Contains(err.Error(), "scores.csv:2:") {
			t.Errorf("%s: error %v", bad, err)
		}
	}
}
