package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// table is what twenty people do in forty days; E03 has one wild day.
func table() []FeatureRow {
	r := rand.New(rand.NewPCG(3, 4))
	var rows []FeatureRow
	for e := range 20 {
		for d := range 40 {
			v := []float64{float64(20 + e + r.IntN(10)), float64(r.IntN(3)), 0}
			if e == 3 && d == 35 {
				v = []float64{160, 12, 5}
			}
			rows = append(rows, FeatureRow{Day: start + ueba.Day(d), Employee: fmt.Sprintf("E%02d", e), Values: v})
		}
	}
	return rows
}

func TestBaselinesFindTheWildDay(t *testing.T) {
	truth := Truth{Labels: []Label{{start + 35, "E03", "wild"}}}
	all, err := Baselines(table(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 6 {
		t.Fatalf("%d baselines", len(all))
	}
	for _, s := range all {
		if len(s.Rows) != 800 {
			t.Errorf("%s: %d rows", s.Name, len(s.Rows))
		}
		if res := Evaluate(s.Name, truth, s.Rows, Options{Warmup: 10}); res.Score.AUC < .999 {
			t.Errorf("%s: AUC %.4f", s.Name, res.Score.AUC)
		}
	}
}

func TestBaselinesDoNotDependOnOrder(t *testing.T) {
	rows := table()
	want, _ := Baselines(rows, 7)
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	got, _ := Baselines(rows, 7)
	if !reflect.DeepEqual(got, want) {
		t.Error("the order of the table changes a baseline")
	}
	other, _ := Baselines(rows, 8)
	if reflect.DeepEqual(other[4], want[4]) {
		t.Error("the forest does not depend on its seed")
	}
}

// The personal baselines see the past alone: what comes later moves nothing.
func TestPersonalBaselinesSeeThePast(t *testing.T) {
	rows := table()
	before, _ := ordered(rows)
	z, rules := robustZ(before), broken(before)
	for i := range before {
		if before[i].Day >= start+30 {
			before[i].Values = []float64{9999, 9999, 9999}
		}
	}
	z2, rules2 := robustZ(before), broken(before)
	for i, r := range before {
		if r.Day < start+30 && (!reflect.DeepEqual(z[i], z2[i]) || rules[i] != rules2[i]) {
			t.Fatalf("%s on %v changes with what comes later", r.Employee, r.Day)
		}
	}
}

func TestRobustZByHand(t *testing.T) {
	var rows []FeatureRow
	for d, v := range []float64{10, 12, 14, 16, 18, 30} {
		rows = append(rows, FeatureRow{Day: start + ueba.Day(d), Employee: "E", Values: []float64{v, 0}})
	}
	z := robustZ(rows)
	equal(t, "z", z[5][0], (30-14)/(1.4826*2)) // median 14, deviations 0 2 2 4 4
	equal(t, "z of zeros", z[5][1], 0)
	for i := range 5 {
		if z[i][0] != 0 {
			t.Errorf("row %d says %v before enough is known", i, z[i])
		}
	}
	if b := broken(rows); b[5] != 1 { // mean 14, sd 2.83: 22.5 is passed
		t.Errorf("%v rules broken", b[5])
	}
}

func TestECODByHand(t *testing.T) {
	left, right := tails([]float64{1, 2, 2, 5})
	for i, want := range [][2]float64{{1. / 4, 1}, {3. / 4, 3. / 4}, {3. / 4, 3. / 4}, {1, 1. / 4}} {
		equal(t, "left tail", left[i], -math.Log(want[0]))
		equal(t, "right tail", right[i], -math.Log(want[1]))
	}
	got := ecod([][]float64{{1}, {2}, {2}, {5}})
	equal(t, "largest value", got[3], math.Log(4))
	if s := skewness([]float64{1, 2, 2, 5}); s <= 0 {
		t.Errorf("skewness %v of a tail to the right", s)
	}
	if s := skewness([]float64{3, 3}); s != 0 {
		t.Errorf("skewness %v of one value", s)
	}
}

func TestForest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	m := make([][]float64, 500)
	for i := range m {
		m[i] = []float64{r.NormFloat64(), r.NormFloat64()}
	}
	m[77] = []float64{9, -9}
	s := forest(m, 1)
	for i, v := range s {
		if v <= 0 || v >= 1 {
			t.Fatalf("score %v", v)
		}
		if i != 77 && v >= s[77] {
			t.Errorf("row %d stands apart more than the one that does: %v, %v", i, v, s[77])
		}
	}
	equal(t, "a lone row's expected depth", expected(1), 0)
	equal(t, "that of two", expected(2), 1)
	same := forest([][]float64{{1}, {1}, {1}}, 1)
	if same[0] != same[1] || math.IsNaN(same[0]) {
		t.Errorf("equal rows get %v", same)
	}
}

func TestBaselinesRefuse(t *testing.T) {
	for want, rows := range map[string][]FeatureRow{
		"1 numbers, others have 2": {{Day: start, Employee: "E", Values: []float64{1, 2}}, {Day: start + 1, Employee: "E", Values: []float64{1}}},
		"given twice":              {{Day: start, Employee: "E", Values: []float64{1}}, {Day: start, Employee: "E", Values: []float64{1}}},
		"is no number":             {{Day: start, Employee: "E", Values: []float64{math.NaN()}}},
	} {
		if _, err := Baselines(rows, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if s, err := Baselines(nil, 1); s != nil || err != nil {
		t.Errorf("no rows: %v, %v", s, err)
	}
}
