package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// The kinds of documents that this package owns.
const (
	KindAlert    = "alert"    // ueba.Alert by its id
	KindOutbox   = "outbox"   // that an alert is to be sent, by the alert's id; gone when that is done
	KindDelivery = "delivery" // Delivery, by alert id and channel
)

// ErrSeveral says that the beginning of an id names more than one alert.
var ErrSeveral = errors.New("several begin so")

// Alerts keeps alerts and what people did with them.
type Alerts struct {
	docs  store.Docs
	facts store.Facts
	now   func() time.Time
	// raised holds a token while something was raised that the outbox has not seen.
	raised chan struct{}
	maxAge time.Duration
}

// NewAlerts makes the keeper of alerts. An alert that is older than maxAge when it is
// raised belongs to the past: it is not sent by itself but in a digest.
func NewAlerts(docs store.Docs, facts store.Facts, maxAge time.Duration, now func() time.Time) *Alerts {
	return &Alerts{docs: docs, facts: facts, now: now, raised: make(chan struct{}, 1), maxAge: maxAge}
}

// outboxDoc says that an alert is to be sent. It goes once every channel has the alert,
// or gave up.
type outboxDoc struct {
	Raised time.Time `json:"raised"`
	Past   bool      `json:"past,omitempty"`
	Again  bool      `json:"again,omitempty"` // by Resend: at once, however old
}

// Raise stores alerts and puts them into the outbox. Raising one again changes nothing
// and sends nothing, in whatever state it is by now.
func (a *Alerts) Raise(ctx context.Context, alerts ...ueba.Alert) error {
	var docs, outbox []store.Doc
	for _, alert := range alerts {
		_, err := a.docs.Get(ctx, KindAlert, alert.ID)
		if err == nil {
			continue
		}
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("raise alert %s: %w", alert.ID, err)
		}
		doc, waiting, err := a.documents(alert)
		if err != nil {
			return err
		}
		docs, outbox = append(docs, doc), append(outbox, waiting)
	}
	if len(docs) == 0 {
		return nil
	}
	// The outbox first: an alert that is there was put into it. A conflict means that
	// somebody raised the same alert a moment ago.
	for _, step := range [][]store.Doc{outbox, docs} {
		if _, err := a.docs.Create(ctx, step...); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("raise alerts: %w", err)
		}
	}
	a.wake()
	return nil
}

func (a *Alerts) documents(alert ueba.Alert) (doc, waiting store.Doc, err error) {
	if alert.State == "" {
		alert.State = ueba.AlertNew
	}
	if doc, err = document(KindAlert, alert.ID, alert.Day, alert); err != nil {
		return doc, waiting, err
	}
	now := a.now().UTC()
	waiting, err = document(KindOutbox, alert.ID, alert.Day, outboxDoc{Raised: now, Past: now.Sub(alert.Time) > a.maxAge})
	return doc, waiting, err
}

func (a *Alerts) wake() {
	select {
	case a.raised <- struct{}{}:
	default:
	}
}

func document(kind, id string, day ueba.Day, v any) (store.Doc, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return store.Doc{}, fmt.Errorf("encode %s %s: %w", kind, id, err)
	}
	return store.Doc{Kind: kind, ID: id, Day: day, Body: body}, nil
}

// Step records what somebody did with an alert and returns the alert as it is then.
// step.AlertID may be the beginning of an id if only one alert begins so. Closing needs
// an outcome: confirmed, expected or false_alarm.
func (a *Alerts) Step(ctx context.Context, step ueba.Step) (ueba.Alert, error) {
	if err := checkStep(step); err != nil {
		return ueba.Alert{}, err
	}
	alert, err := a.Get(ctx, step.AlertID)
	if err != nil {
		return ueba.Alert{}, err
	}
	step.AlertID = alert.ID
	if _, err := a.facts.Append(ctx, []ueba.Fact{{Body: &step}}); err != nil {
		return ueba.Alert{}, fmt.Errorf("record step of alert %s: %w", alert.ID, err)
	}
	return a.Refresh(ctx, alert.ID)
}

func checkStep(step ueba.Step) error {
	outcomes := []string{string(ueba.Confirmed), string(ueba.Expected), string(ueba.FalseAlarm)}
	switch {
	case step.State != ueba.AlertNew && step.State != ueba.AlertAcknowledged && step.State != ueba.AlertClosed:
		return fmt.Errorf("state %q: want new, acknowledged or closed", step.State)
	case step.State == ueba.AlertClosed && !slices.Contains(outcomes, step.Outcome):
		return fmt.Errorf("outcome %q: want confirmed, expected or false_alarm", step.Outcome)
	case step.State != ueba.AlertClosed && step.Outcome != "":
		return errors.New("only a closed alert has an outcome")
	case step.Time.IsZero():
		return errors.New("the step has no time")
	}
	return nil
}

