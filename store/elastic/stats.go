package elastic

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/store"
)

// counts are what the store did since it was opened.
type counts struct {
	bulks, items, failed, retries, searches, refused atomic.Int64
	stored, duplicates, collisions                   atomic.Int64
	took                                             atomic.Int64 // the newest bulk request, in nanoseconds
	away                                             atomic.Bool  // the newest one had no good answer
}

func (c *counts) bulk(items int, took time.Duration, err error) {
	c.bulks.Add(1)
	c.items.Add(int64(items))
	c.took.Store(int64(took))
	c.away.Store(err != nil)
	if err != nil {
		c.failed.Add(1)
	}
}

func (c *counts) retried()           { c.retries.Add(1) }
func (c *counts) searched()          { c.searches.Add(1) }
func (c *counts) refusedFacts(n int) { c.refused.Add(int64(n)) }

func (c *counts) appended(outcomes []store.Outcome) {
	for _, o := range outcomes {
		switch o {
		case store.Stored:
			c.stored.Add(1)
		case store.Duplicate:
			c.duplicates.Add(1)
		case store.Collision:
			c.collisions.Add(1)
		}
	}
}

// sizes are what the server last said of the indices.
type sizes struct {
	mu    sync.Mutex
	at    time.Time
	stats map[string]float64
}

const (
	sizesEvery  = 30 * time.Second
	sizesWithin = 2 * time.Second
)

// Stats implements store.Store. What the server says of its indices may be sizesEvery old.
func (s *Store) Stats() map[string]float64 {
	number, done := s.writer.done()
	stats := map[string]float64{
		"last_seq":              float64(sequence(number, done)),
		"batches_total":         float64(s.counts.bulks.Load()),
		"bulk_items_total":      float64(s.counts.items.Load()),
		"bulk_failed_total":     float64(s.counts.failed.Load()),
		"bulk_seconds":          time.Duration(s.counts.took.Load()).Seconds(),
		"retries_total":         float64(s.counts.retries.Load()),
		"searches_total":        float64(s.counts.searches.Load()),
		"facts_stored_total":    float64(s.counts.stored.Load()),
		"facts_duplicate_total": float64(s.counts.duplicates.Load()),
		"facts_collision_total": float64(s.counts.collisions.Load()),
		"facts_refused_total":   float64(s.counts.refused.Load()),
		"queue_length":          float64(len(s.slots)),
		"away":                  0,
		"full":                  0,
		"broken":                0,
	}
	if s.counts.away.Load() {
		stats["away"] = 1
	}
	for name, value := range s.indexSizes() {
		stats[name] = value
	}
	return stats
}

func (s *Store) indexSizes() map[string]float64 {
	z := &s.sizes
	z.mu.Lock()
	defer z.mu.Unlock()
	if time.Since(z.at) < sizesEvery {
		return z.stats
	}
	ctx, cancel := context.WithTimeout(context.Background(), sizesWithin)
	defer cancel()
	var answer struct {
		Indices map[string]struct {
			Primaries struct {
				Docs struct {
					Count float64 `json:"count"`
				} `json:"docs"`
				Store struct {
					Size float64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"primaries"`
		} `json:"indices"`
	}
	z.at = time.Now()
	err := s.client.Into(ctx, "stats", esapi.IndicesStatsRequest{
		Index: []string{s.everything()}, Metric: []string{"docs", "store"},
		FilterPath: []string{"indices.*.primaries.docs.count", "indices.*.primaries.store.size_in_bytes"},
	}, &answer)
	if err != nil {
		return z.stats // the newest that are known
	}
	z.stats = map[string]float64{"disk_bytes": 0, "facts_event": 0}
	for name, i := range answer.Indices {
		z.stats["disk_bytes"] += i.Primaries.Store.Size
		rest := strings.TrimPrefix(name, s.cfg.Prefix+"-")
		if kind, ok := strings.CutPrefix(rest, "facts-"); ok {
			z.stats["facts_"+kind] = i.Primaries.Docs.Count
		} else if strings.HasPrefix(rest, "events-") {
			z.stats["facts_event"] += i.Primaries.Docs.Count
		}
	}
	return z.stats
}
