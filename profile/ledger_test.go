package profile

import (
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// because makes a reason that holds all day, made in the morning by a colleague.
func because(id, record, employee string, change ...func(*ueba.Reason)) ueba.Fact {
	r := &ueba.Reason{ID: id, RecordID: record, EmployeeID: employee, Type: "ticket",
		ValidFrom: clock(0, 0, 0), ValidTo: clock(24, 0, 0), Created: clock(1, 0, 0), MadeBy: "E2"}
	for _, c := range change {
		c(r)
	}
	return ueba.Fact{ID: id + "/" + record + "/" + employee, Known: clock(1, 0, 0), Body: r}
}

func madeBy(name string) func(*ueba.Reason)   { return func(r *ueba.Reason) { r.MadeBy = name } }
func created(at time.Time) func(*ueba.Reason) { return func(r *ueba.Reason) { r.Created = at } }
func from(a, b time.Time) func(*ueba.Reason) {
	return func(r *ueba.Reason) { r.ValidFrom, r.ValidTo = a, b }
}
func source(name string) func(r *ueba.Reason) { return func(r *ueba.Reason) { r.Source = name } }
func knownAt(f ueba.Fact, at time.Time, id string) ueba.Fact {
	f.Known, f.ID = at, id
	return f
}

func TestVerdicts(t *testing.T) {
	look := clock(10, 0, 0)
	for name, c := range map[string]struct {
		reasons []ueba.Fact
		claim   string
		want    string // the reason's id, or nothing
	}{
		"none":                                    {nil, "", ""},
		"only a claim":                            {nil, "T1", ""},
		"for him on the record":                   {[]ueba.Fact{because("T1", "C1", "E1")}, "", "T1"},
		"for an account of his":                   {[]ueba.Fact{because("T1", "C1", "crm:wang")}, "", "T1"},
		"for anybody on the record":               {[]ueba.Fact{because("T1", "C1", "")}, "", "T1"},
		"for him on any record":                   {[]ueba.Fact{because("T1", "", "E1")}, "", "T1"},
		"for a colleague":                         {[]ueba.Fact{because("T1", "C1", "E2")}, "", ""},
		"for anybody on any record":               {[]ueba.Fact{because("T1", "", "")}, "", ""},
		"on another record":                       {[]ueba.Fact{because("T1", "C2", "E1")}, "", ""},
		"from the look's instant on":              {[]ueba.Fact{because("T1", "C1", "E1", from(look, clock(11, 0, 0)))}, "", "T1"},
		"ended at the look's instant":             {[]ueba.Fact{because("T1", "C1", "E1", from(clock(9, 0, 0), look))}, "", ""},
		"without an end":                          {[]ueba.Fact{because("T1", "C1", "E1", from(clock(9, 0, 0), time.Time{}))}, "", "T1"},
		"his own, made before":                    {[]ueba.Fact{because("T1", "C1", "E1", madeBy("E1"), created(look))}, "", "T1"},
		"his own, made after":                     {[]ueba.Fact{because("T1", "C1", "E1", madeBy("E1"), created(look.Add(1)))}, "", ""},
		"his own by an account, made after":       {[]ueba.Fact{because("T1", "C1", "", madeBy("wang"), created(look.Add(1)))}, "", ""},
		"his own, known after, made nobody knows": {[]ueba.Fact{knownAt(because("T1", "C1", "E1", madeBy("E1"), created(time.Time{})), look.Add(1), "f")}, "", ""},
		"his own, known before, made who knows":   {[]ueba.Fact{because("T1", "C1", "E1", madeBy("E1"), created(time.Time{}))}, "", "T1"},
		"a colleague's, made after":               {[]ueba.Fact{because("T1", "C1", "E1", created(look.Add(time.Hour)))}, "", "T1"},
		"the claimed one of several":              {[]ueba.Fact{because("T1", "C1", "E1"), because("T2", "", "E1")}, "T2", "T2"},
		"the claimed one does not fit":            {[]ueba.Fact{because("T1", "C1", "E1"), because("T2", "C2", "E1")}, "T2", "T1"},
		"another's before his own":                {[]ueba.Fact{because("T1", "C1", "E1", madeBy("E1")), because("T2", "", "E1")}, "", "T2"},
		"the record's before any record's":        {[]ueba.Fact{because("T1", "", "E1"), because("T2", "C1", "")}, "", "T2"},
		"his before anybody's":                    {[]ueba.Fact{because("T1", "C1", ""), because("T2", "C1", "E1")}, "", "T2"},
		"the newest":                              {[]ueba.Fact{because("T1", "C1", "E1"), because("T2", "C1", "E1", from(clock(9, 0, 0), clock(11, 0, 0)))}, "", "T2"},
		"the first by name":                       {[]ueba.Fact{because("T2", "C1", "E1"), because("T1", "C1", "E1")}, "", "T1"},
		"ended, by a newer version": {[]ueba.Fact{
			knownAt(because("T1", "C1", "E1", from(clock(8, 0, 0), clock(9, 30, 0))), clock(12, 0, 0), "b"),
			knownAt(because("T1", "C1", "E1"), clock(8, 0, 0), "a")}, "", ""},
		"prolonged, by a newer version": {[]ueba.Fact{
			knownAt(because("T1", "C1", "E1", from(clock(8, 0, 0), clock(9, 30, 0))), clock(8, 0, 0), "b"),
			knownAt(because("T1", "C1", "E1"), clock(12, 0, 0), "a")}, "", "T1"},
		"another source's of the same id": {[]ueba.Fact{
			because("T1", "C1", "E1"),
			knownAt(because("T1", "C1", "E1", source("x"), from(clock(8, 0, 0), clock(9, 0, 0))), clock(12, 0, 0), "b")}, "", "T1"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dayOf(event("e", look, []string{"C1"}, func(e *ueba.Event) { e.Purpose.ID = c.claim }))
			d.Reasons = c.reasons
			p, looks := fold(d)
			got := looks[0]
			if got.ReasonID != c.want || (got.Verdict == ueba.Explained) != (c.want != "") {
				t.Errorf("%s by %q, want %q", got.Verdict, got.ReasonID, c.want)
			}
			if p.Features[ueba.FeatureExplained]+p.Features[ueba.FeatureUnexplained] != 1 {
				t.Error("a look is explained or unexplained")
			}
		})
	}
}

