package evaluate

import (
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Options are the ground rules.
type Options struct {
	Warmup int   // days from the first row on that do not count
	Queue  []int // people a day; empty: 1, 2, 3, 5
	Rest   int   // days for which somebody shown is not shown again; 0: 14
	Follow int   // days after the last labelled day on which finding him still counts; 0: 7
}

// Result is how well one kind of scores does.
type Result struct {
	Name      string       `json:"name"`
	From      ueba.Day     `json:"from"` // first and last day that count
	To        ueba.Day     `json:"to"`
	Days      int          `json:"employee_days"`
	Bad       int          `json:"bad_days"`
	Unscored  int          `json:"bad_days_unscored"` // labelled days without a score: they count against no figure below
	Score     Ranking      `json:"score"`
	Priority  Ranking      `json:"priority"`
	Queues    []Queue      `json:"queues"`
	Levels    Levels       `json:"levels"`
	Scenarios []Scenario   `json:"scenarios"`
	Oddities  []Oddity     `json:"oddities"`
	Nominal   []Calibrated `json:"calibration,omitempty"` // absent where rows have no p-values
}

// Scenario is how one scenario's insiders fare.
type Scenario struct {
	Name        string  `json:"scenario"`
	Insiders    int     `json:"insiders"`
	Days        int     `json:"days"`
	Found       int     `json:"found"` // in the queue of QueueK
	MedianDelay float64 `json:"median_delay"`
	High        int     `json:"high"`
	Critical    int     `json:"critical"`
	AP          float64 `json:"average_precision"` // of priority, against innocent days
}

// Oddity is how innocent people with one oddity fare; "none" are the others.
type Oddity struct {
	Name         string `json:"oddity"`
	People       int    `json:"people"`
	Days         int    `json:"days"`
	Shown        int    `json:"shown"` // times in the queue of QueueK
	High         int    `json:"high"`  // people
	HighDays     int    `json:"high_days"`
	Critical     int    `json:"critical"`
	CriticalDays int    `json:"critical_days"`
}

// Calibrated compares p-values of innocent days with what they claim.
type Calibrated struct {
	P      float64 `json:"p"`
	Share  float64 `json:"share"` // of innocent employee-days at or below P
	Factor float64 `json:"factor"`
}

// QueueK is the queue by which scenarios and oddities are told: 3 people a day.
const QueueK = 3

func (o Options) complete() Options {
	if len(o.Queue) == 0 {
		o.Queue = []int{1, 2, 3, 5}
	}
	if o.Rest == 0 {
		o.Rest = 14
	}
	if o.Follow == 0 {
		o.Follow = 7
	}
	return o
}

// Evaluate compares rows with the truth. The name is what tables call these scores.
func Evaluate(name string, truth Truth, rows []Row, opt Options) Result {
	opt = opt.complete()
	from, to := bounds(rows)
	from += ueba.Day(opt.Warmup)
	rows = sorted(rows, from)
	ins := insiders(truth.Labels, from, to)
	bad := badDays(truth.Labels, from, to)

	res := Result{Name: name, From: from, To: to, Days: len(rows)}
	marks := make([]bool, len(rows))
	for i, r := range rows {
		if marks[i] = bad[personDay{r.Day, r.Employee}]; marks[i] {
			res.Bad++
		}
	}
	res.Unscored = len(bad) - res.Bad
	res.Score = rank(column(rows, func(r Row) float64 { return r.Score }), marks)
	res.Priority = rank(column(rows, func(r Row) float64 { return r.Priority }), marks)
	for _, k := range opt.Queue {
		res.Queues = append(res.Queues, review(rows, ins, k, opt.Rest, opt.Follow))
	}
	res.Levels = levels(rows, ins, opt.Follow)
	told := review(rows, ins, QueueK, opt.Rest, opt.Follow)
	res.Scenarios = scenarios(truth.Labels, rows, marks, ins, told, res.Levels)
	res.Oddities = byOddity(truth.Benign, rows, ins, told, res.Levels)
	res.Nominal = calibration(rows, ins)
	return res
}

type personDay struct {
	day      ueba.Day
	employee string
}

func badDays(labels []Label, from, to ueba.Day) map[personDay]bool {
	bad := map[personDay]bool{}
	for _, l := range labels {
		if l.Day >= from && l.Day <= to {
			bad[personDay{l.Day, l.Employee}] = true
		}
	}
	return bad
}

// bounds are the first and the last day of rows.
func bounds(rows []Row) (first, last ueba.Day) {
	if len(rows) == 0 {
		return 0, -1
	}
	first, last = rows[0].Day, rows[0].Day
	for _, r := range rows {
		first, last = min(first, r.Day), max(last, r.Day)
	}
	return first, last
}

func column(rows []Row, of func(Row) float64) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}

// calibration counts each innocent day with a p-value.
func calibration(rows []Row, ins []insider) []Calibrated {
	guilty := employees(ins)
	var ps []float64
	for _, r := range rows {
		if r.P > 0 && !guilty[r.Employee] {
			ps = append(ps, r.P)
		}
	}
	if len(ps) == 0 {
		return nil
	}
	slices.Sort(ps)
	var out []Calibrated
	for _, p := range []float64{.1, .01, .001} {
		n, _ := slices.BinarySearchFunc(ps, p, func(v, bound float64) int {
			if v <= bound {
				return -1
			}
			return 1
		})
		share := float64(n) / float64(len(ps))
		out = append(out, Calibrated{P: p, Share: share, Factor: share / p})
	}
	return out
}

func employees(ins []insider) map[string]bool {
	set := map[string]bool{}
	for _, in := range ins {
		set[in.employee] = true
	}
	return set
}
