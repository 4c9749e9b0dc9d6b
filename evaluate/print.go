package evaluate

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"
)

// WriteJSON writes results as one indented JSON array.
func WriteJSON(w io.Writer, results []Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(results); err != nil {
		return fmt.Errorf("evaluate: write results: %w", err)
	}
	return nil
}

// WriteTables writes results for people: all in one table each for ranking, queue
// and levels, then scenarios, oddities and calibration of the first.
func WriteTables(w io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	p := &printer{w: w}
	first := results[0]
	p.line("%s to %s: %d employee-days, %d of them bad, %d insiders", first.From, first.To, first.Days, first.Bad, first.Levels.Insiders)
	p.ranking(results)
	p.queues(results)
	p.levels(results)
	p.scenarios(first)
	p.oddities(first)
	p.calibration(first)
	if p.err != nil {
		return fmt.Errorf("evaluate: write tables: %w", p.err)
	}
	return nil
}

// printer keeps the first error, so that tables read as tables.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) table(title string, rows func(row func(format string, args ...any))) {
	p.line("")
	p.line("%s", title)
	tw := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	rows(func(format string, args ...any) {
		if p.err == nil {
			_, p.err = fmt.Fprintf(tw, "  "+format+"\n", args...)
		}
	})
	if p.err == nil {
		p.err = tw.Flush()
	}
}

func (p *printer) ranking(results []Result) {
	p.table("Ranking of employee-days (found: share of bad days in the first 0.1, 1 and 5 %)", func(row func(string, ...any)) {
		row("scores\tby\tAUC\tAP\t0.1 %%\t1 %%\t5 %%")
		for _, r := range results {
			for _, by := range r.rankings() {
				row("%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f", r.Name, by.name, by.AUC, by.AP, by.Found[0], by.Found[1], by.Found[2])
			}
		}
	})
}

type namedRanking struct {
	name string
	Ranking
}

// rankings are two, or one where both numbers rank alike, as those of the baselines do.
func (r *Result) rankings() []namedRanking {
	if reflect.DeepEqual(r.Score, r.Priority) {
		return []namedRanking{{"score = priority", r.Score}}
	}
	return []namedRanking{{"score", r.Score}, {"priority", r.Priority}}
}

func (p *printer) queues(results []Result) {
	p.table("Review queue (k people of highest priority a day, with rest)", func(row func(string, ...any)) {
		row("scores\tk\tfound\tof\tmedian delay\tinnocent looked at")
		for _, r := range results {
			for _, q := range r.Queues {
				row("%s\t%d\t%d\t%d\t%.1f\t%d", r.Name, q.K, q.Found, q.Insiders, q.MedianDelay, q.Innocent)
			}
		}
	})
}

func (p *printer) levels(results []Result) {
	p.table("Levels (innocent: people on any day, and people on a day for 500 staff)", func(row func(string, ...any)) {
		row("scores\tinsiders\thigh\tcritical\tinnocent high\ta day\tinnocent critical\ta day\tflips")
		for _, r := range results {
			l := r.Levels
			if !l.given {
				continue // the baselines have none
			}
			row("%s\t%d\t%d\t%d\t%d\t%.2f\t%d\t%.2f\t%.2f %%", r.Name, l.Insiders, l.InsidersHigh, l.InsidersCritical,
				l.InnocentHigh, l.HighPer500, l.InnocentCritical, l.CriticalPer500, 100*l.Flips)
		}
	})
}

func (p *printer) scenarios(r Result) {
	p.table(fmt.Sprintf("Scenarios, by %s (found: in a queue of %d)", r.Name, QueueK), func(row func(string, ...any)) {
		row("scenario\tinsiders\tdays\tfound\tmedian delay\thigh\tcritical\tAP")
		for _, s := range r.Scenarios {
			row("%s\t%d\t%d\t%d\t%.1f\t%d\t%d\t%.3f", s.Name, s.Insiders, s.Days, s.Found, s.MedianDelay, s.High, s.Critical, s.AP)
		}
	})
}

func (p *printer) oddities(r Result) {
	p.table(fmt.Sprintf("Innocent people, by %s (looked at: in a queue of %d)", r.Name, QueueK), func(row func(string, ...any)) {
		row("oddity\tpeople\tdays\tlooked at\thigh\thigh days\tcritical\tcritical days")
		for _, o := range r.Oddities {
			row("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d", o.Name, o.People, o.Days, o.Shown, o.High, o.HighDays, o.Critical, o.CriticalDays)
		}
	})
}

func (p *printer) calibration(r Result) {
	if len(r.Nominal) == 0 {
		return
	}
	p.table("Calibration of p on innocent days", func(row func(string, ...any)) {
		row("p\tshare at or below\tfactor")
		for _, c := range r.Nominal {
			row("%g\t%.5f\t%.2f", c.P, c.Share, c.Factor)
		}
	})
}
