package profile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestUsesAndStrays(t *testing.T) {
	from := func(host, ip string) func(*ueba.Event) { return func(e *ueba.Event) { e.Host, e.IP = host, ip } }
	d := dayOf(
		event("1", clock(9, 0, 0), []string{"C1"}, from("ws-1", "10.0.0.1")),
		event("2", clock(10, 0, 0), []string{"C2", "C3"}, of("funds"), from("", "10.0.0.2")),
		event("3", clock(11, 0, 0), []string{"C9"}),
	)
	d.Reasons = []ueba.Fact{because("T1", "C1", "E1")}
	p, _ := fold(d)
	want := []ueba.Use{
		{Kind: ueba.UseHost, Name: "10.0.0.2", Looks: 2, Unexplained: 2},
		{Kind: ueba.UseHost, Name: "ws-1", Looks: 1},
		{Kind: ueba.UseService, Name: "crm", Looks: 2, Unexplained: 1},
		{Kind: ueba.UseService, Name: "funds", Looks: 2, Unexplained: 2},
	}
	if diff := cmp.Diff(want, p.Uses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"C2", "C3", "C9"}, p.Strays); diff != "" {
		t.Error(diff)
	}
}

func TestRunOfAdjacentRecords(t *testing.T) {
	for name, c := range map[string]struct {
		ids  []string
		want float64
	}{
		"in a row":        {[]string{"C100", "C101", "C103", "C106"}, 3},
		"too far apart":   {[]string{"C100", "C104", "C110"}, 0},
		"backwards":       {[]string{"C103", "C102", "C101"}, 0},
		"the same":        {[]string{"C100", "C100"}, 0},
		"without numbers": {[]string{"vip", "late", "vip"}, 0},
		"one in between":  {[]string{"C100", "vip", "C101"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var events []ueba.Fact
			for i, id := range c.ids {
				events = append(events, event(id+string(rune('a'+i)), clock(9, i, 0), []string{id}))
			}
			p, _ := fold(dayOf(events...))
			if got := p.Features[ueba.FeatureUnexplainedRun]; got != c.want {
				t.Errorf("run %v, want %v", got, c.want)
			}
		})
	}
}
