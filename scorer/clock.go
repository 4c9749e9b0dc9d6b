package scorer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Runner scores on a tick; *Engine is one.
type Runner interface {
	Run(ctx context.Context, t Tick) (Summary, error)
}

// DefaultCron is when scores are made: five minutes past every hour.
const DefaultCron = "5 * * * *"

// ClockConfig says when to score.
type ClockConfig struct {
	Business ueba.Business
	Cron     string // five fields or a descriptor such as @hourly, in the business zone

	// Cursor says how far scoring has come; store.ErrNotFound before the first run.
	Cursor func(ctx context.Context) (Cursor, error)
	// Touched gives the earliest day of which a fact became known after the first
	// instant and until the second; NoDay if there is none. Nil means none ever.
	Touched func(ctx context.Context, after, until time.Time) (ueba.Day, error)
	// Done is told how each run ended, whatever happened; nil ignores it. A failed run is
	// made good by the next one.
	Done func(Summary, error)
}

// Clock drives a Runner by a cron schedule. A tick is at its scheduled instant, however
// late the machine is; ticks that were missed are made good by the next one.
type Clock struct {
	config   ClockConfig
	schedule cron.Schedule
	runner   Runner
}

// NewClock checks the schedule.
func NewClock(c ClockConfig, r Runner) (*Clock, error) {
	if c.Cron == "" {
		c.Cron = DefaultCron
	}
	schedule, err := cron.ParseStandard(c.Cron)
	if err != nil {
		return nil, fmt.Errorf("score.cron: %w", err)
	}
	if c.Cursor == nil {
		return nil, errors.New("score clock: it has no cursor to go on from")
	}
	return &Clock{config: c, schedule: schedule, runner: r}, nil
}

// Next returns the first scheduled instant after t.
func (c *Clock) Next(t time.Time) time.Time { return c.schedule.Next(c.config.Business.Local(t)) }

// Run ticks until ctx is done. A run in progress is ended by ctx as well.
func (c *Clock) Run(ctx context.Context) error {
	for {
		at := c.Next(time.Now())
		if at.IsZero() {
			return errors.New("score.cron: the schedule has no next time")
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		sum, err := c.Tick(ctx, at)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // an end that was asked for is no error
		}
		if c.config.Done != nil {
			c.config.Done(sum, err)
		}
	}
}

// Tick scores what is due at a scheduled instant: the open days, the days that closed
// since the last run, and the days of which something became known later.
func (c *Clock) Tick(ctx context.Context, at time.Time) (Summary, error) {
	t, err := c.due(ctx, at)
	if err != nil {
		return Summary{Tick: t}, err
	}
	return c.runner.Run(ctx, t)
}

func (c *Clock) due(ctx context.Context, at time.Time) (Tick, error) {
	t := Tick{At: at, To: c.config.Business.DayOf(at)}
	t.From = t.To
	for !c.config.Business.Close(t.From - 1).Before(at) {
		t.From-- // yesterday is open until its grace is over
	}
	cursor, err := c.config.Cursor(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return t, err
	case cursor.Closed != ueba.NoDay:
		t.From = min(t.From, cursor.Closed+1)
	default:
		t.From = min(t.From, cursor.To)
	}
	if c.config.Touched == nil {
		return t, nil
	}
	touched, err := c.config.Touched(ctx, cursor.At, at)
	if err != nil {
		return t, fmt.Errorf("days touched since the last scoring: %w", err)
	}
	if touched != ueba.NoDay {
		t.From = min(t.From, touched)
	}
	return t, nil
}
