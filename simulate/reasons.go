package simulate

import (
	"fmt"
	"math"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// reasonKind is a kind of business fact that explains looks.
type reasonKind uint8

const (
	noReason reasonKind = iota
	ticket
	review
	application
	assignment
	campaign
	portfolio
	payment
	inquiry
	onCall
	cover
	audit
	approval // of an export
)

// reasonTraits says how the system behind a kind of reason writes it.
type reasonTraits struct {
	name   string
	prefix string
	before time.Duration // made at most so long before the first look
	lasts  time.Duration // from then on
	maker  string        // the system that makes it; empty: the head of the department
	self   float64       // share that the employee makes himself
	anyone bool          // explains everybody's looks
	any    bool          // explains looks at any record
}

var reasonsOf = [...]reasonTraits{
	ticket:      {name: "ticket", prefix: "T", before: 15 * time.Minute, lasts: 24 * time.Hour, maker: "acd", self: .12},
	review:      {name: "review", prefix: "R", before: 4 * time.Hour, lasts: 72 * time.Hour, maker: "quality", self: .05},
	application: {name: "application", prefix: "A", before: 20 * time.Hour, lasts: 7 * 24 * time.Hour, maker: "workflow"},
	assignment:  {name: "assignment", prefix: "S", before: 4 * time.Hour, lasts: 5 * 24 * time.Hour},
	campaign:    {name: "campaign", prefix: "M", before: 30 * time.Hour, lasts: 14 * 24 * time.Hour, anyone: true},
	portfolio:   {name: "portfolio", prefix: "P"},
	payment:     {name: "payment", prefix: "F", before: 2 * time.Hour, lasts: 12 * time.Hour, maker: "core-bank"},
	inquiry:     {name: "inquiry", prefix: "Q", before: 6 * time.Hour, lasts: 20 * 24 * time.Hour, maker: "case-mgmt", self: .1},
	onCall:      {name: "on_call", prefix: "O", maker: "roster", any: true},
	cover:       {name: "cover", prefix: "V", before: 3 * time.Hour, lasts: 3 * 24 * time.Hour},
	audit:       {name: "audit", prefix: "U", maker: "grc", any: true},
	approval:    {name: "approval", prefix: "X", before: 8 * time.Minute, lasts: 20 * time.Minute, any: true},
}

const forever = math.MaxInt64

// held is a record for which somebody has a reason in hand. Instants are Unix
// milliseconds.
type held struct {
	record int32
	kind   reasonKind
	id     string
	from   int64
	until  int64
}

// reasonRow is a line of reasons.csv.
type reasonRow struct {
	id             string
	record         int32 // -1: any
	employee       string
	kind           reasonKind
	from, to, made int64 // to 0: open end
	maker          string
}

// lateShare of all reasons are filed after the first look that they explain.
const lateShare = .05

// reason makes a reason for a look at the record at the instant at, and puts it in hand.
func (pl *plan) reason(kind reasonKind, record int32, at int64) held {
	k, d := &reasonsOf[kind], pl.d
	from := at - 1000 - int64(d.Float64()*float64(k.before.Milliseconds()))
	row := reasonRow{
		record: record, employee: pl.person.id, kind: kind,
		from: from, to: from + k.lasts.Milliseconds() + k.before.Milliseconds(), made: from, maker: pl.maker(k),
	}
	if k.anyone {
		row.employee = ""
	}
	if d.chance(lateShare) {
		row.made = at + int64(d.logNormal(25*60_000, 1.4))
	} else if d.chance(k.self) {
		row.maker = pl.person.id
	}
	return pl.file(row)
}

// file numbers a reason, keeps it for the file and returns what it allows.
func (pl *plan) file(row reasonRow) held {
	pl.filed++
	d := pl.day.Midnight()
	row.id = fmt.Sprintf("%s%02d%02d%02d-%s-%d", reasonsOf[row.kind].prefix, d.Year()%100, d.Month(), d.Day(), pl.person.id[1:], pl.filed)
	if !pl.person.ghost {
		pl.reasons = append(pl.reasons, row)
	}
	h := held{record: row.record, kind: row.kind, id: row.id, from: row.from, until: row.to}
	if row.record >= 0 {
		pl.person.queue = append(pl.person.queue, h)
	}
	return h
}

func (pl *plan) maker(k *reasonTraits) string {
	if k.maker != "" || pl.person.manager == "" {
		return k.maker
	}
	return pl.person.manager
}

// tidy moves what is no longer in hand to what he remembers, and bounds both.
func (p *person) tidy(now int64) {
	const inHand, remembered = 90, 200
	kept := p.queue[:0]
	for i, h := range p.queue {
		if h.until > now && i >= len(p.queue)-inHand {
			kept = append(kept, h)
		} else {
			p.past = append(p.past, h.record)
		}
	}
	p.queue = kept
	if over := len(p.past) - remembered; over > 0 {
		p.past = append(p.past[:0], p.past[over:]...)
	}
}

// standing are the reasons that were there before the first day: everybody's portfolio.
func (c *company) standing() []reasonRow {
	var rows []reasonRow
	for _, p := range c.people {
		for _, h := range p.portfolio {
			from := c.business.Begin(max(p.hired, c.cfg.Start-ueba.Day(30+int(h.record)%700))).UnixMilli()
			rows = append(rows, reasonRow{id: h.id, record: h.record, employee: p.id, kind: portfolio, from: from, made: from, maker: p.manager})
		}
	}
	return rows
}
