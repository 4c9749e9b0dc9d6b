package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/evaluate"
	"github.com/onlooker-ueba/onlooker/simulate"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// SimulateConfig says which company is made and where.
type SimulateConfig struct {
	Out                   string
	Seed                  uint64
	Staff, Days, Insiders int
	Harsh                 bool
	ReasonLoss            float64
	End                   time.Time // last day; zero: today
}

// SimulateSummary says what was made.
type SimulateSummary struct {
	Events   int `json:"events"`
	Staff    int `json:"staff"`
	Reasons  int `json:"reasons"`
	Insiders int `json:"insiders"`
	Oddities int `json:"oddities"`
}

// Simulate writes a labelled company.
func Simulate(ctx context.Context, s SimulateConfig, progress func(Progress)) (SimulateSummary, error) {
	c := simulate.Default()
	c.Seed, c.Staff, c.Days, c.Insiders = s.Seed, s.Staff, s.Days, s.Insiders
	c.Harsh, c.ReasonLoss = s.Harsh, s.ReasonLoss
	zone, err := time.LoadLocation(Defaults().Business.Zone)
	if err != nil {
		return SimulateSummary{}, fmt.Errorf("simulate: %w", err)
	}
	end := ueba.DateOf(time.Now().In(zone))
	if !s.End.IsZero() {
		end = ueba.DateOf(s.End)
	}
	c.Start = end - ueba.Day(s.Days) + 1
	if s.End.IsZero() {
		c.Silent = 5 // today included: the page names a silent system at any hour
	}
	sum, err := simulate.Write(s.Out, c, func(done, total int) {
		progress(Progress{Stage: "simulate", Done: int64(done), Total: int64(total), Day: ueba.NoDay})
	})
	return SimulateSummary{
		Events: sum.Lines, Staff: sum.Employees, Reasons: sum.Reasons, Insiders: sum.Insiders, Oddities: sum.Oddities,
	}, errors.Join(err, ctx.Err())
}

// EvaluateConfig says what is measured.
type EvaluateConfig struct {
	Dir      string
	Warmup   int
	JSON     bool
	Lang     string
	Out      io.Writer
	Progress func(Progress)
}

// Evaluate scores a labelled folder from scratch, as if live, in a store of its own, and
// prints how well the scores find what the labels say, beside the baselines that a user
// would otherwise have.
func Evaluate(ctx context.Context, e EvaluateConfig, o Options) error {
	truth, err := evaluate.ReadTruth(e.Dir)
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "onlooker-evaluate-")
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	defer func() { _ = os.RemoveAll(data) }() // a temporary folder: the system clears what stays
	c, err := labelledConfig(e.Dir, data)
	if err != nil {
		return err
	}
	a, err := Open(ctx, c, o)
	if err != nil {
		return err
	}
	results, err := a.evaluate(ctx, e, truth)
	if err = errors.Join(err, a.Close()); err != nil {
		return err
	}
	if e.JSON {
		return evaluate.WriteJSON(e.Out, results)
	}
	return evaluate.WriteTables(e.Out, results)
}

// labelledConfig takes the folder's own configuration, or where it has none the files by
// their usual names.
func labelledConfig(dir, data string) (Config, error) {
	if _, err := os.Stat(simulate.ConfigFile(dir)); err == nil {
		return LoadConfig(Overrides{File: simulate.ConfigFile(dir), Data: data}, nil)
	}
	c := Defaults()
	c.Data = data
	d := &c.Directory
	for name, field := range map[string]*string{
		"employees.csv": &d.Employees, "records.csv": &d.Records, "reasons.csv": &d.Reasons, "calendar.csv": &d.Calendar, "systems.csv": &d.Systems,
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			*field = filepath.Join(dir, name)
		}
	}
	return c, c.Check()
}

