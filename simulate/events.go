package simulate

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// event is a line of events.ndjson before it is written. Instants are Unix milliseconds.
type event struct {
	at, deliver int64 // deliver orders the file
	id          uint64
	lasts       int64 // -1: not measured
	person      *person
	desk        *desk
	record      int32 // -1: none
	rows        int32
	session     uint32
	system      uint8
	act         action
	fields      int8
	failed      bool
	purpose     string
	raw         string // a line that is no event
}

// sink takes what a day brings. It knows whose looks were bad, and writes that nowhere
// but in the labels.
type sink struct {
	events  []event
	reasons []reasonRow
	labels  map[label]bool
	counts  [systemCount]int
}

type label struct {
	day      ueba.Day
	employee string
	scenario string
}

// performer turns the looks of one person's day into events.
type performer struct {
	pl       *plan
	out      *sink
	sessions [2][systemCount]session
	free     [2]int64 // when the last thing on each lane was done
}

// A lane is a pair of hands: the employee's own, and those of whoever else is using his
// account at the same time.
func lane(l *look) int {
	if l.desk != nil {
		return 1
	}
	return 0
}

type session struct {
	id   uint32
	desk *desk
	last int64
}

func (pl *plan) perform(out *sink) {
	p := performer{pl: pl, out: out}
	for i := range pl.looks {
		p.look(&pl.looks[i], p.next(i))
	}
	out.reasons = append(out.reasons, pl.reasons...)
}

// next is when the same hands turn to something else.
func (p *performer) next(i int) int64 {
	here := lane(&p.pl.looks[i])
	for j := i + 1; j < len(p.pl.looks); j++ {
		if l := &p.pl.looks[j]; lane(l) == here {
			return l.at
		}
	}
	return forever
}

func (p *performer) look(l *look, next int64) {
	d, here := p.pl.d, lane(l)
	t := max(l.at, p.free[here]+250)
	s := p.session(l, t)
	e := event{at: t, record: -1, lasts: -1, session: s.id, desk: s.desk, system: l.system, act: search}
	if l.search && !l.steady {
		p.emit(e, nil)
		t += int64(d.between(2000, 12_000))
	}
	end := min(t+int64(max(l.dwell*1000, 700)), max(next-200, t+700))
	e.at, e.act, e.record, e.rows, e.purpose = t, l.act, l.record, l.rows, l.purpose
	if e.failed = d.chance(.003); e.failed {
		end = t + 500
	}
	if systems[l.system].measures && l.act == view && !e.failed {
		e.lasts = end - t
	}
	p.emit(e, l.story)
	if !e.failed {
		p.acts(l, e, end)
	}
	p.free[here], s.last = end, end
}

// acts are what he does with the record while it is on the screen.
func (p *performer) acts(l *look, e event, end int64) {
	d, start := p.pl.d, e.at
	e.lasts, e.rows = -1, 0
	if l.unmask > 0 {
		e.at, e.act, e.fields = start+int64(d.between(.1, .5)*float64(end-start)), unmask, l.unmask
		p.emit(e, l.story)
		e.fields = 0
	}
	if l.edit {
		e.at, e.act = start+int64(d.between(.6, .9)*float64(end-start)), edit
		p.emit(e, l.story)
	}
	if l.take != 0 {
		e.at, e.act = start+int64(d.between(.9, .97)*float64(end-start)), l.take
		p.emit(e, l.story)
	}
	if systems[l.system].closes && l.act == view && d.chance(.7) {
		e.at, e.act, e.purpose = end, closing, ""
		p.emit(e, nil)
	}
}

const sessionIdle = 45 * time.Minute

// session finds the session in which a look happens, or logs him in.
func (p *performer) session(l *look, t int64) *session {
	d := p.pl.d
	s := &p.sessions[lane(l)][l.system]
	if s.id != 0 && t-s.last < sessionIdle.Milliseconds() {
		return s
	}
	logins := systems[l.system].logins
	if s.id != 0 && logins && d.chance(.5) {
		p.emit(event{at: s.last + int64(d.between(1000, 60_000)), record: -1, lasts: -1, session: s.id, desk: s.desk, system: l.system, act: logout}, nil)
	}
	*s = session{id: d.Uint32() | 1, desk: p.desk(l)}
	if logins {
		p.emit(event{at: t - int64(d.between(1000, 4000)), record: -1, lasts: -1, session: s.id, desk: s.desk, system: l.system, act: login}, nil)
	}
	return s
}

// desk is mostly the first of his own; a shared account is used from all.
func (p *performer) desk(l *look) *desk {
	desks, d := p.pl.desks, p.pl.d
	switch {
	case l.desk != nil:
		return l.desk
	case !p.pl.person.ghost && d.chance(.85):
		return &desks[0]
	}
	return &desks[d.IntN(len(desks))]
}

// emit sends an event on its way to the file, with the flaws of log transport. What is
// lost is nobody's label.
func (p *performer) emit(e event, s *story) {
	c, d := p.pl.c, p.pl.d
	e.person, e.id = p.pl.person, d.Uint64()
	e.deliver = e.at
	lost, late, twice := d.chance(c.lostLogs), d.chance(c.late), d.chance(c.doubled)
	on := ueba.DateOf(time.UnixMilli(e.at).In(c.cfg.Zone))
	last := c.cfg.Start + ueba.Day(c.cfg.Days) - 1
	if lost || on > last || (e.system == payments && on > last-ueba.Day(c.cfg.Silent)) {
		return
	}
	if late {
		e.deliver += int64(d.spread(60_000, 20*3_600_000))
	}
	p.out.events = append(p.out.events, e)
	p.out.counts[e.system]++
	if twice {
		e.deliver += int64(d.between(0, 120_000))
		p.out.events = append(p.out.events, e)
	}
	if s != nil && !e.failed {
		p.out.labels[label{on, e.person.id, s.name()}] = true
	}
}
