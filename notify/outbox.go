package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/store"
)

// Config is what an Outbox is made of.
type Config struct {
	Docs     store.Docs
	Remover  store.Remover
	Alerts   *Alerts
	Composer Composer
	Channels []Channel
	Client   *http.Client // of NewClient
	// Owner tells this daemon from another one on the same store, and from its own
	// earlier life.
	Owner string
	Now   func() time.Time
	Log   logrus.FieldLogger
}

// Outbox sends what Alerts raised.
type Outbox struct {
	cfg     Config
	senders []*sender
}

// NewOutbox makes an Outbox; Run starts it.
func NewOutbox(cfg Config) *Outbox {
	o := &Outbox{cfg: cfg}
	for _, ch := range cfg.Channels {
		o.senders = append(o.senders, newSender(o, ch))
	}
	return o
}

// rescan is how often the outbox looks for alerts that another process raised.
const rescan = 5 * time.Second

// Run sends until ctx is done. An attempt that is under way then is finished first.
func (o *Outbox) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, s := range o.senders {
		wg.Go(func() { s.run(ctx) })
	}
	ticker := time.NewTicker(rescan)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-o.cfg.Alerts.raised:
		}
		for _, s := range o.senders {
			s.nudge()
		}
	}
	wg.Wait()
	return nil
}

// settle takes an alert out of the outbox once no channel has it pending.
func (o *Outbox) settle(ctx context.Context, alertID string) error {
	for _, ch := range o.cfg.Channels {
		e, err := readEntry(ctx, o.cfg.Docs, DeliveryID(alertID, ch.Name))
		if errors.Is(err, store.ErrNotFound) || err == nil && e.State == DeliveryPending {
			return nil
		}
		if err != nil {
			return fmt.Errorf("settle alert %s: %w", alertID, err)
		}
	}
	if err := o.cfg.Remover.DeleteDoc(ctx, KindOutbox, alertID); err != nil {
		return fmt.Errorf("settle alert %s: %w", alertID, err)
	}
	return nil
}

// ErrNoChannel says that no channel has this name.
var ErrNoChannel = errors.New("no such channel")

func (o *Outbox) channel(name string) (*sender, error) {
	for _, s := range o.senders {
		if s.channel.Name == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("channel %q: %w", name, ErrNoChannel)
}

// Test sends a test message at once, whatever waits, and returns how the answer was
// understood and the answer itself, redacted and cut.
func (o *Outbox) Test(ctx context.Context, channel string) (Outcome, string, error) {
	s, err := o.channel(channel)
	if err != nil {
		return Outcome{}, "", err
	}
	now := o.cfg.Now()
	at := s.channel.post(ctx, o.cfg.Client, o.cfg.Composer.Test(channel, now, s.channel.Lang), now)
	return at.Outcome, at.answer, nil
}

// Deliveries gives the records of an alert's deliveries by channel, or of all alerts'
// that are not delivered for an empty id.
func (o *Outbox) Deliveries(ctx context.Context, alertID string) ([]Delivery, error) {
	from, to := "", ""
	if alertID != "" {
		from, to = DeliveryID(alertID, ""), DeliveryID(alertID, "~")
	}
	var out []Delivery
	for doc, err := range o.cfg.Docs.List(ctx, KindDelivery, from, to, false) {
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", err)
		}
		var d Delivery
		if err := json.Unmarshal(doc.Body, &d); err != nil {
			return nil, fmt.Errorf("decode delivery %s: %w", doc.ID, err)
		}
		if alertID != "" || d.State != DeliveryDelivered {
			out = append(out, d)
		}
	}
	return out, nil
}

// Resend begins the delivery of an alert to a channel anew, whatever became of it.
func (o *Outbox) Resend(ctx context.Context, alertID, channel string) error {
	s, err := o.channel(channel)
	if err != nil {
		return err
	}
	alert, err := o.cfg.Alerts.Get(ctx, alertID)
	if err != nil {
		return err
	}
	e, err := readEntry(ctx, o.cfg.Docs, DeliveryID(alert.ID, channel))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("resend alert %s: %w", alert.ID, err)
	}
	e.Delivery = Delivery{AlertID: alert.ID, Channel: channel, State: DeliveryPending}
	e.day = alert.Day
	if err := e.save(ctx, o.cfg.Docs); err != nil {
		return fmt.Errorf("resend alert %s: %w", alert.ID, err)
	}
	// A new document, or a new token of the old one, tells every sender to look again.
	waiting, err := document(KindOutbox, alert.ID, alert.Day, outboxDoc{Raised: o.cfg.Now().UTC(), Again: true})
	if err != nil {
		return err
	}
	if err := o.cfg.Docs.Put(ctx, waiting); err != nil {
		return fmt.Errorf("resend alert %s: %w", alert.ID, err)
	}
	s.nudge()
	return nil
}
