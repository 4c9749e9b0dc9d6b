package ueba

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// Alert is a message for people. It is derived, with a deterministic ID; its State is
// a projection of the Steps that people took.
type Alert struct {
	ID       string     `json:"id"`
	Time     time.Time  `json:"time"` // of the look or the scheduled run that raised it
	Day      Day        `json:"date"`
	Employee string     `json:"employee_id"`
	Level    RiskLevel  `json:"level"`
	Rule     string     `json:"rule"` // a Sigma rule's id, or score.level, score.day
	Title    string     `json:"title,omitempty"`
	Score    float64    `json:"score"`    // R when it was raised
	Previous RiskLevel  `json:"previous"` // the level before
	Count    int        `json:"count"`    // looks behind it
	Looks    []string   `json:"looks,omitempty"`
	Parts    []Part     `json:"parts,omitempty"` // the main parts, for score alerts
	State    AlertState `json:"state"`
	Outcome  string     `json:"outcome,omitempty"` // of a closed alert: confirmed, expected, false_alarm
}

// AlertState is where an alert stands.
type AlertState string

// The states.
const (
	AlertNew          AlertState = "new"
	AlertAcknowledged AlertState = "acknowledged"
	AlertClosed       AlertState = "closed"
)

// Step is what somebody did with an alert.
type Step struct {
	AlertID string     `json:"alert_id"`
	State   AlertState `json:"state"`
	Outcome string     `json:"outcome,omitempty"`
	Note    string     `json:"note,omitempty"`
	By      string     `json:"by"`
	Time    time.Time  `json:"time"`
}

// Kind implements Body.
func (s *Step) Kind() Kind { return KindStep }

// Happened implements Body.
func (s *Step) Happened() time.Time { return s.Time }

// Key implements Body: the alert's id.
func (s *Step) Key() string { return s.AlertID }

// AlertID names the alert that a rule raises for an employee and day. what tells apart
// several alerts of one rule on one day (a detection's id, a level); it may be empty.
// The id begins with the date, so that ids order by day.
func AlertID(day Day, employee, rule, what string) string {
	sum := sha256.Sum256([]byte(employee + "\x00" + rule + "\x00" + what))
	short := base32.HexEncoding.EncodeToString(sum[:5])
	return strings.ReplaceAll(day.String(), "-", "") + "-" + strings.ToLower(short)
}
