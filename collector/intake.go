package collector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Appender is where facts become durable.
type Appender interface {
	Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error)
}

// Intake appends batches to the store and keeps the counts of the sources. There is one
// in a process; it is safe for concurrent use. What bounds it is its callers: each waits
// for its own append.
type Intake struct {
	facts Appender
	docs  Documents
	now   func() time.Time

	mu   sync.Mutex
	owed map[countKey]*Count // counted since the last flush
}

// NewIntake returns an intake whose counts and dead letters are dated by now.
func NewIntake(facts Appender, docs Documents, now func() time.Time) *Intake {
	return &Intake{facts: facts, docs: docs, now: now, owed: make(map[countKey]*Count)}
}

// Result is what became of a batch's records. Received, Skipped and Dead count records,
// the others what they were parsed into.
type Result struct {
	Received, Skipped, Dead              int64
	Parsed, Stored, Duplicate, Collision int64
}

// Add adds up results.
func (r *Result) Add(o Result) {
	r.Received += o.Received
	r.Skipped += o.Skipped
	r.Dead += o.Dead
	r.Parsed += o.Parsed
	r.Stored += o.Stored
	r.Duplicate += o.Duplicate
	r.Collision += o.Collision
}

// Append returns when the batch is durable, and counts it. After an error nothing was
// acknowledged and nothing counted: the caller keeps the batch and appends it again, or
// tells its sender. The error wraps store.ErrFull or store.ErrBroken when the store
// refuses writes.
func (in *Intake) Append(ctx context.Context, b *Batch) (Result, error) {
	if b.empty() {
		return Result{}, nil
	}
	var outcomes []store.Outcome
	if len(b.facts) > 0 {
		var err error
		if outcomes, err = in.facts.Append(ctx, b.facts); err != nil {
			return Result{}, fmt.Errorf("append %d facts of %s: %w", len(b.facts), b.source, err)
		}
	}
	return in.count(b, outcomes), nil
}

// Run writes the counts each second, and once more before it returns.
func (in *Intake) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return in.Flush(context.WithoutCancel(ctx))
		case <-tick.C:
			// A store that refuses writes is seen by its health, and the counts
			// wait in memory for the next tick.
			_ = in.Flush(ctx)
		}
	}
}
