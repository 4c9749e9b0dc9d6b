package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// liveDay is one employee's recent day as it stood when it was last folded.
type liveDay struct {
	profile ueba.Profile
	raised  map[string]bool // detections that were raised
	due     time.Time       // when a rule that waits for late reasons decides; zero: none waits
}

// foldLive folds the recent days that changed or whose rules are due, for a while at
// most, oldest key first so that none starves.
func (p *Pipeline) foldLive(ctx context.Context) error {
	p.folding.Lock()
	defer p.folding.Unlock()
	begin := p.cfg.Now()
	for _, k := range p.takeDirty(begin) {
		if p.cfg.Now().Sub(begin) > liveAtMost {
			p.giveBack(k)
			continue
		}
		if err := p.foldOne(ctx, k); err != nil {
			p.giveBack(k)
			return err
		}
	}
	return nil
}

func (p *Pipeline) takeDirty(now time.Time) []employeeDay {
	p.mu.Lock()
	defer p.mu.Unlock()
	recent := p.cfg.Business.DayOf(now) - immediately + 1
	for k, l := range p.live {
		switch {
		case k.day < recent:
			delete(p.live, k)
		case !l.due.IsZero() && !l.due.After(now):
			p.dirty[k] = true
		}
	}
	keys := make([]employeeDay, 0, len(p.dirty))
	for k := range p.dirty {
		keys = append(keys, k)
	}
	clear(p.dirty)
	// Start after the one folded last: with more work than time everybody gets a turn.
	sort.Slice(keys, func(i, j int) bool { return keys[i].id() < keys[j].id() })
	at := sort.Search(len(keys), func(i int) bool { return keys[i].id() > p.lastFolded })
	return append(keys[at:len(keys):len(keys)], keys[:at]...)
}

func (p *Pipeline) giveBack(k employeeDay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dirty[k] = true
}

// foldOne folds a recent day from all that is known now and raises what the immediate
// rules find in it.
func (p *Pipeline) foldOne(ctx context.Context, k employeeDay) error {
	now := p.cfg.Now()
	// Not as known at now: after the clock was set back that would lose what came before.
	profile, _, err := p.cfg.Company.Fold(ctx, k.employee, k.day, time.Time{})
	if errors.Is(err, store.ErrNotFound) {
		return nil // what makes him known touches the day again
	}
	if err != nil {
		return fmt.Errorf("fold %s of %s: %w", k.day, k.employee, err)
	}
	found, due := p.cfg.Company.Alerting(profile.Detections, now)

	p.mu.Lock()
	l := p.live[k]
	if l == nil {
		l = &liveDay{raised: map[string]bool{}}
		p.live[k] = l
	}
	l.profile, l.due = profile, due
	p.lastFolded = k.id()
	var fresh []ueba.Alert
	for _, d := range found {
		if !l.raised[d.ID] {
			fresh = append(fresh, AlertOf(d))
		}
	}
	p.mu.Unlock()

	if len(fresh) == 0 {
		return nil
	}
	if err := p.cfg.Raiser.Raise(ctx, fresh...); err != nil {
		return fmt.Errorf("raise alerts of %s: %w", k.day, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range found {
		l.raised[d.ID] = true
	}
	return nil
}

// AlertOf is the alert that a detection raises.
func AlertOf(d ueba.Detection) ueba.Alert {
	return ueba.Alert{
		ID:   ueba.AlertID(d.Day, d.Employee, d.Rule, d.ID),
		Time: d.Time, Day: d.Day, Employee: d.Employee, Level: d.Level,
		Rule: d.Rule, Title: d.Title, Count: d.Count, Looks: d.Looks, State: ueba.AlertNew,
	}
}

// Today returns the profiles of the open day, of one employee or (empty) of everybody
// with an event, by employee. What is not folded yet is folded first.
func (p *Pipeline) Today(ctx context.Context, employee string) (ueba.Day, []ueba.Profile, error) {
	day := p.today()
	if err := p.Follow(ctx); err != nil {
		return day, nil, err
	}
	if err := p.foldDirty(ctx, day, employee); err != nil {
		return day, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []ueba.Profile
	for k, l := range p.live {
		if k.day == day && l.profile.Events > 0 && (employee == "" || k.employee == employee) {
			out = append(out, l.profile)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Employee < out[j].Employee })
	return day, out, nil
}

// foldDirty waits for a round of foldLive that is under way: what it has taken and not
// folded yet would be missing.
func (p *Pipeline) foldDirty(ctx context.Context, day ueba.Day, employee string) error {
	p.folding.Lock()
	defer p.folding.Unlock()
	keys := p.dirtyOf(day, employee)
	for i, k := range keys {
		if err := p.foldOne(ctx, k); err != nil {
			for _, left := range keys[i:] {
				p.giveBack(left)
			}
			return err
		}
	}
	return nil
}

func (p *Pipeline) dirtyOf(day ueba.Day, employee string) []employeeDay {
	p.mu.Lock()
	defer p.mu.Unlock()
	var keys []employeeDay
	for k := range p.dirty {
		if k.day == day && (employee == "" || k.employee == employee) {
			keys = append(keys, k)
			delete(p.dirty, k)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].employee < keys[j].employee })
	return keys
}
