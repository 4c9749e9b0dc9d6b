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

const (
	// An import raises its alerts bit by bit: their digest waits until none came for
	// quiet, but no longer than patience.
	quiet    = time.Minute
	patience = 15 * time.Minute
	// idle is the longest that a sender sleeps when nothing is due.
	idle = time.Hour
)

// sender brings alerts to one channel. It remembers only what the store could tell it
// again.
type sender struct {
	*Outbox
	channel Channel
	wake    chan struct{}

	pending map[string]*parcel // by alert id
	done    map[string]string  // tokens of documents of the outbox that this channel is done with
	gauge   gauge
	paused  time.Time // the channel asked to be left alone until then
}

// parcel is an alert on its way.
type parcel struct {
	entry
	alert  ueba.Alert
	raised time.Time
	past   bool
	again  bool   // somebody asked for it
	outbox string // token of its document in the outbox
}

func newSender(o *Outbox, ch Channel) *sender {
	return &sender{
		Outbox: o, channel: ch, wake: make(chan struct{}, 1),
		pending: map[string]*parcel{}, done: map[string]string{}, gauge: gauge{Budget: ch.Adapter.Budget()},
	}
}

func (s *sender) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sends what is due until ctx is done.
func (s *sender) run(ctx context.Context) {
	s.recall(ctx)
	for {
		s.load(ctx)
		next := s.send(ctx)
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		}
	}
}

// recall brings back after a restart how much of the budget is spent and whether the
// channel asked for a pause. What waits for a better configuration is due at once, for
// a restart may have brought it.
func (s *sender) recall(ctx context.Context) {
	for doc, err := range s.cfg.Docs.List(ctx, KindDelivery, "", "", false) {
		if err != nil {
			s.log(err)
			return
		}
		e, err := decodeEntry(doc)
		if err != nil {
			s.log(err)
			continue
		}
		if e.Channel != s.channel.Name {
			continue
		}
		if s.cfg.Now().Sub(e.Last) < s.gauge.Per {
			s.gauge.note(e.Last, e.Message)
		}
		switch {
		case e.State == DeliveryPending && e.Outcome == RetryAfter && e.Next.After(s.paused):
			s.paused = e.Next
		case e.State == DeliveryPending && e.Outcome == BadConfig && !e.Next.IsZero():
			e.Next = time.Time{}
			s.log(e.save(ctx, s.cfg.Docs))
		}
	}
}

// load takes up the alerts of the outbox that this channel does not have yet.
func (s *sender) load(ctx context.Context) {
	done := map[string]string{}
	var fresh []*parcel
	for doc, err := range s.cfg.Docs.List(ctx, KindOutbox, "", "", false) {
		if err != nil {
			s.log(fmt.Errorf("list outbox: %w", err))
			return
		}
		switch token, ok := s.done[doc.ID]; {
		case s.pending[doc.ID] != nil:
		case ok && token == doc.Token:
			done[doc.ID] = token
		default:
			fresh = append(fresh, s.unpack(doc))
		}
	}
	s.done = done
	for _, p := range fresh {
		s.take(ctx, p)
	}
}

// unpack reads a document of the outbox. One that does not decode still is an alert to send.
func (s *sender) unpack(doc store.Doc) *parcel {
	var w outboxDoc
	if err := json.Unmarshal(doc.Body, &w); err != nil {
		s.log(fmt.Errorf("decode outbox %s: %w", doc.ID, err))
	}
	p := &parcel{raised: w.Raised, past: w.Past, again: w.Again, outbox: doc.Token}
	p.AlertID = doc.ID
	return p
}

// take reads the alert and the record of its delivery, or begins one.
func (s *sender) take(ctx context.Context, p *parcel) {
	id := p.AlertID
	alert, _, err := s.cfg.Alerts.read(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return // its raising is under way, or was cut off and will be done again
	}
	if err != nil {
		s.log(err)
		return
	}
	e, err := readEntry(ctx, s.cfg.Docs, DeliveryID(id, s.channel.Name))
	if errors.Is(err, store.ErrNotFound) {
		e = entry{Delivery: Delivery{AlertID: id, Channel: s.channel.Name, State: DeliveryPending}, day: alert.Day}
		err = nil
	}
	if err != nil {
		s.log(err)
		return
	}
	p.entry, p.alert = e, alert
	if e.State != DeliveryPending {
		s.finish(ctx, p)
		return
	}
	// An alert that nobody tried to send in time, as before there were channels, is
	// of the past as well.
	p.past = p.past || !p.again && e.Attempts == 0 && s.cfg.Now().Sub(alert.Time) > s.cfg.Alerts.maxAge
	s.pending[id] = p
}

// finish forgets an alert that this channel is done with.
func (s *sender) finish(ctx context.Context, p *parcel) {
	delete(s.pending, p.AlertID)
	s.done[p.AlertID] = p.outbox
	s.log(s.settle(ctx, p.AlertID))
}

