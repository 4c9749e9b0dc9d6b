package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// status says how the daemon fares.
type status struct{ app *App }

// Health implements console.Status.
func (s status) Health(context.Context) console.Health {
	stats := s.app.store.Stats()
	ok := stats["broken"] == 0 && stats["full"] == 0
	detail := ""
	switch {
	case stats["broken"] != 0:
		detail = "a write could not be made durable: nothing is acknowledged; restart the daemon"
	case stats["full"] != 0 && stats["spool_bytes"] >= stats["spool_limit_bytes"] && stats["spool_bytes"] > 0:
		detail = "the spool is full: nothing is acknowledged until Elasticsearch takes what waits (store.spool_bytes)"
	case stats["full"] != 0:
		detail = "the disk is full: nothing is acknowledged until there is room"
	}
	h := console.Health{Ready: ok, Checks: []console.Check{{Name: "store", OK: ok, Detail: detail}}}
	if _, spools := stats["spool_bytes"]; spools {
		h.Checks = append(h.Checks, spoolCheck(stats))
	}
	caught := s.app.pipeline.CaughtUp()
	check := console.Check{Name: "pipeline", OK: true}
	if !caught {
		check.Detail = "catching up with what was received"
	}
	h.Checks = append(h.Checks, check)
	return h
}

// spoolCheck says whether Elasticsearch takes what is received. That it does not is no
// reason to refuse events, as long as they are spooled.
func spoolCheck(stats map[string]float64) console.Check {
	check := console.Check{Name: "spool", OK: true}
	oldest := time.Duration(stats["spool_oldest_seconds"]) * time.Second
	switch {
	case stats["spool_away"] != 0:
		check.Detail = fmt.Sprintf("Elasticsearch takes nothing: %.0f facts wait in the spool, the oldest for %s; scores stand still until they are in", stats["spool_facts"], oldest)
	case stats["spool_facts"] > 0:
		check.Detail = fmt.Sprintf("%.0f facts wait in the spool", stats["spool_facts"])
	}
	if n := stats["spool_damaged_total"]; n > 0 {
		check.OK = false
		check.Detail += fmt.Sprintf("%.0f entries of the spool could not be read and are kept aside", n)
	}
	return check
}

// registerMetrics tells Prometheus what the parts count. Nothing in a metric names a
// person or a record.
func (a *App) registerMetrics() {
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), exporter{a})
}

// exporter asks the parts when Prometheus asks it.
type exporter struct{ app *App }

var (
	storeDesc     = prometheus.NewDesc("onlooker_store", "What the store holds and how it fares.", []string{"name"}, nil)
	sourceDesc    = prometheus.NewDesc("onlooker_source_total", "What came of the lines of a source.", []string{"source", "outcome"}, nil)
	lastDesc      = prometheus.NewDesc("onlooker_source_last_received_seconds", "When a source last delivered.", []string{"source"}, nil)
	followedDesc  = prometheus.NewDesc("onlooker_pipeline_followed_total", "Facts followed from the change feed.", nil, nil)
	scoredDesc    = prometheus.NewDesc("onlooker_scored_until_seconds", "The scheduled instant of the last complete scoring run.", nil, nil)
	undelivered   = prometheus.NewDesc("onlooker_alerts_undelivered", "Deliveries of alerts that did not arrive yet, by state.", []string{"state"}, nil)
	buildInfoDesc = prometheus.NewDesc("onlooker_build_info", "The version.", []string{"version", "model"}, nil)
)

// Describe implements prometheus.Collector.
func (e exporter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{storeDesc, sourceDesc, lastDesc, followedDesc, scoredDesc, undelivered, buildInfoDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (e exporter) Collect(ch chan<- prometheus.Metric) {
	a := e.app
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(buildInfoDesc, 1, a.opts.Version, scorer.Version)
	stats := a.store.Stats()
	for _, name := range sortedKeys(stats) {
		gauge(storeDesc, stats[name], name)
	}
	ch <- prometheus.MustNewConstMetric(followedDesc, prometheus.CounterValue, float64(a.pipeline.Seen()))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if c, err := scorer.LoadCursor(ctx, a.store); err == nil {
		gauge(scoredDesc, float64(c.At.Unix()))
	}
	e.sources(ctx, ch)
	e.deliveries(ctx, gauge)
}

func (e exporter) sources(ctx context.Context, ch chan<- prometheus.Metric) {
	counts, err := e.app.intake.Counts(ctx, ueba.NoDay, ueba.NoDay)
	if err != nil {
		e.app.fault("metrics")(err)
		return
	}
	sums := map[string]*collector.Count{}
	for i := range counts {
		if sums[counts[i].Source] == nil {
			sums[counts[i].Source] = &collector.Count{}
		}
		sums[counts[i].Source].Add(&counts[i])
	}
	for _, source := range sortedKeys(sums) {
		c := sums[source]
		for outcome, n := range map[string]int64{
			"received": c.Received, "skipped": c.Skipped, "dead": c.Dead,
			"parsed": c.Parsed, "duplicate": c.Duplicate, "collision": c.Collision,
		} {
			ch <- prometheus.MustNewConstMetric(sourceDesc, prometheus.CounterValue, float64(n), source, outcome)
		}
		ch <- prometheus.MustNewConstMetric(lastDesc, prometheus.GaugeValue, float64(c.LastReceived.Unix()), source)
	}
}

func (e exporter) deliveries(ctx context.Context, gauge func(*prometheus.Desc, float64, ...string)) {
	open, err := e.app.outbox.Deliveries(ctx, "")
	if err != nil {
		e.app.fault("metrics")(err)
		return
	}
	n := map[notify.DeliveryState]float64{notify.DeliveryPending: 0, notify.DeliveryFailed: 0}
	for _, d := range open {
		n[d.State]++
	}
	for state, count := range n {
		gauge(undelivered, count, string(state))
	}
}

// keepRetention deletes what is older than it has to be kept, once a day.
func (a *App) keepRetention(ctx context.Context) error {
	for {
		if err := a.drop(ctx); err != nil && ctx.Err() == nil {
			a.fault("retention")(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(24 * time.Hour):
		}
	}
}

func (a *App) drop(ctx context.Context) error {
	today := a.clock.DayOf(a.now())
	events := today - ueba.Day(a.config.Retention.Events)
	scores := today - ueba.Day(a.config.Retention.Scores)
	for _, kind := range []ueba.Kind{ueba.KindEvent, ueba.KindDead} {
		if err := a.store.DropDays(ctx, kind, a.clock.Begin(events)); err != nil {
			return fmt.Errorf("drop old facts: %w", err)
		}
	}
	for _, kind := range []string{"profile", "touched", collector.CountKind, collector.ResolvedKind} {
		if err := a.store.DropDocs(ctx, kind, events); err != nil {
			return fmt.Errorf("drop old documents: %w", err)
		}
	}
	for _, kind := range []string{scorer.DocScore, scorer.DocSeal, notify.KindAlert, notify.KindOutbox, notify.KindDelivery} {
		if err := a.store.DropDocs(ctx, kind, scores); err != nil {
			return fmt.Errorf("drop old scores: %w", err)
		}
	}
	return nil
}

// ModelVersion names the scoring model.
func ModelVersion() string { return scorer.Version }
