package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

func (c *cli) migrate() *cobra.Command {
	var from, to string
	cmd := c.command("migrate", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		source, err := c.storeOf("--from", from)
		if err != nil {
			return err
		}
		target, err := c.storeOf("--to", to)
		if err != nil {
			return err
		}
		sum, err := app.Migrate(ctx, source, target, c.options(), c.progress())
		if err != nil {
			return err
		}
		if err := c.printMigration(sum); err != nil {
			return err
		}
		if sum.Different > 0 {
			return &exitError{code: exitDifference}
		}
		return nil
	})
	cmd.Flags().StringVar(&from, "from", "", c.words.Say("cli.flag.migrate_from", nil))
	cmd.Flags().StringVar(&to, "to", "", c.words.Say("cli.flag.migrate_to", nil))
	return cmd
}

// storeOf reads the configuration that says where one of the two stores is. Environment
// and --set do not apply: they would say the same of both.
func (c *cli) storeOf(flag, file string) (app.Config, error) {
	if file == "" {
		return app.Config{}, usage(fmt.Errorf("%s: want a configuration file that names the store", flag))
	}
	if c.file != "" || c.data != "" || len(c.sets) > 0 {
		return app.Config{}, usage(errors.New("migrate: --config, --data and --set do not go with --from and --to; write what they say into the two files"))
	}
	cfg, err := app.LoadConfig(app.Overrides{File: file, Lang: c.lang}, nil)
	if err != nil {
		return cfg, usage(fmt.Errorf("%s: %w", flag, err))
	}
	return cfg, nil
}

func (c *cli) printMigration(sum app.MigrateSummary) error {
	s := &sheet{columns: columns("what kind day from to from_hash to_hash equal", "")}
	for _, d := range sum.Days {
		s.add(d.What, d.Kind, d.Day, strconv.FormatInt(d.From, 10), strconv.FormatInt(d.To, 10), d.FromHash, d.ToHash, strconv.FormatBool(d.Equal))
	}
	if err := c.print(s, sum); err != nil || c.output != "table" {
		return err
	}
	key := "cli.migrated"
	if sum.Different > 0 {
		key = "cli.migrated_differs"
	}
	fmt.Fprintln(c.stdout, c.words.Say(key, map[string]any{
		"facts": sum.Facts, "documents": sum.Documents, "from": sum.From, "to": sum.To, "days": len(sum.Days), "different": sum.Different,
	}))
	return nil
}
