package scorer

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// known is a seal of a group that does about ten of everything a day.
func known(specs []spec) *Seal {
	s := &Seal{Cap: 10, Powers: make([]float64, len(specs))}
	s.Company.Assigned = 20
	for i := range specs {
		s.Powers[i] = 1
		s.Company.Priors = append(s.Company.Priors, prior{Mean: 10, Strength: 5, Spread: .2}, prior{Mean: 2, Strength: 2, Spread: 1})
	}
	return s
}

func readDay(specs []spec, s *Seal, b *baseline, p *ueba.Profile, effects []float64) *reading {
	l := &lens{specs: specs, seal: s, pool: 40}
	if effects != nil {
		l.effects = map[string][]float64{"": effects}
	}
	in := &sight{profile: p, workday: true}
	r := &reading{features: make([]expectation, len(specs)), seen: p.Features}
	l.expect(b, in, r)
	l.judge(in, r)
	return r
}

func TestMoreLooksNeverLowerH(t *testing.T) {
	specs := flatten(DefaultModels())
	seal := known(specs)
	rapid.Check(t, func(t *rapid.T) {
		b := newBaseline(len(specs), monday)
		for i := range b.cells {
			for range rapid.IntRange(0, 12).Draw(t, "days") {
				b.cells[i].add(rapid.Float64Range(0, 30).Draw(t, "past"))
			}
		}
		less, more := ueba.Profile{}, ueba.Profile{}
		for f := range less.Features {
			less.Features[f] = float64(rapid.IntRange(0, 60).Draw(t, "count"))
			more.Features[f] = less.Features[f]
			switch ueba.Feature(f) {
			case ueba.FeatureAssigned: // the work given, not what is looked at
			case ueba.FeatureFirstHour:
				more.Features[f] -= rapid.Float64Range(0, less.Features[f]).Draw(t, "earlier")
			default:
				more.Features[f] += float64(rapid.IntRange(0, 40).Draw(t, "further"))
			}
		}
		a, z := readDay(specs, seal, &b, &less, nil), readDay(specs, seal, &b, &more, nil)
		if z.h < a.h-1e-9 {
			t.Fatalf("h falls from %v to %v with further looks", a.h, z.h)
		}
	})
}

func TestOwnHabitTakesOverFromTheGroup(t *testing.T) {
	p := prior{Mean: 10, Strength: 5, Spread: .2}
	var own sums
	if mean, _ := expectCount(p, own, 40); mean != 10 {
		t.Errorf("a newcomer is expected at %v, want the group's 10", mean)
	}
	for range 60 {
		own.add(40)
	}
	if mean, _ := expectCount(p, own, 40); mean < 35 {
		t.Errorf("after sixty days at 40 he is expected at %v", mean)
	}
}

func TestWorkTakenOverRaisesTheExpectation(t *testing.T) {
	specs := flatten(DefaultModels())
	seal := known(specs)
	b := newBaseline(len(specs), monday)
	quiet, covering := ueba.Profile{}, ueba.Profile{}
	quiet.Features[ueba.FeatureUnexplained], covering.Features[ueba.FeatureUnexplained] = 25, 25
	quiet.Features[ueba.FeatureAssigned], covering.Features[ueba.FeatureAssigned] = 20, 60
	if a, z := readDay(specs, seal, &b, &quiet, nil).h, readDay(specs, seal, &b, &covering, nil).h; z >= a {
		t.Errorf("h %v on a usual day, %v with three times the work", a, z)
	}
}

func TestGroupDayTakesOffWhatEverybodyDoes(t *testing.T) {
	specs := flatten(DefaultModels())
	seal := known(specs)
	b := newBaseline(len(specs), monday)
	p := ueba.Profile{}
	p.Features[ueba.FeatureUnexplained] = 30
	special := make([]float64, len(specs))
	for i := range special {
		special[i] = 2
	}
	if a, z := readDay(specs, seal, &b, &p, nil).h, readDay(specs, seal, &b, &p, special).h; z >= a {
		t.Errorf("h %v on its own, %v when the whole group did twice as much", a, z)
	}
}

func TestMissingInputSaysNothing(t *testing.T) {
	specs := flatten(DefaultModels())
	seal := known(specs)
	b := newBaseline(len(specs), monday)
	p := ueba.Profile{Missing: []string{"reasons", "records"}}
	for _, s := range specs {
		if s.Needs != "" {
			p.Features[s.Feature.Feature] = 500
		}
	}
	r := readDay(specs, seal, &b, &p, nil)
	for i, e := range r.features {
		if specs[i].Needs != "" && e.strength != 0 {
			t.Errorf("%s speaks with strength %v without its input", specs[i].Feature.Feature, e.strength)
		}
	}
}

