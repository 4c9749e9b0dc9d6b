package evaluate

import (
	"cmp"
	"slices"
)

// Pool puts the results of one kind of scores on several companies together: counts are
// added, shares weighted by employee-days, rankings and median delays averaged over the
// companies. First and last day are those of the first company.
func Pool(results []Result) Result {
	if len(results) == 0 {
		return Result{}
	}
	out := results[0]
	out.Days, out.Bad, out.Unscored = 0, 0, 0
	n := float64(len(results))
	out.Score, out.Priority = Ranking{Found: make([]float64, len(budgets))}, Ranking{Found: make([]float64, len(budgets))}
	for _, r := range results {
		out.Days, out.Bad, out.Unscored = out.Days+r.Days, out.Bad+r.Bad, out.Unscored+r.Unscored
		out.Score.add(r.Score, 1/n)
		out.Priority.add(r.Priority, 1/n)
	}
	out.Queues = poolQueues(results)
	out.Levels = poolLevels(results)
	out.Scenarios = poolScenarios(results)
	out.Oddities = poolOddities(results)
	out.Nominal = poolNominal(results)
	return out
}

func (r *Ranking) add(o Ranking, w float64) {
	r.AUC += w * o.AUC
	r.AP += w * o.AP
	for i := range o.Found {
		r.Found[i] += w * o.Found[i]
	}
}

func poolQueues(results []Result) []Queue {
	out := make([]Queue, len(results[0].Queues))
	for i := range out {
		out[i].K = results[0].Queues[i].K
		for _, r := range results {
			q := r.Queues[i]
			out[i].Found += q.Found
			out[i].Insiders += q.Insiders
			out[i].Innocent += q.Innocent
			out[i].MedianDelay += q.MedianDelay / float64(len(results))
		}
	}
	return out
}

func poolLevels(results []Result) Levels {
	var out Levels
	var days float64
	for _, r := range results {
		days += float64(r.Days)
	}
	for _, r := range results {
		l, w := r.Levels, float64(r.Days)/max(days, 1)
		out.given = out.given || l.given
		out.Insiders += l.Insiders
		out.InsidersHigh += l.InsidersHigh
		out.InsidersCritical += l.InsidersCritical
		out.InnocentHigh += l.InnocentHigh
		out.InnocentCritical += l.InnocentCritical
		out.HighPer500 += w * l.HighPer500
		out.CriticalPer500 += w * l.CriticalPer500
		out.Flips += w * l.Flips
	}
	return out
}

func poolScenarios(results []Result) []Scenario {
	by := map[string]*Scenario{}
	companies := map[string]float64{}
	for _, r := range results {
		for _, s := range r.Scenarios {
			p := by[s.Name]
			if p == nil {
				p = &Scenario{Name: s.Name}
				by[s.Name] = p
			}
			n := companies[s.Name]
			p.AP = (n*p.AP + s.AP) / (n + 1)
			p.MedianDelay = (n*p.MedianDelay + s.MedianDelay) / (n + 1)
			companies[s.Name]++
			p.Insiders += s.Insiders
			p.Days += s.Days
			p.Found += s.Found
			p.High += s.High
			p.Critical += s.Critical
		}
	}
	out := make([]Scenario, 0, len(by))
	for _, s := range by {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Scenario) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func poolOddities(results []Result) []Oddity {
	by := map[string]*Oddity{}
	for _, r := range results {
		for _, o := range r.Oddities {
			p := by[o.Name]
			if p == nil {
				p = &Oddity{Name: o.Name}
				by[o.Name] = p
			}
			p.People += o.People
			p.Days += o.Days
			p.Shown += o.Shown
			p.High += o.High
			p.HighDays += o.HighDays
			p.Critical += o.Critical
			p.CriticalDays += o.CriticalDays
		}
	}
	out := make([]Oddity, 0, len(by))
	for _, o := range by {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Oddity) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func poolNominal(results []Result) []Calibrated {
	var out []Calibrated
	var days float64
	for _, r := range results {
		if len(r.Nominal) == 0 {
			continue
		}
		if out == nil {
			out = make([]Calibrated, len(r.Nominal))
		}
		days += float64(r.Days)
		for i, c := range r.Nominal {
			out[i].P = c.P
			out[i].Share += float64(r.Days) * c.Share
		}
	}
	for i := range out {
		out[i].Share /= days
		out[i].Factor = out[i].Share / out[i].P
	}
	return out
}
