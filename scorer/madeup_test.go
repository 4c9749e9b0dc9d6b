package scorer

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// madeUp is a company in memory: profiles in versions, each known from a time.
type madeUp struct {
	business ueba.Business
	staff    []ueba.Employee
	days     map[ueba.Day]map[string][]version
	reviews  []knownReview
	free     map[string]bool // "employee/day" overrides
	asked    int             // how often Profiles was asked
}

type version struct {
	known   time.Time
	profile *ueba.Profile // nil: nothing is left
}

type knownReview struct {
	known  time.Time
	review ueba.Review
}

var shanghai = time.FixedZone("CST", 8*3600)

// monday is the first day of most made-up histories.
const monday = ueba.Day(20521) // 2026-03-09

func newMadeUp() *madeUp {
	return &madeUp{
		business: ueba.Business{Zone: shanghai, Grace: 2 * time.Hour},
		days:     map[ueba.Day]map[string][]version{},
		free:     map[string]bool{},
	}
}

func (m *madeUp) hire(id, department, role string) {
	m.staff = append(m.staff, ueba.Employee{ID: id, Department: department, Role: role, Hired: ueba.NoDay, Left: ueba.NoDay})
}

// add makes a profile known at the end of its day.
func (m *madeUp) add(p ueba.Profile) { m.learn(p, m.business.End(p.Day)) }

func (m *madeUp) learn(p ueba.Profile, known time.Time) {
	if m.days[p.Day] == nil {
		m.days[p.Day] = map[string][]version{}
	}
	p.Known = known
	versions := append(m.days[p.Day][p.Employee], version{known, &p})
	sort.SliceStable(versions, func(i, j int) bool { return versions[i].known.Before(versions[j].known) })
	m.days[p.Day][p.Employee] = versions
}

