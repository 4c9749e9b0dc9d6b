package scorer

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// The rules of the scorer's own alerts.
const (
	RuleLevel = "score.level" // the level rose to high or critical
	RuleDay   = "score.day"   // the day's p is below the bound
)

// alertParts is how many parts an alert carries.
const alertParts = 5

// alertsOf gives the alerts of a new revision. A level that was already stored for the
// day or shortly after it is no news, whatever revision moved the day it was reached.
func (k *keeper) alertsOf(s *scored) []ueba.Alert {
	var out []ueba.Alert
	if s.Level.Rank() >= ueba.High.Rank() && s.Level.Rank() > s.previous.Rank() && !k.reached(s) {
		out = append(out, k.alert(s, RuleLevel, string(s.Level)))
	}
	c := &k.engine.config
	if s.State != ueba.Learning && s.State != ueba.Unmonitored && s.Evidence > 0 && s.P < c.DayP {
		out = append(out, k.alert(s, RuleDay, ""))
	}
	return out
}

func (k *keeper) reached(s *scored) bool {
	for d := s.Day; d <= s.Day+ahead; d++ {
		if old, ok := k.stored[d][s.Employee]; ok && old.Level.Rank() >= s.Level.Rank() {
			return true
		}
	}
	return false
}

// alert dates itself by the scheduled run, or by the close of a day scored later: what
// is found while scoring the past is not news of today.
func (k *keeper) alert(s *scored, rule, what string) ueba.Alert {
	at := k.tick.At
	if closing := k.engine.config.Business.Close(s.Day); closing.Before(at) {
		at = closing
	}
	return ueba.Alert{
		ID: ueba.AlertID(s.Day, s.Employee, rule, what), Time: at.In(time.UTC), Day: s.Day, Employee: s.Employee,
		Level: s.Level, Rule: rule, Score: s.R, Previous: s.previous, Count: s.looks,
		Parts: s.Parts[:min(len(s.Parts), alertParts)], State: ueba.AlertNew,
	}
}