func (a *App) evaluate(ctx context.Context, e EvaluateConfig, truth evaluate.Truth) ([]evaluate.Result, error) {
	err := a.loadDirectory(ctx, func(stage string, done int64) {
		e.Progress(Progress{Stage: stage, Done: done, Day: ueba.NoDay})
	})
	if err != nil {
		return nil, err
	}
	from, to, err := a.importAll(ctx, filepath.Join(e.Dir, "events.ndjson"), e.Progress)
	if err != nil {
		return nil, err
	}
	if err := a.jobs.catchUp(ctx, e.Progress); err != nil {
		return nil, err
	}
	// Scored at the close of its last day, whenever the company lived.
	at := a.clock.Close(to)
	if err := a.pipeline.Settle(ctx, at.Add(time.Nanosecond), func(done, total int) {
		e.Progress(Progress{Stage: "settle", Done: int64(done), Total: int64(total), Day: ueba.NoDay})
	}); err != nil {
		return nil, err
	}
	e.Progress(Progress{Stage: "score", Day: to})
	computed, err := a.engine.Compute(ctx, at, from, to)
	if err != nil {
		return nil, err
	}
	table, err := a.featureTable(ctx, from, to, at)
	if err != nil {
		return nil, err
	}
	return compareWithBaselines(truth, computed, table, e.Warmup)
}

func (a *App) importAll(ctx context.Context, name string, progress func(Progress)) (from, to ueba.Day, err error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, 0, fmt.Errorf("evaluate: %w", err)
	}
	defer file.Close()
	format, err := a.formats.named("")
	if err != nil {
		return 0, 0, err
	}
	o := collector.ImportOptions{Progress: func(s collector.Summary) {
		progress(console.Progress{Stage: "read", Done: s.Received, Day: ueba.NoDay})
	}}
	o.Source, o.Known = "import", collector.KnownThen
	sum, err := a.intake.Import(ctx, file, format, o)
	if err == nil && sum.First.IsZero() {
		err = fmt.Errorf("evaluate: %s holds no events", name)
	}
	return a.clock.DayOf(sum.First), a.clock.DayOf(sum.Last), err
}

// featureTable is what the baselines see: the same profiles that the scores rest on.
func (a *App) featureTable(ctx context.Context, from, to ueba.Day, at time.Time) ([]evaluate.FeatureRow, error) {
	var out []evaluate.FeatureRow
	for day := from; day <= to; day++ {
		staff, err := a.company.Staff(ctx, day, at)
		if err != nil {
			return nil, err
		}
		profiles, err := a.pipeline.Profiles(ctx, day, at, nil)
		if err != nil {
			return nil, err
		}
		values := map[string][]float64{}
		for _, p := range profiles {
			values[p.Employee] = p.Features[:]
		}
		for _, s := range staff {
			row := evaluate.FeatureRow{Day: day, Employee: s.ID, Values: values[s.ID]}
			if row.Values == nil {
				row.Values = make([]float64, ueba.FeatureCount)
			}
			out = append(out, row)
		}
	}
	return out, nil
}

func compareWithBaselines(truth evaluate.Truth, computed []ueba.RiskScore, table []evaluate.FeatureRow, warmup int) ([]evaluate.Result, error) {
	acted := map[string]bool{}
	for i := range table {
		acted[table[i].Employee+" "+table[i].Day.String()] = slices.Max(table[i].Values) > 0
	}
	rows := make([]evaluate.Row, len(computed))
	for i, s := range computed {
		rows[i] = evaluate.Row{Day: s.Day, Employee: s.Employee, Score: s.R, Priority: s.Priority, Level: s.Level, State: s.State}
		if acted[s.Employee+" "+s.Day.String()] {
			rows[i].P = s.P // who did nothing has no place among those who did something
		}
	}
	opt := evaluate.Options{Warmup: warmup}
	results := []evaluate.Result{evaluate.Evaluate("onlooker", truth, rows, opt)}
	baselines, err := evaluate.Baselines(table, 1)
	if err != nil {
		return nil, err
	}
	for _, b := range baselines {
		results = append(results, evaluate.Evaluate(b.Name, truth, b.Rows, opt))
	}
	return results, nil
}
