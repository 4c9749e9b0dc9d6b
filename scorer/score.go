package scorer

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// shownParts is how many parts a score names; the rest is gathered in one part, which
// says in Value how many they are.
const shownParts = 16

// write makes the score of an employee's day from his state after it.
func (m *machine) write(p *person, day ueba.Day, f *facts, seal *Seal, out outcome) ueba.RiskScore {
	s := ueba.RiskScore{
		Employee: f.employee.ID, Group: f.group, Day: day,
		State: ueba.Unmonitored, Version: Version, Config: m.hash,
	}
	if seal != nil {
		s.Seal = seal.Hash
	}
	if p == nil {
		return s
	}
	s.State, s.Verdicts = m.state(p, f), len(f.reviews)
	if f.profile != nil {
		s.Missing = f.profile.Missing
	}
	s.R, s.A, s.H, s.P, s.Evidence = float64(p.cents)/100, p.a, out.h, out.p, out.evidence
	s.Level, s.Held = levels[out.rank], out.held
	if !rests(p, f.reviews) {
		s.Priority = s.H + m.config.Gather*s.A
	}
	s.Parts = m.parts(p)
	s.Causes = m.causes(p, day, out)
	return s
}

// stamp adds what depends on the run and closes the score with its hash.
func stamp(s *ueba.RiskScore, at time.Time, open bool) {
	s.Open = open
	s.Hash = HashOf(s)
	s.At = at
}

// HashOf returns the hash of a score: of all but Revision, At and the hash itself.
func HashOf(s *ueba.RiskScore) string {
	c := *s
	c.Revision, c.At, c.Hash = 0, time.Time{}, ""
	return hashOf(&c)
}

func (m *machine) state(p *person, f *facts) ueba.ScoreState {
	switch {
	case f.profile != nil && len(f.profile.Missing) > 0:
		return ueba.Partial
	case p.active < m.config.Learning:
		return ueba.Learning
	}
	return ueba.Scored
}

// rests reports whether a reviewer has judged everything there is: who has a verdict
// leaves the queue until there is new evidence.
func rests(p *person, reviews []ueba.Review) bool {
	if len(reviews) == 0 {
		return false
	}
	judged := ueba.NoDay
	for _, r := range reviews {
		judged = max(judged, r.To)
	}
	for _, e := range p.parts {
		if e.day > judged {
			return false
		}
	}
	return true
}

// parts lists A's parts, largest first, with their shares of R.
func (m *machine) parts(p *person) []ueba.Part {
	all := slices.Clone(p.parts)
	slices.SortStableFunc(all, func(a, b evidence) int {
		return cmp.Or(cmp.Compare(b.a, a.a), cmp.Compare(b.day, a.day), cmp.Compare(a.spec, b.spec), cmp.Compare(a.detail, b.detail))
	})
	var out []ueba.Part
	for i := range all {
		if i < shownParts {
			out = append(out, m.part(&all[i]))
			continue
		}
		if i == shownParts {
			out = append(out, ueba.Part{Day: ueba.NoDay, Model: ModelOther})
		}
		rest := &out[shownParts]
		rest.A += all[i].a
		rest.Value++
	}
	weights := make([]float64, len(out))
	for i := range out {
		weights[i] = out[i].A
	}
	for i, cents := range apportion(p.cents, weights) {
		out[i].R = float64(cents) / 100
	}
	return out
}

func (m *machine) part(e *evidence) ueba.Part {
	part := ueba.Part{Day: e.day, Model: ModelRule, Feature: e.rule, Detail: e.detail, A: e.a, Value: e.value, Capped: e.capped}
	if e.spec < 0 {
		return part
	}
	s := &m.specs[e.spec]
	part.Model, part.Feature = s.model, s.Feature.Feature.String()
	// More digits than these no law can claim, and smaller numbers no float can hold.
	part.P = round6(math.Exp(-math.Min(e.log, 690)))
	part.Usual, part.Low, part.High, part.Peers = round6(e.usual), round6(e.low), round6(e.high), round6(e.peers)
	return part
}

// causes says what moved R since the day before.
func (m *machine) causes(p *person, day ueba.Day, out outcome) []ueba.Cause {
	list := []ueba.Cause{{Kind: CauseDecay, Day: day}}
	changes := []float64{-out.decay}
	for _, e := range p.parts {
		if e.day != day {
			continue
		}
		c := ueba.Cause{Kind: CauseEvidence, Model: ModelRule, Feature: e.rule, Day: day}
		if e.spec >= 0 {
			c.Model, c.Feature = m.specs[e.spec].model, m.specs[e.spec].Feature.Feature.String()
		}
		list, changes = append(list, c), append(changes, e.a)
	}
	for i, cents := range splitChange(m.config, p.cents-out.before, changes, p.a) {
		list[i].R = float64(cents) / 100
	}
	return slices.DeleteFunc(list, func(c ueba.Cause) bool { return c.R == 0 })
}

// The kinds of cause.
const (
	CauseEvidence      = "evidence"      // what the day itself showed
	CauseDecay         = "decay"         // time
	CauseGroupDay      = "group_day"     // the day closed: its group effect is known
	CauseLateFact      = "late_fact"     // a fact about the employee became known later
	CauseVerdict       = "verdict"       // a reviewer's verdict
	CauseReseal        = "reseal"        // knowledge was back-dated, or the pass began on another day
	CauseConfiguration = "configuration" // another configuration or version
)
