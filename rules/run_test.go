package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// several has a rule on single looks and two correlations, all immediate.
const several = `
title: Base
name: base
logsource: {product: onlooker}
detection: {sel: {event.action: view}, condition: sel}
---
title: Export
id: 11111111-2222-4333-8444-555555555555
level: high
logsource: {product: onlooker}
detection: {sel: {event.action: export}, condition: sel}
onlooker: {immediate: true}
---
title: Many
id: 21111111-2222-4333-8444-555555555555
level: medium
correlation: {type: event_count, rules: [base], group-by: [employee.id, service.name], timespan: 1m, condition: {gte: 4}}
onlooker: {immediate: true}
---
title: Distinct
id: 31111111-2222-4333-8444-555555555555
level: high
correlation: {type: value_count, rules: [base], group-by: [user.id], timespan: 2m, condition: {gt: 2, field: record.id}}
onlooker: {immediate: true}
`

// randomDay draws looks of one employee-day, often close together and often alike.
func randomDay(t *rapid.T) []ueba.Look {
	n := rapid.IntRange(0, 60).Draw(t, "looks")
	looks := make([]ueba.Look, n)
	for i := range looks {
		l := someLook(rapid.IntRange(0, 900).Draw(t, "second"))
		l.EventRef = fmt.Sprintf("e%d", i)
		l.RecordID = fmt.Sprintf("C%d", rapid.IntRange(0, 5).Draw(t, "record"))
		l.Event.Service = rapid.SampledFrom([]string{"crm", "funds"}).Draw(t, "service")
		l.Event.Action = rapid.SampledFrom([]ueba.Action{"view", "view", "view", "export"}).Draw(t, "action")
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "same event") == 0 {
			l.Event, l.EventRef = looks[i-1].Event, looks[i-1].EventRef
		}
		looks[i] = l
	}
	return looks
}

func idsOf(ds []ueba.Detection) []string {
	ids := make([]string, len(ds))
	for i, d := range ds {
		ids[i] = d.ID
	}
	slices.Sort(ids)
	return ids
}

