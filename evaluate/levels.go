package evaluate

import "github.com/onlooker-ueba/onlooker/ueba"

// Levels says who reaches which level.
type Levels struct {
	InsidersHigh     int     `json:"insiders_high"` // from the first labelled day until Follow days after the last
	InsidersCritical int     `json:"insiders_critical"`
	Insiders         int     `json:"insiders"`
	InnocentHigh     int     `json:"innocent_high"` // people, at high or above on any day
	InnocentCritical int     `json:"innocent_critical"`
	HighPer500       float64 `json:"innocent_high_per_500"`     // innocent people at high or above on a day, for 500 staff
	CriticalPer500   float64 `json:"innocent_critical_per_500"` // … at critical
	Flips            float64 `json:"flips"`                     // share of innocent employee-days whose level is not that of the day before

	given        bool // any row has a level
	innocentDays int
	highDays     map[string]int // innocent people
	criticalDays map[string]int
	reached      map[insiderKey]int // rank of the level
	flips, pairs int
}

// levels works through rows that are sorted by day and employee. Days of an insider
// outside of his story are neither his success nor an innocent's alarm.
func levels(rows []Row, ins []insider, follow int) Levels {
	l := Levels{Insiders: len(ins), highDays: map[string]int{}, criticalDays: map[string]int{}, reached: map[insiderKey]int{}}
	byEmployee := map[string][]*insider{}
	for i := range ins {
		byEmployee[ins[i].employee] = append(byEmployee[ins[i].employee], &ins[i])
	}
	before := map[string]Row{}
	for _, r := range rows {
		l.given = l.given || r.Level != ""
		if stories := byEmployee[r.Employee]; len(stories) > 0 {
			l.insider(r, stories, follow)
			continue
		}
		l.innocent(r, before)
	}
	l.sum()
	return l
}

func (l *Levels) insider(r Row, stories []*insider, follow int) {
	for _, in := range stories {
		if in.active(r.Day, follow) {
			l.reached[in.key()] = max(l.reached[in.key()], r.Level.Rank())
		}
	}
}

func (l *Levels) innocent(r Row, before map[string]Row) {
	l.innocentDays++
	if r.Level.Rank() >= ueba.High.Rank() {
		l.highDays[r.Employee]++
	}
	if r.Level == ueba.Critical {
		l.criticalDays[r.Employee]++
	}
	if last, ok := before[r.Employee]; ok && last.Day == r.Day-1 {
		l.pairs++
		if last.Level != r.Level {
			l.flips++
		}
	}
	before[r.Employee] = r
}

func (l *Levels) sum() {
	for _, rank := range l.reached {
		if rank >= ueba.High.Rank() {
			l.InsidersHigh++
		}
		if rank >= ueba.Critical.Rank() {
			l.InsidersCritical++
		}
	}
	l.InnocentHigh, l.InnocentCritical = len(l.highDays), len(l.criticalDays)
	l.HighPer500 = per500(l.highDays, l.innocentDays)
	l.CriticalPer500 = per500(l.criticalDays, l.innocentDays)
	if l.pairs > 0 {
		l.Flips = float64(l.flips) / float64(l.pairs)
	}
}

func per500(days map[string]int, all int) float64 {
	var n int
	for _, d := range days {
		n += d
	}
	if all == 0 {
		return 0
	}
	return 500 * float64(n) / float64(all)
}