// send sends what is due and returns how long nothing will be.
func (s *sender) send(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		now := s.cfg.Now()
		batch, next := s.batch(now)
		if len(batch) == 0 {
			return min(max(next.Sub(now), time.Millisecond), idle)
		}
		s.attempt(ctx, batch)
	}
	return idle
}

// batch chooses what to send now: the worst alert that is due, or all that are due in one
// digest when the budget allows one more message only; or alerts of the past. If there is
// nothing it returns when to look again.
func (s *sender) batch(now time.Time) ([]*parcel, time.Time) {
	if s.paused.After(now) {
		return nil, s.paused
	}
	due, past, next := s.due(now)
	if len(due) == 0 && len(past) == 0 {
		return nil, next
	}
	left := s.gauge.left(now)
	switch {
	case left == 0:
		return nil, s.gauge.next(now)
	case len(due) == 0:
		return past, next
	case left == 1:
		return due, next
	}
	return due[:1], next
}

// due splits what may be sent now, each part the worst first, and says when more will be.
func (s *sender) due(now time.Time) (due, past []*parcel, next time.Time) {
	next = now.Add(idle)
	var newest, oldest time.Time
	for _, p := range s.pending {
		switch {
		case p.Next.After(now):
			next = earlier(next, p.Next)
		case p.past:
			past = append(past, p)
			if p.raised.After(newest) {
				newest = p.raised
			}
			if oldest.IsZero() || p.raised.Before(oldest) {
				oldest = p.raised
			}
		default:
			due = append(due, p)
		}
	}
	if ready := earlier(newest.Add(quiet), oldest.Add(patience)); len(past) > 0 && ready.After(now) {
		past, next = nil, earlier(next, ready)
	}
	for _, ps := range [][]*parcel{due, past} {
		slices.SortFunc(ps, func(a, b *parcel) int { return worstFirst(a.alert, b.alert) })
	}
	return due, past, next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// attempt claims the parcels, sends them as one message and records what came of it. It
// goes on when ctx is done: a message that is out must be recorded.
func (s *sender) attempt(ctx context.Context, batch []*parcel) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout+10*time.Second)
	defer cancel()
	now := s.cfg.Now().UTC()
	batch = s.claim(ctx, batch, now)
	if len(batch) == 0 {
		return
	}
	m := s.compose(batch)
	s.gauge.note(now, m.ID)
	at := s.channel.post(ctx, s.cfg.Client, m, now)
	after := s.cfg.Now().UTC()
	if at.Code == RetryAfter {
		s.paused = after.Add(at.After)
	}
	for _, p := range batch {
		p.record(at, m.ID, after)
		s.log(p.save(ctx, s.cfg.Docs))
		if p.State != DeliveryPending {
			s.finish(ctx, p)
		}
	}
	s.report(at, m, batch)
}

// claim takes the parcels for an attempt, in one instant, and leaves out those that are
// none of ours any more. A store that does not answer keeps them back for a while.
func (s *sender) claim(ctx context.Context, batch []*parcel, now time.Time) []*parcel {
	var claimed []*parcel
	for _, p := range batch {
		err := p.claim(ctx, s.cfg.Docs, s.cfg.Owner, now)
		switch {
		case err == nil:
			claimed = append(claimed, p)
		case errors.Is(err, errTaken) && p.State != DeliveryPending:
			s.finish(ctx, p)
		case errors.Is(err, errTaken) && p.Next.After(now):
		case errors.Is(err, errTaken):
			p.Next = now.Add(claimFor)
		default:
			s.log(err)
			p.Next = now.Add(rescan)
		}
	}
	return claimed
}

// compose writes one message for the parcels, as small as the smallest of them needs it.
func (s *sender) compose(batch []*parcel) Message {
	rung := 0
	alerts := make([]ueba.Alert, len(batch))
	for i, p := range batch {
		alerts[i] = p.alert
		rung = max(rung, p.Rung)
	}
	if len(batch) == 1 && !batch[0].past {
		return s.cfg.Composer.Alert(alerts[0], s.channel.Lang).reduce(rung)
	}
	return s.cfg.Composer.Digest(alerts, s.channel.Lang).reduce(rung)
}

func (s *sender) report(at attempt, m Message, batch []*parcel) {
	log := s.cfg.Log.WithFields(map[string]any{
		"channel": s.channel.Name, "message": m.ID, "alerts": len(batch), "outcome": string(at.Code),
	})
	switch failed := batch[0].State == DeliveryFailed; {
	case at.Arrived():
		log.Info("alert sent")
	case failed:
		log.WithField("detail", at.Detail).Error("alert not sent, given up")
	default:
		log.WithField("detail", at.Detail).WithField("next", batch[0].Next.Format(time.RFC3339)).Warn("alert not sent yet")
	}
}

// log reports a failure of the store; what was to be written is found again by a scan.
func (s *sender) log(err error) {
	if err != nil && !errors.Is(err, errTaken) && !errors.Is(err, context.Canceled) {
		s.cfg.Log.WithField("channel", s.channel.Name).WithError(err).Error("outbox")
	}
}
