package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/width"
)

// column is one column of a result. Those printed as CSV and their order are a contract.
type column struct {
	key   string // the CSV header
	table bool   // shown on a terminal
	csv   bool
}

// pseudonym stands on the terminal only: it is random, and two folders with the same
// facts must print the same CSV.
func pseudonym() column { return column{key: "pseudonym", table: true} }

// sheet prints rows as a table or as CSV.
type sheet struct {
	columns []column
	rows    [][]string
}

func columns(all string, onTerminal string) []column {
	shown := map[string]bool{}
	for name := range strings.FieldsSeq(onTerminal) {
		shown[name] = true
	}
	var out []column
	for name := range strings.FieldsSeq(all) {
		out = append(out, column{key: name, table: onTerminal == "" || shown[name], csv: true})
	}
	return out
}

func (s *sheet) add(cells ...string) { s.rows = append(s.rows, cells) }

// print writes the result in the format asked for; value is what json prints.
func (c *cli) print(s *sheet, value any) error {
	switch c.output {
	case "json":
		return c.printJSON(value)
	case "csv":
		return s.csv(c.stdout)
	}
	return s.table(c.stdout, func(key string) string { return c.words.Say("cli.column."+key, nil) })
}

func (c *cli) printJSON(value any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

func (s *sheet) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	header := make([]string, len(s.columns))
	for i, col := range s.columns {
		header[i] = col.key
	}
	for _, row := range append([][]string{header}, s.rows...) {
		line := make([]string, 0, len(row))
		for i, cell := range row {
			if s.columns[i].csv {
				line = append(line, defuse(cell))
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// defuse keeps a spreadsheet from running text that an attacker put into a record id or
// a user name as a formula.
func defuse(cell string) string {
	if cell == "" || !strings.ContainsAny(cell[:1], "=+@\t\r") {
		return cell
	}
	return "'" + cell
}

func (s *sheet) table(w io.Writer, title func(string) string) error {
	var widths []int
	lines := make([][]string, 0, len(s.rows)+1)
	var header []string
	for _, col := range s.columns {
		if col.table {
			header = append(header, title(col.key))
		}
	}
	lines = append(lines, header)
	for _, row := range s.rows {
		var line []string
		for i, col := range s.columns {
			if col.table {
				line = append(line, printable(row[i]))
			}
		}
		lines = append(lines, line)
	}
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(cell))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, cell := range line {
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-cells(cell)+2))
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// cells is how many columns of a terminal the text takes: a Chinese character takes two.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// printable takes out what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, s)
}
