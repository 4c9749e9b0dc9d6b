package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) coverage() *cobra.Command {
	var from, to string
	cmd := c.command("coverage", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			ledger, err := client.Coverage(ctx, from, to)
			if err != nil {
				return err
			}
			s := &sheet{columns: columns("system source expected received skipped parsed dead duplicate attributed scored state", "")}
			for _, r := range ledger.Rows {
				n := func(v int64) string { return strconv.FormatInt(v, 10) }
				s.add(r.System, r.Source, optional(r.Expected), n(r.Received), n(r.Skipped), n(r.Parsed), n(r.Dead),
					n(r.Duplicate), n(r.Attributed), n(r.Scored), r.State)
			}
			if err := c.print(s, ledger); err != nil || c.output != "table" {
				return err
			}
			c.printHoles(ledger)
			return nil
		})
	})
	c.days(cmd, &from, &to)
	return cmd
}

// printHoles names what is not monitored, below the table.
func (c *cli) printHoles(ledger app.CoverageAnswer) {
	for _, a := range ledger.Unmapped {
		fmt.Fprintln(c.stdout, c.words.Say("cli.hole.unmapped", map[string]any{"account": printable(a.Account), "events": a.Events}))
	}
	for _, s := range ledger.Silent {
		fmt.Fprintln(c.stdout, c.words.Say("cli.hole.silent", map[string]any{"system": printable(s)}))
	}
	const most = 10
	for i, p := range ledger.Unseen {
		if i == most {
			fmt.Fprintln(c.stdout, c.words.Say("cli.hole.more", map[string]any{"n": len(ledger.Unseen) - most}))
			break
		}
		fmt.Fprintln(c.stdout, c.words.Say("cli.hole.unseen", map[string]any{"employee": p.EmployeeID, "pseudonym": p.Pseudonym}))
	}
}

func (c *cli) dead() *cobra.Command {
	var source string
	var resolved bool
	var limit int
	cmd := c.command("dead", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			letters, err := client.Dead(ctx, source, resolved, limit)
			if err != nil {
				return err
			}
			s := &sheet{columns: columns("id time source format place reason size", "id time source place reason")}
			for _, l := range letters {
				s.add(l.ID, c.words.Time(l.Time), l.Source, l.Format, l.Place, l.Reason, strconv.Itoa(l.Size))
			}
			return c.print(s, letters)
		})
	})
	cmd.Flags().StringVar(&source, "source", "", c.words.Say("cli.flag.source", nil))
	cmd.Flags().BoolVar(&resolved, "resolved", false, c.words.Say("cli.flag.resolved", nil))
	cmd.Flags().IntVar(&limit, "limit", 100, c.words.Say("cli.flag.limit", nil))
	cmd.AddCommand(c.showDead(), c.replayDead())
	return cmd
}

func (c *cli) showDead() *cobra.Command {
	return c.command("show ID", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			l, err := client.DeadLetter(ctx, args[0])
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(l)
			}
			fmt.Fprintf(c.stdout, "%s  %s  %s  %s\n%s\n\n%s\n", l.ID, c.words.Time(l.Time), l.Source, l.Place, l.Reason, printable(string(l.Raw)))
			return nil
		})
	})
}

func (c *cli) replayDead() *cobra.Command {
	var source, format string
	cmd := c.command("replay [ID...]", cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			sum, err := client.ReplayLetters(ctx, args, source, format)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(sum)
			}
			fmt.Fprintln(c.stdout, c.words.Say("cli.replayed", map[string]any{"tried": sum.Tried, "resolved": sum.Resolved, "dead": sum.Dead}))
			if sum.Dead > 0 {
				return &exitError{code: exitDead}
			}
			return nil
		})
	})
	cmd.Flags().StringVar(&source, "source", "", c.words.Say("cli.flag.source", nil))
	cmd.Flags().StringVar(&format, "format", "", c.words.Say("cli.flag.replay_format", nil))
	return cmd
}