// Refresh projects the steps of an alert onto its document again. Step does it; whoever
// follows the facts may do it too, for a crash between the two.
func (a *Alerts) Refresh(ctx context.Context, id string) (ueba.Alert, error) {
	if err := a.facts.Sync(ctx); err != nil {
		return ueba.Alert{}, fmt.Errorf("refresh alert %s: %w", id, err)
	}
	for {
		alert, doc, err := a.read(ctx, id)
		if err != nil {
			return ueba.Alert{}, err
		}
		was := alert
		if err := a.project(ctx, &alert); err != nil {
			return ueba.Alert{}, fmt.Errorf("refresh alert %s: %w", id, err)
		}
		if alert.State == was.State && alert.Outcome == was.Outcome {
			return alert, nil
		}
		next, err := document(KindAlert, alert.ID, alert.Day, alert)
		if err != nil {
			return ueba.Alert{}, err
		}
		next.Token = doc.Token
		if _, err := a.docs.CompareAndSet(ctx, next); err == nil {
			return alert, nil
		} else if !errors.Is(err, store.ErrConflict) {
			return ueba.Alert{}, fmt.Errorf("refresh alert %s: %w", id, err)
		}
	}
}

// project sets state and outcome to those of the latest step.
func (a *Alerts) project(ctx context.Context, alert *ueba.Alert) error {
	alert.State, alert.Outcome = ueba.AlertNew, ""
	for fact, err := range a.facts.Scan(ctx, store.Query{Kind: ueba.KindStep, By: store.ByKey, Keys: []string{alert.ID}}) {
		if err != nil {
			return err
		}
		if step, ok := fact.Body.(*ueba.Step); ok {
			alert.State, alert.Outcome = step.State, step.Outcome
		}
	}
	return nil
}

// Get finds an alert by its id, or by the beginning of it if only one begins so.
func (a *Alerts) Get(ctx context.Context, id string) (ueba.Alert, error) {
	alert, _, err := a.read(ctx, id)
	if !errors.Is(err, store.ErrNotFound) || id == "" {
		return alert, err
	}
	var found []ueba.Alert
	for doc, err := range a.docs.List(ctx, KindAlert, id, id+"~", false) {
		if err != nil {
			return ueba.Alert{}, fmt.Errorf("find alert %q: %w", id, err)
		}
		if alert, err = decodeAlert(doc); err != nil {
			return ueba.Alert{}, err
		}
		if found = append(found, alert); len(found) > 1 {
			return ueba.Alert{}, fmt.Errorf("alert %q: %w, among them %s and %s", id, ErrSeveral, found[0].ID, found[1].ID)
		}
	}
	if len(found) == 0 {
		return ueba.Alert{}, fmt.Errorf("alert %q: %w", id, store.ErrNotFound)
	}
	return found[0], nil
}

func (a *Alerts) read(ctx context.Context, id string) (ueba.Alert, store.Doc, error) {
	doc, err := a.docs.Get(ctx, KindAlert, id)
	if err != nil {
		return ueba.Alert{}, doc, fmt.Errorf("alert %q: %w", id, err)
	}
	alert, err := decodeAlert(doc)
	return alert, doc, err
}

func decodeAlert(doc store.Doc) (ueba.Alert, error) {
	var alert ueba.Alert
	if err := json.Unmarshal(doc.Body, &alert); err != nil {
		return alert, fmt.Errorf("decode alert %s: %w", doc.ID, err)
	}
	return alert, nil
}

// Filter says which alerts List gives. Zero values let everything pass.
type Filter struct {
	States   []ueba.AlertState
	From, To *ueba.Day // both included
	Employee string
	MinLevel ueba.RiskLevel
	Limit    int
}

// List gives the alerts that pass the filter, of the newest day first.
func (a *Alerts) List(ctx context.Context, f Filter) ([]ueba.Alert, error) {
	var out []ueba.Alert
	for doc, err := range a.docs.List(ctx, KindAlert, "", "", true) {
		if err != nil {
			return nil, fmt.Errorf("list alerts: %w", err)
		}
		alert, err := decodeAlert(doc)
		if err != nil {
			return nil, err
		}
		if !f.passes(alert) {
			continue
		}
		if out = append(out, alert); f.Limit > 0 && len(out) == f.Limit {
			break
		}
	}
	return out, nil
}

func (f Filter) passes(a ueba.Alert) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, a.State)) &&
		(f.From == nil || a.Day >= *f.From) && (f.To == nil || a.Day <= *f.To) &&
		(f.Employee == "" || a.Employee == f.Employee) &&
		(f.MinLevel == "" || a.Level.Rank() >= f.MinLevel.Rank())
}
