package evaluate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const start = ueba.Day(20_000)

// company has ten people over twenty days. E0 does something on days 10 and 11, E1 on
// day 15 to 17; E2 is an innocent oddity.
func company() Truth {
	return Truth{
		Labels: []Label{
			{start + 10, "E0", "vip_snooping"}, {start + 11, "E0", "vip_snooping"},
			{start + 15, "E1", "collusion.covered"}, {start + 16, "E1", "collusion.covered"}, {start + 17, "E1", "collusion.covered"},
		},
		Benign: []Benign{{"E2", "campaign"}},
	}
}

// flat gives everybody the same low score, but for what change says.
func flat(change func(r *Row)) []Row {
	var rows []Row
	for d := range 20 {
		for e := range 10 {
			r := Row{Day: start + ueba.Day(d), Employee: fmt.Sprintf("E%d", e), Score: 1, Priority: 1, Level: ueba.Low, State: ueba.Scored}
			change(&r)
			rows = append(rows, r)
		}
	}
	return rows
}

func is(r *Row, employee string, day int) bool {
	return r.Employee == employee && r.Day == start+ueba.Day(day)
}

func TestEvaluate(t *testing.T) {
	rows := flat(func(r *Row) {
		switch {
		case is(r, "E0", 10), is(r, "E0", 11):
			r.Score, r.Priority, r.Level = 90, 9, ueba.Critical
		case is(r, "E1", 16):
			r.Score, r.Priority, r.Level = 60, 5, ueba.High
		case is(r, "E2", 12):
			r.Score, r.Priority, r.Level = 70, 7, ueba.High
		case is(r, "E0", 2):
			r.Level = ueba.Critical // before his story: nobody's success and nobody's alarm
		}
	})
	// A queue of three with a rest of one day shows E0, E1, E2 on every odd day.
	res := Evaluate("scores", company(), rows, Options{Warmup: 5, Rest: 1})
	if res.From != start+5 || res.To != start+19 || res.Days != 150 || res.Bad != 5 || res.Unscored != 0 {
		t.Errorf("frame: %+v", res)
	}
	// Days of E0 first, then E2's, then E1's 16; E1's other two lie among 146 tied days.
	equal(t, "AP of priority", res.Priority.AP, (1+1+3./4+2*5./150)/5)
	l := res.Levels
	if l.Insiders != 2 || l.InsidersHigh != 2 || l.InsidersCritical != 1 || l.InnocentHigh != 1 || l.InnocentCritical != 0 {
		t.Errorf("levels: %+v", l)
	}
	equal(t, "innocent high-days", l.HighPer500, 500./120)
	equal(t, "flips", l.Flips, 2./(8*14))
	equal(t, "AP of a scenario, without the others' days", res.Scenarios[0].AP, (1./2+2*3./148)/3)
	want := []Scenario{
		{Name: "collusion.covered", Insiders: 1, Days: 3, Found: 1, High: 1, AP: res.Scenarios[0].AP},
		{Name: "vip_snooping", Insiders: 1, Days: 2, Found: 1, MedianDelay: 1, High: 1, Critical: 1, AP: 1},
	}
	if !reflect.DeepEqual(res.Scenarios, want) {
		t.Errorf("scenarios: %+v", res.Scenarios)
	}
	if len(res.Oddities) != 2 || res.Oddities[0].Name != "campaign" || res.Oddities[0].HighDays != 1 || res.Oddities[1].People != 7 {
		t.Errorf("oddities: %+v", res.Oddities)
	}
}

func TestWarmupAndUnmonitoredDoNotCount(t *testing.T) {
	rows := flat(func(r *Row) {
		if is(r, "E0", 11) {
			r.State = ueba.Unmonitored
		}
	})
	res := Evaluate("scores", company(), rows, Options{Warmup: 11})
	if res.Days != 89 || res.Bad != 3 || res.Unscored != 1 {
		t.Errorf("%d days, %d bad, %d unscored", res.Days, res.Bad, res.Unscored)
	}
	if res.Levels.Insiders != 2 {
		t.Errorf("%d insiders; E0 has a labelled day left", res.Levels.Insiders)
	}
	if res := Evaluate("scores", company(), rows, Options{Warmup: 18}); res.Levels.Insiders != 0 || res.Bad != 0 {
		t.Errorf("after everything: %+v", res)
	}
}

// The queue of one: whom it shows on each day, by hand.
func TestQueueByHand(t *testing.T) {
	rows := flat(func(r *Row) {
		switch {
		case is(r, "E3", 9):
			r.Priority = 5
		case is(r, "E0", 10):
			r.Priority = 2
		case is(r, "E4", 10):
			r.Priority = 3 // stands before E0
		case is(r, "E0", 12):
			r.Priority = 4 // the day after his last
		case is(r, "E1", 15), is(r, "E3", 15):
			r.Priority = 9 // equal: by employee
		}
	})
	rows = slices.DeleteFunc(rows, func(r Row) bool { return r.Priority == 1 && r.Day >= start+9 && r.Day <= start+15 })
	res := Evaluate("scores", company(), rows, Options{Warmup: 9, Queue: []int{1, 2}})
	// k = 1: E3, E4, E0 (delay 2), E1 (delay 0), then E2, E5, E6, E7 by employee.
	if q := res.Queues[0]; q.Found != 2 || q.MedianDelay != 1 || q.Innocent != 6 || q.Insiders != 2 {
		t.Errorf("k=1: %+v", q)
	}
	// k = 2: E0 is shown on day 10; it rests on day 12.
	if q := res.Queues[1]; q.Found != 2 || q.MedianDelay != 0 {
		t.Errorf("k=2: %+v", q)
	}
}

