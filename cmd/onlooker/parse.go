package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) parse() *cobra.Command {
	var o app.ParseOptions
	var test bool
	cmd := c.command("parse [FILE]", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		switch {
		case test && len(args) == 0:
			return c.testMappings()
		case test || len(args) == 0:
			return usage(errors.New("parse: want a file, or --test without one"))
		}
		return c.parseFile(ctx, o, args[0])
	})
	cmd.Flags().StringVar(&o.Format, "format", "", c.words.Say("cli.flag.format", nil))
	cmd.Flags().StringVar(&o.Zone, "zone", "", c.words.Say("cli.flag.zone", nil))
	cmd.Flags().StringVar(&o.Service, "service", "", c.words.Say("cli.flag.service", nil))
	cmd.Flags().BoolVar(&test, "test", false, c.words.Say("cli.flag.parse_test", nil))
	return cmd
}

// testMappings runs the tests of all mappings.
func (c *cli) testMappings() error {
	cfg, _, err := c.config()
	if err != nil {
		return &exitError{exitDifference, err}
	}
	passed, err := app.TestMappings(cfg)
	if err != nil {
		return &exitError{exitDifference, err}
	}
	s := &sheet{columns: columns("format tests", "")}
	names := make([]string, 0, len(passed))
	for name := range passed {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.add(name, strconv.Itoa(passed[name]))
	}
	return c.print(s, passed)
}

// parseFile shows each record of a file before and after, and counts which rules dropped
// how many.
func (c *cli) parseFile(ctx context.Context, o app.ParseOptions, name string) error {
	cfg, _, err := c.config()
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	defer file.Close()
	p := parsePrinter{c: c, dropped: map[string]int{}, sheet: &sheet{columns: columns("line event dropped error", "")}}
	if err := app.Parse(ctx, cfg, o, file, p.tell); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	if p.dead > 0 {
		return &exitError{code: exitDead}
	}
	return nil
}

type parsePrinter struct {
	c                     *cli
	records, events, dead int
	dropped               map[string]int
	sheet                 *sheet
}

func (p *parsePrinter) tell(r app.ParsedRecord) error {
	if r.Line > 0 {
		p.records++
	}
	p.events += len(r.After)
	switch {
	case r.Error != "":
		p.dead++
	case r.Dropped != "":
		p.dropped[r.Dropped]++
	}
	switch p.c.output {
	case "json":
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.c.stdout, "%s\n", line)
		return err
	case "csv":
		p.rows(r)
		return nil
	}
	return p.show(r)
}

func (p *parsePrinter) rows(r app.ParsedRecord) {
	line := strconv.Itoa(r.Line)
	if len(r.After) == 0 {
		p.sheet.add(line, "", r.Dropped, r.Error)
	}
	for _, e := range r.After {
		p.sheet.add(line, string(e), "", "")
	}
}

// longestShown is how much of a raw record is shown.
const longestShown = 2000

func (p *parsePrinter) show(r app.ParsedRecord) error {
	say := func(id string, args map[string]any) {
		fmt.Fprintln(p.c.stdout, p.c.words.Say("cli.parse."+id, args))
	}
	before := r.Before
	if len(before) > longestShown {
		before = before[:longestShown] + "…"
	}
	if r.Line > 0 {
		say("before", map[string]any{"line": r.Line, "text": printable(before)})
	}
	for _, e := range r.After {
		say("after", map[string]any{"text": printable(string(e))})
	}
	switch {
	case r.Error != "":
		say("dead", map[string]any{"reason": printable(r.Error)})
	case r.Dropped != "":
		say("dropped", map[string]any{"rule": printable(r.Dropped)})
	case len(r.After) == 0:
		say("nothing", nil)
	}
	return nil
}

func (p *parsePrinter) end() error {
	switch p.c.output {
	case "json":
		return nil
	case "csv":
		return p.sheet.csv(p.c.stdout)
	}
	dropped := 0
	rules := make([]string, 0, len(p.dropped))
	for rule, n := range p.dropped {
		dropped += n
		rules = append(rules, rule)
	}
	fmt.Fprintln(p.c.stdout, p.c.words.Say("cli.parse.sum", map[string]any{
		"records": p.records, "events": p.events, "dropped": dropped, "dead": p.dead,
	}))
	slices.Sort(rules)
	for _, rule := range rules {
		fmt.Fprintf(p.c.stdout, "%8d  %s\n", p.dropped[rule], printable(rule))
	}
	return nil
}
