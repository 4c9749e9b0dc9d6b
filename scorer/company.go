package scorer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Company is what the scorer asks of the rest of the house. Every answer is as known at
// the time given, and the same question has the same answer for ever, unless an import
// back-dates what was known.
type Company interface {
	// Staff gives who is employed on the day, sorted by id.
	Staff(ctx context.Context, day ueba.Day, at time.Time) ([]ueba.Employee, error)
	// DayType says whether the day is a working day of the employee's. It may be
	// called from several goroutines.
	DayType(e *ueba.Employee, day ueba.Day, at time.Time) ueba.DayType
	// Profiles gives the profiles of those who have any event on the day, sorted by
	// employee; employees nil means all.
	Profiles(ctx context.Context, day ueba.Day, at time.Time, employees []string) ([]ueba.Profile, error)
	// Reviews gives the verdicts.
	Reviews(ctx context.Context, at time.Time) ([]ueba.Review, error)
}

// errProfile says that a profile cannot be scored.
var errProfile = errors.New("profile cannot be scored")

// roll is the company on one day as known at one time.
type roll struct {
	ids   []string // sorted
	facts map[string]*facts
	// broken are employees whose profile cannot be scored, sorted.
	broken []string
}

// call asks the company for a day.
func call(ctx context.Context, company Company, day ueba.Day, at time.Time) (*roll, error) {
	staff, err := company.Staff(ctx, day, at)
	if err != nil {
		return nil, fmt.Errorf("staff of %s: %w", day, err)
	}
	profiles, err := company.Profiles(ctx, day, at, nil)
	if err != nil {
		return nil, fmt.Errorf("profiles of %s: %w", day, err)
	}
	reviews, err := company.Reviews(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("reviews known at %s: %w", at.Format(time.RFC3339), err)
	}
	r := &roll{ids: make([]string, len(staff)), facts: make(map[string]*facts, len(staff))}
	all := make([]facts, len(staff))
	parallel(len(staff), func(i int) {
		e := &staff[i]
		all[i] = facts{employee: e, sight: sight{group: e.PeerGroup(), workday: company.DayType(e, day, at) == ueba.Workday}}
	})
	for i := range staff {
		id := staff[i].ID
		if r.facts[id] != nil {
			return nil, fmt.Errorf("staff of %s: %s is there twice", day, id)
		}
		r.ids[i], r.facts[id] = id, &all[i]
	}
	sort.Strings(r.ids)
	r.addProfiles(day, profiles)
	r.addReviews(reviews)
	return r, nil
}

func (r *roll) addProfiles(day ueba.Day, profiles []ueba.Profile) {
	for i := range profiles {
		p := &profiles[i]
		f := r.facts[p.Employee]
		if f == nil {
			continue // not employed: coverage speaks of it
		}
		if err := checkProfile(p, day); err != nil || f.profile != nil {
			r.broken = append(r.broken, p.Employee)
			continue
		}
		f.profile = p
	}
	for _, id := range r.broken {
		r.facts[id].profile = nil
	}
	sort.Strings(r.broken)
	r.broken = slices.Compact(r.broken)
}

func (r *roll) addReviews(reviews []ueba.Review) {
	for i := range reviews {
		if f := r.facts[reviews[i].EmployeeID]; f != nil {
			f.reviews = append(f.reviews, reviews[i])
		}
	}
	for _, f := range r.facts {
		slices.SortFunc(f.reviews, compareReviews)
	}
}

// checkProfile refuses numbers that no day can have.
func checkProfile(p *ueba.Profile, day ueba.Day) error {
	if p.Day != day {
		return fmt.Errorf("%w: it is of %s, not %s", errProfile, p.Day, day)
	}
	for i, x := range p.Features {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return fmt.Errorf("%w: %s is %v", errProfile, ueba.Feature(i), x)
		}
	}
	for _, d := range p.Detections {
		if math.IsNaN(d.Evidence) || math.IsInf(d.Evidence, 0) || d.Evidence < 0 {
			return fmt.Errorf("%w: evidence of %s is %v", errProfile, d.ID, d.Evidence)
		}
	}
	return nil
}

// same reports whether two tracks know the same of an employee's day.
func (f *facts) same(g *facts) bool {
	if f == nil || g == nil {
		return f == g
	}
	return f.group == g.group && f.workday == g.workday &&
		slices.EqualFunc(f.reviews, g.reviews, func(a, b ueba.Review) bool { return compareReviews(a, b) == 0 }) &&
		sameProfile(f.profile, g.profile)
}

func sameProfile(a, b *ueba.Profile) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Features == b.Features && slices.Equal(a.Missing, b.Missing) &&
		slices.Equal(a.Uses, b.Uses) && slices.Equal(a.Strays, b.Strays) &&
		slices.EqualFunc(a.Detections, b.Detections, func(x, y ueba.Detection) bool {
			return x.ID == y.ID && x.Rule == y.Rule && x.Level == y.Level && x.Count == y.Count && x.Evidence == y.Evidence && x.Grave == y.Grave
		})
}

// compareReviews puts reviews in a fixed order; the equal say the same.
func compareReviews(a, b ueba.Review) int {
	return cmp.Or(
		a.Time.Compare(b.Time), cmp.Compare(a.EmployeeID, b.EmployeeID), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
		cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.By, b.By), cmp.Compare(a.Note, b.Note),
	)
}
