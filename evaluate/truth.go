package evaluate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Label says that something bad happened on an employee's day.
type Label struct {
	Day      ueba.Day
	Employee string
	Scenario string
}

// Benign says that an employee has an innocent oddity.
type Benign struct {
	Employee string
	Oddity   string
}

// Truth is what is known of a labelled folder.
type Truth struct {
	Labels []Label
	Benign []Benign
}

// ReadTruth reads labels.csv (date, employee_id, scenario) and benign.csv (employee_id,
// oddity) of a folder. benign.csv may be absent. Errors name file and line.
func ReadTruth(dir string) (Truth, error) {
	var t Truth
	err := readTable(filepath.Join(dir, "labels.csv"), []string{"date", "employee_id", "scenario"}, func(c []string) error {
		day, err := ueba.ParseDay(c[0])
		t.Labels = append(t.Labels, Label{day, c[1], c[2]})
		return err
	})
	if err != nil {
		return Truth{}, err
	}
	err = readTable(filepath.Join(dir, "benign.csv"), []string{"employee_id", "oddity"}, func(c []string) error {
		t.Benign = append(t.Benign, Benign{c[0], c[1]})
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Truth{}, err
	}
	return t, nil
}

// readTable gives take the wanted columns of each row, in the order in which they are
// wanted, whatever their order in the file.
func readTable(path string, want []string, take func(cells []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	defer f.Close()
	name := filepath.Base(path)
	r := csv.NewReader(f)
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("evaluate: %s: read header: %w", name, err)
	}
	at, err := columns(header, want)
	if err != nil {
		return fmt.Errorf("evaluate: %s:1: %w", name, err)
	}
	cells := make([]string, len(want))
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("evaluate: %s: %w", name, err)
		}
		for i, c := range at {
			cells[i] = row[c]
		}
		if err := take(cells); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("evaluate: %s:%d: %w", name, line, err)
		}
	}
}

func columns(header, want []string) ([]int, error) {
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	var at []int
	for _, w := range want {
		i := slices.Index(header, w)
		if i < 0 {
			return nil, fmt.Errorf("no column %q", w)
		}
		at = append(at, i)
	}
	return at, nil
}
