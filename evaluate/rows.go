package evaluate

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Row is the score of one employee on one day.
type Row struct {
	Day      ueba.Day
	Employee string
	Score    float64
	Priority float64
	Level    ueba.RiskLevel
	State    ueba.ScoreState
	P        float64 // the day's p-value as shown; 0: not known, and left out of calibration
}

// ReadRows reads scores as the command "scores --output csv" writes them: date,
// employee_id, score, level, state, priority, in any order.
func ReadRows(path string) ([]Row, error) {
	var rows []Row
	want := []string{"date", "employee_id", "score", "level", "state", "priority"}
	err := readTable(path, want, func(c []string) error {
		row, err := parseRow(c)
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return rows, nil
}

func parseRow(c []string) (Row, error) {
	day, err := ueba.ParseDay(c[0])
	if err != nil {
		return Row{}, err
	}
	row := Row{Day: day, Employee: c[1], Level: ueba.RiskLevel(c[3]), State: ueba.ScoreState(c[4])}
	if c[2] == "" {
		row.State = ueba.Unmonitored
		return row, nil
	}
	if row.Score, err = strconv.ParseFloat(c[2], 64); err != nil {
		return Row{}, fmt.Errorf("score %q: want a number", c[2])
	}
	if row.Priority, err = strconv.ParseFloat(cmp.Or(c[5], "0"), 64); err != nil {
		return Row{}, fmt.Errorf("priority %q: want a number", c[5])
	}
	return row, nil
}

// sorted returns the rows that count, by day and employee: those that have a score and
// lie after the warm-up.
func sorted(rows []Row, from ueba.Day) []Row {
	var out []Row
	for _, r := range rows {
		if r.State != ueba.Unmonitored && r.Day >= from {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Employee, b.Employee))
	})
	return out
}
