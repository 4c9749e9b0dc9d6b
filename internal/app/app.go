// Package app ties the parts together: configuration, the one table of plug-ins, wiring,
// reload, start and stop in order.
//
// It guarantees that a process that holds the data folder serves its API on a socket in
// that folder, whether it is the daemon or one command; and that everything it starts has
// ended, and what was acknowledged is on disk, when Close returns.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/internal/company"
	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/profile"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Options are what the process tells, beside the configuration.
type Options struct {
	Version string
	Log     io.Writer
	// Now is the clock; nil is the wall clock.
	Now func() time.Time
	// Reread reads the configuration again, for a reload; nil if it cannot change.
	Reread func() (Config, error)
	// Reload asks the daemon to read configuration, rules and directory again.
	Reload <-chan os.Signal

	opened store.Store // the configuration's store, when it is open already
}

// App is the parts of one process, wired. What it runs depends on who made it: the daemon
// runs everything, a command only what an answer needs.
type App struct {
	config Config
	opts   Options
	log    *logrus.Logger
	words  *text.Catalogue
	now    func() time.Time
	clock  ueba.Business

	store    store.Store
	book     *directory.Book
	files    *files
	people   *pseudonyms
	company  *company.Company
	intake   *collector.Intake
	formats  *formatTable
	pipeline *pipeline.Pipeline
	alerts   *notify.Alerts
	raiser   raiser
	outbox   *notify.Outbox
	engine   *scorer.Engine
	scores   *scores
	jobs     *jobs
	metrics  *prometheus.Registry
	address  string // where HTTP listens
	parts    parts
}

// Open opens the data folder and wires the parts. Nothing runs yet but the pipeline, which
// every answer needs. The caller closes it.
func Open(ctx context.Context, c Config, o Options) (*App, error) {
	a := &App{config: c, opts: o, log: newLog(c.Log, o.Log), words: text.MustLoad(), now: o.Now, clock: c.Clock(), metrics: prometheus.NewRegistry()}
	if a.now == nil {
		a.now = time.Now
	}
	if err := a.wire(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) wire(ctx context.Context) error {
	var err error
	if a.store = a.opts.opened; a.store == nil {
		a.store, err = openStore(ctx, a.config, a.now, a.log)
	}
	if err != nil {
		return err
	}
	if err := a.wireDirectory(ctx); err != nil {
		return err
	}
	if a.formats, err = loadFormats(a.config.Mappings); err != nil {
		return err
	}
	set, err := loadRules(a.config.Rules)
	if err != nil {
		return err
	}
	a.company = company.New(a.store, a.book, set, a.viewSettings())
	if err := a.wireNotify(ctx); err != nil {
		return err
	}
	a.pipeline, err = pipeline.New(ctx, pipeline.Config{
		Facts: a.store, Docs: a.store, Remover: a.store, Directory: a.company, Company: a.company, Raiser: a.raiser,
		Business: a.clock, Now: a.now, Overlap: a.company.Overlap(), LookBack: company.LookBack, Fault: a.fault("pipeline"),
	})
	if err != nil {
		return err
	}
	a.files.wake = a.pipeline.Wake
	a.intake = collector.NewIntake(woken{a.store, a.pipeline.Wake}, a.store, a.now)
	if err := a.wireScorer(); err != nil {
		return err
	}
	a.registerMetrics()
	a.parts.start("pipeline", a.pipeline.Run)
	a.parts.start("intake", a.intake.Run)
	return nil
}

func (a *App) wireDirectory(ctx context.Context) error {
	a.book = directory.NewBook(a.clock)
	a.files = &files{
		config: a.config.Directory, business: a.clock, facts: a.store, docs: a.store, book: a.book,
		now: a.now, wake: func() {}, stamps: map[string]stamp{},
		warn: func(p directory.Problem) { a.log.WithField("part", "directory").Warn(p.String()) },
	}
	if err := a.files.restore(ctx); err != nil {
		return err
	}
	var err error
	a.people, err = loadPseudonyms(ctx, a.store, a.book)
	return err
}

func (a *App) viewSettings() profile.Settings {
	s := profile.Settings{Business: a.clock, Idle: a.config.View.Idle, IdleBy: map[string]time.Duration{}}
	for _, i := range a.config.View.IdleBy {
		s.IdleBy[i.Service] = i.Idle
	}
	return s
}

func (a *App) wireScorer() error {
	c := scorer.DefaultConfig(a.clock)
	s := a.config.Score
	c.History, c.DayP = s.History, s.DayP
	c.Bounds, c.Leave, c.LeaveDays = [3]float64{s.Medium, s.High, s.Critical}, s.Leave, s.LeaveDays
	var err error
	a.engine, err = scorer.New(c, scored{a.company, a.pipeline}, a.store, a.raiser)
	if err != nil {
		return err
	}
	a.scores = newScores(a.store)
	a.jobs = &jobs{app: a}
	return nil
}

// scored is the company as the scorer asks it: people from the directory, profiles from
// the pipeline that keeps them.
type scored struct {
	*company.Company
	pipeline *pipeline.Pipeline
}

// Profiles implements scorer.Company.
func (s scored) Profiles(ctx context.Context, day ueba.Day, at time.Time, employees []string) ([]ueba.Profile, error) {
	return s.pipeline.Profiles(ctx, day, at, employees)
}

// woken wakes the pipeline after each append, so that it need not poll.
type woken struct {
	collector.Appender
	wake func()
}

// Append implements collector.Appender.
func (w woken) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	out, err := w.Appender.Append(ctx, facts)
	w.wake()
	return out, err
}

// fault logs what a part will try again after.
func (a *App) fault(part string) func(error) {
	return func(err error) { a.log.WithField("part", part).Error(err) }
}

// loadDirectory reads the directory files that changed. With an old one in force a broken
// file is a fault; without any it is an error.
func (a *App) loadDirectory(ctx context.Context, progress func(stage string, done int64)) error {
	err := a.files.load(ctx, progress)
	a.pipeline.Wake()
	return err
}

// services are what the console shows.
func (a *App) services() console.Services {
	return console.Services{
		Scores: a.scores, Live: live{a.pipeline}, Looks: looks{a.pipeline, a.company}, Alerts: alertDesk{a.alerts, a.store, a.outbox, a.config.Notify.Channels, a.pipeline.Wake},
		Coverage: ledger{a.clock, a.intake, a.pipeline, a.company, a.book, a.store, a.scores, a.now},
		Dead:     deadLetters{a.store, a.intake, a.formats, a.clock.Zone, a.pipeline.Wake},
		Jobs:     a.jobs, Explainer: explainer{a.words}, People: a.people, Status: status{a},
	}
}

// consoleConfig is what both handlers share.
func (a *App) consoleConfig() console.Config {
	s := a.config.Score
	return console.Config{
		Services: a.services(), Text: a.words, Business: a.clock, Now: a.now, Log: a.log, Metrics: a.metrics,
		Version: a.opts.Version, Hosts: a.config.HTTP.Hosts, Bands: [3]float64{s.Medium, s.High, s.Critical},
	}
}

// Close stops everything in the reverse order of its start and closes the store.
func (a *App) Close() error {
	err := a.parts.stop()
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
