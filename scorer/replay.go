package scorer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// replay goes through the days once, carrying two states for each employee: the sealed
// one, of facts known when each day closed, from which seals are made; and his own, of
// facts known at the time of the run. They are the same object until a later fact sets
// them apart.
type replay struct {
	machine
	company Company
	at      time.Time

	people map[string]*pair
	count  int // people ever seen
	recent *recent
	seal   *Seal
}

// pair is one employee's two states; nil while nothing was received of him.
type pair struct {
	sealed, own *person
	readSealed  reading // room for the day, used again
	readOwn     reading
}

// entry is one employee on one day.
type entry struct {
	id          string
	pair        *pair
	sealed, own *facts // nil: not employed, as that track knows
	apart       bool
	outSealed   outcome
	out         outcome
}

// dayResult is what a day gave.
type dayResult struct {
	day    ueba.Day
	closed bool
	seal   *Seal // of this day; nil while it is open
	scores []scored
	broken []string // employed, but not scored
}

// scored is a score with what an alert of it needs besides.
type scored struct {
	ueba.RiskScore
	previous ueba.RiskLevel
	looks    int
}

func newReplay(m machine, company Company, at time.Time) *replay {
	return &replay{machine: m, company: company, at: at, people: map[string]*pair{}, recent: newRecent(len(m.specs))}
}

// step takes in a day. Scores are written only if wanted: history before the first
// wanted day passes in silence.
func (r *replay) step(ctx context.Context, day ueba.Day, want bool) (dayResult, error) {
	closing := r.config.Business.Close(day)
	res := dayResult{day: day, closed: !closing.After(r.at)}
	own, err := call(ctx, r.company, day, r.at)
	if err != nil {
		return res, err
	}
	sealed := own
	if res.closed && !closing.Equal(r.at) {
		if sealed, err = call(ctx, r.company, day, closing); err != nil {
			return res, err
		}
	}
	entries := r.enter(day, sealed, own, res.closed)
	used, l := r.seal, &lens{specs: r.specs, seal: r.seal, pool: r.config.Pool}
	r.prepareAll(day, entries, l)
	if res.closed {
		l.effects = r.effects(entries)
	}
	r.finishAll(day, entries, l)
	if res.closed {
		r.seal = r.close(day, entries, l)
		res.seal, used = r.seal, r.seal
	}
	if want {
		res.scores, res.broken = r.writeAll(day, entries, used, own, !res.closed), own.broken
	}
	return res, nil
}