func TestDayIsTheSameInAnyOrder(t *testing.T) {
	set := mustLoad(t, several)
	rapid.Check(t, func(t *rapid.T) {
		looks := randomDay(t)
		shuffled := rapid.Permutation(looks).Draw(t, "order")
		if diff := cmp.Diff(set.Day(looks, nil), set.Day(shuffled, nil)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// More looks never make fewer detections.
func TestMoreLooksNeverHide(t *testing.T) {
	set := mustLoad(t, several)
	rapid.Check(t, func(t *rapid.T) {
		looks := randomDay(t)
		some := looks[:rapid.IntRange(0, len(looks)).Draw(t, "some")]
		all := idsOf(set.Day(looks, nil))
		for _, id := range idsOf(set.Day(some, nil)) {
			if !slices.Contains(all, id) {
				t.Fatalf("%s vanished", id)
			}
		}
	})
}

func looksAt(seconds ...int) []ueba.Look {
	looks := make([]ueba.Look, len(seconds))
	for i, s := range seconds {
		looks[i] = someLook(s)
	}
	return looks
}

func TestACorrelationFiresOnceAndArmsAgain(t *testing.T) {
	many := "21111111-2222-4333-8444-555555555555"
	set := mustLoad(t, several)
	for name, tt := range map[string]struct {
		seconds []int
		want    []int // the completing second of each detection
	}{
		"too few":                          {[]int{0, 10, 20}, nil},
		"enough":                           {[]int{0, 10, 20, 30}, []int{30}},
		"exactly the timespan":             {[]int{0, 10, 20, 60}, []int{60}},
		"a second more":                    {[]int{0, 10, 20, 61}, nil},
		"the window moves":                 {[]int{0, 50, 60, 70, 80}, []int{80}},
		"a burst fires once":               {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 40, 50, 60}, []int{3}},
		"and again after its timespan":     {[]int{0, 1, 2, 3, 64, 65, 66, 67}, []int{3, 67}},
		"looks within it belong to it":     {[]int{0, 1, 2, 3, 60, 63, 64, 65, 66}, []int{3}},
		"what comes late is put in place":  {[]int{300, 310, 320, 330, 0, 10, 20, 30}, []int{30, 330}},
		"a gap ends nothing but the count": {[]int{0, 10, 20, 600, 610, 620, 630}, []int{630}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, d := range set.Day(looksAt(tt.seconds...), nil) {
				if d.Rule == many {
					got = append(got, int(d.Time.Sub(morning).Seconds()))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatADetectionSays(t *testing.T) {
	set := mustLoad(t, several)
	day := set.Day(looksAt(0, 10, 20, 30, 40), nil)
	i := slices.IndexFunc(day, func(d ueba.Detection) bool { return d.Title == "Many" })
	want := ueba.Detection{
		ID: day[i].ID, Rule: "21111111-2222-4333-8444-555555555555", Title: "Many", Level: ueba.Medium, Employee: "E1", Day: ueba.DateOf(morning),
		Time: morning.Add(30 * time.Second), Looks: []string{"e000000", "e000010", "e000020", "e000030", "e000040"}, Count: 5, Evidence: 1,
	}
	if diff := cmp.Diff(want, day[i]); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(want.ID, "20261102-") || len(want.ID) != len("20261102-")+16 {
		t.Errorf("id %s", want.ID)
	}
}

func TestAnEventOnManyRecordsIsOneDetection(t *testing.T) {
	set := mustLoad(t, several)
	looks := looksAt(5, 5, 5, 9)
	for i := range looks {
		looks[i].Event.Action = "export"
		looks[i].RecordID = fmt.Sprint(i)
	}
	looks[3].RecordID, looks[3].Count = "", 5000
	day := set.Day(looks, nil)
	if len(day) != 2 || day[0].Count != 3 || day[1].Count != 5000 || len(day[0].Looks) != 1 {
		t.Errorf("got %+v", day)
	}
}

func TestManyLooksNameOnlyTheFirst(t *testing.T) {
	seconds := make([]int, 50)
	for i := range seconds {
		seconds[i] = i
	}
	for _, d := range mustLoad(t, several).Day(looksAt(seconds...), nil) {
		if len(d.Looks) != 8 || d.Looks[0] != "e000000" || d.Count != 50 {
			t.Errorf("got %+v", d)
		}
	}
}

func TestGroupsAndDaysAreApart(t *testing.T) {
	set := mustLoad(t, several)
	looks := looksAt(0, 1, 2, 3)
	looks[3].Event.Service = "funds"
	for _, d := range set.Day(looks, nil) {
		if d.Title == "Many" {
			t.Errorf("two services were counted together: %+v", d)
		}
	}
	other := someLook(3)
	other.EventRef, other.Employee = "other", "E2"
	tomorrow := someLook(4)
	tomorrow.EventRef, tomorrow.Day = "tomorrow", other.Day+1
	for _, d := range append(set.Day([]ueba.Look{other}, nil), set.Day([]ueba.Look{tomorrow}, nil)...) {
		if d.Title == "Many" {
			t.Errorf("another employee or day was counted: %+v", d)
		}
	}
}

func TestNobodyKnownDetectsNothing(t *testing.T) {
	set := mustLoad(t, several)
	look := someLook(1)
	look.Employee, look.Event.Action = "", "export"
	if set.Day([]ueba.Look{look}, nil) != nil {
		t.Error("a look of nobody known made a detection")
	}
}

func TestGraveRulesMakeGraveDetections(t *testing.T) {
	set, err := Load(Builtin())
	if err != nil {
		t.Fatal(err)
	}
	look := someLook(1)
	look.Event.Action, look.Class, look.RecordID, look.Count = "export", "C3", "", 5000
	grave := 0
	for _, d := range set.Day([]ueba.Look{look}, nil) {
		if info, _ := set.Rule(d.Rule); info.Grave != d.Grave {
			t.Errorf("%s: the rule says %v, the detection %v", info.Title, info.Grave, d.Grave)
		}
		if d.Grave {
			grave++
		}
	}
	if grave != 1 {
		t.Errorf("%d grave detections of a bulk export of C3 data", grave)
	}
}
