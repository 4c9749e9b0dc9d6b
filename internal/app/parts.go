package app

import (
	"context"
	"errors"
	"fmt"
)

// parts runs what blocks, each in a goroutine of its own, and stops them in the reverse
// order, each before the one that was started before it.
type parts struct {
	running []part
	failed  chan error
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan error
}

// start runs a part until stop.
func (p *parts) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	one := part{name, cancel, make(chan error, 1)}
	if p.failed == nil {
		p.failed = make(chan error, 1)
	}
	failed := p.failed
	p.running = append(p.running, one)
	go func() {
		err := run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			if ctx.Err() == nil {
				select {
				case failed <- err:
				default: // one failure is enough to stop
				}
			}
		}
		one.done <- err
	}()
}

// stop ends every part, the newest first, and waits for each.
func (p *parts) stop() error {
	var errs []error
	for i := len(p.running) - 1; i >= 0; i-- {
		p.running[i].cancel()
		errs = append(errs, <-p.running[i].done)
	}
	p.running = nil
	return errors.Join(errs...)
}
