package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) serve() *cobra.Command {
	return c.command("serve", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		cfg, _, err := c.config()
		if err != nil {
			return err
		}
		o := c.options()
		o.Reread = func() (app.Config, error) {
			next, _, err := c.config()
			return next, err
		}
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
		o.Reload = reload
		return app.Serve(ctx, cfg, o)
	})
}

func (c *cli) demo() *cobra.Command {
	d := app.DemoConfig{Out: c.stdout}
	var days, staff int
	var noServe bool
	var end string
	cmd := c.command("demo", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		cfg, o, err := c.config()
		if err != nil {
			return err
		}
		d.Config, d.Lang, d.OwnFolder = cfg, c.words.Lang(), o.Data == "" && o.Set["data"] == ""
		d.Staff, d.Days, d.Serve, d.Progress = staff, days, !noServe, c.progress()
		if d.End, err = parseEnd(end); err != nil {
			return usage(err)
		}
		return app.Demo(ctx, d, c.options())
	})
	f := cmd.Flags()
	f.BoolVar(&noServe, "no-serve", false, c.words.Say("cli.flag.no_serve", nil))
	f.IntVar(&staff, "staff", 200, c.words.Say("cli.flag.staff", nil))
	f.IntVar(&days, "days", 60, c.words.Say("cli.flag.sim_days", nil))
	f.Uint64Var(&d.Seed, "seed", 1, c.words.Say("cli.flag.seed", nil))
	f.StringVar(&end, "end", "", c.words.Say("cli.flag.end", nil))
	return cmd
}

func parseEnd(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("--end: want YYYY-MM-DD, found %q", s)
	}
	return t, nil
}

func (c *cli) configCommand() *cobra.Command {
	cmd := c.command("config", cobra.NoArgs, nil)
	cmd.RunE = nil
	cmd.AddCommand(c.command("check", cobra.NoArgs, func(context.Context, []string) error {
		cfg, _, err := c.config()
		if err != nil {
			return &exitError{exitFailed, err}
		}
		if err := app.CheckFiles(cfg); err != nil {
			return err
		}
		fmt.Fprintln(c.stdout, c.words.Say("cli.config_ok", nil))
		return nil
	}))
	return cmd
}

// health is for container health checks: silent and 0, or a sentence and 1.
func (c *cli) health() *cobra.Command {
	return c.command("health", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		cfg, _, err := c.config()
		if err != nil {
			return err
		}
		return app.Healthy(ctx, cfg)
	})
}

func (c *cli) versionCommand() *cobra.Command {
	return c.command("version", cobra.NoArgs, func(context.Context, []string) error {
		if c.output == "json" {
			return c.printJSON(map[string]string{"version": version, "model": app.ModelVersion()})
		}
		fmt.Fprintf(c.stdout, "onlooker %s (model %s)\n", version, app.ModelVersion())
		return nil
	})
}
