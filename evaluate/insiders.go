package evaluate

import (
	"cmp"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// insider is one employee in one scenario.
type insider struct {
	employee, scenario string
	first, last        ueba.Day // labelled
}

// insiders are those with a label on a day that counts, by employee and scenario.
func insiders(labels []Label, from, to ueba.Day) []insider {
	type key struct{ employee, scenario string }
	found := map[key]*insider{}
	for _, l := range labels {
		if l.Day < from || l.Day > to {
			continue
		}
		k := key{l.Employee, l.Scenario}
		in := found[k]
		if in == nil {
			in = &insider{employee: l.Employee, scenario: l.Scenario, first: l.Day, last: l.Day}
			found[k] = in
		}
		in.first, in.last = min(in.first, l.Day), max(in.last, l.Day)
	}
	out := make([]insider, 0, len(found))
	for _, in := range found {
		out = append(out, *in)
	}
	slices.SortFunc(out, func(a, b insider) int {
		return cmp.Or(cmp.Compare(a.employee, b.employee), cmp.Compare(a.scenario, b.scenario))
	})
	return out
}

// active reports whether finding him on d is finding what he did: from the first labelled
// day until so many days after the last.
func (in *insider) active(d ueba.Day, follow int) bool {
	return d >= in.first && d <= in.last+ueba.Day(follow)
}
