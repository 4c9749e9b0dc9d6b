package console

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func (h *handler) mountAlerts(api huma.API) {
	add(h, api, get("alerts", "/alerts", "Alerts, newest first"), h.alerts)
	add(h, api, post("alert-step", "/alerts/{id}/steps", "Acknowledge or close an alert"), h.step)
}

// mountDelivery is for the operator: answers of chats belong to the installation.
func (h *handler) mountDelivery(api huma.API) {
	add(h, api, get("alert-deliveries", "/alerts/{id}/deliveries", "How the sending of an alert stands"), h.deliveries)
	add(h, api, post("alert-resend", "/alerts/{id}/resend", "Send what is not delivered once more"), h.resend)
	add(h, api, post("channel-test", "/channels/{channel}/test", "Send a test message"), h.testChannel)
}

type alertsInput struct {
	Days
	Employee string `query:"employee" maxLength:"256"`
	State    string `query:"state" enum:"new,acknowledged,closed"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	After    string `query:"after" maxLength:"1024"`
}

func (h *handler) alerts(ctx context.Context, in *alertsInput) (Page[AlertRow], error) {
	id, err := h.employee(ctx, in.Employee)
	if err != nil {
		return Page[AlertRow]{}, err
	}
	from, to, err := in.or(ueba.NoDay, ueba.NoDay)
	if err != nil {
		return Page[AlertRow]{}, err
	}
	return h.alertPage(ctx, AlertQuery{
		State: ueba.AlertState(in.State), Employee: id, From: from, To: to, Limit: in.Limit, After: in.After,
	})
}

func (h *handler) alertPage(ctx context.Context, q AlertQuery) (Page[AlertRow], error) {
	found, next, err := h.cfg.Services.Alerts.List(ctx, q)
	if err != nil {
		return Page[AlertRow]{}, fmt.Errorf("alerts: %w", err)
	}
	v, err := h.look(ctx, idsOf(found, func(a *ueba.Alert) string { return a.Employee }))
	return Page[AlertRow]{Items: mapped(found, v.alertRow), Next: next}, err
}

type stepInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		State   string `json:"state" enum:"acknowledged,closed"`
		Outcome string `json:"outcome,omitempty" enum:"confirmed,expected,false_alarm" doc:"What was found; wanted to close"`
		Note    string `json:"note,omitempty" maxLength:"2000"`
	}
}

func (h *handler) step(ctx context.Context, in *stepInput) (AlertRow, error) {
	closes := in.Body.State == string(ueba.AlertClosed)
	if closes != (in.Body.Outcome != "") {
		return AlertRow{}, Refuse(http.StatusUnprocessableEntity, "invalid", "an outcome closes an alert, and only that")
	}
	a, err := h.cfg.Services.Alerts.Step(ctx, ueba.Step{
		AlertID: in.ID, State: ueba.AlertState(in.Body.State), Outcome: in.Body.Outcome,
		Note: in.Body.Note, By: h.actor(), Time: h.cfg.Now(),
	})
	if err != nil {
		return AlertRow{}, fmt.Errorf("step: %w", err)
	}
	v, err := h.look(ctx, []string{a.Employee})
	return v.alertRow(&a), err
}

// actor names who acts as well as can be known while there are no accounts.
func (h *handler) actor() string {
	if h.cfg.Operator {
		return "operator"
	}
	return "page"
}

type alertInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (h *handler) deliveries(ctx context.Context, in *alertInput) (Page[Delivery], error) {
	found, err := h.cfg.Services.Alerts.Deliveries(ctx, in.ID)
	if err != nil {
		return Page[Delivery]{}, fmt.Errorf("deliveries: %w", err)
	}
	return Page[Delivery]{Items: append([]Delivery{}, found...)}, nil
}

func (h *handler) resend(ctx context.Context, in *alertInput) (struct{}, error) {
	if err := h.cfg.Services.Alerts.Resend(ctx, in.ID); err != nil {
		return struct{}{}, fmt.Errorf("resend: %w", err)
	}
	return struct{}{}, nil
}

type channelInput struct {
	Channel string `path:"channel" maxLength:"128"`
}

func (h *handler) testChannel(ctx context.Context, in *channelInput) (ChannelAnswer, error) {
	a, err := h.cfg.Services.Alerts.Test(ctx, in.Channel)
	if err != nil {
		return a, fmt.Errorf("test channel: %w", err)
	}
	return a, nil
}
