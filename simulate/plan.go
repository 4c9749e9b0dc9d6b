package simulate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// action is an index into actionNames.
type action uint8

const (
	view action = iota
	search
	export
	download
	printing
	unmask
	edit
	closing
	login
	logout
)

var actionNames = [...]ueba.Action{
	view: ueba.ActionView, search: ueba.ActionSearch, export: ueba.ActionExport, download: ueba.ActionDownload,
	printing: ueba.ActionPrint, unmask: ueba.ActionUnmask, edit: ueba.ActionEdit, closing: ueba.ActionClose,
	login: ueba.ActionLogin, logout: ueba.ActionLogout,
}

// look is what somebody means to do with one record, before it becomes events.
type look struct {
	at      int64   // Unix milliseconds
	dwell   float64 // seconds
	record  int32   // -1: rows without ids
	rows    int32
	system  uint8
	act     action // view, or an export of rows
	search  bool   // he searches first
	unmask  int8   // fields
	edit    bool
	take    action // printing, download or export of the record; 0: none
	steady  bool   // a machine's pace: nothing before or after it
	desk    *desk  // nil: one of his own
	purpose string
	kind    reasonKind
	story   *story // nil: ordinary; makes labels, is never written
}

// today is one person's day as oddities and stories have changed it.
type today struct {
	person *person
	day    ueba.Day
	role   *role
	region int
	start  time.Duration
	factor float64 // on his usual number of looks
	share  float64 // of the working day in which he is there
	away   bool
	forced bool // there, whatever the calendar says
	desks  []desk

	prey     []int32    // records that an oddity gives him to look at …
	preyKind reasonKind // … with reasons of this kind …
	preyRate float64    // … as this share of his looks
}

// plan is one person's day in the making.
type plan struct {
	today
	c        *company
	d        draws
	slots    []int64 // instants of ordinary looks that are not filled yet
	looks    []look
	boost    float64 // factor on unmasks, by a story
	booster  *story
	standing *held // a reason for any record that holds all day
	reasons  []reasonRow
	filed    int
}

// today applies what makes this day of his special.
func (c *company) today(p *person, d ueba.Day) today {
	t := today{person: p, day: d, role: p.role, region: p.region, start: p.start, factor: 1, share: 1, desks: p.desks}
	t.away = !p.employed(d)
	for _, r := range p.away {
		t.away = t.away || r.holds(d)
	}
	for _, change := range p.changes {
		change(&t)
	}
	return t
}

// plan draws one person's day: first when ordinary looks happen, then what the stories
// add, then what the ordinary looks are. It returns nil for a day without any.
func (c *company) plan(p *person, d ueba.Day) *plan {
	r := stream(c.cfg.Seed, topicPersonDay, p.index, int(d))
	pl := &plan{today: c.today(p, d), c: c, d: r, boost: 1}
	telling := pl.tellings()
	if !pl.present(len(telling) > 0) {
		return nil
	}
	p.tidy(pl.clock(0))
	pl.draw()
	for _, s := range telling {
		bad := len(pl.looks)
		s.plot.play(pl, s)
		if s.covered {
			pl.cover(bad)
		}
	}
	pl.standing = pl.standIn()
	slices.Sort(pl.slots) // a look may use the reason of an earlier one
	for _, at := range pl.slots {
		pl.looks = append(pl.looks, pl.ordinary(at))
	}
	slices.SortStableFunc(pl.looks, func(a, b look) int { return cmp.Compare(a.at, b.at) })
	return pl
}

// tellings are the stories that play today.
func (pl *plan) tellings() []*story {
	var list []*story
	for _, s := range pl.person.stories {
		if _, ok := slices.BinarySearch(s.days, pl.day); ok {
			list = append(list, s)
		}
	}
	return list
}

func (pl *plan) present(story bool) bool {
	rota := pl.c.rotaDay(pl.person, pl.day)
	x, ill := pl.d.Float64(), pl.d.chance(.015)
	switch {
	case !pl.person.employed(pl.day):
		return false
	case story || pl.forced:
		return true
	case pl.away || ill:
		return false
	case !rota && !pl.role.shifts:
		pl.factor *= .7
		return x < pl.role.freeDays
	}
	return rota
}

