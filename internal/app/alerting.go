package app

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/scorer"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// wireNotify makes the keeper of alerts and the outbox of the configured channels.
func (a *App) wireNotify(ctx context.Context) error {
	a.alerts = notify.NewAlerts(a.store, a.store, a.config.Notify.MaxAge, a.now)
	key, err := installationKey(ctx, a.store)
	if err != nil {
		return err
	}
	a.raiser = raiser{a.alerts, key}
	var channels []notify.Channel
	for _, c := range a.config.Notify.Channels {
		ch, err := newChannel(c)
		if err != nil {
			return fmt.Errorf("notify channel %s: %w", c.Name, err)
		}
		channels = append(channels, ch)
	}
	host, _ := os.Hostname() // an empty name still tells processes apart
	a.outbox = notify.NewOutbox(notify.Config{
		Docs: a.store, Remover: a.store, Alerts: a.alerts, Composer: a.composer(), Channels: channels,
		Client: notify.NewClient(nil, nil), Owner: fmt.Sprintf("%s/%d/%d", host, os.Getpid(), a.now().UnixNano()),
		Now: a.now, Log: a.log.WithField("part", "notify"),
	})
	return nil
}

// raiser hides whom an alert's id is made from before the alert is kept. The id follows from
// employee, rule and day, so whoever has the staff list could find the employee behind an
// id in the chat; under a key of this installation only it can.
type raiser struct {
	alerts *notify.Alerts
	key    []byte
}

// Raise implements scorer.Raiser and pipeline.Raiser.
func (r raiser) Raise(ctx context.Context, alerts ...ueba.Alert) error {
	hidden := slices.Clone(alerts)
	for i := range hidden {
		mac := hmac.New(sha256.New, r.key)
		mac.Write([]byte(hidden[i].ID))
		short := base32.HexEncoding.EncodeToString(mac.Sum(nil)[:5])
		hidden[i].ID = strings.ReplaceAll(hidden[i].Day.String(), "-", "") + "-" + strings.ToLower(short)
	}
	return r.alerts.Raise(ctx, hidden...)
}

// installationKey returns the key of this installation, made once and kept in the store.
func installationKey(ctx context.Context, docs store.Docs) ([]byte, error) {
	const kind, id = "secret", "installation"
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails: it ends the process instead
	body, err := json.Marshal(map[string][]byte{"key": fresh})
	if err != nil {
		return nil, fmt.Errorf("make the installation's key: %w", err)
	}
	_, err = docs.Create(ctx, store.Doc{Kind: kind, ID: id, Day: ueba.NoDay, Body: body})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return nil, fmt.Errorf("keep the installation's key: %w", err)
	}
	doc, err := docs.Get(ctx, kind, id)
	if err != nil {
		return nil, fmt.Errorf("read the installation's key: %w", err)
	}
	var kept map[string][]byte
	if err := json.Unmarshal(doc.Body, &kept); err != nil || len(kept["key"]) != len(fresh) {
		return nil, errors.New("read the installation's key: the document is damaged")
	}
	return kept["key"], nil
}

// composer words alerts for chat: people by their pseudonyms, no customer at all.
func (a *App) composer() notify.Composer {
	c := notify.Composer{Text: a.words, Zone: a.clock.Zone, Name: a.pseudonymOf, Sentences: a.sentences}
	if base := strings.TrimRight(a.config.Notify.Link, "/"); base != "" {
		c.Link = func(alert *ueba.Alert) string {
			if alert == nil {
				return base + "/"
			}
			return base + "/employees/" + url.PathEscape(a.pseudonymOf(alert.Employee)) + "?date=" + alert.Day.String()
		}
	}
	return c
}

func (a *App) pseudonymOf(employee string) string {
	name, err := a.people.name(context.Background(), employee)
	if err != nil {
		a.fault("pseudonyms")(err)
		return "P-?????"
	}
	return name
}

// sentences words the main parts of a score alert.
func (a *App) sentences(alert ueba.Alert, lang text.Lang) []string {
	const main = 3
	x := scorer.Explain(a.words, lang, ueba.RiskScore{Employee: alert.Employee, Day: alert.Day, R: alert.Score, Level: alert.Level, Parts: alert.Parts})
	var out []string
	for _, p := range x.Points[:min(len(x.Points), main)] {
		out = append(out, p.Text)
	}
	return out
}

// alertDesk is the alerts as the console serves them.
type alertDesk struct {
	alerts   *notify.Alerts
	facts    store.Facts
	outbox   *notify.Outbox
	channels []ChannelConfig
	wake     func()
}