func TestVersionsKnownTogetherHaveOneWinner(t *testing.T) {
	a := knownAt(because("T1", "C1", "E1"), clock(8, 0, 0), "a")
	b := knownAt(because("T1", "C1", "E1", from(clock(8, 0, 0), clock(9, 0, 0))), clock(8, 0, 0), "b")
	for _, order := range [][]ueba.Fact{{a, b}, {b, a}} {
		d := dayOf(event("e", clock(10, 0, 0), []string{"C1"}))
		d.Reasons = order
		if _, looks := fold(d); looks[0].Verdict != ueba.Unexplained {
			t.Errorf("%s before %s: the id must decide, not the order", order[0].ID, order[1].ID)
		}
	}
}

func TestALookWithoutIdsIsExplainedByAReasonForAnyRecord(t *testing.T) {
	d := dayOf(event("e", clock(10, 0, 0), nil, action(ueba.ActionExport), count(500)))
	d.Reasons = []ueba.Fact{because("T1", "C1", "E1"), because("A1", "", "E1")}
	if p, looks := fold(d); looks[0].ReasonID != "A1" || p.Features[ueba.FeatureUnexplainedRows] != 0 {
		t.Errorf("%+v", looks[0])
	}
}

// A record for which a colleague made a reason that day is accounted for even if one look
// came too early; a reason of his own making after the look excuses nothing.
func TestUnexplainedRecords(t *testing.T) {
	early, late := event("e1", clock(9, 0, 0), []string{"C1"}), event("e2", clock(10, 30, 0), []string{"C1"})
	afternoon := from(clock(10, 0, 0), clock(18, 0, 0))
	for name, c := range map[string]struct {
		reason      ueba.Fact
		unexplained float64
		records     float64
	}{
		"a colleague's":      {because("T1", "C1", "E1", afternoon), 1, 0},
		"his own":            {because("T1", "C1", "E1", afternoon, madeBy("E1"), created(clock(10, 0, 0))), 1, 1},
		"for any record":     {because("T1", "", "E1", afternoon), 1, 1},
		"yesterday's":        {because("T1", "C1", "E1", from(clock(-20, 0, 0), clock(0, 0, 0))), 2, 1},
		"of the other's day": {because("T1", "C1", "E2", afternoon), 2, 1},
	} {
		d := dayOf(early, late)
		d.Reasons = []ueba.Fact{c.reason}
		p, _ := fold(d)
		if p.Features[ueba.FeatureUnexplained] != c.unexplained || p.Features[ueba.FeatureUnexplainedRecords] != c.records {
			t.Errorf("%s: %v", name, features(t, p))
		}
	}
}

func TestAssignedCountsWhatOthersGaveHim(t *testing.T) {
	d := dayOf()
	d.Reasons = []ueba.Fact{
		because("T1", "C1", "E1"), because("T2", "C1", "crm:wang"), because("T3", "C2", "E1", from(clock(23, 59, 59), clock(48, 0, 0))),
		because("T4", "C3", "E1", madeBy("wang")),                         // his own making
		because("T5", "C4", ""),                                           // given to nobody
		because("T6", "", "E1"),                                           // no record
		because("T7", "C5", "E2"),                                         // another's
		because("T8", "C6", "E1", from(clock(-5, 0, 0), clock(0, 0, 0))),  // over
		because("T9", "C7", "E1", from(clock(24, 0, 0), clock(25, 0, 0))), // to come
	}
	if p, _ := fold(d); p.Features[ueba.FeatureAssigned] != 2 {
		t.Errorf("%v", features(t, p))
	}
}
