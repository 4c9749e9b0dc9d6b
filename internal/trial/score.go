package main

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/evaluate"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// stage lets the scorer see a folded company; it implements scorer.Company.
type stage struct {
	*Folded
	by    map[ueba.Day][]ueba.Profile
	alike bool // nobody has a peer group of his own
}

func newStage(f *Folded) *stage {
	s := &stage{Folded: f, by: map[ueba.Day][]ueba.Profile{}}
	for _, p := range f.Profiles {
		s.by[p.Day] = append(s.by[p.Day], p)
	}
	return s
}

func (s *stage) Staff(_ context.Context, day ueba.Day, _ time.Time) ([]ueba.Employee, error) {
	newest := map[string]ueba.Employee{}
	end := business().End(day).Add(-1)
	for _, e := range s.Folded.Staff {
		if old, ok := newest[e.ID]; !e.ValidFrom.After(end) && (!ok || e.ValidFrom.After(old.ValidFrom)) {
			newest[e.ID] = e
		}
	}
	var out []ueba.Employee
	for _, e := range newest {
		if s.alike {
			e.Department, e.Role = "", ""
		}
		if e.Employed(day) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b ueba.Employee) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out, nil
}

func (s *stage) DayType(e *ueba.Employee, day ueba.Day, _ time.Time) ueba.DayType {
	if s.Free[freeKey(e.ID, day)] {
		return ueba.FreeDay
	}
	return ueba.Workday
}

func (s *stage) Profiles(_ context.Context, day ueba.Day, _ time.Time, _ []string) ([]ueba.Profile, error) {
	return s.by[day], nil
}

func (s *stage) Reviews(context.Context, time.Time) ([]ueba.Review, error) { return nil, nil }

// rows scores the company in one pass over its days.
func (s *stage) rows(change func(*scorer.Config)) ([]evaluate.Row, error) {
	c := scorer.DefaultConfig(business())
	c.Epoch = 1000 // one pass: the grid would begin it anew
	change(&c)
	e, err := scorer.New(c, s, nil, nil)
	if err != nil {
		return nil, err
	}
	scores, err := e.Compute(context.Background(), business().Close(s.To), s.From, s.To)
	if err != nil {
		return nil, err
	}
	active := map[string]bool{}
	for i := range s.Folded.Profiles {
		active[freeKey(s.Folded.Profiles[i].Employee, s.Folded.Profiles[i].Day)] = true
	}
	var out []evaluate.Row
	for i := range scores {
		x := &scores[i]
		if x.State == ueba.Unmonitored {
			continue
		}
		row := evaluate.Row{Day: x.Day, Employee: x.Employee, Score: x.R, Priority: x.Priority, Level: x.Level, State: x.State}
		if active[freeKey(x.Employee, x.Day)] {
			row.P = x.P // who did nothing has no place among those who did something
		}
		out = append(out, row)
	}
	return out, nil
}

// table is what the baselines see.
func (s *stage) table() ([]evaluate.FeatureRow, error) {
	var out []evaluate.FeatureRow
	for day := s.From; day <= s.To; day++ {
		staff, err := s.Staff(context.Background(), day, time.Time{})
		if err != nil {
			return nil, err
		}
		values := map[string][]float64{}
		for i := range s.by[day] {
			values[s.by[day][i].Employee] = s.by[day][i].Features[:]
		}
		for _, e := range staff {
			row := evaluate.FeatureRow{Day: day, Employee: e.ID, Values: values[e.ID]}
			if row.Values == nil {
				row.Values = make([]float64, ueba.FeatureCount)
			}
			out = append(out, row)
		}
	}
	return out, nil
}

// variant is the model with something taken away.
type variant struct {
	name   string
	change func(*scorer.Config)
	alike  bool
}

// without lists the model and what is left when a part of it is missing.
func without() []variant {
	list := []variant{{name: "onlooker", change: func(*scorer.Config) {}}}
	for _, m := range scorer.DefaultModels() {
		list = append(list, variant{name: "without " + m.Name, change: func(c *scorer.Config) {
			c.Models = slices.DeleteFunc(c.Models, func(o scorer.Model) bool { return o.Name == m.Name })
		}})
	}
	return append(list,
		variant{name: "without rules", change: func(c *scorer.Config) { c.RuleCap = 0 }},
		variant{name: "without calibration", change: func(c *scorer.Config) { c.Sharpen = 1 }},
		variant{name: "without peers", change: func(*scorer.Config) {}, alike: true},
		variant{name: "without accumulation", change: func(c *scorer.Config) { c.Lambda = 1e-9 }},
		variant{name: "without own dispersion", change: func(c *scorer.Config) { c.Pool = math.MaxInt32 }},
	)
}
