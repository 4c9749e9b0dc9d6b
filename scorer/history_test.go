package scorer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// used is a day with looks through systems and from computers, all of them unexplained.
func used(day ueba.Day, uses map[ueba.UseKind][]string, looks int) *ueba.Profile {
	p := &ueba.Profile{Day: day}
	for _, kind := range []ueba.UseKind{ueba.UseHost, ueba.UseService} {
		for _, name := range uses[kind] {
			p.Uses = append(p.Uses, ueba.Use{Kind: kind, Name: name, Looks: looks, Unexplained: looks})
		}
	}
	return p
}

func derived(h *history, p *ueba.Profile) *ueba.Features {
	var fs ueba.Features
	h.derive(p, &fs)
	return &fs
}

func TestWhatIsSeldomUsedIsForeign(t *testing.T) {
	var h history
	other := used(monday, map[ueba.UseKind][]string{ueba.UseService: {"crm", "funds"}, ueba.UseHost: {"ws-9"}}, 3)
	for day := range ueba.Day(12) {
		if got := derived(&h, other)[ueba.FeatureUnexplainedForeign]; day < usesKnown && got != 0 {
			t.Fatalf("after %d days a system is foreign already", day)
		}
		h.learn(used(monday+day, map[ueba.UseKind][]string{ueba.UseService: {"crm"}, ueba.UseHost: {"ws-1"}}, 20), .985)
	}
	fs := derived(&h, other)
	if fs[ueba.FeatureUnexplainedForeign] != 3 || fs[ueba.FeatureUnexplainedStrange] != 3 {
		t.Errorf("foreign %v, strange %v, want 3 looks through funds and 3 from ws-9",
			fs[ueba.FeatureUnexplainedForeign], fs[ueba.FeatureUnexplainedStrange])
	}
	for day := range ueba.Day(6) {
		h.learn(used(monday+12+day, map[ueba.UseKind][]string{ueba.UseService: {"crm", "funds"}}, 20), .985)
	}
	if got := derived(&h, other)[ueba.FeatureUnexplainedForeign]; got != 0 {
		t.Errorf("foreign %v after a week of work there, want none", got)
	}
}

func TestTheSameRecordAgain(t *testing.T) {
	var h history
	day := func(d ueba.Day, strays ...string) *ueba.Profile { return &ueba.Profile{Day: d, Strays: strays} }
	for _, d := range []ueba.Day{0, 3, 6} {
		h.learn(day(monday+d, "C1", fmt.Sprint("once", d)), .985)
	}
	if got := derived(&h, day(monday+9, "C1", "C2"))[ueba.FeatureUnexplainedAgain]; got != 3 {
		t.Errorf("again %v, want three earlier days with C1", got)
	}
	h.learn(day(monday+31), .985)
	if got := derived(&h, day(monday+32, "C1", "C2"))[ueba.FeatureUnexplainedAgain]; got != 1 {
		t.Errorf("again %v, want the one day that is not yet out of the window", got)
	}
	if c := h.clone(); !slices.Equal(c.strays, h.strays) {
		t.Error("a clone forgets")
	}
}

func TestARuleThatMatchesDailyIsNoNews(t *testing.T) {
	var h history
	first := h.news("c3")
	for day := range ueba.Day(30) {
		p := used(monday+day, map[ueba.UseKind][]string{ueba.UseService: {"crm"}}, 1)
		if day%3 == 0 {
			p.Detections = []ueba.Detection{{Rule: "c3"}, {Rule: "c3"}}
		}
		h.learn(p, .985)
	}
	if often, never := h.news("c3"), h.news("vip"); often != 0 || never != first || first < 10 {
		t.Errorf("news %v of a rule that matches every third day, %v of one that never did, %v on the first day", often, never, first)
	}
}
