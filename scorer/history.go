package scorer

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// history is what of an employee's earlier days only their sequence tells: through which
// systems and computers he looks, and at which records he looked without a reason. From it
// come the features that no single day shows.
type history struct {
	day    ueba.Day // the sums are as of this day
	active float64  // days with events, forgotten like baselines
	uses   []usage  // by kind and name
	strays []stray  // of the window, oldest first
	rules  []match  // in the order in which they first matched
}

// usage is how much of his looks went through one system or computer.
type usage struct {
	kind  ueba.UseKind
	name  string
	looks float64
}

// match is on how many days a rule matched.
type match struct {
	rule string
	days float64
}

// stray is an unexplained look at a record on a day; the record is kept as a hash,
// because everybody's must fit into memory.
type stray struct {
	record uint64
	day    ueba.Day
}

func (h *history) clone() history {
	c := *h
	c.uses, c.strays, c.rules = slices.Clone(h.uses), slices.Clone(h.strays), slices.Clone(h.rules)
	return c
}

const (
	// rareUse is the share of his looks under which a system or computer is not his usual one.
	rareUse = .1
	// usesKnown is how many days it takes to know what is usual.
	usesKnown = 7
	// rulePrior matches in rulePriorDays days lean on what is known of somebody's habit.
	rulePrior, rulePriorDays = .5, 10
	// leastUse drops what he has long not used.
	leastUse = .01
)

// derive fills in the features that rest on earlier days.
func (h *history) derive(p *ueba.Profile, fs *ueba.Features) {
	fs[ueba.FeatureUnexplainedAgain] = float64(h.again(p.Strays))
	if h.active < usesKnown {
		return
	}
	fs[ueba.FeatureUnexplainedForeign] = h.rare(p.Uses, ueba.UseService)
	fs[ueba.FeatureUnexplainedStrange] = h.rare(p.Uses, ueba.UseHost)
}

// again is the most earlier days on which one of the records was looked at.
func (h *history) again(records []string) int {
	if len(records) == 0 || len(h.strays) == 0 {
		return 0
	}
	days := make(map[uint64]int, len(records))
	for _, r := range records {
		days[hashRecord(r)] = 0
	}
	most := 0
	for _, s := range h.strays {
		if n, today := days[s.record]; today {
			days[s.record] = n + 1
			most = max(most, n+1)
		}
	}
	return most
}

// rare counts the unexplained looks through what he seldom uses.
func (h *history) rare(uses []ueba.Use, kind ueba.UseKind) float64 {
	var total, rare float64
	for _, u := range h.uses {
		if u.kind == kind {
			total += u.looks
		}
	}
	for _, u := range uses {
		if u.Kind == kind && h.looks(kind, u.Name) < rareUse*total {
			rare += float64(u.Unexplained)
		}
	}
	return rare
}

func (h *history) looks(kind ueba.UseKind, name string) float64 {
	if i, ok := h.find(kind, name); ok {
		return h.uses[i].looks
	}
	return 0
}

func (h *history) find(kind ueba.UseKind, name string) (int, bool) {
	return slices.BinarySearchFunc(h.uses, usage{kind: kind, name: name}, func(a, b usage) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
}

// news bounds what a rule may add for somebody whom it matches often: −ln of the share of
// his days with a match, above ln 10 as for the sub-models.
func (h *history) news(rule string) float64 {
	days := 0.0
	for _, m := range h.rules {
		if m.rule == rule {
			days = m.days
		}
	}
	if days == 0 {
		return math.Inf(1) // a first match counts in full
	}
	return math.Max(-math.Log((days+rulePrior)/(h.active+rulePriorDays))-math.Ln10, 0)
}

// learn adds a day.
func (h *history) learn(p *ueba.Profile, forget float64) {
	h.age(p.Day, forget)
	h.active++
	for _, u := range p.Uses {
		i, there := h.find(u.Kind, u.Name)
		if !there {
			h.uses = slices.Insert(h.uses, i, usage{kind: u.Kind, name: u.Name})
		}
		h.uses[i].looks += float64(u.Looks)
	}
	for _, r := range p.Strays {
		h.strays = append(h.strays, stray{hashRecord(r), p.Day})
	}
	h.learnRules(p.Detections)
}

// learnRules notes each rule that matched on the day, once.
func (h *history) learnRules(found []ueba.Detection) {
	for i, d := range found {
		if slices.ContainsFunc(found[:i], func(e ueba.Detection) bool { return e.Rule == d.Rule }) {
			continue
		}
		at := slices.IndexFunc(h.rules, func(r match) bool { return r.rule == d.Rule })
		if at < 0 {
			at = len(h.rules)
			h.rules = append(h.rules, match{rule: d.Rule})
		}
		h.rules[at].days++
	}
}

func (h *history) age(day ueba.Day, forget float64) {
	w := math.Pow(forget, float64(max(day-h.day, 0)))
	h.day, h.active = day, h.active*w
	for i := range h.rules {
		h.rules[i].days *= w
	}
	kept := h.uses[:0]
	for _, u := range h.uses {
		if u.looks *= w; u.looks >= leastUse {
			kept = append(kept, u)
		}
	}
	h.uses = kept
	old := 0
	for old < len(h.strays) && h.strays[old].day <= day-window {
		old++
	}
	h.strays = slices.Delete(h.strays, 0, old)
}

func hashRecord(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum64()
}
