// Package pipeline follows the store's change feed from a durable cursor. It runs the
// immediate rules, notes which employee-days new facts touch, and keeps the profiles of
// the open day at hand.
//
// It guarantees that every appended fact is seen at least once, across crashes: a note
// or an alert is written before the cursor moves, and both are idempotent. Its memory
// holds one small entry for each touched employee-day and one profile for each employee
// of the open day; it queues nothing, because the store is the queue.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The kinds of document that the pipeline keeps.
const (
	KindCursor  = "cursor"
	KindTouched = "touched"
	KindProfile = "profile"
	cursorID    = "pipeline"
)

const (
	batch      = 4096
	pause      = 200 * time.Millisecond // between two looks at an idle feed
	liveEvery  = time.Second            // between two rounds of folding the open day
	liveAtMost = 500 * time.Millisecond // of folding in one round: ingest has priority
	// followAtMost is how long a question waits for the feed.
	followAtMost = time.Second
	retryAfter   = 2 * time.Second
	immediately  = 2 // days, the open one included, on which the immediate rules run
)

// Directory knows whose accounts are whose, by all that is known now.
type Directory interface {
	// Owner returns the id of the employee who holds the account then.
	Owner(acct ueba.Account, when time.Time) (string, bool)
	// Claimants lists who ever held the account.
	Claimants(acct ueba.Account) []string
	// Person returns the id of the employee whom a reason names by id or account.
	Person(name string, when time.Time) string
	// Apply takes a directory fact into account.
	Apply(fact ueba.Fact)
	// Heard notes an account that an event came from at the time.
	Heard(acct ueba.Account, t time.Time)
}

// Company folds employees' days.
type Company interface {
	// Fold makes the profile and the looks of an employee's day from the facts known at
	// the instant. The error wraps store.ErrNotFound if nobody knew of him then.
	Fold(ctx context.Context, employee string, day ueba.Day, at time.Time) (ueba.Profile, []ueba.Look, error)
	// Alerting picks the detections that raise an alert at now, and says when to ask
	// again because a rule lets late reasons arrive first; zero means never.
	Alerting(found []ueba.Detection, now time.Time) ([]ueba.Detection, time.Time)
}

// Raiser raises alerts; raising one twice is raising it once.
type Raiser interface {
	Raise(ctx context.Context, alerts ...ueba.Alert) error
}

// Config is what a Pipeline is made of.
type Config struct {
	Facts     store.Facts
	Docs      store.Docs
	Remover   store.Remover
	Directory Directory
	Company   Company
	Raiser    Raiser
	Business  ueba.Business
	Now       func() time.Time
	// Overlap is for how long after its end a day's fold wants events.
	Overlap time.Duration
	// LookBack is for how many days a look makes a record familiar.
	LookBack ueba.Day
	// Fault is told of an error that the pipeline will try again after.
	Fault func(error)
}

// Pipeline follows the feed. Make it with New, then Run it.
type Pipeline struct {
	cfg  Config
	wake chan struct{}

	accounts accounts

	settling sync.Mutex // one Settle at a time
	stepping sync.Mutex // one follower of the feed at a time
	folding  sync.Mutex // one folder of live days at a time

	mu         sync.Mutex
	cursor     store.Cursor
	seen       int64
	caught     bool
	clock      uint64
	touched    map[employeeDay]touched
	dirty      map[employeeDay]bool // recent days to fold for the live numbers
	live       map[employeeDay]*liveDay
	lastFolded string
	settled    ueba.Day // the newest day of which a profile is stored

	kinds []string // of inputs that came at least once; under stepping
}

// touched tells of the newest touch of an employee-day.
type touched struct {
	generation uint64
	known      time.Time // when the newest fact became known; zero after a restart: before it
}

type employeeDay struct {
	day      ueba.Day
	employee string
}

// New makes a pipeline and reads where it stood.
func New(ctx context.Context, cfg Config) (*Pipeline, error) {
	p := &Pipeline{
		cfg:     cfg,
		wake:    make(chan struct{}, 1),
		touched: map[employeeDay]touched{},
		dirty:   map[employeeDay]bool{},
		live:    map[employeeDay]*liveDay{},
	}
	if err := p.loadCursor(ctx); err != nil {
		return nil, err
	}
	if err := p.accounts.load(ctx, cfg.Docs); err != nil {
		return nil, err
	}
	for _, a := range p.accounts.all() {
		acct := ueba.Account{Service: a.Service, User: a.User}
		cfg.Directory.Heard(acct, a.First)
		cfg.Directory.Heard(acct, a.Last)
	}
	return p, errors.Join(p.loadTouched(ctx), p.loadSettled(ctx))
}

