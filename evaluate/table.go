package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// FeatureRow is one employee's day as numbers; all rows have the same numbers in the
// same order.
type FeatureRow struct {
	Day      ueba.Day
	Employee string
	Values   []float64
}

// Baselines scores the table with the detectors that a user would otherwise have: a
// robust z for each person, counting rules for each person, ECOD and an isolation forest,
// the last two once on the raw numbers and once on each person's own robust z. Only the
// seed of the forest is random. The robust z and the rules see the past alone; ECOD and
// the forest see the whole table, which favours them.
func Baselines(table []FeatureRow, seed uint64) ([]Scores, error) {
	rows, err := ordered(table)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, nil
	}
	z := robustZ(rows)
	raw := matrix(rows)
	return []Scores{
		scores("robust z", rows, largest(z)),
		scores("count rules", rows, broken(rows)),
		scores("ecod", rows, ecod(raw)),
		scores("ecod of z", rows, ecod(z)),
		scores("isolation forest", rows, forest(raw, seed)),
		scores("isolation forest of z", rows, forest(z, seed)),
	}, nil
}

// Scores are the rows that one detector gives.
type Scores struct {
	Name string
	Rows []Row
}

func scores(name string, rows []FeatureRow, values []float64) Scores {
	s := Scores{Name: name}
	for i, r := range rows {
		s.Rows = append(s.Rows, Row{Day: r.Day, Employee: r.Employee, Score: values[i], Priority: values[i], State: ueba.Scored})
	}
	return s
}

// ordered returns the rows by employee and day, after checking them.
func ordered(table []FeatureRow) ([]FeatureRow, error) {
	rows := slices.Clone(table)
	slices.SortFunc(rows, func(a, b FeatureRow) int {
		return cmp.Or(cmp.Compare(a.Employee, b.Employee), cmp.Compare(a.Day, b.Day))
	})
	for i, r := range rows {
		if len(r.Values) != len(rows[0].Values) {
			return nil, fmt.Errorf("evaluate: features of %s on %v: %d numbers, others have %d", r.Employee, r.Day, len(r.Values), len(rows[0].Values))
		}
		if i > 0 && r.Employee == rows[i-1].Employee && r.Day == rows[i-1].Day {
			return nil, fmt.Errorf("evaluate: features of %s on %v: given twice", r.Employee, r.Day)
		}
		for _, v := range r.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("evaluate: features of %s on %v: %g is no number", r.Employee, r.Day, v)
			}
		}
	}
	return rows, nil
}

func matrix(rows []FeatureRow) [][]float64 {
	m := make([][]float64, len(rows))
	for i, r := range rows {
		m[i] = r.Values
	}
	return m
}

// pastDays is how many of a person's own earlier rows the personal baselines look at,
// and leastPast how many they need before they say anything.
const (
	pastDays  = 28
	leastPast = 5
)

// eachPast calls do with each row's index and the person's rows before it; rows are by
// employee and day.
func eachPast(rows []FeatureRow, do func(i int, past []FeatureRow)) {
	first := 0
	for i, r := range rows {
		if r.Employee != rows[first].Employee {
			first = i
		}
		do(i, rows[max(first, i-pastDays):i])
	}
}

// robustZ gives each number's distance from the median of the person's past, in units
// of his median absolute deviation. A deviation under one counts as one: most numbers
// are counts, and mostly zero.
func robustZ(rows []FeatureRow) [][]float64 {
	z := make([][]float64, len(rows))
	buf := make([]float64, 0, pastDays)
	eachPast(rows, func(i int, past []FeatureRow) {
		z[i] = make([]float64, len(rows[i].Values))
		if len(past) < leastPast {
			return
		}
		for j, v := range rows[i].Values {
			buf = buf[:0]
			for _, p := range past {
				buf = append(buf, p.Values[j])
			}
			m := median(buf)
			for k := range buf {
				buf[k] = math.Abs(buf[k] - m)
			}
			z[i][j] = (v - m) / max(1.4826*median(buf), 1)
		}
	})
	return z
}

func largest(z [][]float64) []float64 {
	out := make([]float64, len(z))
	for i, row := range z {
		out[i] = slices.Max(append([]float64{0}, row...))
	}
	return out
}

// broken counts the rules that a day breaks: more than the mean and three standard
// deviations of the person's past, one rule for each number.
func broken(rows []FeatureRow) []float64 {
	out := make([]float64, len(rows))
	eachPast(rows, func(i int, past []FeatureRow) {
		if len(past) < leastPast {
			return
		}
		for j, v := range rows[i].Values {
			if v > rule(past, j) {
				out[i]++
			}
		}
	})
	return out
}

// rule is the bound for one number; nothing under two breaks it.
func rule(past []FeatureRow, j int) float64 {
	var sum, squares float64
	for _, p := range past {
		sum += p.Values[j]
	}
	mean := sum / float64(len(past))
	for _, p := range past {
		squares += (p.Values[j] - mean) * (p.Values[j] - mean)
	}
	return max(mean+3*math.Sqrt(squares/float64(len(past))), 1)
}
