package scorer

import "github.com/onlooker-ueba/onlooker/ueba"

// Model is a sub-model: plain data that says which features speak for it and by which
// laws. The main model takes any list of them.
type Model struct {
	Name     string
	Features []Feature
}

// Feature says how one number of a profile becomes a p-value.
type Feature struct {
	Feature ueba.Feature
	Law     Law
	Weight  float64 // in the harmonic mean; 1 is a full voice
	Cap     float64 // bound of −ln p; 0 means the cap of all
	Split   bool    // working days and free days have baselines of their own
	Zeros   bool    // a free day without events counts as zero: being away is the norm
	Group   bool    // the group's day effect (month-end, campaign) scales the expectation
	Cover   bool    // the expectation grows with the records assigned today
	Needs   string  // the input without which it says nothing (Profile.Missing)
}

// Law is the family of distributions of a feature.
type Law string

// The laws.
const (
	Count Law = "count" // negative binomial, upper tail
	Size  Law = "size"  // whether there is any, times how large: Student-t on the logarithm, upper tail
	Early Law = "early" // Student-t, lower tail: an hour earlier than usual
	Late  Law = "late"  // Student-t, upper tail
)

// The names of the sub-models and of the rules' evidence, as they stand in Part.Model.
const (
	ModelVolume  = "volume"
	ModelTiming  = "timing"
	ModelPurpose = "purpose"
	ModelTarget  = "target"
	ModelHabit   = "habit"
	ModelRule    = "rule"
	ModelOther   = "other" // small parts, gathered
)

// A feature that is only context, such as volume or the hour, has little weight, and what
// it can say is bounded early: a tenth of a voice that shouts is as loud as a full one, and
// a day of work at the weekend would drown what had no reason on all the others.
const (
	contextWeight = .1
	contextCap    = 5
)

// DefaultModels are the sub-models that Onlooker ships.
func DefaultModels() []Model {
	return []Model{
		{ModelVolume, []Feature{
			volume(ueba.FeatureLooks), volume(ueba.FeatureRecords), volume(ueba.FeatureSearches), volume(ueba.FeatureViewMinutes),
			taken(ueba.FeatureExports), taken(ueba.FeatureUnmasks), size(ueba.FeatureRows, .5, ""),
		}},
		{ModelTiming, []Feature{
			{Feature: ueba.FeatureFirstHour, Law: Early, Weight: contextWeight, Cap: contextCap, Split: true},
			{Feature: ueba.FeatureLastHour, Law: Late, Weight: contextWeight, Cap: contextCap, Split: true},
			{Feature: ueba.FeatureBand0, Law: Count, Weight: contextWeight, Cap: contextCap, Split: true, Zeros: true},
			{Feature: ueba.FeatureOffHours, Law: Count, Weight: contextWeight, Cap: contextCap, Split: true, Zeros: true},
		}},
		{ModelPurpose, []Feature{
			purpose(ueba.FeatureUnexplained), purpose(ueba.FeatureUnexplainedRecords),
			purpose(ueba.FeatureUnexplainedNew), purpose(ueba.FeatureUnexplainedOutside),
			purpose(ueba.FeatureUnexplainedShort), purpose(ueba.FeatureUnexplainedLong),
			faint(split(purpose(ueba.FeatureUnexplainedOffHours))), purpose(ueba.FeatureUnexplainedUnmasks),
			purpose(ueba.FeatureUnexplainedExports), size(ueba.FeatureUnexplainedRows, 1, "reasons"),
			purpose(ueba.FeatureUnexplainedC3), faint(purpose(ueba.FeatureUnexplainedRun)),
		}},
		{ModelHabit, []Feature{
			habitual(ueba.FeatureUnexplainedAgain), purpose(ueba.FeatureUnexplainedForeign), whisper(purpose(ueba.FeatureUnexplainedStrange)),
		}},
		{ModelTarget, []Feature{
			target(ueba.FeatureSelf, 1), target(ueba.FeatureFamily, .5),
			whisper(target(ueba.FeatureVIP, 1)), whisper(target(ueba.FeatureColleague, 1)),
			whisper(target(ueba.FeatureDeceased, 1)), whisper(target(ueba.FeatureDormant, 1)),
			purposeTarget(ueba.FeatureUnexplainedVIP), purposeTarget(ueba.FeatureUnexplainedColleague),
			purposeTarget(ueba.FeatureUnexplainedFamily), purposeTarget(ueba.FeatureUnexplainedTagged),
		}},
	}
}

func volume(f ueba.Feature) Feature {
	return whisper(Feature{Feature: f, Law: Count, Split: true, Group: true})
}

// taken is what leaves the screen or its mask, with a reason or without: it grows with
// the assigned work, and says more than looking does.
func taken(f ueba.Feature) Feature {
	return Feature{Feature: f, Law: Count, Weight: .5, Split: true, Group: true, Cover: true}
}

func purpose(f ueba.Feature) Feature {
	return Feature{Feature: f, Law: Count, Weight: 1, Group: true, Cover: true, Needs: "reasons"}
}

// split gives working days and free days baselines of their own: on a free day all looks
// are outside the shift, and that alone is the timing's to judge.
func split(f Feature) Feature {
	f.Split = true
	return f
}

// faint halves the weight of a feature that mostly repeats another.
func faint(f Feature) Feature {
	f.Weight /= 2
	return f
}

// whisper makes a feature context: volume, and what comes in bursts that no law of counts
// foresees, such as a day at another desk.
func whisper(f Feature) Feature {
	f.Weight, f.Cap = contextWeight, contextCap
	return f
}

// size has no day types: the second place of its sums is for how large.
func size(f ueba.Feature, weight float64, needs string) Feature {
	return Feature{Feature: f, Law: Size, Weight: weight, Needs: needs}
}

func target(f ueba.Feature, weight float64) Feature {
	return Feature{Feature: f, Law: Count, Weight: weight, Needs: "records"}
}

// habitual grows with nothing but his own doing.
func habitual(f ueba.Feature) Feature {
	return Feature{Feature: f, Law: Count, Weight: 1, Needs: "reasons"}
}

func purposeTarget(f ueba.Feature) Feature {
	return Feature{Feature: f, Law: Count, Weight: 1, Needs: "reasons"}
}

// spec is a Feature in the flat list that the computation walks.
type spec struct {
	Feature
	model string
}

func flatten(models []Model) []spec {
	var out []spec
	for _, m := range models {
		for _, f := range m.Features {
			out = append(out, spec{f, m.Name})
		}
	}
	return out
}

// isHour reports whether the law is one of hours of the day.
func (l Law) isHour() bool { return l == Early || l == Late }

// isNormal reports whether a cell (see slot) holds a quantity with a normal law: hours,
// and the logarithms of sizes.
func (s *spec) isNormal(cell int) bool { return s.Law.isHour() || s.Law == Size && cell%2 == 1 }

// slot is the place of a feature's sums for a day type: two for each feature.
func (s *spec) slot(i int, workday bool) int {
	if s.Split && !workday {
		return 2*i + 1
	}
	return 2 * i
}
