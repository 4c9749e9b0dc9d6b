package evaluate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// scenarios tells the figures by scenario, by name.
func scenarios(labels []Label, rows []Row, bad []bool, ins []insider, q Queue, lv Levels) []Scenario {
	by := map[string]*Scenario{}
	delays := map[string][]float64{}
	for _, in := range ins {
		s := by[in.scenario]
		if s == nil {
			s = &Scenario{Name: in.scenario}
			by[in.scenario] = s
		}
		s.Insiders++
		if d, ok := q.delays[in.key()]; ok {
			s.Found++
			delays[in.scenario] = append(delays[in.scenario], float64(d))
		}
		if reached := lv.reached[in.key()]; reached >= ueba.High.Rank() {
			s.High++
			if reached >= ueba.Critical.Rank() {
				s.Critical++
			}
		}
	}
	days := scenarioDays(labels)
	out := make([]Scenario, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		s := by[name]
		s.MedianDelay = median(delays[name])
		s.Days, s.AP = apart(rows, bad, days[name])
		out = append(out, *s)
	}
	return out
}

func scenarioDays(labels []Label) map[string]map[personDay]bool {
	out := map[string]map[personDay]bool{}
	for _, l := range labels {
		if out[l.Scenario] == nil {
			out[l.Scenario] = map[personDay]bool{}
		}
		out[l.Scenario][personDay{l.Day, l.Employee}] = true
	}
	return out
}

// apart ranks the days of one scenario among those that are not bad.
func apart(rows []Row, bad []bool, own map[personDay]bool) (days int, ap float64) {
	var values []float64
	var marks []bool
	for i, r := range rows {
		mine := own[personDay{r.Day, r.Employee}]
		if bad[i] && !mine {
			continue
		}
		if mine {
			days++
		}
		values, marks = append(values, r.Priority), append(marks, mine)
	}
	return days, rank(values, marks).AP
}

// noOddity is the name under which innocent people without an oddity are told.
const noOddity = "none"

// byOddity tells the figures of innocent people by oddity, by name; somebody with two
// counts in both.
func byOddity(benign []Benign, rows []Row, ins []insider, q Queue, lv Levels) []Oddity {
	guilty := employees(ins)
	names := map[string][]string{}
	for _, b := range benign {
		if !slices.Contains(names[b.Employee], b.Oddity) {
			names[b.Employee] = append(names[b.Employee], b.Oddity)
		}
	}
	by := map[string]*Oddity{}
	for employee, days := range activeDays(rows) {
		if guilty[employee] {
			continue
		}
		own := names[employee]
		if len(own) == 0 {
			own = []string{noOddity}
		}
		for _, name := range own {
			if by[name] == nil {
				by[name] = &Oddity{Name: name}
			}
			by[name].add(days, q.shown[employee], lv.highDays[employee], lv.criticalDays[employee])
		}
	}
	return slices.SortedFunc(deref(by), func(a, b Oddity) int { return cmp.Compare(a.Name, b.Name) })
}

func (o *Oddity) add(days, shown, high, critical int) {
	o.People++
	o.Days += days
	o.Shown += shown
	o.HighDays += high
	o.CriticalDays += critical
	if high > 0 {
		o.High++
	}
	if critical > 0 {
		o.Critical++
	}
}

func activeDays(rows []Row) map[string]int {
	days := map[string]int{}
	for _, r := range rows {
		days[r.Employee]++
	}
	return days
}

func deref(by map[string]*Oddity) func(func(Oddity) bool) {
	return func(yield func(Oddity) bool) {
		for _, o := range by {
			if !yield(*o) {
				return
			}
		}
	}
}
