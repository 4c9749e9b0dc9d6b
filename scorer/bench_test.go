package scorer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// crowdOf is a large company that answers from memory at once.
type crowdOf struct {
	*madeUp
	profiles map[ueba.Day][]ueba.Profile
}

func (c *crowdOf) Staff(context.Context, ueba.Day, time.Time) ([]ueba.Employee, error) {
	return c.staff, nil
}

func (c *crowdOf) DayType(_ *ueba.Employee, day ueba.Day, _ time.Time) ueba.DayType {
	if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return ueba.FreeDay
	}
	return ueba.Workday
}

func (c *crowdOf) Profiles(_ context.Context, day ueba.Day, _ time.Time, _ []string) ([]ueba.Profile, error) {
	return c.profiles[day], nil
}

func bigCompany(staff, days int) *crowdOf {
	rng := rand.New(rand.NewPCG(1, 1))
	c := &crowdOf{newMadeUp(), map[ueba.Day][]ueba.Profile{}}
	all := make([]habits, staff)
	for i := range all {
		c.hire(fmt.Sprintf("E%05d", i), fmt.Sprintf("D%d", i%10), fmt.Sprintf("r%d", i%50))
		all[i] = drawHabits(rng, i)
	}
	for d := range days {
		day := monday + ueba.Day(d)
		if c.DayType(nil, day, time.Time{}) == ueba.FreeDay {
			continue
		}
		for i := range all {
			n := float64(poisson(rng, all[i].rate))
			var f ueba.Features
			for k := range f {
				f[k] = float64(int(n * rng.Float64() * .3))
			}
			f[ueba.FeatureLooks], f[ueba.FeatureRecords], f[ueba.FeatureAssigned] = n, n, n
			f[ueba.FeatureFirstHour], f[ueba.FeatureLastHour] = 9+rng.Float64(), 17+rng.Float64()
			for k := ueba.FeatureUnexplained; k < ueba.FeatureCount; k++ {
				f[k] = float64(poisson(rng, .1))
			}
			c.profiles[day] = append(c.profiles[day], ueba.Profile{Employee: c.staff[i].ID, Day: day, Events: int(n), Features: f})
		}
	}
	return c
}

// BenchmarkScore10000x60 replays 60 days of profiles of 10,000 employees and scores the last day.
func BenchmarkScore10000x60(b *testing.B) {
	c := bigCompany(10_000, 60)
	to := monday + 59
	e, err := New(DefaultConfig(c.business), c, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		scores, err := e.Compute(context.Background(), c.business.Close(to), to, to)
		if err != nil || len(scores) != 10_000 {
			b.Fatalf("%d scores, %v", len(scores), err)
		}
	}
}
