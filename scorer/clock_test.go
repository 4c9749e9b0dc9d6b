package scorer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// ticks notes what it is asked to run.
type ticks struct {
	list []Tick
	take time.Duration
	err  error
}

func (r *ticks) Run(_ context.Context, t Tick) (Summary, error) {
	r.list = append(r.list, t)
	time.Sleep(r.take)
	return Summary{Tick: t}, r.err
}

func noCursor(context.Context) (Cursor, error) { return Cursor{}, store.ErrNotFound }

func TestClockTicksAtTheScheduledInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &ticks{take: 7 * time.Minute, err: errors.New("store full")}
		failed := 0
		c, err := NewClock(ClockConfig{
			Business: ueba.Business{Zone: shanghai, Grace: 2 * time.Hour}, Cron: "*/5 * * * *", Cursor: noCursor,
			Done: func(_ Summary, err error) {
				if err != nil {
					failed++
				}
			},
		}, r)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 29*time.Minute)
		defer cancel()
		start := time.Now()
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		// Each run takes longer than the interval: a missed tick is left out, not made up.
		var at []time.Duration
		for _, tick := range r.list {
			at = append(at, tick.At.Sub(start))
		}
		if len(at) != 3 || at[0] != 5*time.Minute || at[1] != 15*time.Minute || at[2] != 25*time.Minute || failed != 2 {
			t.Errorf("ticks at %v, %d failed", at, failed)
		}
	})
}

func TestClockIsInTheBusinessZone(t *testing.T) {
	c, err := NewClock(ClockConfig{Business: ueba.Business{Zone: shanghai}, Cron: "30 2 * * *", Cursor: noCursor}, &ticks{})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Next(time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC))
	if want := time.Date(2026, 11, 3, 18, 30, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("next tick %v, want %v", got.UTC(), want)
	}
}

func TestClockScoresWhatIsDue(t *testing.T) {
	b := ueba.Business{Zone: shanghai, Grace: 2 * time.Hour}
	today := monday + 10
	for _, c := range []struct {
		name    string
		at      time.Time
		cursor  *Cursor
		touched ueba.Day
		from    ueba.Day
	}{
		{"at noon", b.Begin(today).Add(12 * time.Hour), &Cursor{To: today, Closed: today - 1}, ueba.NoDay, today},
		{"in yesterday's grace", b.Begin(today).Add(time.Hour), &Cursor{To: today - 1, Closed: today - 2}, ueba.NoDay, today - 1},
		{"after the grace", b.Begin(today).Add(3 * time.Hour), &Cursor{To: today, Closed: today - 2}, ueba.NoDay, today - 1},
		{"after five days off", b.Begin(today).Add(12 * time.Hour), &Cursor{To: today - 5, Closed: today - 6}, ueba.NoDay, today - 5},
		{"with a late fact", b.Begin(today).Add(12 * time.Hour), &Cursor{To: today, Closed: today - 1}, today - 8, today - 8},
		{"for the first time", b.Begin(today).Add(12 * time.Hour), nil, today - 30, today - 30},
		{"nothing closed yet", b.Begin(today).Add(12 * time.Hour), &Cursor{To: today, Closed: ueba.NoDay}, ueba.NoDay, today},
	} {
		r := &ticks{}
		clock, err := NewClock(ClockConfig{
			Business: b,
			Cursor: func(context.Context) (Cursor, error) {
				if c.cursor == nil {
					return noCursor(t.Context())
				}
				return *c.cursor, nil
			},
			Touched: func(context.Context, time.Time, time.Time) (ueba.Day, error) { return c.touched, nil },
		}, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := clock.Tick(context.Background(), c.at); err != nil {
			t.Fatal(err)
		}
		if want := (Tick{At: c.at, From: c.from, To: today}); r.list[0] != want {
			t.Errorf("%s: %+v, want %+v", c.name, r.list[0], want)
		}
	}
}

func TestClockRefusesABadSchedule(t *testing.T) {
	for _, cron := range []string{"every hour", "61 * * * *"} {
		if _, err := NewClock(ClockConfig{Cron: cron, Cursor: noCursor}, &ticks{}); err == nil {
			t.Errorf("%q is accepted", cron)
		}
	}
	if _, err := NewClock(ClockConfig{}, &ticks{}); err == nil {
		t.Error("a clock without a cursor is accepted")
	}
}
