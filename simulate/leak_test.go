package simulate

import (
	"regexp"
	"slices"
	"testing"
)

// What only insiders have in their lines would tell them apart without any look at what
// they did. Every form of line and every field of theirs occurs with innocent people.
func TestLinesGiveNobodyAway(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Warmup, cfg.Looks, cfg.Insiders, cfg.Share = 120, 36, 12, .5, 24, -1
	dir, _ := write(t, cfg)
	o := observe(t, dir)
	owner := o.owners()
	guilty := o.insiders()
	user := regexp.MustCompile(`"user":\{"id":"([^"]+)"\},"service":\{"name":"([^"]+)"`)
	digits := regexp.MustCompile(`:"[^"]*"|:\d+|\["[^]]*\]`)
	innocent, others := map[string]bool{}, map[string]string{}
	for _, l := range o.lines {
		m := user.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		shape := digits.ReplaceAllString(l, ":_")
		if guilty[owner[m[2]+":"+m[1]]+owner[m[1]]] {
			others[shape] = l
		} else {
			innocent[shape] = true
		}
	}
	if len(innocent) < 10 {
		t.Fatalf("%d forms of line", len(innocent))
	}
	for shape, l := range others {
		if !innocent[shape] {
			t.Errorf("only an insider has a line like %s", l)
		}
	}
}

// Event ids are evenly spread: their order tells nothing of who made them or when.
func TestEventIDsTellNothing(t *testing.T) {
	t.Parallel()
	dir, _ := write(t, small())
	id := regexp.MustCompile(`"event":\{"id":"([0-9a-f]{16})"`)
	first := map[byte]int{}
	n, rising, before := 0, 0, ""
	for _, l := range observe(t, dir).lines {
		m := id.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		if m[1] > before {
			rising++
		}
		first[m[1][0]]++
		before = m[1]
		n++
	}
	near(t, "share of rising ids", float64(rising)/float64(n), .5, .05)
	for c, k := range first {
		near(t, "share of ids that begin with "+string(c), float64(k)/float64(n), 1./16, .1)
	}
}

// Days of insiders are spread over the time after the warm-up, and a plain and a covered
// variant of each scenario come in turn.
func TestCasting(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.Insiders = 480, 84, 32
	c := company4(t, cfg)
	names := map[string]int{}
	people := map[*person]bool{}
	labelled := 0
	for _, s := range c.stories {
		names[s.name()]++
		labelled += len(s.days) * len(s.people)
		if !slices.IsSorted(s.days) || len(s.days) == 0 {
			t.Errorf("%s plays on %v", s.name(), s.days)
		}
		if s.days[0] < cfg.Start+30 {
			t.Errorf("%s begins in the warm-up", s.name())
		}
		for _, p := range s.people {
			if people[p] {
				t.Errorf("%s has two stories", p.id)
			}
			people[p] = true
		}
	}
	if len(names) != 32 {
		t.Errorf("32 stories are %d of 16 scenarios, each plain and covered", len(names))
	}
	if share := float64(labelled) / (480 * 84); share > .0041 || share < .002 {
		t.Errorf("%.4f of all employee-days are to be labelled, want .004 at most", share)
	}
}

func TestLeaversAreNotAllInsiders(t *testing.T) {
	t.Parallel()
	c := company4(t, Default())
	innocent := 0
	for _, p := range c.people {
		if p.left >= 0 && len(p.stories) == 0 {
			innocent++
		}
	}
	if innocent == 0 {
		t.Error("whoever leaves is an insider")
	}
}
