package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

// cli is what every command shares.
type cli struct {
	environ        []string
	stdout, stderr io.Writer
	words          *app.Words
	started        bool
	now            func() time.Time // nil is the wall clock; tests bring their own

	file, data, lang, output string
	sets                     []string
}

func newCLI(environ []string, stdout, stderr io.Writer, lang string) *cli {
	return &cli{environ: environ, stdout: stdout, stderr: stderr, words: app.WordsIn(lang)}
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "onlooker", Short: c.words.Say("cli.short", nil),
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			c.started = true
			switch c.output {
			case "table", "json", "csv":
				return nil
			}
			return usage(fmt.Errorf("--output: want table, json or csv, found %q", c.output))
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&c.file, "config", "", c.words.Say("cli.flag.config", nil))
	f.StringVar(&c.data, "data", "", c.words.Say("cli.flag.data", nil))
	f.StringVar(&c.lang, "lang", "", c.words.Say("cli.flag.lang", nil))
	f.StringVarP(&c.output, "output", "o", "table", c.words.Say("cli.flag.output", nil))
	f.StringArrayVar(&c.sets, "set", nil, c.words.Say("cli.flag.set", nil))
	root.AddCommand(
		c.serve(), c.demo(), c.importCommand(), c.score(), c.scores(), c.explain(), c.today(),
		c.looks(), c.who(), c.alerts(), c.coverage(), c.dead(), c.rules(), c.parse(), c.simulate(),
		c.evaluate(), c.migrate(), c.configCommand(), c.health(), c.versionCommand(),
	)
	return root
}

// command makes a command whose one-line help comes from the catalogue.
func (c *cli) command(use string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	name, _, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Args: args,
		RunE:  func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
		Short: c.words.Say("cli.command."+name, nil),
	}
}

func (c *cli) overrides() (app.Overrides, error) {
	o := app.Overrides{File: c.file, Data: c.data, Lang: c.lang, Set: map[string]string{}}
	for _, s := range c.sets {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return o, usage(fmt.Errorf("--set %s: want section.key=value", s))
		}
		o.Set[k] = v
	}
	return o, nil
}

func (c *cli) config() (app.Config, app.Overrides, error) {
	o, err := c.overrides()
	if err != nil {
		return app.Config{}, o, err
	}
	cfg, err := app.LoadConfig(o, c.environ)
	if err != nil {
		return cfg, o, usage(err)
	}
	return cfg, o, nil
}

// options are what every process of ours tells of itself.
func (c *cli) options() app.Options {
	return app.Options{Version: version, Log: c.stderr, Now: c.now}
}

// connect finds the daemon, or becomes it for as long as the command runs.
func (c *cli) connect(ctx context.Context) (*app.Client, error) {
	cfg, o, err := c.config()
	if err != nil {
		return nil, err
	}
	return app.Connect(ctx, cfg, o, c.options())
}

// ask runs fn with a client and closes it.
func (c *cli) ask(ctx context.Context, fn func(*app.Client) error) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	err = fn(client)
	if closing := client.Close(); err == nil {
		err = closing
	}
	return err
}