// enter lines up everybody employed, as either track knows, by id. On an open day there
// is no sealed track.
func (r *replay) enter(day ueba.Day, sealed, own *roll, closed bool) []*entry {
	ids := own.ids
	if sealed != own {
		ids = slices.Concat(own.ids, sealed.ids)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	entries := make([]*entry, 0, len(ids))
	for _, id := range ids {
		e := &entry{id: id, own: own.facts[id], pair: r.people[id]}
		if e.pair == nil {
			e.pair = &pair{}
			r.people[id] = e.pair
		}
		if closed {
			e.sealed = sealed.facts[id]
		}
		r.setApart(e, day, closed)
		entries = append(entries, e)
	}
	return entries
}

// setApart gives an employee a state of his own from the first day on which the two
// tracks differ, and a state at all from his first event.
func (r *replay) setApart(e *entry, day ueba.Day, closed bool) {
	p := e.pair
	if !closed {
		e.apart = true // the sealed state stays as it is; the run ends with its open days
	} else if e.apart = p.own != p.sealed || !e.sealed.same(e.own); e.apart && p.own == p.sealed && p.own != nil {
		p.own = p.sealed.clone()
	}
	if p.sealed == nil && e.sealed != nil && e.sealed.profile != nil {
		p.sealed = r.meet(day)
		if !e.apart {
			p.own = p.sealed
		}
	}
	if p.own == nil && e.own != nil && e.own.profile != nil {
		p.own = r.meet(day)
	}
}

func (r *replay) meet(day ueba.Day) *person {
	r.count++
	return newPerson(r.count-1, len(r.specs), day)
}

func (e *entry) hasSealed() bool { return e.sealed != nil && e.pair.sealed != nil }

func (e *entry) hasOwn() bool { return e.apart && e.own != nil && e.pair.own != nil }

func (r *replay) prepareAll(day ueba.Day, entries []*entry, l *lens) {
	parallel(len(entries), func(i int) {
		e := entries[i]
		if e.hasSealed() {
			r.prepare(e.pair.sealed, day, e.sealed, l, &e.pair.readSealed)
		}
		if e.hasOwn() {
			r.prepare(e.pair.own, day, e.own, l, &e.pair.readOwn)
		}
	})
}

func (r *replay) finishAll(day ueba.Day, entries []*entry, l *lens) {
	parallel(len(entries), func(i int) {
		e := entries[i]
		if e.hasSealed() {
			e.outSealed = r.finish(e.pair.sealed, day, e.sealed, l, &e.pair.readSealed)
			e.out = e.outSealed
		}
		if e.hasOwn() {
			e.out = r.finish(e.pair.own, day, e.own, l, &e.pair.readOwn)
		}
	})
}

// effects compares each group's day with what was expected of it.
func (r *replay) effects(entries []*entry) map[string][]float64 {
	if r.seal == nil {
		return nil
	}
	tallies := map[string][]tally{}
	for _, e := range entries {
		if e.hasSealed() && e.sealed.profile != nil {
			tallyDay(r.specs, tallies, e.sealed.group, &e.pair.readSealed)
		}
	}
	return effectsOf(r.specs, tallies)
}

// close makes the day's seal.
func (r *replay) close(day ueba.Day, entries []*entry, l *lens) *Seal {
	today := r.recent.begin(day)
	var members []member
	for _, e := range entries {
		if !e.hasSealed() {
			continue
		}
		members = append(members, member{e.sealed.group, &e.pair.sealed.base})
		if e.sealed.profile == nil {
			continue
		}
		r.recent.total++
		if l.seal != nil {
			today.note(e.pair.sealed.place, &e.pair.readSealed, e.outSealed.h)
		}
	}
	r.recent.end(today)
	s := &Seal{Day: day, Version: Version, Config: r.hash, People: len(members), Days: r.recent.total, Cap: round6(capOf(r.recent.total))}
	if l.seal != nil {
		s.Before = l.seal.Hash
	}
	s.Company, s.Groups = r.tables(members, l.effects)
	s.Powers = r.powers()
	s.Shift = shift(r.recent.raw, r.config.Threshold)
	s.Calibration = r.calibration(entries)
	return s.seal()
}

func (r *replay) tables(members []member, effects map[string][]float64) (Table, map[string]*Table) {
	company, groups := priorsOf(r.specs, members)
	for g, t := range groups {
		t.Effects = effects[g]
	}
	return *company, groups
}

func (r *replay) powers() []float64 {
	powers := make([]float64, len(r.specs))
	for i := range powers {
		powers[i] = power(r.recent.logs[i*logBins:(i+1)*logBins], r.config.Sharpen)
	}
	return powers
}

func (r *replay) calibration(entries []*entry) Calibration {
	left := r.leftOut(entries)
	weights, people := r.recent.weights(r.count, func(place int) bool { return left[place] })
	return calibrate(weights, people)
}

// leftOut names those whose open or confirmed cases would blur the reference: at most
// one person in a hundred, those of the highest A. Without the bound it would feed on itself.
func (r *replay) leftOut(entries []*entry) map[int]bool {
	var cases []*entry
	people := 0
	for _, e := range entries {
		if !e.hasSealed() {
			continue
		}
		people++
		if e.pair.sealed.band.rank >= 2 || confirmed(e.sealed.reviews) {
			cases = append(cases, e)
		}
	}
	slices.SortStableFunc(cases, func(a, b *entry) int { return cmp.Compare(b.pair.sealed.a, a.pair.sealed.a) })
	left := map[int]bool{}
	for _, e := range cases[:min(len(cases), people/100)] {
		left[e.pair.sealed.place] = true
	}
	return left
}

func confirmed(reviews []ueba.Review) bool {
	return slices.ContainsFunc(reviews, func(r ueba.Review) bool { return r.Outcome == ueba.Confirmed })
}

// writeAll writes the scores of everybody employed, as known at the time of the run.
func (r *replay) writeAll(day ueba.Day, entries []*entry, seal *Seal, own *roll, open bool) []scored {
	all := make([]scored, len(entries))
	parallel(len(entries), func(i int) {
		e := entries[i]
		if e.own == nil {
			return
		}
		if _, broken := slices.BinarySearch(own.broken, e.id); broken {
			return
		}
		all[i] = scored{RiskScore: r.write(e.pair.own, day, e.own, seal, e.out), previous: levels[e.out.previous]}
		if e.own.profile != nil {
			all[i].looks = int(e.own.profile.Features[ueba.FeatureLooks])
		}
		stamp(&all[i].RiskScore, r.at, open)
	})
	return slices.DeleteFunc(all, func(s scored) bool { return s.Employee == "" })
}
