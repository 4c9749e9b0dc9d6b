package evaluate

import (
	"cmp"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Queue is what an analyst finds who looks every day at the K people of highest priority
// whom he has not looked at for some days.
type Queue struct {
	K           int     `json:"k"`
	Found       int     `json:"found"`        // insiders
	Insiders    int     `json:"insiders"`     // of so many
	MedianDelay float64 `json:"median_delay"` // calendar days from the first labelled day; 0 where none is found
	Innocent    int     `json:"innocent"`     // innocent people looked at, each time he was

	delays map[insiderKey]int // of those found
	shown  map[string]int     // innocent people, how often
}

type insiderKey struct{ employee, scenario string }

func (in *insider) key() insiderKey { return insiderKey{in.employee, in.scenario} }

// review works through the rows, which are sorted by day and employee.
func review(rows []Row, ins []insider, k, rest, follow int) Queue {
	q := Queue{K: k, Insiders: len(ins), delays: map[insiderKey]int{}, shown: map[string]int{}}
	byEmployee := map[string][]*insider{}
	for i := range ins {
		byEmployee[ins[i].employee] = append(byEmployee[ins[i].employee], &ins[i])
	}
	seen := map[string]ueba.Day{}
	for len(rows) > 0 {
		n := dayLength(rows)
		for _, r := range pickQueue(rows[:n], seen, k, rest) {
			seen[r.Employee] = r.Day
			q.look(r, byEmployee[r.Employee], follow)
		}
		rows = rows[n:]
	}
	q.Found, q.MedianDelay = len(q.delays), median(values(q.delays))
	return q
}

// look notes what the analyst finds with one person.
func (q *Queue) look(r Row, stories []*insider, follow int) {
	if len(stories) == 0 {
		q.Innocent++
		q.shown[r.Employee]++
	}
	for _, in := range stories {
		if _, known := q.delays[in.key()]; !known && in.active(r.Day, follow) {
			q.delays[in.key()] = int(r.Day - in.first)
		}
	}
}

func dayLength(rows []Row) int {
	n := 1
	for n < len(rows) && rows[n].Day == rows[0].Day {
		n++
	}
	return n
}

// pickQueue is the day's queue: the highest priorities first, equal ones by employee.
func pickQueue(today []Row, seen map[string]ueba.Day, k, rest int) []Row {
	var free []Row
	for _, r := range today {
		if last, ok := seen[r.Employee]; !ok || int(r.Day-last) > rest {
			free = append(free, r)
		}
	}
	slices.SortFunc(free, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Employee, b.Employee))
	})
	return free[:min(k, len(free))]
}

func values(m map[insiderKey]int) []float64 {
	var out []float64
	for _, v := range m {
		out = append(out, float64(v))
	}
	return out
}

// median sorts its argument; the median of nothing is 0.
func median(list []float64) float64 {
	n := len(list)
	if n == 0 {
		return 0
	}
	slices.Sort(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}
