package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) alerts() *cobra.Command {
	var state, employee, from, to string
	var limit int
	cmd := c.command("alerts", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			rows, err := client.Alerts(ctx, state, employee, from, to, limit)
			if err != nil {
				return err
			}
			return c.print(c.alertSheet(rows), rows)
		})
	})
	fl := cmd.Flags()
	fl.StringVar(&state, "state", "", c.words.Say("cli.flag.state", nil))
	fl.StringVar(&employee, "employee", "", c.words.Say("cli.flag.employee", nil))
	fl.IntVar(&limit, "limit", 0, c.words.Say("cli.flag.limit", nil))
	c.days(cmd, &from, &to)
	cmd.AddCommand(c.ackAlert(), c.closeAlert(), c.resendAlert(), c.testChannel())
	return cmd
}

func (c *cli) alertSheet(rows []app.AlertRow) *sheet {
	s := &sheet{columns: append(columns("time date employee_id level rule state id title", ""), pseudonym())}
	for _, r := range rows {
		level, title := string(r.Level), r.Title
		if c.output == "table" {
			level = c.words.Say("level."+level, nil)
		}
		s.add(c.words.Time(r.Time), r.Day.String(), r.EmployeeID, level, r.Rule, string(r.State), r.ID, title, r.Pseudonym)
	}
	return s
}

func (c *cli) ackAlert() *cobra.Command {
	var note string
	cmd := c.command("ack ID", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.stepAlert(ctx, args[0], app.Acknowledged, "", note)
	})
	cmd.Flags().StringVar(&note, "note", "", c.words.Say("cli.flag.note", nil))
	return cmd
}

func (c *cli) closeAlert() *cobra.Command {
	var note, outcome string
	cmd := c.command("close ID", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.stepAlert(ctx, args[0], app.Closed, outcome, note)
	})
	cmd.Flags().StringVar(&note, "note", "", c.words.Say("cli.flag.note", nil))
	cmd.Flags().StringVar(&outcome, "outcome", "expected", c.words.Say("cli.flag.outcome", nil))
	return cmd
}

func (c *cli) stepAlert(ctx context.Context, id string, state app.AlertState, outcome, note string) error {
	return c.ask(ctx, func(client *app.Client) error {
		row, err := client.StepAlert(ctx, id, state, outcome, note)
		if err != nil {
			return err
		}
		return c.print(c.alertSheet([]app.AlertRow{row}), row)
	})
}

func (c *cli) resendAlert() *cobra.Command {
	return c.command("resend ID", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.ask(ctx, func(client *app.Client) error { return client.Resend(ctx, args[0]) })
	})
}

func (c *cli) testChannel() *cobra.Command {
	return c.command("test CHANNEL", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			answer, err := client.TestChannel(ctx, args[0])
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(answer)
			}
			fmt.Fprintf(c.stdout, "%s: %s %s\n", args[0], answer.Outcome, answer.Detail)
			if answer.Outcome != "delivered" {
				return &exitError{code: exitFailed}
			}
			return nil
		})
	})
}