// Wake tells the pipeline that something was appended.
func (p *Pipeline) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run follows the feed until ctx ends. An error of the store is reported and tried again.
func (p *Pipeline) Run(ctx context.Context) error {
	lastLive := time.Time{}
	for {
		more, err := p.Step(ctx)
		if err == nil && p.cfg.Now().Sub(lastLive) >= liveEvery {
			lastLive = p.cfg.Now()
			err = p.foldLive(ctx)
		}
		wait := pause
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // an end that was asked for is no error
		case err != nil:
			p.cfg.Fault(err)
			wait = retryAfter
		case more:
			continue
		}
		if !p.sleep(ctx, wait) {
			return nil
		}
	}
}

func (p *Pipeline) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-p.wake:
	case <-t.C:
	}
	return true
}

// Step takes one batch from the feed and reports whether there may be more.
func (p *Pipeline) Step(ctx context.Context) (bool, error) {
	p.stepping.Lock()
	defer p.stepping.Unlock()
	facts, next, err := p.cfg.Facts.Changes(ctx, p.place(), batch)
	if err != nil {
		return false, fmt.Errorf("follow the change feed: %w", err)
	}
	if len(facts) == 0 {
		p.mu.Lock()
		p.caught = true
		p.mu.Unlock()
		return false, nil
	}
	t, err := p.touches(ctx, facts)
	if err != nil {
		return false, err
	}
	if err := p.note(ctx, t.days); err != nil {
		return false, err
	}
	p.kinds = t.kinds
	if err := p.saveCursor(ctx, next, facts); err != nil {
		return false, err
	}
	return len(facts) == batch, nil
}

// CatchUp follows the feed until its end. What is appended meanwhile may wait.
func (p *Pipeline) CatchUp(ctx context.Context) error {
	return p.followWhile(ctx, func() bool { return true })
}

// Follow is CatchUp for those who would rather have an answer than wait longer than a
// second for the newest of it.
func (p *Pipeline) Follow(ctx context.Context) error {
	begin := time.Now()
	return p.followWhile(ctx, func() bool { return time.Since(begin) < followAtMost })
}

func (p *Pipeline) followWhile(ctx context.Context, goOn func() bool) error {
	if err := p.cfg.Facts.Sync(ctx); err != nil {
		return fmt.Errorf("wait for the store: %w", err)
	}
	for {
		if more, err := p.Step(ctx); err != nil || !more || !goOn() {
			return err
		}
	}
}

func (p *Pipeline) place() store.Cursor {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cursor
}

// Seen counts the facts followed since the begin of the feed.
func (p *Pipeline) Seen() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// CaughtUp reports whether the feed was empty at the last look.
func (p *Pipeline) CaughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.caught
}

func (p *Pipeline) today() ueba.Day { return p.cfg.Business.DayOf(p.cfg.Now()) }

func (p *Pipeline) loadCursor(ctx context.Context) error {
	doc, err := p.cfg.Docs.Get(ctx, KindCursor, cursorID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the pipeline's cursor: %w", err)
	}
	var c cursorDoc
	if err := c.decode(doc.Body); err != nil {
		return fmt.Errorf("read the pipeline's cursor: %w", err)
	}
	p.cursor, p.seen, p.kinds = c.Cursor, c.Seen, c.Kinds
	return nil
}

// saveCursor puts the place after the facts, and counts them.
func (p *Pipeline) saveCursor(ctx context.Context, next store.Cursor, facts []ueba.Fact) error {
	c := cursorDoc{Cursor: next, Seen: p.Seen() + int64(len(facts)), Kinds: p.kinds}
	counted := p.accounts.counted(facts)
	docs := append(accountDocs(counted),
		store.Doc{Kind: KindCursor, ID: cursorID, Day: ueba.NoDay, Body: c.encode()})
	if err := p.cfg.Docs.Put(ctx, docs...); err != nil {
		return fmt.Errorf("save the pipeline's cursor: %w", err)
	}
	p.accounts.take(counted)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cursor, p.seen, p.caught = c.Cursor, c.Seen, false
	return nil
}
