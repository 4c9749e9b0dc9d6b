package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/store"
)

// openPatiently opens the store of a daemon. While a store that is not in this process
// cannot be reached, whatever the reason, events are taken into the spool; it returns
// when the store is there, or nil when ctx ends before.
func openPatiently(ctx context.Context, c Config, o Options) (store.Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	log := newLog(c.Log, o.Log)
	if c.Store.Kind != "elastic" {
		return openStore(ctx, c, o.Now, log)
	}
	s, err := openQueued(ctx, c, o.Now, log)
	if err != nil {
		return nil, err
	}
	if err = s.Ready(ctx); err != nil && ctx.Err() == nil {
		log.WithField("part", "store").Errorf("only events are taken until Elasticsearch is reached; they wait in the spool: %v", err)
		a := &App{config: c, opts: o, log: log, now: o.Now, store: s}
		if err := a.takeMeanwhile(ctx, s.Ready); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if ctx.Err() != nil {
		return nil, s.Close()
	}
	return s, nil
}

// takeMeanwhile takes events over HTTP until the store is ready or ctx ends. Everything
// else is answered with 503 and what is the matter.
func (a *App) takeMeanwhile(ctx context.Context, ready func(context.Context) error) error {
	var err error
	if a.formats, err = loadFormats(a.config.Mappings); err != nil {
		return err
	}
	a.intake = collector.NewIntake(a.store, a.store, a.now)
	a.parts.start("intake", a.intake.Run)
	err = a.listen(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "5")
		// The reason stands in the log only: it may name addresses that are nobody's business.
		http.Error(w, "Elasticsearch is not reached yet; events are taken, nothing else is served / 尚未连上 Elasticsearch：只接收事件", http.StatusServiceUnavailable)
	}))
	if err == nil {
		a.log.WithField("part", "store").Warn("events are taken at " + a.address)
		err = a.untilReady(ctx, ready)
	}
	stopped := a.parts.stop()
	if ready(ctx) != nil {
		stopped = nil // counts that the store could not take: the events themselves are spooled
	}
	return errors.Join(err, stopped)
}

func (a *App) untilReady(ctx context.Context, ready func(context.Context) error) error {
	const look = 200 * time.Millisecond
	for ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return nil
		case err := <-a.parts.failed:
			return err
		case <-time.After(look):
		}
	}
	return nil
}
