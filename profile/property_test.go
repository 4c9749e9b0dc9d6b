package profile

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

var records = []string{"vip", "mine", "colleague", "somebody", "wife", "late", "asleep", "owned", "C1", "C2"}

func drawEvent(t *rapid.T, id string) ueba.Fact {
	at := clock(rapid.IntRange(-1, 24).Draw(t, "hour"), rapid.IntRange(0, 9).Draw(t, "minute"), 0)
	ids := rapid.SliceOfN(rapid.SampledFrom(records), 0, 3).Draw(t, "records")
	f := event(id, at, ids, action(rapid.SampledFrom([]ueba.Action{
		ueba.ActionView, ueba.ActionView, ueba.ActionSearch, ueba.ActionExport, ueba.ActionUnmask,
		ueba.ActionHeartbeat, ueba.ActionLogout, "approve",
	}).Draw(t, "action")))
	e := f.Body.(*ueba.Event)
	e.Session = rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "session")
	e.Outcome = rapid.SampledFrom([]string{"", "success", "failure"}).Draw(t, "outcome")
	if rapid.Bool().Draw(t, "explicit") {
		e.Duration, e.HasDuration = time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds"))*time.Second, true
	}
	f.Known = at.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "delay")) * time.Minute)
	return f
}

func drawReason(t *rapid.T, id string) ueba.Fact {
	f := because(rapid.SampledFrom([]string{"T1", "T2", "T3"}).Draw(t, "reason"),
		rapid.SampledFrom(append([]string{""}, records...)).Draw(t, "record"),
		rapid.SampledFrom([]string{"", "E1", "E2", "crm:wang"}).Draw(t, "employee"),
		madeBy(rapid.SampledFrom([]string{"", "E1", "E2", "wang"}).Draw(t, "maker")))
	r := f.Body.(*ueba.Reason)
	r.ValidFrom = clock(rapid.IntRange(-2, 20).Draw(t, "from"), 0, 0)
	r.ValidTo = r.ValidFrom.Add(time.Duration(rapid.IntRange(1, 10).Draw(t, "hours")) * time.Hour)
	r.Created = clock(rapid.IntRange(-2, 24).Draw(t, "created"), 0, 0)
	f.ID, f.Known = id, clock(rapid.IntRange(0, 30).Draw(t, "known"), 0, 0)
	return f
}

func drawDay(t *rapid.T) Day {
	d := dayOf()
	for i := range rapid.IntRange(0, 25).Draw(t, "events") {
		d.Events = append(d.Events, drawEvent(t, "e"+strconv.Itoa(i)))
	}
	for i := range rapid.IntRange(0, 10).Draw(t, "reasons") {
		d.Reasons = append(d.Reasons, drawReason(t, "r"+strconv.Itoa(i)))
	}
	if rapid.Bool().Draw(t, "as known then") {
		d.At = clock(12, 0, 0)
	}
	return d
}

func shuffled(facts []ueba.Fact, seed uint64) []ueba.Fact {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := append([]ueba.Fact(nil), facts...)
	for _, f := range facts {
		if rng.IntN(3) == 0 {
			again := f
			again.Known = again.Known.Add(time.Hour)
			if _, isEvent := f.Body.(*ueba.Event); isEvent {
				out = append(out, again) // a second delivery keeps the first time
			} else {
				out = append(out, f)
			}
		}
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDay(t)
		profile, looks := fold(d)
		seed := rapid.Uint64().Draw(t, "seed")
		d.Events, d.Reasons = shuffled(d.Events, seed), shuffled(d.Reasons, seed)
		again, looksAgain := fold(d)
		if diff := cmp.Diff(profile, again); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(looks, looksAgain); diff != "" {
			t.Fatal(diff)
		}
	})
}

// mayFall are the features that a further look may lower: the first hour is an extreme,
// and a gap that ends earlier is shorter.
var mayFall = map[ueba.Feature]bool{
	ueba.FeatureFirstHour: true, ueba.FeatureViewMinutes: true, ueba.FeatureUnexplainedLong: true,
}

func TestFurtherLooksDiluteNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDay(t)
		before, _ := fold(d)
		for i := range rapid.IntRange(1, 5).Draw(t, "more") {
			d.Events = append(d.Events, drawEvent(t, "more"+strconv.Itoa(i)))
		}
		after, _ := fold(d)
		for f := range ueba.FeatureCount {
			if after.Features[f] < before.Features[f] && !mayFall[f] {
				t.Errorf("%s fell from %v to %v", f, before.Features[f], after.Features[f])
			}
		}
	})
}

func TestLooksAndFeaturesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, looks := fold(drawDay(t))
		fs := p.Features
		if fs[ueba.FeatureExplained]+fs[ueba.FeatureUnexplained] != fs[ueba.FeatureLooks] || int(fs[ueba.FeatureLooks]) != len(looks) {
			t.Errorf("%v explained, %v unexplained, %v looks of %d", fs[ueba.FeatureExplained], fs[ueba.FeatureUnexplained], fs[ueba.FeatureLooks], len(looks))
		}
		bands := fs[ueba.FeatureBand0] + fs[ueba.FeatureBand1] + fs[ueba.FeatureBand2] + fs[ueba.FeatureBand3]
		if bands != fs[ueba.FeatureLooks] || fs[ueba.FeatureUnexplainedRecords] > fs[ueba.FeatureRecords] {
			t.Errorf("%v", fs)
		}
		if p.ViewLow > p.ViewValue || p.ViewValue > p.ViewHigh {
			t.Errorf("view time %s not between %s and %s", p.ViewValue, p.ViewLow, p.ViewHigh)
		}
		for i := 1; i < len(looks); i++ {
			a, b := looks[i-1], looks[i]
			if a.Event.Time.After(b.Event.Time) || a.EventRef == b.EventRef && a.RecordID >= b.RecordID {
				t.Errorf("looks out of order: %+v, %+v", a, b)
			}
		}
	})
}

func TestASessionsViewTimeFitsIntoIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDay(t)
		var first, last time.Time
		for _, f := range d.Events {
			e := f.Body.(*ueba.Event)
			e.Session, e.HasDuration = "s1", false
			if !e.Time.Before(clock(0, 0, 0)) && (first.IsZero() || e.Time.Before(first)) {
				first = e.Time
			}
			if e.Time.After(last) {
				last = e.Time
			}
		}
		if p, _ := fold(d); p.ViewValue > max(0, last.Sub(first)) {
			t.Errorf("%s on the screen between %s and %s", p.ViewValue, first, last)
		}
	})
}