func TestOneFeatureAloneIsBounded(t *testing.T) {
	specs := flatten(DefaultModels())
	seal := known(specs)
	b := newBaseline(len(specs), monday)
	p := ueba.Profile{}
	p.Features[ueba.FeatureUnexplainedVIP] = 1e6
	one := readDay(specs, seal, &b, &p, nil)
	p.Features[ueba.FeatureUnexplainedNew] = 1e6
	two := readDay(specs, seal, &b, &p, nil)
	if one.h >= seal.Cap-2 || two.h < one.h+.5 {
		t.Errorf("h %v of one feature, %v of two that agree", one.h, two.h)
	}
}

func TestSizesAreJudgedByTheirLogarithm(t *testing.T) {
	e := func(x, some float64) *expectation {
		return &expectation{x: math.Log1p(x), some: some, mean: math.Log(40), variance: 1, df: 20}
	}
	usual, large, rare := e(40, .5), e(5000, .5), e(40, .01)
	if u, l, r := usual.tail(Size), large.tail(Size), rare.tail(Size); u > 1.5 || l < u+5 || r < u+3 || e(0, .01).tail(Size) != 0 {
		t.Errorf("usual %v, large %v, rare %v", u, l, r)
	}
}

func TestSharesAddUp(t *testing.T) {
	specs := flatten(DefaultModels())
	rapid.Check(t, func(t *rapid.T) {
		features := make([]expectation, len(specs))
		for i := range features {
			features[i].strength = math.Max(rapid.Float64Range(-5, 10).Draw(t, "strength"), 0)
		}
		var sum float64
		for _, s := range mainShares(shares(specs, features)) {
			sum += s
		}
		if sum != 0 && math.Abs(sum-1) > 1e-9 {
			t.Fatalf("shares add up to %v", sum)
		}
	})
}

func TestTeachingIsBounded(t *testing.T) {
	specs := []spec{{Feature{Feature: ueba.FeatureLooks, Law: Count, Weight: 1}, "m"}}
	b := newBaseline(1, monday)
	r := &reading{features: []expectation{{x: 1000, mean: 10, variance: 25}}}
	b.teach(specs, r, 0, true)
	if b.cells[0].x != 20 {
		t.Errorf("a day of 1000 teaches %v, want 20", b.cells[0].x)
	}
	b.advance(monday+100, .985)
	if want := 20 * math.Pow(.985, 100); math.Abs(b.cells[0].x-want) > 1e-9 {
		t.Errorf("after 100 days %v is left, want %v", b.cells[0].x, want)
	}
}

func TestPriorsLearnTheGroup(t *testing.T) {
	specs := []spec{{Feature{Feature: ueba.FeatureLooks, Law: Count, Weight: 1}, "m"}}
	var members []member
	for i := range 40 {
		b := newBaseline(1, monday)
		group, level := "quiet", 2.0
		if i%2 == 0 {
			group, level = "busy", 50
		}
		for d := range 30 {
			b.cells[0].add(level + float64((d+i)%3-1))
		}
		members = append(members, member{group, &b})
	}
	company, groups := priorsOf(specs, members)
	quiet, busy := groups["quiet"].Priors[0], groups["busy"].Priors[0]
	if quiet.Mean >= company.Priors[0].Mean || busy.Mean <= company.Priors[0].Mean || busy.Mean <= quiet.Mean+15 {
		t.Errorf("quiet %v, company %v, busy %v", quiet, company.Priors[0], busy)
	}
	if company.People != 40 || groups["busy"].People != 20 {
		t.Errorf("%d people, %d busy", company.People, groups["busy"].People)
	}
	never := companyOfNever(specs)
	if never.Mean <= 0 || never.Mean > .01 {
		t.Errorf("what nobody ever did is expected %v times a day", never.Mean)
	}
}

func companyOfNever(specs []spec) prior {
	b := newBaseline(1, monday)
	for range 100 {
		b.cells[0].add(0)
	}
	company, _ := priorsOf(specs, []member{{"g", &b}})
	return company.Priors[0]
}

func TestGroupEffectIsShrunkAndNeverQuiets(t *testing.T) {
	busy := tally{seen: 200, expected: 100, variance: 150}
	one := tally{seen: 4, expected: 2, variance: 6}
	quiet := tally{seen: 10, expected: 100, variance: 150}
	if e := busy.effect(1); e < 1.8 || e > 2 {
		t.Errorf("a group that does twice as much has an effect of %v", e)
	}
	if e := one.effect(1); e > 1.3 {
		t.Errorf("a single person's day makes an effect of %v", e)
	}
	if e := quiet.effect(1); e != 1 {
		t.Errorf("a quiet day makes an effect of %v", e)
	}
}
