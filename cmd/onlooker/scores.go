package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) scores() *cobra.Command {
	var from, to string
	cmd := c.command("scores", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			rows, err := client.Scores(ctx, from, to)
			if err != nil {
				return err
			}
			s := &sheet{columns: append(columns("date employee_id score level state priority", ""), pseudonym())}
			for _, r := range rows {
				score := ""
				if r.Score != nil {
					score = strconv.FormatFloat(*r.Score, 'f', 2, 64)
				}
				level, state := string(r.Level), string(r.State)
				if c.output == "table" {
					level, state = c.words.Say("level."+level, nil), c.words.Say("state."+state, nil)
				}
				if r.Score == nil {
					level = ""
				}
				s.add(r.Day.String(), r.EmployeeID, score, level, state, strconv.FormatFloat(r.Priority, 'f', 3, 64), r.Pseudonym)
			}
			return c.print(s, rows)
		})
	})
	c.days(cmd, &from, &to)
	return cmd
}

func (c *cli) days(cmd *cobra.Command, from, to *string) {
	cmd.Flags().StringVar(from, "from", "", c.words.Say("cli.flag.from", nil))
	cmd.Flags().StringVar(to, "to", "", c.words.Say("cli.flag.to", nil))
}

func (c *cli) explain() *cobra.Command {
	var date string
	cmd := c.command("explain EMPLOYEE", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			d, err := client.Explain(ctx, args[0], date, c.words.Lang())
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(d)
			}
			if c.output == "csv" {
				s := &sheet{columns: columns("date model feature r text", "")}
				for _, p := range d.Explanation.Points {
					s.add(p.Day.String(), p.Model, p.Feature, strconv.FormatFloat(p.R, 'f', 2, 64), p.Text)
				}
				return c.print(s, nil)
			}
			who := d.EmployeeID
			if d.Employee != nil {
				who = strings.Join(nonEmpty(d.Employee.Name, d.EmployeeID, d.Employee.Department, d.Employee.Role), " · ")
			}
			fmt.Fprintf(c.stdout, "%s (%s) %s\n%s\n", who, d.Pseudonym, d.Day, d.Explanation.Headline)
			for _, p := range d.Explanation.Points {
				fmt.Fprintf(c.stdout, "%7.2f  %s\n", p.R, printable(p.Text))
			}
			for _, n := range d.Explanation.Notes {
				fmt.Fprintf(c.stdout, "         %s\n", n)
			}
			return nil
		})
	})
	cmd.Flags().StringVar(&date, "date", "", c.words.Say("cli.flag.date", nil))
	return cmd
}

func nonEmpty(all ...string) []string {
	var out []string
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *cli) today() *cobra.Command {
	return c.command("today [EMPLOYEE]", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		employee := ""
		if len(args) == 1 {
			employee = args[0]
		}
		return c.ask(ctx, func(client *app.Client) error {
			rows, err := client.Today(ctx, employee)
			if err != nil {
				return err
			}
			s := &sheet{columns: append(columns("date employee_id looks records view_ms unexplained flagged updated", ""), pseudonym())}
			for _, r := range rows {
				view := strconv.FormatInt(r.ViewMS, 10)
				if c.output == "table" {
					view = c.words.Millis(r.ViewMS)
				}
				s.add(r.Day.String(), r.EmployeeID, strconv.Itoa(r.Looks), strconv.Itoa(r.Records), view,
					strconv.Itoa(r.Unexplained), strconv.Itoa(r.Flagged), c.words.Time(r.Updated), r.Pseudonym)
			}
			return c.print(s, rows)
		})
	})
}

func (c *cli) score() *cobra.Command {
	var o app.ScoreOptions
	cmd := c.command("score", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.ask(ctx, func(client *app.Client) error {
			sum, err := client.Score(ctx, o, c.progress())
			if err != nil {
				return err
			}
			if c.output != "table" {
				return c.printJSON(sum)
			}
			fmt.Fprintln(c.stdout, c.words.Say("cli.scored", map[string]any{
				"from": sum.From.String(), "to": sum.To.String(), "scored": sum.Scored,
				"eligible": sum.Eligible, "revisions": sum.Revisions, "alerts": sum.Alerts,
			}))
			for _, ch := range sum.Changes {
				fmt.Fprintf(c.stdout, "%s  %s  %s → %s\n", ch.Day, ch.Employee, number(ch.Stored), number(ch.Computed))
			}
			if o.DryRun && len(sum.Changes) > 0 {
				return &exitError{code: exitDifference}
			}
			return nil
		})
	})
	c.days(cmd, &o.From, &o.To)
	cmd.Flags().StringVar(&o.At, "at", "", c.words.Say("cli.flag.at", nil))
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, c.words.Say("cli.flag.dry_run", nil))
	return cmd
}

func number(f *float64) string {
	if f == nil {
		return "–"
	}
	return strconv.FormatFloat(*f, 'f', 2, 64)
}
