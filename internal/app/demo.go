package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/simulate"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// demoFolder is where the demo keeps its company without --data, and demoMark the file by
// which it knows its own folder again.
const (
	demoFolder = "demo"
	demoMark   = ".onlooker-demo"
)

// DemoConfig says what the demo does.
type DemoConfig struct {
	Config    Config
	OwnFolder bool // the demo picks the folder
	Lang      string
	Seed      uint64
	Staff     int
	Days      int
	End       time.Time // last day; zero: today
	Serve     bool
	Out       io.Writer
	Progress  func(Progress)
}

// Demo makes a company, imports it, scores every day as if it were live, prints the
// ranking in words and serves the page. The company's last day goes on while it serves.
func Demo(ctx context.Context, d DemoConfig, o Options) error {
	c := d.Config
	if d.OwnFolder {
		c.Data = demoFolder
	}
	if err := freshFolder(c.Data); err != nil {
		return err
	}
	begin := time.Now()
	dir := filepath.Join(c.Data, "company")
	sim := SimulateConfig{Out: dir, Seed: d.Seed, Staff: d.Staff, Days: d.Days, End: d.End}
	if _, err := Simulate(ctx, sim, d.Progress); err != nil {
		return err
	}
	made, err := LoadConfig(Overrides{File: simulate.ConfigFile(dir), Data: c.Data}, nil)
	if err != nil {
		return err
	}
	c.Directory, c.Business.Zone = made.Directory, made.Business.Zone
	a, err := Open(ctx, c, o)
	if err != nil {
		return err
	}
	err = a.demo(ctx, d, dir, begin)
	return errors.Join(err, a.Close())
}

// freshFolder empties a folder that an earlier demo made, and refuses any other that holds
// something.
func freshFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("demo: %w", err)
	}
	_, marked := os.Stat(filepath.Join(dir, demoMark))
	if len(entries) > 0 && marked != nil {
		return fmt.Errorf("demo: the folder %s holds something else; name an empty one with --data", dir)
	}
	if Locked(dir) {
		if client, err := dial(context.Background(), Config{Data: dir}, Overrides{}); err == nil && client != nil {
			return errors.Join(fmt.Errorf("demo: a demo is already running in %s; stop it first", dir), client.Close())
		}
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, demoMark), nil, 0o600)
}

func (a *App) demo(ctx context.Context, d DemoConfig, dir string, begin time.Time) error {
	report := func(p console.Progress) { d.Progress(p) }
	if err := a.loadDirectory(ctx, func(stage string, done int64) {
		report(console.Progress{Stage: stage, Done: done, Day: ueba.NoDay})
	}); err != nil {
		return err
	}
	later, err := a.importUntilNow(ctx, filepath.Join(dir, "events.ndjson"), report)
	if err != nil {
		return err
	}
	if _, err := a.jobs.Score(ctx, console.ScoreRequest{From: ueba.NoDay, To: ueba.NoDay}, report); err != nil {
		return err
	}
	words := WordsIn(d.Lang)
	fmt.Fprintln(d.Out, words.Say("demo.done", map[string]any{"took": time.Since(begin).Round(time.Second), "data": a.config.Data}))
	if err := a.printRanking(ctx, words, d.Out); err != nil || !d.Serve {
		return err
	}
	a.parts.start("demo", func(ctx context.Context) error { return a.playOn(ctx, later) })
	return a.serve(ctx)
}

// importUntilNow imports the events that have happened and returns the lines of those that
// have not yet: the company's day goes on.
func (a *App) importUntilNow(ctx context.Context, name string, report func(console.Progress)) ([][]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	defer file.Close()
	now := a.now()
	var later [][]byte
	past, pipe := io.Pipe()
	go func() {
		lines := bufio.NewScanner(file)
		lines.Buffer(make([]byte, 64<<10), 1<<20)
		out := bufio.NewWriterSize(pipe, 256<<10)
		for lines.Scan() {
			if t, ok := lineTime(lines.Bytes()); ok && t.After(now) {
				later = append(later, bytes.Clone(lines.Bytes()))
				continue
			}
			_, _ = out.Write(append(lines.Bytes(), '\n')) // the pipe's reader tells of errors
		}
		_ = out.Flush()
		_ = pipe.CloseWithError(lines.Err())
	}()
	_, err = a.jobs.Import(ctx, console.ImportRequest{Source: "demo", NoScore: true}, past, report)
	return later, errors.Join(err, past.Close())
}

// lineTime finds the time of an event without decoding it.
func lineTime(line []byte) (time.Time, bool) {
	const mark = `"@timestamp":"`
	_, rest, ok := bytes.Cut(line, []byte(mark))
	if !ok {
		return time.Time{}, false
	}
	value, _, ok := bytes.Cut(rest, []byte{'"'})
	t, err := time.Parse(time.RFC3339Nano, string(value))
	return t, ok && err == nil
}

// playOn delivers the rest of the company's day as it happens.
func (a *App) playOn(ctx context.Context, later [][]byte) error {
	format, err := a.formats.named("")
	if err != nil {
		return err
	}
	for len(later) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		now, n := a.now(), 0
		for n < len(later) {
			if t, ok := lineTime(later[n]); ok && t.After(now) {
				break
			}
			n++
		}
		if n == 0 {
			continue
		}
		o := collector.ImportOptions{}
		o.Source = "demo"
		if _, err := a.intake.Import(ctx, bytes.NewReader(bytes.Join(later[:n], []byte{'\n'})), format, o); err != nil && ctx.Err() == nil {
			a.fault("demo")(err)
			continue
		}
		later = later[n:]
	}
	<-ctx.Done()
	return nil
}

// printRanking prints who comes first, with the reasons in words.
func (a *App) printRanking(ctx context.Context, words *Words, w io.Writer) error {
	const most, points = 10, 2
	_, last, err := a.scores.Span(ctx)
	if err != nil || last == ueba.NoDay {
		return err
	}
	day := min(last, a.jobs.lastClosed(a.now()))
	ranking, err := a.scores.Scores(ctx, day, day)
	if err != nil {
		return err
	}
	lang, err := text.ParseLang(words.Lang())
	if err != nil {
		return err
	}
	fmt.Fprintln(w, words.Say("demo.ranking", map[string]any{"date": day.String()}))
	for i, s := range ranking[:min(most, len(ranking))] {
		name := a.pseudonymOf(s.Employee)
		fmt.Fprintf(w, "%2d. %-6s %-7s %6.2f  %s\n", i+1, s.Employee, name, s.R, words.Say("level."+string(s.Level), nil))
		x := explainer{a.words}.Explain(s, lang)
		for _, p := range x.Points[:min(points, len(x.Points))] {
			fmt.Fprintf(w, "      %5.2f  %s\n", p.R, strings.TrimSpace(p.Text))
		}
	}
	return nil
}
