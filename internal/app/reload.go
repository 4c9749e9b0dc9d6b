package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// await waits until ctx ends or a part fails, and reloads whenever it is asked to.
func (a *App) await(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			a.log.Info("stopping")
			return nil
		case err := <-a.parts.failed:
			return err
		case <-a.opts.Reload:
			a.reload(ctx)
		}
	}
}

// reload reads configuration, rules and directory files again. All of it or nothing comes
// into force: what is wrong is logged with its place, and the old one stays. What needs a
// restart is named.
func (a *App) reload(ctx context.Context) {
	log := a.log.WithField("part", "reload")
	next := a.config
	if a.opts.Reread != nil {
		var err error
		if next, err = a.opts.Reread(); err != nil {
			log.WithError(err).Error("the old configuration stays in force")
			return
		}
	}
	set, err := loadRules(next.Rules)
	if err != nil {
		log.WithError(err).Error("the old rules and configuration stay in force")
		return
	}
	a.company.SetRules(set)
	if level, err := logrus.ParseLevel(next.Log.Level); err == nil {
		a.log.SetLevel(level)
	}
	if late := needRestart(a.config, next); len(late) > 0 {
		log.Warnf("takes effect at the next start: %s", strings.Join(late, ", "))
	}
	if err := a.loadDirectory(ctx, nil); err != nil {
		a.fault("directory")(err)
	}
	log.WithField("rules", len(set.Rules())).WithField("at", a.now().Format(time.RFC3339)).Info("reloaded")
}

// needRestart names the plain settings that differ and that a reload does not apply.
func needRestart(old, next Config) []string {
	before, after := effective(old), effective(next)
	var out []string
	for key, value := range after {
		if before[key] != value && key != "log.level" && !strings.HasPrefix(key, "rules.") {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}
