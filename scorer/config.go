package scorer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Version names the model. It changes whenever the same facts would give other bytes.
const Version = "2"

// Config is everything that a score depends on, apart from facts and Version.
type Config struct {
	Business ueba.Business `json:"-"`
	Models   []Model

	// History is how many days before a day at least take part in its score; where the
	// replay begins lies on a grid of Epoch days, so that it depends on the day alone.
	History int
	Epoch   int

	Forget  float64 // weight of a day in a baseline per day of age
	Pool    float64 // days that the group's dispersion weighs against the person's own
	Sharpen float64 // how far a law that is too cautious is sharpened at most; 1: not at all

	Lambda    float64 // what a working day leaves of A; other days leave its cube root
	Threshold float64 // a tenth of recent person-days have h above it
	DayCap    float64 // bound of a day's evidence from the sub-models
	RuleCap   float64 // bound of a rule's evidence on one day
	Scale     float64 // R = 100·(1 − e^(−A/Scale))
	Usual     float64 // how much of his own usual excess is subtracted

	Bounds    [3]float64 // R at which medium, high and critical are entered
	Leave     float64    // a level is left so far below its bound …
	LeaveDays int        // … after so many days

	DayP     float64 // an alert is raised for a day whose p is below
	Gather   float64 // weight of A in the priority
	Learning int     // active days until an employee counts as known
}

// DefaultConfig returns the settings that suit most.
func DefaultConfig(b ueba.Business) Config {
	return Config{
		Business: b, Models: DefaultModels(),
		History: 180, Epoch: 90, Forget: .985, Pool: 40, Sharpen: 3,
		Lambda: .85, Threshold: math.Ln10, DayCap: 12, RuleCap: 2, Scale: 8, Usual: 1,
		Bounds: [3]float64{45, 65, 80}, Leave: 8, LeaveDays: 3,
		DayP: .001, Gather: .3, Learning: 10,
	}
}

// Check names the first setting that makes no sense.
func (c *Config) Check() error {
	switch {
	case len(c.Models) == 0:
		return errors.New("score.models: there is none")
	case c.History < window || c.Epoch < 1:
		return fmt.Errorf("score.history: want at least %d days, and score.epoch at least 1", window)
	case c.Forget <= 0 || c.Forget > 1:
		return errors.New("score.forget: want a number in (0, 1]")
	case c.Pool < 0 || c.Sharpen < 1:
		return errors.New("score.pool: want at least 0, and score.sharpen at least 1")
	case c.Lambda <= 0 || c.Lambda >= 1:
		return errors.New("score.lambda: want a number in (0, 1)")
	case c.Threshold < 0 || c.DayCap <= 0 || c.RuleCap < 0 || c.Scale <= 0 || c.Usual < 0:
		return errors.New("score: threshold, day_cap, rule_cap, scale and usual must not be negative")
	case !(0 < c.Bounds[0] && c.Bounds[0] < c.Bounds[1] && c.Bounds[1] < c.Bounds[2] && c.Bounds[2] < 100):
		return errors.New("score.bounds: want three rising numbers between 0 and 100")
	case c.Leave < 0 || c.LeaveDays < 1:
		return errors.New("score.leave: want a distance of at least 0, and score.leave_days at least 1")
	case c.DayP < 0 || c.DayP >= 1 || c.Gather < 0 || c.Learning < 0:
		return errors.New("score: day_p must be in [0, 1), gather and learning not negative")
	}
	return checkModels(c.Models)
}

func checkModels(models []Model) error {
	seen := map[string]bool{}
	for _, m := range models {
		for _, f := range m.Features {
			name := m.Name + "/" + f.Feature.String()
			switch {
			case m.Name == "" || m.Name == ModelRule || m.Name == ModelOther:
				return fmt.Errorf("score.models: %q cannot be a sub-model's name", m.Name)
			case f.Feature >= ueba.FeatureCount || f.Weight <= 0 || f.Cap < 0:
				return fmt.Errorf("score.models: %s: want a known feature, a weight above 0 and a cap", name)
			case f.Law != Count && f.Law != Size && f.Law != Early && f.Law != Late:
				return fmt.Errorf("score.models: %s: unknown law %q", name, f.Law)
			case f.Law == Size && f.Split:
				return fmt.Errorf("score.models: %s: a size has no day types", name)
			case seen[name]:
				return fmt.Errorf("score.models: %s is there twice", name)
			}
			seen[name] = true
		}
	}
	return nil
}

// Hash names the configuration in scores.
func (c *Config) Hash() string {
	zone := "UTC"
	if c.Business.Zone != nil {
		zone = c.Business.Zone.String()
	}
	return hashOf(struct {
		*Config
		Zone         string
		Start, Grace int64
	}{c, zone, int64(c.Business.Start), int64(c.Business.Grace)})
}

// start returns the day from which a replay for d begins: the grid day at least History
// days before. It depends on d alone, so that every run of every range agrees.
func (c *Config) start(d ueba.Day) ueba.Day {
	back := int(d) - c.History
	grid := back - ((back%c.Epoch)+c.Epoch)%c.Epoch
	return ueba.Day(grid)
}

// hashOf returns the first 16 hexadecimal digits of the SHA-256 of v's JSON.
func hashOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		// Only plain data come here; NaN is kept out where profiles are checked.
		panic(fmt.Sprintf("hash of %T: %v", v, err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
