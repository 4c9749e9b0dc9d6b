package scorer

import (
	"math"
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Moved names what moved R between two revisions of one employee's day; the causes' R
// add up to the change. A change of a part is put down to what differs: a verdict takes
// a part out with nothing else about its day changed; another value seen is a late fact;
// a day that closed has its group's effect; else the seals moved.
func Moved(c *Config, before, after *ueba.RiskScore) []ueba.Cause {
	old, now := byPart(before.Parts), byPart(after.Parts)
	var list []ueba.Cause
	var changes []float64
	for _, key := range partKeys(before.Parts, after.Parts) {
		a, b := old[key], now[key]
		if change := evidenceOf(b) - evidenceOf(a); math.Abs(change) > negligible {
			list = append(list, ueba.Cause{Kind: why(before, after, a, b), Model: key.model, Feature: key.feature, Day: key.day})
			changes = append(changes, change)
		}
	}
	total := centsOfR(after.R) - centsOfR(before.R)
	if len(list) == 0 && total != 0 {
		list, changes = []ueba.Cause{{Kind: CauseReseal, Model: ModelOther, Day: after.Day}}, []float64{after.A - before.A}
	}
	for i, cents := range splitChange(c, total, changes, after.A) {
		list[i].R = float64(cents) / 100
	}
	return slices.DeleteFunc(list, func(c ueba.Cause) bool { return c.R == 0 })
}

func centsOfR(r float64) int { return int(math.Round(100 * r)) }

// partKey tells parts apart.
type partKey struct {
	day                    ueba.Day
	model, feature, detail string
}

func keyOf(p *ueba.Part) partKey { return partKey{p.Day, p.Model, p.Feature, p.Detail} }

func byPart(parts []ueba.Part) map[partKey]*ueba.Part {
	m := make(map[partKey]*ueba.Part, len(parts))
	for i := range parts {
		m[keyOf(&parts[i])] = &parts[i]
	}
	return m
}

// partKeys lists the keys of both in the order of their first appearance.
func partKeys(lists ...[]ueba.Part) []partKey {
	var keys []partKey
	seen := map[partKey]bool{}
	for _, parts := range lists {
		for i := range parts {
			if k := keyOf(&parts[i]); !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func evidenceOf(p *ueba.Part) float64 {
	if p == nil {
		return 0
	}
	return p.A
}

// why names what made a part differ between two revisions; nil: it was not there.
func why(before, after *ueba.RiskScore, a, b *ueba.Part) string {
	there := b
	if b == nil {
		there = a
	}
	sameValue := a != nil && b != nil && a.Value == b.Value
	switch {
	case before.Config != after.Config || before.Version != after.Version:
		return CauseConfiguration
	case before.Verdicts != after.Verdicts && (a == nil || b == nil):
		return CauseVerdict
	case there.Day == after.Day && before.Open && (after.Open || !sameValue):
		return CauseEvidence
	case there.Day == after.Day && before.Open:
		return CauseGroupDay
	case sameValue && before.Seal != after.Seal && !before.Open:
		return CauseReseal
	}
	return CauseLateFact
}
