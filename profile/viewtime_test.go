package profile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func view(method ueba.Method, value, low, high time.Duration) ueba.ViewTime {
	return ueba.ViewTime{Value: value, Low: low, High: high, Method: method}
}

func TestViewTime(t *testing.T) {
	const sec, min = time.Second, time.Minute
	at := func(s int) time.Time { return clock(10, 0, s) }
	one, other := []string{"C1"}, []string{"C2"}
	last := view(ueba.MethodNone, 0, 0, -1)
	beat := action(ueba.ActionHeartbeat)
	for name, c := range map[string]struct {
		events []ueba.Fact
		want   []ueba.ViewTime // of the looks
	}{
		"explicit": {[]ueba.Fact{event("a", at(0), one, lasting(41*sec)), event("b", at(5), other, lasting(0))},
			[]ueba.ViewTime{view(ueba.MethodExplicit, 41*sec, 41*sec, 41*sec), view(ueba.MethodExplicit, 0, 0, 0)}},
		"explicit for two records": {[]ueba.Fact{event("a", at(0), []string{"C1", "C2"}, lasting(41*sec))},
			[]ueba.ViewTime{view(ueba.MethodExplicit, 41*sec/2, 41*sec/2, 41*sec/2), view(ueba.MethodExplicit, 41*sec/2, 41*sec/2, 41*sec/2)}},
		"explicit beyond belief": {[]ueba.Fact{event("a", at(0), one, lasting(25*time.Hour)), event("b", at(5), nil, action(ueba.ActionLogout), lasting(-1))},
			[]ueba.ViewTime{view(ueba.MethodGap, 5*sec, 5*sec, 5*sec)}},
		"gap, and the last has bounds only": {[]ueba.Fact{event("a", at(0), one), event("b", at(70), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, 70*sec, 70*sec, 70*sec), last}},
		"gap up to the idle timeout": {[]ueba.Fact{event("a", at(0), one), event("b", at(300), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, 5*min, 5*min, 5*min), last}},
		"gap beyond the idle timeout": {[]ueba.Fact{event("a", at(0), one), event("b", at(3600), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, 5*min, 0, time.Hour), last}},
		"another service's timeout": {[]ueba.Fact{event("a", at(0), one, of("review")), event("b", at(3600), other, of("review"))},
			[]ueba.ViewTime{view(ueba.MethodGap, 15*min, 0, time.Hour), last}},
		"other sessions do not end a look": {[]ueba.Fact{event("a", at(0), one), event("b", at(10), other, in("s2")), event("c", at(60), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, min, min, min), last, last}},
		"other services neither": {[]ueba.Fact{event("a", at(0), one), event("b", at(10), other, of("funds")), event("c", at(60), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, min, min, min), last, last}},
		"without sessions the account on its host": {[]ueba.Fact{
			event("a", at(0), one, in("")),
			event("b", at(5), other, in(""), func(e *ueba.Event) { e.Host = "h2" }),
			event("c", at(6), other, in(""), func(e *ueba.Event) { e.User = "wang2" }),
			event("d", at(30), other, in(""))},
			[]ueba.ViewTime{view(ueba.MethodGap, 30*sec, 30*sec, 30*sec), last, last, last}},
		"what is no look ends one": {[]ueba.Fact{event("a", at(0), one), event("b", at(20), nil, action(ueba.ActionLogout))},
			[]ueba.ViewTime{view(ueba.MethodGap, 20*sec, 20*sec, 20*sec)}},
		"records of an event share": {[]ueba.Fact{event("a", at(0), []string{"C1", "C2"}), event("b", at(20), nil, action(ueba.ActionClose))},
			[]ueba.ViewTime{view(ueba.MethodGap, 10*sec, 10*sec, 10*sec), view(ueba.MethodGap, 10*sec, 10*sec, 10*sec)}},
		"so do events of one instant": {[]ueba.Fact{event("a", at(0), one), event("b", at(0), other), event("c", at(20), nil, action(ueba.ActionClose))},
			[]ueba.ViewTime{view(ueba.MethodGap, 10*sec, 10*sec, 10*sec), view(ueba.MethodGap, 10*sec, 10*sec, 10*sec)}},
		"heartbeats hold a look": {[]ueba.Fact{event("a", at(0), one), event("b", at(60), one, beat), event("c", at(420), one, beat), event("d", at(430), other)},
			[]ueba.ViewTime{view(ueba.MethodHeartbeat, 6*min+10*sec, 70*sec, 430*sec), last}},
		"heartbeats to the end": {[]ueba.Fact{event("a", at(0), one), event("b", at(30), one, beat), event("c", at(60), nil, beat)},
			[]ueba.ViewTime{view(ueba.MethodHeartbeat, min, min, -1)}},
		"less than a second is not zero": {[]ueba.Fact{event("a", at(0), one), event("b", at(0).Add(time.Millisecond), other)},
			[]ueba.ViewTime{view(ueba.MethodGap, time.Millisecond, time.Millisecond, time.Millisecond), last}},
	} {
		t.Run(name, func(t *testing.T) {
			_, looks := fold(dayOf(c.events...))
			var got []ueba.ViewTime
			for _, l := range looks {
				got = append(got, l.View)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheNextDaysEventsEndTheLastLooks(t *testing.T) {
	evening := event("a", clock(23, 58, 0), []string{"C1"})
	soon := event("b", clock(24, 1, 0), []string{"C2"})
	p, looks := fold(dayOf(evening, soon))
	if len(looks) != 1 || p.Events != 1 || looks[0].View != view(ueba.MethodGap, 3*time.Minute, 3*time.Minute, 3*time.Minute) {
		t.Errorf("%+v", looks)
	}
	alone, _ := fold(dayOf(evening))
	later, _ := fold(dayOf(evening, event("b", settings.Business.End(today).Add(settings.idle("crm")), []string{"C2"})))
	if diff := cmp.Diff(alone, later); diff != "" {
		t.Errorf("who fetched more events got another profile: %s", diff)
	}
	if got, want := settings.Until(today), clock(24, 15, 0); !got.Equal(want) {
		t.Errorf("until %s, want the longest timeout after the day: %s", got, want)
	}
}

func TestViewTimesAddUp(t *testing.T) {
	p, _ := fold(dayOf(
		event("a", clock(10, 0, 0), []string{"C1", "C2"}),
		event("b", clock(10, 10, 0), []string{"C3"}, lasting(90*time.Second)),
		event("c", clock(10, 20, 0), []string{"C4"}),
	))
	if p.ViewValue != 6*time.Minute+30*time.Second || p.ViewLow != 90*time.Second || p.ViewHigh != 16*time.Minute+30*time.Second {
		t.Errorf("value %s, low %s, high %s", p.ViewValue, p.ViewLow, p.ViewHigh)
	}
	if p.Features[ueba.FeatureViewMinutes] != 6.5 {
		t.Errorf("%v minutes", p.Features[ueba.FeatureViewMinutes])
	}
}

func TestIdleDefaults(t *testing.T) {
	if got := (Settings{}).idle("crm"); got != DefaultIdle {
		t.Errorf("default %s", got)
	}
	if got := (Settings{Idle: time.Minute}).idle("crm"); got != time.Minute {
		t.Errorf("set %s", got)
	}
}
