package simulate

import (
	"errors"
	"fmt"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Config says which company is made. Start from Default.
type Config struct {
	Seed  uint64
	Staff int      // employees, without the accounts that belong to nobody
	Days  int      // calendar days
	Start ueba.Day // the first of them

	// Systems names the five business systems, in the order loans, customer care,
	// marketing, payments, collections.
	Systems []string
	Records int     // customers; 0: 250 for each employee
	Looks   float64 // how busy everybody is; 1 is about 40 looks a working day

	Insiders  int      // stories of insiders; 0: one for 20 employees; negative: none
	Scenarios []string // only these; empty: all
	Share     float64  // at most this share of all employee-days is labelled; 0: .004; negative: no bound
	Oddities  int      // innocent oddities; 0: one for 10 employees; negative: none
	Warmup    int      // days without insiders at the beginning; 0: half of the days, at most 30

	Harsh      bool    // people differ twice as much, and from day to day
	ReasonLoss float64 // share of all reasons that never reach the file
	Silent     int     // days at the end on which the payments system sends nothing; 0: two; negative: none

	Zone *time.Location // nil: Asia/Shanghai
}

// Default is the company of the demo: 200 people, 60 days with a holiday week and two
// month-ends, ten insiders, twenty oddities.
func Default() Config {
	start, _ := ueba.ParseDay("2026-09-01")
	return Config{
		Seed: 1, Staff: 200, Days: 60, Start: start, Looks: 1,
		Systems: []string{"credit-engine", "crm", "marketing", "funds", "asset-mgmt"},
	}
}

// Scenarios lists the names of all insider scenarios. Each is also played covered, with
// ordinary looks around the bad ones; its labels then end in ".covered".
func Scenarios() []string {
	var names []string
	for _, p := range plots() {
		names = append(names, p.name)
	}
	return names
}

// Oddities lists the names of all innocent oddities.
func Oddities() []string {
	var names []string
	for _, o := range oddities() {
		names = append(names, o.name)
	}
	return names
}

// complete fills in what Config leaves to a rule, and checks the rest.
func (cfg Config) complete() (Config, error) {
	cfg.Insiders = orShare(cfg.Insiders, cfg.Staff, 20)
	cfg.Oddities = orShare(cfg.Oddities, cfg.Staff, 10)
	cfg.Silent = max(orElse(cfg.Silent, min(2, cfg.Days-1)), 0)
	cfg.Warmup = orElse(cfg.Warmup, min(30, cfg.Days/2))
	cfg.Records = orElse(cfg.Records, 250*cfg.Staff)
	if cfg.Share == 0 {
		cfg.Share = .004
	}
	if cfg.Looks == 0 {
		cfg.Looks = 1
	}
	if cfg.Zone == nil {
		cfg.Zone = shanghai()
	}
	return cfg, cfg.check()
}

func (cfg Config) check() error {
	var errs []error
	bound := func(name string, v, low, high int) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("simulate: %s is %d, want %d to %d", name, v, low, high))
		}
	}
	bound("staff", cfg.Staff, 20, 100_000)
	bound("days", cfg.Days, 2, 1500)
	bound("systems", len(cfg.Systems), systemCount, systemCount)
	bound("records", cfg.Records, 20*cfg.Staff, 9_000_000-1)
	bound("warm-up", cfg.Warmup, 1, cfg.Days-1)
	bound("insiders", cfg.Insiders, 0, cfg.Staff/4)
	bound("oddities", cfg.Oddities, 0, cfg.Staff/4)
	bound("silent days", cfg.Silent, 0, cfg.Days-1)
	if cfg.Looks <= 0 || cfg.Looks > 20 {
		errs = append(errs, fmt.Errorf("simulate: looks is %g, want a factor above 0, at most 20", cfg.Looks))
	}
	if cfg.ReasonLoss < 0 || cfg.ReasonLoss > 1 {
		errs = append(errs, fmt.Errorf("simulate: reason loss is %g, want a share from 0 to 1", cfg.ReasonLoss))
	}
	for _, name := range cfg.Scenarios {
		if plotNamed(name) == nil {
			errs = append(errs, fmt.Errorf("simulate: no scenario %q", name))
		}
	}
	return errors.Join(errs...)
}

func orElse(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

func orShare(v, of, each int) int {
	if v < 0 {
		return 0
	}
	return orElse(v, max(of/each, 1))
}

// shanghai falls back to the fixed offset where the machine has no zone files: China
// has kept no summer time since 1991.
func shanghai() *time.Location {
	if zone, err := time.LoadLocation("Asia/Shanghai"); err == nil {
		return zone
	}
	return time.FixedZone("Asia/Shanghai", 8*3600)
}