// List implements console.Alerts.
func (d alertDesk) List(ctx context.Context, q console.AlertQuery) ([]ueba.Alert, string, error) {
	f := notify.Filter{Employee: q.Employee}
	if q.From != ueba.NoDay {
		f.From = &q.From
	}
	if q.To != ueba.NoDay {
		f.To = &q.To
	}
	if q.State != "" {
		f.States = []ueba.AlertState{q.State}
	}
	all, err := d.alerts.List(ctx, f)
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(all, func(x, y ueba.Alert) int {
		if c := y.Time.Compare(x.Time); c != 0 {
			return c
		}
		return strings.Compare(y.ID, x.ID)
	})
	if q.After != "" {
		at := slices.IndexFunc(all, func(x ueba.Alert) bool { return x.ID == q.After })
		if at < 0 {
			return nil, "", console.Refuse(422, "invalid", "after: not a place in this list")
		}
		all = all[at+1:]
	}
	if q.Limit > 0 && len(all) > q.Limit {
		return all[:q.Limit], all[q.Limit-1].ID, nil
	}
	return all, "", nil
}

// Step implements console.Alerts. Closing an alert is a verdict on what raised it: the next
// scoring run takes exactly that out of the score, or confirms it.
func (d alertDesk) Step(ctx context.Context, s ueba.Step) (ueba.Alert, error) {
	alert, err := d.alerts.Step(ctx, s)
	if err != nil {
		return alert, err
	}
	if alert.State == ueba.AlertClosed {
		if _, err := d.facts.Append(ctx, []ueba.Fact{{Body: reviewOf(alert, s)}}); err != nil {
			return alert, fmt.Errorf("record the verdict: %w", err)
		}
	}
	d.wake()
	return alert, nil
}

// reviewOf is the verdict that closing an alert means: on the rule's evidence for the
// alert of a rule, on the whole day for one of the score.
func reviewOf(a ueba.Alert, s ueba.Step) *ueba.Review {
	r := &ueba.Review{
		EmployeeID: a.Employee, From: a.Day, To: a.Day, Outcome: ueba.ReviewOutcome(a.Outcome), Note: s.Note, By: s.By, Time: s.Time,
	}
	if a.Rule != scorer.RuleLevel && a.Rule != scorer.RuleDay {
		r.Feature = scorer.ModelRule + "/" + a.Rule
	}
	return r
}

// refuseSeveral tells who gave too little of an id that it was too little.
func refuseSeveral(err error) error {
	if errors.Is(err, notify.ErrSeveral) {
		return console.Refuse(409, "several", err.Error())
	}
	return err
}

// Deliveries implements console.Alerts.
func (d alertDesk) Deliveries(ctx context.Context, alertID string) ([]console.Delivery, error) {
	all, err := d.outbox.Deliveries(ctx, alertID)
	out := make([]console.Delivery, len(all))
	for i, x := range all {
		out[i] = console.Delivery{Channel: x.Channel, State: string(x.State), Attempts: x.Attempts, Answer: x.Answer, Next: x.Next}
	}
	return out, err
}

// Resend implements console.Alerts: to every channel that has not got it.
func (d alertDesk) Resend(ctx context.Context, alertID string) error {
	alert, err := d.alerts.Get(ctx, alertID)
	if err != nil {
		return refuseSeveral(err)
	}
	deliveries, err := d.outbox.Deliveries(ctx, alert.ID)
	if err != nil {
		return err
	}
	arrived := map[string]bool{}
	for _, x := range deliveries {
		arrived[x.Channel] = x.State == notify.DeliveryDelivered
	}
	var errs []error
	for _, c := range d.channels {
		if !arrived[c.Name] {
			errs = append(errs, d.outbox.Resend(ctx, alert.ID, c.Name))
		}
	}
	return errors.Join(errs...)
}

// Test implements console.Alerts.
func (d alertDesk) Test(ctx context.Context, channel string) (console.ChannelAnswer, error) {
	outcome, answer, err := d.outbox.Test(ctx, channel)
	if errors.Is(err, notify.ErrNoChannel) {
		return console.ChannelAnswer{}, console.Refuse(404, "not_found", "no channel has this name in notify.channels")
	}
	if outcome.Detail != "" && answer == "" {
		answer = outcome.Detail
	}
	return console.ChannelAnswer{Outcome: string(outcome.Code), Detail: answer}, err
}