func (m *madeUp) Staff(_ context.Context, day ueba.Day, _ time.Time) ([]ueba.Employee, error) {
	var out []ueba.Employee
	for _, e := range m.staff {
		if e.Employed(day) {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}

func (m *madeUp) DayType(e *ueba.Employee, day ueba.Day, _ time.Time) ueba.DayType {
	weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
	if weekend != m.free[fmt.Sprintf("%s/%d", e.ID, day)] {
		return ueba.FreeDay
	}
	return ueba.Workday
}

func (m *madeUp) Profiles(_ context.Context, day ueba.Day, at time.Time, _ []string) ([]ueba.Profile, error) {
	m.asked++
	var out []ueba.Profile
	for _, versions := range m.days[day] {
		var newest *ueba.Profile
		for _, v := range versions {
			if !v.known.After(at) {
				newest = v.profile
			}
		}
		if newest != nil {
			out = append(out, *newest)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Employee < out[j].Employee })
	return out, nil
}

func (m *madeUp) Reviews(_ context.Context, at time.Time) ([]ueba.Review, error) {
	var out []ueba.Review
	for _, r := range m.reviews {
		if !r.known.After(at) {
			out = append(out, r.review)
		}
	}
	return out, nil
}

// draw makes one employee-day from looks that are drawn one by one, insiders' and
// everybody's by the same code.
type draw struct {
	rng *rand.Rand
	f   ueba.Features
	// first and last hour of the day
	first, last float64
}

// kind says how looks are drawn.
type kind struct {
	explained, fresh, outside, short, long, night, unmask, export, c3 float64 // probabilities
	vip, colleague, family, dormant                                   float64
	rows                                                              float64 // median rows of an export
}

func newDraw(rng *rand.Rand) *draw { return &draw{rng: rng, first: 24, last: 0} }

func (d *draw) chance(p float64) bool { return d.rng.Float64() < p }

func (d *draw) looks(n int, k kind) {
	for range n {
		d.look(k)
	}
}

func (d *draw) look(k kind) {
	hour := 9 + 9*d.rng.Float64()
	night := d.chance(k.night)
	if night {
		hour = 19 + 4*d.rng.Float64()
	}
	d.first, d.last = math.Min(d.first, hour), math.Max(d.last, hour)
	f := &d.f
	f[ueba.FeatureLooks]++
	f[ueba.FeatureRecords]++
	f[ueba.FeatureBand0+ueba.Feature(int(hour/6)%4)]++
	f[ueba.FeatureSearches] += float64(d.rng.IntN(2))
	seconds := 45 * math.Exp(.9*d.rng.NormFloat64())
	if d.chance(k.short) {
		seconds = 3
	}
	if d.chance(k.long) {
		seconds = 60 + 180*d.rng.Float64()
	}
	f[ueba.FeatureViewMinutes] += seconds / 60
	explained := d.chance(k.explained)
	count := func(hit bool, all, unexplained ueba.Feature) {
		if hit && all != ueba.FeatureCount {
			f[all]++
		}
		if hit && !explained {
			f[unexplained]++
		}
	}
	const none = ueba.FeatureCount
	if explained {
		f[ueba.FeatureExplained]++
	}
	count(true, none, ueba.FeatureUnexplained)
	count(true, none, ueba.FeatureUnexplainedRecords)
	count(d.chance(k.fresh), none, ueba.FeatureUnexplainedNew)
	count(d.chance(k.outside), none, ueba.FeatureUnexplainedOutside)
	count(seconds < 10, none, ueba.FeatureUnexplainedShort)
	count(seconds > 120, none, ueba.FeatureUnexplainedLong)
	count(night, ueba.FeatureOffHours, ueba.FeatureUnexplainedOffHours)
	count(d.chance(k.unmask), ueba.FeatureUnmasks, ueba.FeatureUnexplainedUnmasks)
	count(d.chance(k.c3), none, ueba.FeatureUnexplainedC3)
	count(d.chance(k.vip), ueba.FeatureVIP, ueba.FeatureUnexplainedVIP)
	count(d.chance(k.colleague), ueba.FeatureColleague, ueba.FeatureUnexplainedColleague)
	count(d.chance(k.family), ueba.FeatureFamily, ueba.FeatureUnexplainedFamily)
	count(d.chance(k.dormant), ueba.FeatureDormant, ueba.FeatureUnexplainedTagged)
	if d.chance(k.export) {
		count(true, ueba.FeatureExports, ueba.FeatureUnexplainedExports)
		rows := math.Round(k.rows * math.Exp(d.rng.NormFloat64()))
		f[ueba.FeatureRows] += rows
		if !explained {
			f[ueba.FeatureUnexplainedRows] += rows
		}
	}
}

func (d *draw) profile(id string, day ueba.Day, typ ueba.DayType, group string, assigned float64) ueba.Profile {
	d.f[ueba.FeatureFirstHour], d.f[ueba.FeatureLastHour] = d.first, d.last
	d.f[ueba.FeatureAssigned] = assigned
	return ueba.Profile{Employee: id, Day: day, Type: typ, Group: group, Events: int(d.f[ueba.FeatureLooks]), Features: d.f}
}

// habits are what one employee is like.
type habits struct {
	rate, size float64
	kind       kind
}

func gamma(rng *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(rng, shape+1) * math.Pow(rng.Float64(), 1/shape)
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

func poisson(rng *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	limit, k, p := math.Exp(-mean), 0, 1.0
	for {
		if p *= rng.Float64(); p <= limit {
			return k
		}
		k++
	}
}

// people draws habits around the role's.
func drawHabits(rng *rand.Rand, role int) habits {
	rates := []float64{25, 60, 40, 15, 80, 30, 50, 20}
	h := habits{rate: rates[role%len(rates)] * gamma(rng, 4) / 4, size: 4 + 16*rng.Float64()}
	lost := .04 + .06*rng.Float64()
	h.kind = kind{
		explained: 1 - lost, fresh: .4, outside: .1, short: .05, long: .05, night: .01 + .03*rng.Float64()*float64(role%3),
		unmask: .03 + .07*rng.Float64(), export: .002 + .008*rng.Float64(), c3: .2, rows: 40,
		vip: .004, colleague: .003, family: .0001, dormant: .01,
	}
	if rng.Float64() < .05 {
		h.kind.vip = .1 // a VIP's own adviser
	}
	return h
}
