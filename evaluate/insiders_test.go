package evaluate

import (
	"reflect"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestInsidersAreStories(t *testing.T) {
	labels := []Label{
		{start + 9, "E1", "stalking"}, {start + 2, "E1", "stalking"}, {start + 5, "E1", "vip_snooping"},
		{start + 30, "E0", "stalking"}, {start - 1, "E2", "stalking"}, {start, "E3", "stalking"},
	}
	got := insiders(labels, start, start+20)
	want := []insider{
		{"E1", "stalking", start + 2, start + 9}, {"E1", "vip_snooping", start + 5, start + 5}, {"E3", "stalking", start, start},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("insiders %+v", got)
	}
}

func TestFollow(t *testing.T) {
	in := insider{first: start + 2, last: start + 4}
	for d, want := range map[ueba.Day]bool{start + 1: false, start + 2: true, start + 4: true, start + 11: true, start + 12: false} {
		if in.active(d, 7) != want {
			t.Errorf("day %d: %t", d-start, !want)
		}
	}
}

// Two oddities of one person count in both, one that is named twice counts once, and an
// insider's oddity excuses nobody.
func TestOdditiesOfPeople(t *testing.T) {
	benign := []Benign{{"E2", "campaign"}, {"E2", "campaign"}, {"E2", "new_device"}, {"E0", "campaign"}}
	rows := sorted(flat(func(r *Row) {
		if is(r, "E2", 4) || is(r, "E0", 4) {
			r.Level = ueba.Critical
		}
	}), start)
	ins := insiders(company().Labels, start, start+19)
	got := byOddity(benign, rows, ins, review(rows, ins, QueueK, 14, 7), levels(rows, ins, 7))
	if len(got) != 3 || got[0].Name != "campaign" || got[1].Name != "new_device" || got[2].Name != noOddity {
		t.Fatalf("oddities %+v", got)
	}
	for _, o := range got[:2] {
		if o.People != 1 || o.Days != 20 || o.High != 1 || o.HighDays != 1 || o.Critical != 1 || o.CriticalDays != 1 {
			t.Errorf("%+v", o)
		}
	}
	if o := got[2]; o.People != 7 || o.Days != 140 || o.High != 0 {
		t.Errorf("%+v", o)
	}
}

func TestMedian(t *testing.T) {
	for want, list := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		equal(t, "median", median(list), want)
	}
}

// A change of level counts between neighbouring days alone.
func TestFlipsNeedNeighbours(t *testing.T) {
	rows := []Row{
		{Day: start, Employee: "E", Level: ueba.Low}, {Day: start + 1, Employee: "E", Level: ueba.High},
		{Day: start + 5, Employee: "E", Level: ueba.Low}, {Day: start + 6, Employee: "E", Level: ueba.Low},
	}
	equal(t, "flips", levels(rows, nil, 7).Flips, 1./2)
}
