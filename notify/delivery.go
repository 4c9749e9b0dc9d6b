package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered" // or accepted; Outcome says which
	DeliveryFailed    DeliveryState = "failed"    // given up; Resend begins anew
)

// Delivery is the record of bringing one alert to one channel.
type Delivery struct {
	AlertID  string        `json:"alert_id"`
	Channel  string        `json:"channel"`
	State    DeliveryState `json:"state"`
	Attempts int           `json:"attempts"`
	First    time.Time     `json:"first,omitzero"`    // the first attempt
	Last     time.Time     `json:"last,omitzero"`     // the last attempt
	Next     time.Time     `json:"next,omitzero"`     // not before
	Outcome  Code          `json:"outcome,omitempty"` // of the last attempt
	Answer   string        `json:"answer,omitempty"`  // what came back, redacted and cut
	Message  string        `json:"message,omitempty"` // the id of the message, a digest's if merged
	Rung     int           `json:"rung,omitempty"`    // how far down the ladder of sizes
	Owner    string        `json:"owner,omitempty"`   // who is sending …
	Until    time.Time     `json:"until,omitzero"`    // … until when at most
}

// DeliveryID names the delivery of an alert to a channel.
func DeliveryID(alertID, channel string) string { return alertID + "/" + channel }

const (
	firstBackoff  = 5 * time.Second
	maxBackoff    = 30 * time.Minute
	configBackoff = 10 * time.Minute // an operator needs longer than a network
	giveUp        = 24 * time.Hour
	claimFor      = time.Minute // longer than an attempt may take
)

// backoff doubles from attempt to attempt and varies by a fifth with the id, so that
// deliveries do not come in step. It is the same for the same id and attempt.
func backoff(id string, attempt int, least time.Duration) time.Duration {
	d := maxBackoff
	if shift := attempt - 1; shift < 10 {
		d = min(firstBackoff<<max(shift, 0), maxBackoff)
	}
	d = max(d, least)
	h := fnv.New32a()
	_, _ = h.Write([]byte(id + "#" + strconv.Itoa(attempt))) // never fails
	return d - d/5 + time.Duration(int64(2*d/5)*int64(h.Sum32()%1000)/1000)
}

// record notes the outcome of an attempt at now.
func (d *Delivery) record(at attempt, messageID string, now time.Time) {
	d.Outcome, d.Answer, d.Message = at.Code, cmp.Or(at.answer, at.Detail), messageID
	d.Owner, d.Until = "", time.Time{}
	id := DeliveryID(d.AlertID, d.Channel)
	switch at.Code {
	case Delivered, Accepted:
		d.State, d.Next = DeliveryDelivered, time.Time{}
		return
	case RetryAfter:
		d.Next = now.Add(at.After)
	case BadConfig:
		d.Next = now.Add(backoff(id, d.Attempts, configBackoff))
	case Shrink:
		if d.Next = now; d.Rung == rungs-1 {
			d.Next = now.Add(backoff(id, d.Attempts, 0))
		}
		d.Rung = min(d.Rung+1, rungs-1)
	default:
		d.Next = now.Add(backoff(id, d.Attempts, 0))
	}
	if now.Sub(d.First) >= giveUp {
		d.State, d.Next = DeliveryFailed, time.Time{}
	}
}

// errTaken says that a delivery is none of ours now: done, or in another's hands.
var errTaken = errors.New("delivery taken")

// entry is a delivery with its document's token and day.
type entry struct {
	Delivery
	day   ueba.Day
	token string
}

func readEntry(ctx context.Context, docs store.Docs, id string) (entry, error) {
	doc, err := docs.Get(ctx, KindDelivery, id)
	if err != nil {
		return entry{}, err
	}
	return decodeEntry(doc)
}

func decodeEntry(doc store.Doc) (entry, error) {
	e := entry{day: doc.Day, token: doc.Token}
	if err := json.Unmarshal(doc.Body, &e.Delivery); err != nil {
		return entry{}, fmt.Errorf("decode delivery %s: %w", doc.ID, err)
	}
	return e, nil
}

// save writes the entry if nobody else did since it was read.
func (e *entry) save(ctx context.Context, docs store.Docs) error {
	doc, err := document(KindDelivery, DeliveryID(e.AlertID, e.Channel), e.day, e.Delivery)
	if err != nil {
		return err
	}
	doc.Token = e.token
	token, err := docs.CompareAndSet(ctx, doc)
	if errors.Is(err, store.ErrConflict) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("save delivery: %w", err)
	}
	e.token = token
	return nil
}

// claim reads the record again and takes it for an attempt. It returns errTaken when the
// alert was delivered meanwhile or another daemon is at it.
func (e *entry) claim(ctx context.Context, docs store.Docs, owner string, now time.Time) error {
	fresh, err := readEntry(ctx, docs, DeliveryID(e.AlertID, e.Channel))
	switch {
	case err == nil:
		*e = fresh
	case errors.Is(err, store.ErrNotFound):
		e.token = ""
	default:
		return fmt.Errorf("read delivery: %w", err)
	}
	if e.State != DeliveryPending || e.Owner != "" && e.Owner != owner && now.Before(e.Until) || now.Before(e.Next) {
		return errTaken
	}
	e.Owner, e.Until = owner, now.Add(claimFor)
	e.Attempts++
	e.Last = now
	if e.First.IsZero() {
		e.First = now
	}
	return e.save(ctx, docs)
}
