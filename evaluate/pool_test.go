package evaluate

import (
	"math"
	"testing"
)

func TestPoolAddsCountsAndWeighsShares(t *testing.T) {
	one := Result{
		Name: "x", Days: 100, Bad: 2, Priority: Ranking{AP: .4, Found: []float64{0, .5, 1}}, Score: Ranking{Found: []float64{0, 0, 0}},
		Queues: []Queue{{K: 3, Found: 1, Insiders: 2, MedianDelay: 1}}, Levels: Levels{Insiders: 2, InsidersHigh: 1, Flips: .01},
		Scenarios: []Scenario{{Name: "b", Insiders: 1, AP: 1}}, Oddities: []Oddity{{Name: "none", People: 5}}, Nominal: []Calibrated{{P: .1, Share: .1}},
	}
	two := Result{
		Name: "x", Days: 300, Bad: 4, Priority: Ranking{AP: .8, Found: []float64{0, .5, 1}}, Score: Ranking{Found: []float64{0, 0, 0}},
		Queues: []Queue{{K: 3, Found: 3, Insiders: 3, MedianDelay: 2}}, Levels: Levels{Insiders: 3, InsidersHigh: 3, Flips: .05, given: true},
		Scenarios: []Scenario{{Name: "a", Insiders: 2}, {Name: "b", Insiders: 1, AP: .5}}, Oddities: []Oddity{{Name: "none", People: 7}}, Nominal: []Calibrated{{P: .1, Share: .3}},
	}
	p := Pool([]Result{one, two})
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s %v, want %v", what, got, want)
		}
	}
	near("average precision", p.Priority.AP, .6)
	near("flips", p.Levels.Flips, .04)
	near("share", p.Nominal[0].Share, .25)
	near("factor", p.Nominal[0].Factor, 2.5)
	near("delay", p.Queues[0].MedianDelay, 1.5)
	if p.Days != 400 || p.Bad != 6 || p.Queues[0].Found != 4 || p.Levels.InsidersHigh != 4 || p.Oddities[0].People != 12 {
		t.Errorf("pooled %+v", p)
	}
	if len(p.Scenarios) != 2 || p.Scenarios[0].Name != "a" || p.Scenarios[1].AP != .75 || p.Scenarios[1].Insiders != 2 {
		t.Errorf("scenarios %+v", p.Scenarios)
	}
	if !p.Levels.given {
		t.Error("tables would leave out the pooled levels")
	}
	if one.Priority.Found[1] != .5 {
		t.Error("pooling changed what it pooled")
	}
}