func TestQueueRests(t *testing.T) {
	rows := flat(func(r *Row) {
		if r.Employee == "E2" {
			r.Priority = 50
		}
	})
	count := func(rest int) int {
		res := Evaluate("scores", company(), rows, Options{Queue: []int{1}, Rest: rest})
		return res.Queues[0].Innocent
	}
	// Resting for good everybody is shown once. Resting for one day E2 is shown on every
	// other day, and on those between E0, who has a story.
	if once, often := count(19), count(1); once != 8 || often != 10 {
		t.Errorf("innocent people shown: %d and %d times, want 8 and 10", once, often)
	}
	q := review(sorted(rows, start), nil, 1, 14, 7)
	if q.shown["E2"] != 2 {
		t.Errorf("E2 was shown %d times in 20 days with a rest of 14, want 2", q.shown["E2"])
	}
}

// Found too early is not found: before his story he is innocent, and is not shown again
// while he rests.
func TestFoundBeforeHisStory(t *testing.T) {
	rows := flat(func(r *Row) {
		if is(r, "E0", 8) || r.Employee == "E0" && r.Day >= start+10 {
			r.Priority = 10
		}
	})
	q := review(sorted(rows, start+8), insiders(company().Labels[:2], start, start+19), 1, 30, 7)
	if q.Found != 0 {
		t.Errorf("found %d", q.Found)
	}
	q = review(sorted(rows, start+8), insiders(company().Labels[:2], start, start+19), 1, 2, 7)
	if q.Found != 1 || q.MedianDelay != 1 {
		t.Errorf("with a rest of two days: %+v", q)
	}
}

func TestCalibration(t *testing.T) {
	rows := flat(func(r *Row) { r.P = .5 })
	for i := range rows {
		if rows[i].Employee == "E5" {
			rows[i].P = .01
		}
	}
	res := Evaluate("scores", company(), rows, Options{})
	if len(res.Nominal) != 3 {
		t.Fatalf("calibration: %+v", res.Nominal)
	}
	equal(t, "share at .1", res.Nominal[0].Share, 1./8)
	equal(t, "share at .01", res.Nominal[1].Share, 1./8)
	equal(t, "share at .001", res.Nominal[2].Share, 0)
	if res := Evaluate("scores", company(), flat(func(*Row) {}), Options{}); res.Nominal != nil {
		t.Error("calibration without p-values")
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := flat(func(row *Row) { row.Priority, row.Score = float64(r.IntN(5)), float64(r.IntN(9)) })
	truth := company()
	want := Evaluate("scores", truth, rows, Options{})
	for range 5 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		r.Shuffle(len(truth.Labels), func(i, j int) { truth.Labels[i], truth.Labels[j] = truth.Labels[j], truth.Labels[i] })
		if got := Evaluate("scores", truth, rows, Options{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order:\n%+v\n%+v", got, want)
		}
	}
}

func TestNothingToEvaluate(t *testing.T) {
	res := Evaluate("scores", company(), nil, Options{})
	if res.Days != 0 || res.Levels.Insiders != 0 {
		t.Errorf("no rows: %+v", res)
	}
	var b bytes.Buffer
	if err := WriteTables(&b, []Result{res}); err != nil {
		t.Error(err)
	}
}

func TestTablesAndJSON(t *testing.T) {
	rows := flat(func(r *Row) { r.P, r.Score = .5, float64(r.Day) })
	bare := flat(func(r *Row) { r.Level = "" })
	results := []Result{Evaluate("onlooker", company(), rows, Options{}), Evaluate("robust z", company(), bare, Options{})}
	var b bytes.Buffer
	if err := WriteTables(&b, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2024-10-04 to 2024-10-23: 200 employee-days, 5 of them bad, 2 insiders",
		"scores    by                AUC    AP     0.1 %  1 %    5 %",
		"robust z  score = priority  0.500  0.025", "onlooker  5  ", "collusion.covered  1", "campaign  1", "none      7", "0.001  0.00000",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("tables lack %q:\n%s", want, b.String())
		}
	}
	if n := strings.Count(b.String(), "\n  robust z "); n != 5 {
		t.Errorf("scores without levels have %d rows, want one of ranking and four of queues:\n%s", n, b.String())
	}
	b.Reset()
	if err := WriteJSON(&b, results); err != nil {
		t.Fatal(err)
	}
	var back []Result
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back) != 2 || back[0].From != start || back[0].Queues[2].K != 3 {
		t.Errorf("JSON: %v, %+v", err, back)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("pipe is gone") }

func TestWritersReportErrors(t *testing.T) {
	res := []Result{Evaluate("onlooker", company(), flat(func(*Row) {}), Options{})}
	for name, err := range map[string]error{"tables": WriteTables(brokenWriter{}, res), "JSON": WriteJSON(brokenWriter{}, res)} {
		if err == nil || !strings.Contains(err.Error(), "pipe is gone") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
