package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

const lookColumns = "time record_id employee_id account service action view_ms view_low_ms view_high_ms method verdict reason_id flags"

func (c *cli) looks() *cobra.Command {
	var f app.LookFilter
	cmd := c.command("looks", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return c.printLooks(ctx, f)
	})
	fl := cmd.Flags()
	fl.StringVar(&f.Employee, "employee", "", c.words.Say("cli.flag.employee", nil))
	fl.StringVar(&f.Service, "service", "", c.words.Say("cli.flag.service", nil))
	fl.StringVar(&f.Verdict, "verdict", "", c.words.Say("cli.flag.verdict", nil))
	fl.IntVar(&f.Limit, "limit", 0, c.words.Say("cli.flag.limit", nil))
	c.days(cmd, &f.From, &f.To)
	return cmd
}

func (c *cli) who() *cobra.Command {
	var f app.LookFilter
	cmd := c.command("who RECORD", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		f.Record = args[0]
		return c.printLooks(ctx, f)
	})
	cmd.Flags().IntVar(&f.Limit, "limit", 0, c.words.Say("cli.flag.limit", nil))
	c.days(cmd, &f.From, &f.To)
	return cmd
}

// printLooks streams JSON, because there may be millions, and gathers the rest, because a
// table's columns must know their widths.
func (c *cli) printLooks(ctx context.Context, f app.LookFilter) error {
	return c.ask(ctx, func(client *app.Client) error {
		if c.output == "json" {
			enc := json.NewEncoder(c.stdout)
			return client.Looks(ctx, f, func(r app.LookRow) error { return enc.Encode(r) })
		}
		s := &sheet{columns: columns(lookColumns, "time record_id employee_id account action view_ms method verdict reason_id flags")}
		err := client.Looks(ctx, f, func(r app.LookRow) error {
			s.add(c.lookCells(r)...)
			return nil
		})
		if err != nil {
			return err
		}
		return c.print(s, nil)
	})
}

func (c *cli) lookCells(r app.LookRow) []string {
	view, verdict, when := optional(r.ViewMS), string(r.Verdict), c.words.Time(r.Time)
	if c.output == "table" {
		verdict = c.words.Say("verdict."+verdict, nil)
		switch {
		case r.ViewMS != nil:
			view = c.words.Millis(*r.ViewMS)
		case r.ViewHighMS != nil:
			view = "≤ " + c.words.Millis(*r.ViewHighMS)
		default:
			view = "–"
		}
	}
	record := r.RecordID
	if record == "" && r.Count > 0 && c.output == "table" {
		record = "× " + strconv.FormatInt(r.Count, 10)
	}
	return []string{
		when, record, r.EmployeeID, r.Account, r.Service, string(r.Action), view,
		strconv.FormatInt(r.ViewLowMS, 10), optional(r.ViewHighMS), string(r.Method), verdict, r.ReasonID, strings.Join(r.Flags, ";"),
	}
}

func optional(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