// draw draws when his ordinary looks happen.
func (pl *plan) draw() {
	for range pl.d.count(pl.mean(), pl.person.size) {
		pl.slots = append(pl.slots, pl.anytime())
	}
	slices.Sort(pl.slots)
}

// mean is how many looks are usual for him on a day like this.
func (pl *plan) mean() float64 {
	m := pl.person.rate * pl.factor
	if pl.role != pl.person.role && pl.person.role.looks > 0 {
		m *= pl.role.looks / pl.person.role.looks
	}
	if pl.c.calendar.monthEnd(pl.day) {
		m *= pl.role.monthEnd
	}
	return m * pl.c.mood(pl.day)
}

// mood is the company's day: Mondays are busy, Fridays less, and no day is like another.
func (c *company) mood(d ueba.Day) float64 {
	weekday := [...]float64{time.Sunday: .8, time.Monday: 1.15, time.Tuesday: 1.05, time.Wednesday: 1, time.Thursday: 1, time.Friday: .92, time.Saturday: .85}
	return weekday[d.Weekday()] * stream(c.cfg.Seed, topicDay, int(d)).logNormal(1, .06)
}

// limit is the number of looks that he exceeds on about a tenth of such days.
func (pl *plan) limit() int {
	m := pl.person.rate
	return max(int(m+1.28*math.Sqrt(m+m*m/pl.person.size)), 4)
}

// clock is the instant that lies so far after the start of his shift.
func (pl *plan) clock(after time.Duration) int64 {
	return pl.c.business.Begin(pl.day).Add(pl.start + after).UnixMilli()
}

// The working day is two stretches with a meal between them.
const (
	shiftLength = 9 * time.Hour
	mealStart   = 3 * time.Hour
	mealLength  = time.Hour
)

// anytime is an instant of his working time.
func (pl *plan) anytime() int64 {
	work := float64(shiftLength-mealLength) * (1 - pl.share*pl.d.Float64())
	t := time.Duration(work)
	if t >= mealStart {
		t += mealLength
	}
	return pl.clock(t)
}

// cover hides the bad looks from index first on: one to three ordinary looks stand
// around each, and the day's volume stays under what he exceeds on a tenth of his days.
func (pl *plan) cover(first int) {
	limit := pl.limit()
	bad := pl.looks[first:]
	if most := limit / 2; len(bad) > most {
		pl.d.Shuffle(len(bad), func(i, j int) { bad[i], bad[j] = bad[j], bad[i] })
		pl.looks = pl.looks[:first+most]
		bad = pl.looks[first:]
	}
	for len(pl.slots) < len(bad) {
		pl.slots = append(pl.slots, pl.anytime())
	}
	pl.drop(len(pl.slots) + len(bad) - limit)
	next := len(bad)
	for i := range bad {
		pl.slots[i] = pl.beside(bad[i].at)
		for range pl.d.span(0, 2) {
			if next < len(pl.slots) {
				pl.slots[next] = pl.beside(bad[i].at)
				next++
			}
		}
	}
}

// beside is an instant shortly before or after at.
func (pl *plan) beside(at int64) int64 {
	gap := int64(pl.d.between(15_000, 150_000))
	if pl.d.chance(.5) {
		gap = -gap
	}
	return at + gap
}

// drop takes n ordinary looks out of the day, in no order.
func (pl *plan) drop(n int) {
	pl.d.Shuffle(len(pl.slots), func(i, j int) { pl.slots[i], pl.slots[j] = pl.slots[j], pl.slots[i] })
	if n > 0 {
		pl.slots = pl.slots[:max(len(pl.slots)-n, 0)]
	}
}

// clear moves ordinary looks out of [from, to): he does nothing else meanwhile.
func (pl *plan) clear(from, to int64) {
	for i, at := range pl.slots {
		for tries := 0; at >= from && at < to && tries < 8; tries++ {
			at = pl.anytime()
		}
		pl.slots[i] = at
	}
}
