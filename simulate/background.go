package simulate

import (
	"fmt"
	"time"
)

// ordinary draws one look of his ordinary work at the instant at.
func (pl *plan) ordinary(at int64) look {
	l := look{at: at, system: uint8(pl.d.weighted(pl.role.systems[:])), search: pl.d.chance(.6)}
	switch {
	case pl.standing != nil:
		l.record = pl.wander()
		pl.name(&l, *pl.standing)
	case pl.d.chance(pl.person.purpose):
		h := pl.task(at)
		l.record = h.record
		pl.name(&l, h)
	default:
		l.record = pl.stray()
		pl.pretend(&l)
	}
	pl.work(&l)
	return l
}

// sneak adds a look without a reason. It is drawn as a stray ordinary look is.
func (pl *plan) sneak(s *story, record int32, at int64) *look {
	l := look{at: at, record: record, system: uint8(pl.d.weighted(pl.role.systems[:])), search: pl.d.chance(.6), story: s}
	pl.pretend(&l)
	pl.work(&l)
	pl.looks = append(pl.looks, l)
	return &pl.looks[len(pl.looks)-1]
}

// task is a record with a reason to look at it now.
func (pl *plan) task(at int64) held {
	p, d := pl.person, pl.d
	switch {
	case len(pl.prey) > 0 && d.chance(pl.preyRate):
		return pl.reason(pl.preyKind, one(d, pl.prey), at)
	case len(p.portfolio) > 0 && d.chance(.7):
		return one(d, p.portfolio)
	case d.chance(pl.role.revisit):
		if h, ok := pl.inHand(at); ok {
			return h
		}
	}
	kind := pl.role.reason
	if kind == portfolio || kind == onCall {
		kind = ticket // whoever is not in his charge comes to him by a ticket
	}
	return pl.reason(kind, pl.fresh(), at)
}

// inHand is a record that he already works on.
func (pl *plan) inHand(at int64) (held, bool) {
	queue := pl.person.queue
	for tries := 0; len(queue) > 0 && tries < 4; tries++ {
		if h := one(pl.d, queue); h.from <= at && at < h.until {
			return h, true
		}
	}
	return held{}, false
}

// fresh is a record of his branch, or at times of any.
func (pl *plan) fresh() int32 {
	if pl.role.central || pl.d.chance(.08) {
		return pl.anywhere()
	}
	branch := pl.c.base.regions[pl.region]
	return pl.routed(func() int32 { return one(pl.d, branch) })
}

func (pl *plan) anywhere() int32 {
	return pl.routed(func() int32 { return int32(pl.d.IntN(len(pl.c.base.records))) })
}

// reserved is the share of the work on very important customers and on colleagues that
// never comes to the ordinary queues: advisers and the staff desk do it.
const reserved = .8

func (pl *plan) routed(draw func() int32) int32 {
	i := draw()
	if r := &pl.c.base.records[i]; (r.vip || r.employee >= 0) && pl.d.chance(reserved) {
		return draw()
	}
	return i
}

// stray is a record that he has no reason to look at: mostly one that he once worked on.
func (pl *plan) stray() int32 {
	if past := pl.person.past; len(past) > 0 && pl.d.chance(.6) {
		return one(pl.d, past)
	}
	if pl.d.chance(.25) {
		return pl.anywhere()
	}
	return pl.fresh()
}

// wander is a record for somebody who may look at any.
func (pl *plan) wander() int32 {
	if len(pl.prey) > 0 && pl.d.chance(pl.preyRate) {
		return one(pl.d, pl.prey)
	}
	return pl.fresh()
}

// name states the reason, where the system has a field for it.
func (pl *plan) name(l *look, h held) {
	l.kind = h.kind
	if systems[l.system].claims && pl.d.chance(.7) {
		l.purpose = h.id
	}
}

// pretend states a reason that is none, as careless people and careful insiders do.
func (pl *plan) pretend(l *look) {
	if !systems[l.system].claims || !pl.d.chance(.2) {
		return
	}
	m := pl.day.Midnight()
	l.purpose = fmt.Sprintf("T%02d%02d%02d-%s-%d", m.Year()%100, m.Month(), pl.d.span(1, 28), pl.person.id[1:], pl.d.span(1, 40))
}

// work draws what he does with the record and how long it takes.
func (pl *plan) work(l *look) {
	d := pl.d
	l.dwell = d.logNormal(pl.role.dwell*pl.person.dwell, .9)
	if usual, x := pl.person.unmask, d.Float64(); x < min(usual*pl.boost, .9) {
		l.unmask = int8(d.span(1, 3))
		if pl.boost > 1 {
			l.story = pl.booster
		}
	}
	l.edit = d.chance(pl.role.edit) && l.kind != noReason
	if !d.chance(pl.person.export) {
		return
	}
	if d.chance(.7) {
		l.take = []action{export, printing, printing, download}[d.IntN(4)]
		return
	}
	pl.rows(l, int(d.logNormal(120, 1)))
	if l.kind != noReason {
		pl.name(l, pl.reason(approval, -1, l.at))
	}
}

// rows makes the look an export of n rows, which names no records.
func (pl *plan) rows(l *look, n int) {
	l.act, l.record, l.rows = export, -1, int32(max(n, 1))
	l.unmask, l.edit, l.take = 0, false, 0
}

// standIn is the reason for any record that holds all day: duty, or an audit.
func (pl *plan) standIn() *held {
	kind := pl.preyKind
	if kind != audit {
		if kind = pl.role.reason; kind != onCall {
			return nil
		}
	}
	from := pl.clock(-30 * time.Minute)
	h := pl.file(reasonRow{
		record: -1, employee: pl.person.id, kind: kind, from: from, to: pl.clock(shiftLength + 2*time.Hour),
		made: from - 12*time.Hour.Milliseconds(), maker: reasonsOf[kind].maker,
	})
	return &h
}
