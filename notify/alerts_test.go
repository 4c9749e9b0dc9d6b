package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func keeper() (*notify.Alerts, *storetest.Memory) {
	m := storetest.NewMemory()
	return notify.NewAlerts(m, m, 24*time.Hour, func() time.Time { return noon }), m
}

func raised(id, employee string, day ueba.Day, level ueba.RiskLevel) ueba.Alert {
	return ueba.Alert{ID: id, Employee: employee, Day: day, Level: level, Time: noon}
}

func TestStepsMoveAnAlert(t *testing.T) {
	alerts, memory := keeper()
	a := raised("20261102-aaaa", "E1", 20759, ueba.High)
	if err := alerts.Raise(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		step    ueba.Step
		state   ueba.AlertState
		outcome string
	}{
		{ueba.Step{AlertID: a.ID, State: ueba.AlertAcknowledged, By: "wu"}, ueba.AlertAcknowledged, ""},
		{ueba.Step{AlertID: "20261102-a", State: ueba.AlertClosed, Outcome: "confirmed", Note: "n", By: "wu"}, ueba.AlertClosed, "confirmed"},
		{ueba.Step{AlertID: a.ID, State: ueba.AlertNew, By: "wu"}, ueba.AlertNew, ""},
		{ueba.Step{AlertID: a.ID, State: ueba.AlertClosed, Outcome: "false_alarm", By: "wu"}, ueba.AlertClosed, "false_alarm"},
	} {
		tt.step.Time = noon.Add(time.Duration(i) * time.Minute)
		got, err := alerts.Step(t.Context(), tt.step)
		if err != nil || got.State != tt.state || got.Outcome != tt.outcome || got.ID != a.ID {
			t.Fatalf("step %d: %+v, %v", i, got, err)
		}
		if kept, err := alerts.Get(t.Context(), a.ID); err != nil || kept.State != tt.state {
			t.Fatalf("step %d is not kept: %+v, %v", i, kept, err)
		}
	}
	// The document is a projection: spoilt, it comes back from the facts.
	spoilt := store.Doc{Kind: notify.KindAlert, ID: a.ID, Day: a.Day, Body: []byte(`{"id":"20261102-aaaa","state":"new"}`)}
	if err := memory.Put(t.Context(), spoilt); err != nil {
		t.Fatal(err)
	}
	if got, err := alerts.Refresh(t.Context(), a.ID); err != nil || got.State != ueba.AlertClosed || got.Outcome != "false_alarm" {
		t.Errorf("refreshed: %+v, %v", got, err)
	}
}

func TestStepsThatAreRefused(t *testing.T) {
	alerts, memory := keeper()
	if err := alerts.Raise(t.Context(), raised("20261102-aaaa", "E1", 20759, ueba.High), raised("20261102-aabb", "E2", 20759, ueba.High)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		step ueba.Step
		want string
	}{
		"an unknown id":          {ueba.Step{AlertID: "20261102-zz", State: ueba.AlertAcknowledged, Time: noon}, `alert "20261102-zz": not found`},
		"a beginning of several": {ueba.Step{AlertID: "20261102-aa", State: ueba.AlertAcknowledged, Time: noon}, "20261102-aaaa and 20261102-aabb"},
		"no id":                  {ueba.Step{State: ueba.AlertAcknowledged, Time: noon}, "not found"},
		"no such state":          {ueba.Step{AlertID: "20261102-aaaa", State: "gone", Time: noon}, `state "gone"`},
		"closing without why":    {ueba.Step{AlertID: "20261102-aaaa", State: ueba.AlertClosed, Time: noon}, "want confirmed, expected or false_alarm"},
		"an outcome of nothing":  {ueba.Step{AlertID: "20261102-aaaa", State: ueba.AlertAcknowledged, Outcome: "expected", Time: noon}, "only a closed alert"},
		"no time":                {ueba.Step{AlertID: "20261102-aaaa", State: ueba.AlertAcknowledged}, "no time"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := alerts.Step(t.Context(), tt.step); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	facts, _, err := memory.Changes(t.Context(), "", 10)
	if err != nil || len(facts) != 0 {
		t.Errorf("a refused step was recorded: %v, %v", facts, err)
	}
	if _, err := alerts.Get(t.Context(), "20261102-zz"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestList(t *testing.T) {
	alerts, _ := keeper()
	err := alerts.Raise(t.Context(),
		raised("20261031-a", "E1", 20757, ueba.High), raised("20261101-b", "E2", 20758, ueba.Critical), raised("20261102-c", "E1", 20759, ueba.Medium))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alerts.Step(t.Context(), ueba.Step{AlertID: "20261101-b", State: ueba.AlertAcknowledged, Time: noon}); err != nil {
		t.Fatal(err)
	}
	second := ueba.Day(20758)
	for name, tt := range map[string]struct {
		filter notify.Filter
		want   []string
	}{
		"all, newest first": {notify.Filter{}, []string{"20261102-c", "20261101-b", "20261031-a"}},
		"of one employee":   {notify.Filter{Employee: "E1"}, []string{"20261102-c", "20261031-a"}},
		"in a state":        {notify.Filter{States: []ueba.AlertState{ueba.AlertAcknowledged}}, []string{"20261101-b"}},
		"of high and above": {notify.Filter{MinLevel: ueba.High}, []string{"20261101-b", "20261031-a"}},
		"until a day":       {notify.Filter{To: &second}, []string{"20261101-b", "20261031-a"}},
		"from a day":        {notify.Filter{From: &second, Limit: 1}, []string{"20261102-c"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := alerts.List(t.Context(), tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, a := range found {
				ids = append(ids, a.ID)
			}
			if diff := cmp.Diff(tt.want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}
