// Trial measures the model on made-up companies: it makes one for each seed and setting,
// folds it once, scores it, and prints evaluate's tables pooled over all of them, the
// baselines and, if wished, what is left when a part of the model is missing.
//
// The same flags give the same bytes. Folded companies are kept in the cache, so that a
// second run only scores; delete the cache when profiles change, for it cannot know. It
// shortens two ways of the daemon: facts are known when they happen, and nothing is
// stored. `onlooker evaluate` goes the whole way.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/evaluate"
	"github.com/onlooker-ueba/onlooker/simulate"
)

// setting is one made-up company.
type setting struct {
	seed                  uint64
	staff, days, insiders int
	harsh                 bool
	loss                  float64
}

func (s setting) name() string {
	return fmt.Sprintf("s%d-%d-%d-%d-%t-%g", s.seed, s.staff, s.days, s.insiders, s.harsh, s.loss)
}

func (s setting) config() simulate.Config {
	c := simulate.Default()
	c.Seed, c.Staff, c.Days, c.Insiders = s.seed, s.staff, s.days, s.insiders
	c.Harsh, c.ReasonLoss = s.harsh, s.loss
	return c
}

// options are the flags.
type options struct {
	setting
	seeds     string
	cache     string
	warmup    int
	ablation  bool
	baselines bool
	json      bool
}

func main() {
	var o options
	flag.StringVar(&o.seeds, "seeds", "6-20", "seeds, as 6 or 6-20")
	flag.IntVar(&o.staff, "staff", 480, "employees")
	flag.IntVar(&o.days, "days", 84, "calendar days")
	flag.IntVar(&o.insiders, "insiders", 32, "stories of insiders")
	flag.BoolVar(&o.harsh, "harsh", false, "people differ twice as much, and from day to day")
	flag.Float64Var(&o.loss, "reason-loss", 0, "share of reasons that never arrive")
	flag.IntVar(&o.warmup, "warmup", 30, "days that do not count")
	flag.StringVar(&o.cache, "cache", "build/trial", "where folded companies are kept")
	flag.BoolVar(&o.ablation, "ablation", false, "also score with parts of the model missing")
	flag.BoolVar(&o.baselines, "baselines", true, "also score with what a user would otherwise have")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "trial:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	seeds, err := parseSeeds(o.seeds)
	if err != nil {
		return err
	}
	var names []string
	pools := map[string][]evaluate.Result{}
	add := func(r evaluate.Result) {
		if pools[r.Name] == nil {
			names = append(names, r.Name)
		}
		pools[r.Name] = append(pools[r.Name], r)
	}
	for _, seed := range seeds {
		o.seed = seed
		if err := o.try(add); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "seed %d done\n", seed)
	}
	var results []evaluate.Result
	for _, n := range names {
		results = append(results, evaluate.Pool(pools[n]))
	}
	if o.json {
		return evaluate.WriteJSON(os.Stdout, results)
	}
	return evaluate.WriteTables(os.Stdout, results)
}

// try scores one company in all ways that were asked for.
func (o options) try(add func(evaluate.Result)) error {
	f, truth, err := company(o.cache, o.setting)
	if err != nil {
		return err
	}
	s, opt := newStage(f), evaluate.Options{Warmup: o.warmup}
	list := without()
	if !o.ablation {
		list = list[:1]
	}
	for _, v := range list {
		s.alike = v.alike
		rows, err := s.rows(v.change)
		if err != nil {
			return err
		}
		add(evaluate.Evaluate(v.name, truth, rows, opt))
	}
	s.alike = false
	if !o.baselines {
		return nil
	}
	table, err := s.table()
	if err != nil {
		return err
	}
	others, err := evaluate.Baselines(table, 1)
	for _, b := range others {
		add(evaluate.Evaluate(b.Name, truth, b.Rows, opt))
	}
	return err
}

func parseSeeds(text string) ([]uint64, error) {
	low, high, ranged := strings.Cut(text, "-")
	if !ranged {
		high = low
	}
	from, err := strconv.ParseUint(low, 10, 32)
	to, err2 := strconv.ParseUint(high, 10, 32)
	if err = errors.Join(err, err2); err != nil || from > to {
		return nil, fmt.Errorf("--seeds %q: want a number, or two with a dash between", text)
	}
	var out []uint64
	for s := from; s <= to; s++ {
		out = append(out, s)
	}
	return out, nil
}
