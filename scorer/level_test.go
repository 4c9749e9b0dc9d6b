package scorer

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestLevelHasHysteresis(t *testing.T) {
	c := DefaultConfig(ueba.Business{})
	var b band
	for i, step := range []struct {
		r    float64
		want ueba.RiskLevel
	}{
		{10, ueba.Low}, {66, ueba.High}, {60, ueba.High}, {56, ueba.High}, {56, ueba.High}, {58, ueba.High}, // 58 is within 8 of 65
		{56, ueba.High}, {56, ueba.High}, {56, ueba.Medium}, {85, ueba.Critical}, {5, ueba.Critical}, {5, ueba.Critical}, {5, ueba.Low},
	} {
		if b.move(&c, step.r); levels[b.rank] != step.want {
			t.Fatalf("step %d: R %v gives %s, want %s", i, step.r, levels[b.rank], step.want)
		}
	}
}

func TestApportionAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(1e-6, 10), 1, 40).Draw(t, "weights")
		total := rapid.IntRange(0, 10_000).Draw(t, "total")
		var sum float64
		for _, w := range weights {
			sum += w
		}
		got := 0
		for i, cents := range apportion(total, weights) {
			got += cents
			if exact := float64(total) * weights[i] / sum; float64(cents) < exact-1.001 || float64(cents) > exact+1.001 {
				t.Fatalf("%v of %v gives %d of %d", weights[i], sum, cents, total)
			}
		}
		if got != total {
			t.Fatalf("adds up to %d, not %d", got, total)
		}
	})
}

func TestSplitChangeAddsUp(t *testing.T) {
	c := DefaultConfig(ueba.Business{})
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Float64Range(0, 30).Draw(t, "A")
		changes := append(rapid.SliceOfN(rapid.Float64Range(0, 3), 0, 20).Draw(t, "evidence"), -.15*before)
		after := before
		for _, w := range changes {
			after += w
		}
		total, got := centsOf(&c, after)-centsOf(&c, before), 0
		for _, cents := range splitChange(&c, total, changes, after) {
			got += cents
		}
		if got != total {
			t.Fatalf("adds up to %d, not %d", got, total)
		}
	})
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"score.lambda":  func(c *Config) { c.Lambda = 1 },
		"score.history": func(c *Config) { c.History = 3 },
		"score.bounds":  func(c *Config) { c.Bounds = [3]float64{60, 40, 80} },
		"score.leave":   func(c *Config) { c.LeaveDays = 0 },
		"score.forget":  func(c *Config) { c.Forget = 0 },
		"purpose/looks": func(c *Config) {
			c.Models = []Model{{ModelPurpose, []Feature{{Feature: ueba.FeatureLooks, Law: "odd", Weight: 1}}}}
		},
		"is there twice": func(c *Config) { c.Models = append(c.Models, c.Models[0]) },
		`"rule"`:         func(c *Config) { c.Models[0].Name = ModelRule },
	} {
		c := DefaultConfig(ueba.Business{})
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		before := c.Hash()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if c.Hash() == before {
			t.Errorf("%s: another configuration has the same hash", name)
		}
	}
}

func TestReplayBeginsOnAGrid(t *testing.T) {
	c := DefaultConfig(ueba.Business{})
	starts := map[ueba.Day]bool{}
	for d := monday; d < monday+400; d++ {
		s := c.start(d)
		if int(d-s) < c.History || int(d-s) >= c.History+c.Epoch {
			t.Fatalf("replay for %s begins %d days before", d, d-s)
		}
		starts[s] = true
	}
	if len(starts) > 400/c.Epoch+2 {
		t.Errorf("%d beginnings", len(starts))
	}
}
