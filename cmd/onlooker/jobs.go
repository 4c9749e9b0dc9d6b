package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

// progress prints how far a job is on stderr, once it has taken a second, and at most
// twice a second.
func (c *cli) progress() func(app.Progress) {
	begin := time.Now()
	var last time.Time
	var stage string
	return func(p app.Progress) {
		now := time.Now()
		finished := p.Total > 0 && p.Done >= p.Total
		if now.Sub(begin) < time.Second || now.Sub(last) < 500*time.Millisecond && !(finished && stage == p.Stage) {
			stage = p.Stage
			return
		}
		last, stage = now, p.Stage
		args := map[string]any{"stage": c.words.Say("cli.stage."+p.Stage, nil), "done": p.Done, "total": p.Total, "date": p.Day.String()}
		key := "cli.progress"
		if p.Total == 0 {
			key = "cli.progress_open"
		}
		fmt.Fprintln(c.stderr, c.words.Say(key, args))
	}
}

func (c *cli) importCommand() *cobra.Command {
	var o app.ImportOptions
	var knownAt string
	cmd := c.command("import FILE...", cobra.MinimumNArgs(1), func(ctx context.Context, args []string) error {
		switch knownAt {
		case "now":
			o.KnownAtNow = true
		case "event":
		default:
			return usage(fmt.Errorf("--known-at: want event or now, found %q", knownAt))
		}
		return c.ask(ctx, func(client *app.Client) error {
			var dead int64
			for i, name := range args {
				each := o
				// Days are scored once, after the last file.
				each.NoScore = o.NoScore || i < len(args)-1
				n, err := c.importFile(ctx, client, name, each)
				if err != nil {
					return err
				}
				dead += n
			}
			if dead > 0 {
				return &exitError{code: exitDead}
			}
			return nil
		})
	})
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", "", c.words.Say("cli.flag.format", nil))
	f.StringVar(&o.Source, "source", "", c.words.Say("cli.flag.import_source", nil))
	f.StringVar(&o.Zone, "zone", "", c.words.Say("cli.flag.zone", nil))
	f.StringVar(&knownAt, "known-at", "event", c.words.Say("cli.flag.known_at", nil))
	f.BoolVar(&o.NoScore, "no-score", false, c.words.Say("cli.flag.no_score", nil))
	return cmd
}

func (c *cli) importFile(ctx context.Context, client *app.Client, name string, o app.ImportOptions) (int64, error) {
	var lines io.Reader = os.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return 0, fmt.Errorf("import: %w", err)
		}
		defer file.Close()
		lines = file
	}
	if o.Source == "" {
		o.Source = "import"
	}
	sum, err := client.Import(ctx, o, lines, c.progress())
	if err != nil {
		return 0, fmt.Errorf("import %s: %w", name, err)
	}
	if c.output != "table" {
		return sum.Dead, c.printJSON(sum)
	}
	fmt.Fprintln(c.stdout, c.words.Say("cli.imported", map[string]any{
		"file": filepath.Base(name), "received": sum.Received, "skipped": sum.Skipped, "stored": sum.Stored,
		"duplicate": sum.Duplicate, "dead": sum.Dead,
	}))
	if s := sum.Scored; s != nil {
		fmt.Fprintln(c.stdout, c.words.Say("cli.scored", map[string]any{
			"from": s.From.String(), "to": s.To.String(), "scored": s.Scored, "eligible": s.Eligible,
			"revisions": s.Revisions, "alerts": s.Alerts,
		}))
	}
	return sum.Dead, nil
}

func (c *cli) simulate() *cobra.Command {
	var s app.SimulateConfig
	var end string
	cmd := c.command("simulate", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		if s.Out == "" {
			return usage(fmt.Errorf("--out: want a folder to write to"))
		}
		var err error
		if s.End, err = parseEnd(end); err != nil {
			return usage(err)
		}
		sum, err := app.Simulate(ctx, s, c.progress())
		if err != nil {
			return err
		}
		if c.output != "table" {
			return c.printJSON(sum)
		}
		fmt.Fprintln(c.stdout, c.words.Say("cli.simulated", map[string]any{
			"events": sum.Events, "staff": sum.Staff, "reasons": sum.Reasons, "insiders": sum.Insiders, "oddities": sum.Oddities, "out": s.Out,
		}))
		return nil
	})
	f := cmd.Flags()
	f.StringVar(&s.Out, "out", "", c.words.Say("cli.flag.out", nil))
	f.Uint64Var(&s.Seed, "seed", 1, c.words.Say("cli.flag.seed", nil))
	f.IntVar(&s.Staff, "staff", 200, c.words.Say("cli.flag.staff", nil))
	f.IntVar(&s.Days, "days", 60, c.words.Say("cli.flag.sim_days", nil))
	f.IntVar(&s.Insiders, "insiders", 0, c.words.Say("cli.flag.insiders", nil))
	f.BoolVar(&s.Harsh, "harsh", false, c.words.Say("cli.flag.harsh", nil))
	f.Float64Var(&s.ReasonLoss, "reason-loss", 0, c.words.Say("cli.flag.reason_loss", nil))
	f.StringVar(&end, "end", "", c.words.Say("cli.flag.end", nil))
	return cmd
}

func (c *cli) evaluate() *cobra.Command {
	var warmup int
	cmd := c.command("evaluate DIR", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return app.Evaluate(ctx, app.EvaluateConfig{
			Dir: args[0], Warmup: warmup, JSON: c.output == "json", Out: c.stdout, Lang: c.words.Lang(), Progress: c.progress(),
		}, c.options())
	})
	cmd.Flags().IntVar(&warmup, "warmup", 20, c.words.Say("cli.flag.warmup", nil))
	return cmd
}

func (c *cli) rules() *cobra.Command {
	cmd := c.command("rules", cobra.NoArgs, nil)
	cmd.RunE = nil
	cmd.AddCommand(
		c.command("check [DIR...]", cobra.ArbitraryArgs, func(_ context.Context, dirs []string) error {
			infos, err := app.CheckRules(dirs)
			if err != nil {
				return err
			}
			s := &sheet{columns: columns("id level title", "")}
			for _, r := range infos {
				s.add(r.ID, string(r.Level), r.Title)
			}
			return c.print(s, infos)
		}),
		c.command("test [DIR...]", cobra.ArbitraryArgs, func(_ context.Context, dirs []string) error {
			if err := app.TestRules(dirs); err != nil {
				return &exitError{exitDifference, err}
			}
			fmt.Fprintln(c.stdout, c.words.Say("cli.rules_ok", nil))
			return nil
		}),
	)
	return cmd
}
