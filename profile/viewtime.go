package profile

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// session tells whose events follow each other on one screen. Where the source names no
// session it is the account on its host.
type session struct {
	service, name, user, host string
}

func sessionOf(e *ueba.Event) session {
	if e.Session != "" {
		return session{service: e.Service, name: e.Session}
	}
	return session{service: e.Service, user: e.User, host: e.Host}
}

// EndsView reports whether next ends the view time of what e shows: it is the first later
// event of the session that is no sign of life.
func EndsView(e, next *ueba.Event) bool {
	return next.Time.After(e.Time) && next.Action != ueba.ActionHeartbeat && sessionOf(e) == sessionOf(next)
}

// measure gives every act the view time of each of its looks. Records shown at the same
// instant of a session share the time, so that view times of a session do not add up to
// more than it lasted.
func (f *folding) measure() {
	sessions := map[session][]int{}
	for i, a := range f.acts {
		key := sessionOf(a.Event)
		sessions[key] = append(sessions[key], i)
	}
	for _, members := range sessions {
		for from := 0; from < len(members); {
			to := from + 1
			for to < len(members) && f.acts[members[to]].Time.Equal(f.acts[members[from]].Time) {
				to++
			}
			f.measureInstant(members[from:to], members[to:])
			from = to
		}
	}
}

// measureInstant measures the acts of one instant of a session, given the later ones.
func (f *folding) measureInstant(instant, later []int) {
	sharing := 0
	for _, i := range instant {
		a := &f.acts[i]
		switch {
		case a.looks == 0:
		case a.HasDuration && a.Duration >= 0 && a.Duration <= maxExplicit:
			d := a.Duration / time.Duration(a.looks)
			a.view = ueba.ViewTime{Value: d, Low: d, High: d, Method: ueba.MethodExplicit}
			a.highest = d
		default:
			sharing += a.looks
		}
	}
	if sharing == 0 {
		return
	}
	view, highest := f.infer(instant[0], later)
	view, highest = divide(view, time.Duration(sharing)), highest/time.Duration(sharing)
	for _, i := range instant {
		if a := &f.acts[i]; a.looks > 0 && a.view.Method == "" {
			a.view, a.highest = view, highest
		}
	}
}

// infer adds up the gaps from an act to the session's next one, each capped by the idle
// timeout. Heartbeats say that the record is still there; they do not end the view. A
// capped gap may have been no view at all, or view to its end: so the bounds. Without a
// next act there are only bounds, or what the heartbeats prove.
func (f *folding) infer(first int, later []int) (view ueba.ViewTime, highest time.Duration) {
	idle := f.settings.idle(f.acts[first].Service)
	at := f.acts[first].Time
	view.Method = ueba.MethodNone
	for _, i := range later {
		gap := f.acts[i].Time.Sub(at)
		at = f.acts[i].Time
		view.Value += min(gap, idle)
		view.High += gap
		if gap <= idle {
			view.Low += gap
		}
		if f.acts[i].Action == ueba.ActionHeartbeat {
			view.Method = ueba.MethodHeartbeat
			continue
		}
		if view.Method == ueba.MethodNone {
			view.Method = ueba.MethodGap
		}
		return view, view.High
	}
	view.High = -1
	return view, view.Value + idle
}

func divide(v ueba.ViewTime, n time.Duration) ueba.ViewTime {
	v.Value /= n
	v.Low /= n
	if v.High > 0 {
		v.High /= n
	}
	return v
}
