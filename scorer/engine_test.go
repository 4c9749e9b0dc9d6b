package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// inbox keeps alerts by id, as an outbox does.
type inbox struct {
	alerts map[string]ueba.Alert
	calls  int
	refuse error
}

func (b *inbox) Raise(_ context.Context, alerts ...ueba.Alert) error {
	if b.refuse != nil {
		return b.refuse
	}
	if b.alerts == nil {
		b.alerts = map[string]ueba.Alert{}
	}
	for _, a := range alerts {
		b.calls++
		b.alerts[a.ID] = a
	}
	return nil
}

const testDays = 40

// office is a company of 30 with one insider, E07, who looks without reasons on days 30 to 33.
func office(t testing.TB) *madeUp {
	t.Helper()
	m := newMadeUp()
	rng := rand.New(rand.NewPCG(42, 1))
	all := make([]habits, 30)
	for i := range all {
		m.hire(fmt.Sprintf("E%02d", i), "Retail", fmt.Sprintf("r%d", i%2))
		all[i] = drawHabits(rng, i%2)
	}
	for d := range testDays {
		for i := range all {
			day := monday + ueba.Day(d)
			if m.DayType(&m.staff[i], day, time.Time{}) == ueba.FreeDay {
				continue
			}
			n := poisson(rng, all[i].rate)
			draw := newDraw(rng)
			draw.looks(n, all[i].kind)
			if i == 7 && d >= 30 && d <= 33 {
				draw.looks(60, kind{fresh: .8, outside: .5, c3: .5})
			}
			if n > 0 {
				m.add(draw.profile(m.staff[i].ID, day, ueba.Workday, m.staff[i].PeerGroup(), float64(n)*.9))
			}
		}
	}
	return m
}

func testConfig(m *madeUp) Config {
	c := DefaultConfig(m.business)
	c.History, c.Epoch = 84, 84
	c.Bounds = [3]float64{40, 60, 80} // the office is small and its past short: no feature says much
	return c
}

type rig struct {
	t      testing.TB
	m      *madeUp
	docs   *storetest.Memory
	inbox  *inbox
	engine *Engine
}

func newRig(t testing.TB, m *madeUp) *rig {
	t.Helper()
	r := &rig{t: t, m: m, docs: storetest.NewMemory(), inbox: &inbox{}}
	r.engine = mustNew(t, testConfig(m), m, r.docs, r.inbox)
	return r
}

func mustNew(t testing.TB, c Config, company Company, docs store.Docs, raiser Raiser) *Engine {
	t.Helper()
	e, err := New(c, company, docs, raiser)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (r *rig) run(at time.Time, from, to ueba.Day) Summary {
	r.t.Helper()
	sum, err := r.engine.Run(context.Background(), Tick{At: at, From: from, To: to})
	if err != nil {
		r.t.Fatal(err)
	}
	return sum
}

func (r *rig) compute(at time.Time, from, to ueba.Day) []ueba.RiskScore {
	r.t.Helper()
	scores, err := r.engine.Compute(context.Background(), at, from, to)
	if err != nil {
		r.t.Fatal(err)
	}
	return scores
}

// stored gives the newest revision of each employee's day.
func (r *rig) stored(from, to ueba.Day) []ueba.RiskScore {
	r.t.Helper()
	var out []ueba.RiskScore
	for day := from; day <= to; day++ {
		low, high := ScoreRange(day)
		for doc, err := range r.docs.List(context.Background(), DocScore, low, high, false) {
			if err != nil {
				r.t.Fatal(err)
			}
			var s ueba.RiskScore
			if err := json.Unmarshal(doc.Body, &s); err != nil {
				r.t.Fatal(err)
			}
			if n := len(out); n > 0 && out[n-1].Day == s.Day && out[n-1].Employee == s.Employee {
				out = out[:n-1]
			}
			out = append(out, s)
		}
	}
	return out
}

// bytesOf gives the scores as stored, but for what tells revisions apart.
func bytesOf(t testing.TB, scores []ueba.RiskScore) []string {
	t.Helper()
	out := make([]string, len(scores))
	for i, s := range scores {
		if HashOf(&s) != s.Hash {
			t.Fatalf("%s %s: hash %s, contents say %s", s.Day, s.Employee, s.Hash, HashOf(&s))
		}
		s.Revision, s.At = 0, time.Time{}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(b)
	}
	return out
}

func (r *rig) at(day ueba.Day) time.Time { return r.m.business.Close(day) }

func TestComputeEqualsWhatIsStored(t *testing.T) {
	r := newRig(t, office(t))
	last := monday + testDays - 1
	sum := r.run(r.at(last), monday, last)
	if want := 30 * testDays; sum.Eligible != want || sum.Scored != want || sum.Written != want || sum.Seals != testDays {
		t.Fatalf("summary %+v, want %d scored", sum, want)
	}
	if diff := cmp.Diff(bytesOf(t, r.stored(monday, last)), bytesOf(t, r.compute(r.at(last), monday, last))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(bytesOf(t, r.stored(last, last)), bytesOf(t, r.compute(r.at(last), last, last))); diff != "" {
		t.Errorf("a range of one day: %s", diff)
	}
}

func TestRunAgainAddsNothing(t *testing.T) {
	r := newRig(t, office(t))
	last := monday + testDays - 1
	first := r.run(r.at(last), monday, last)
	alerts, calls := len(r.inbox.alerts), r.inbox.calls
	if first.Alerts != calls || alerts == 0 {
		t.Fatalf("%d alerts in the summary, %d raised, %d kept", first.Alerts, calls, alerts)
	}
	again := r.run(r.at(last).Add(time.Hour), monday, last)
	if again.Written != 0 || again.Seals != 0 || r.inbox.calls != calls {
		t.Errorf("again: %+v, %d raised before, %d now", again, calls, r.inbox.calls)
	}
}

// TestLiveEqualsOnePass ticks three times a day with late facts, and compares with one
// pass over the same facts at the end.
func TestLiveEqualsOnePass(t *testing.T) {
	m := office(t)
	late := monday + 21
	addLooks(m, "E03", late, 12, m.business.Close(late+4).Add(time.Hour))
	live := newRig(t, m)
	last := monday + testDays - 1
	for day := monday; day <= last; day++ {
		from := day
		if day == late+5 {
			from = late
		}
		live.run(m.business.Begin(day).Add(12*time.Hour), min(from, day-1), day)
		live.run(m.business.Close(day), day, day)
	}
	once := newRig(t, m)
	once.run(live.at(last), monday, last)
	if diff := cmp.Diff(bytesOf(t, once.stored(monday, last)), bytesOf(t, live.stored(monday, last))); diff != "" {
		t.Error(diff)
	}
	for day := monday + 10; day <= last; day += 9 {
		at := m.business.Begin(day).Add(12 * time.Hour)
		open := live.compute(at, day, day)
		if !open[0].Open {
			t.Errorf("%s is not open at noon", day)
		}
	}
}

// addLooks adds unexplained looks to a day, known later.
func addLooks(m *madeUp, id string, day ueba.Day, n float64, known time.Time) {
	versions := m.days[day][id]
	p := *versions[len(versions)-1].profile
	for _, f := range []ueba.Feature{ueba.FeatureLooks, ueba.FeatureUnexplained, ueba.FeatureUnexplainedRecords, ueba.FeatureUnexplainedNew} {
		p.Features[f] += n
	}
	m.learn(p, known)
}

func TestLateFactMovesItsOwnEmployeeOnly(t *testing.T) {
	day, last := monday+22, monday+testDays-1
	before := newRig(t, office(t))
	m := office(t)
	addLooks(m, "E03", day, 40, m.business.Close(day).Add(time.Minute))
	after := newRig(t, m)
	a, b := before.compute(before.at(last), monday, last), after.compute(after.at(last), monday, last)
	moved := false
	for i := range a {
		switch same := a[i].Hash == b[i].Hash; {
		case a[i].Employee != "E03" && !same:
			t.Fatalf("%s moved on %s: %s", a[i].Employee, a[i].Day, cmp.Diff(a[i], b[i]))
		case a[i].Day < day && !same:
			t.Fatalf("%s of %s moved before the fact", a[i].Employee, a[i].Day)
		case a[i].Day == day && a[i].Employee == "E03":
			moved = b[i].R > a[i].R
			if causes := Moved(&after.engine.config, &a[i], &b[i]); !addsUp(causes, a[i].R, b[i].R) || causes[0].Kind != CauseLateFact {
				t.Errorf("causes %+v of %v → %v", causes, a[i].R, b[i].R)
			}
		}
	}
	if !moved {
		t.Error("forty late looks did not raise the score of their day")
	}
}

func addsUp(causes []ueba.Cause, from, to float64) bool {
	sum := 0
	for _, c := range causes {
		sum += centsOfR(c.R)
	}
	return sum == centsOfR(to)-centsOfR(from)
}

// shuffled answers in another order each time.
type shuffled struct {
	*madeUp
	rng *rand.Rand
}

func (s shuffled) Staff(ctx context.Context, day ueba.Day, at time.Time) ([]ueba.Employee, error) {
	out, err := s.madeUp.Staff(ctx, day, at)
	s.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, err
}

func (s shuffled) Profiles(ctx context.Context, day ueba.Day, at time.Time, ids []string) ([]ueba.Profile, error) {
	out, err := s.madeUp.Profiles(ctx, day, at, ids)
	s.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, err
}

func TestOrderOfEmployeesDoesNotMatter(t *testing.T) {
	m := office(t)
	last := monday + testDays - 1
	want := newRig(t, m).compute(m.business.Close(last), last-3, last)
	e := mustNew(t, testConfig(m), shuffled{m, rand.New(rand.NewPCG(9, 9))}, nil, nil)
	got, err := e.Compute(context.Background(), m.business.Close(last), last-3, last)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bytesOf(t, want), bytesOf(t, got)); diff != "" {
		t.Error(diff)
	}
}

func TestPartsAndCausesAddUp(t *testing.T) {
	r := newRig(t, office(t))
	last := monday + testDays - 1
	before := map[string]float64{}
	some, gathered := 0, 0
	for _, s := range r.compute(r.at(last), monday, last) {
		var a float64
		cents := 0
		for _, p := range s.Parts {
			a += p.A
			cents += centsOfR(p.R)
			if p.Model == ModelOther {
				gathered++
			}
		}
		if math.Abs(a-s.A) > 1e-9 || cents != centsOfR(s.R) {
			t.Fatalf("%s %s: parts add up to A %v R %d, score says %v %v", s.Day, s.Employee, a, cents, s.A, s.R)
		}
		if want := 100 * (1 - math.Exp(-s.A/8)); math.Abs(s.R-want) > .0051 {
			t.Fatalf("%s %s: R %v of A %v, want %v", s.Day, s.Employee, s.R, s.A, want)
		}
		if !addsUp(s.Causes, before[s.Employee], s.R) {
			t.Fatalf("%s %s: causes %+v of %v → %v", s.Day, s.Employee, s.Causes, before[s.Employee], s.R)
		}
		if s.Evidence == 0 && before[s.Employee]-s.R > 6.01 {
			t.Fatalf("%s %s: fell from %v to %v by decay alone", s.Day, s.Employee, before[s.Employee], s.R)
		}
		if s.R > 0 {
			some++
		}
		before[s.Employee] = s.R
	}
	if some < 50 || gathered == 0 {
		t.Errorf("only %d scores above 0, %d with gathered parts: nothing is tested", some, gathered)
	}
}

func TestInsiderIsFoundAndAlerted(t *testing.T) {
	r := newRig(t, office(t))
	last := monday + testDays - 1
	r.run(r.at(last), monday, last)
	worst := r.stored(monday+32, monday+32)[0]
	for _, s := range r.stored(monday+32, monday+32) {
		if s.Priority > worst.Priority {
			worst = s
		}
	}
	if worst.Employee != "E07" || worst.Level.Rank() < ueba.High.Rank() || worst.Parts[0].Model != ModelPurpose {
		t.Errorf("first of the queue: %+v", worst)
	}
	rules := map[string]int{}
	for id, a := range r.inbox.alerts {
		rules[a.Rule]++
		if a.Employee != "E07" && a.Rule == RuleLevel {
			t.Errorf("alert %s of %s on %s", id, a.Employee, a.Day)
		}
		if a.ID != id || !strings.HasPrefix(id, strings.ReplaceAll(a.Day.String(), "-", "")) || a.Time.After(r.at(a.Day)) {
			t.Errorf("alert %+v", a)
		}
	}
	if rules[RuleLevel] == 0 || rules[RuleDay] == 0 {
		t.Errorf("alerts by rule: %v", rules)
	}
}

func TestLevelReachedOnAnotherDayIsNoNews(t *testing.T) {
	m := office(t)
	r := newRig(t, m)
	last := monday + testDays - 1
	r.run(r.at(last), monday, last)
	reached := func() ueba.Day {
		for _, s := range r.stored(monday, last) {
			if s.Employee == "E07" && s.Level.Rank() >= ueba.High.Rank() {
				return s.Day
			}
		}
		return ueba.NoDay
	}
	levels := func() (n int) {
		for _, a := range r.inbox.alerts {
			if a.Rule == RuleLevel && a.Employee == "E07" {
				n++
			}
		}
		return n
	}
	day, before := reached(), levels()
	for d := monday + 28; d < monday+30; d++ {
		addLooks(m, "E07", d, 60, r.at(last).Add(time.Minute))
	}
	r.run(r.at(last).Add(time.Hour), monday+28, last)
	if now := reached(); now >= day || now < monday+28 {
		t.Fatalf("high on %s before the back-fill, on %s after: nothing is tested", day, now)
	}
	if levels() != before {
		t.Errorf("%d level alerts before the back-fill, %d after", before, levels())
	}
}

func TestOwnUsualExcessIsSubtracted(t *testing.T) {
	m := office(t)
	c := testConfig(m)
	day := monday + 32
	evidence := func() float64 {
		scores, err := mustNew(t, c, m, nil, nil).Compute(context.Background(), m.business.Close(day), day, day)
		if err != nil {
			t.Fatal(err)
		}
		return find(scores, "E07").Evidence
	}
	less := evidence()
	c.Usual = 0
	if more := evidence(); less <= 0 || more < less+.1 {
		t.Errorf("the third day in a row adds %v, and %v when nothing is subtracted", less, more)
	}
}

func TestHabitIsTheMeanOfTheDaysBefore(t *testing.T) {
	h := newHabit()
	for d := range 40 {
		h.note(monday+ueba.Day(d), float64(d))
	}
	// Days 13 to 39 lie in the window of day 40.
	if got := h.mean(monday + 40); math.Abs(got-26) > 1e-9 {
		t.Errorf("mean %v, want 26", got)
	}
	few := newHabit()
	few.note(monday, 10)
	if got := few.mean(monday + 1); got != 10./habitDays {
		t.Errorf("one day makes a habit of %v", got)
	}
}

func TestFewAreLeftOutOfTheReference(t *testing.T) {
	r := newReplay(machine{}, nil, time.Time{})
	var entries []*entry
	for i := range 300 {
		p := newPerson(i, 0, monday)
		p.a = float64(i)
		if i >= 100 {
			p.band.rank = 2
		}
		entries = append(entries, &entry{pair: &pair{sealed: p}, sealed: &facts{}})
	}
	entries[7].sealed.reviews = []ueba.Review{{Outcome: ueba.Confirmed}}
	entries[7].pair.sealed.a = 1000
	left := r.leftOut(entries)
	if len(left) != 3 || !left[7] || !left[299] || !left[298] {
		t.Errorf("left out: %v, want the three gravest of 201 cases among 300 people", left)
	}
}

func TestReviewTakesItsPartsOutAndBack(t *testing.T) {
	m := office(t)
	r := newRig(t, m)
	last := monday + testDays - 1
	at := r.at(last)
	before := find(r.compute(at, last, last), "E07")
	m.reviews = []knownReview{{at, ueba.Review{EmployeeID: "E07", From: monday + 30, To: monday + 31, Outcome: ueba.Expected, By: "x", Time: at}}}
	scores := r.compute(at, last, last)
	after := find(scores, "E07")
	var kept float64
	for _, p := range before.Parts {
		if p.Day != monday+30 && p.Day != monday+31 && p.Model != ModelOther {
			kept += p.A
		}
	}
	for _, p := range after.Parts {
		if p.Day == monday+30 || p.Day == monday+31 {
			t.Errorf("part %+v is still there", p)
		}
	}
	if after.A >= before.A || after.A < kept-1e-9 || after.Verdicts != 1 {
		t.Errorf("A %v before, %v after, at least %v must stay", before.A, after.A, kept)
	}
	if causes := Moved(&r.engine.config, &before, &after); !addsUp(causes, before.R, after.R) || causes[0].Kind != CauseVerdict {
		t.Errorf("causes %+v", causes)
	}
	m.reviews = nil
	if restored := find(r.compute(at, last, last), "E07"); restored.Hash != before.Hash {
		t.Errorf("without the review: %s", cmp.Diff(before, restored))
	}
}

func TestVerdictOnAllRests(t *testing.T) {
	m := office(t)
	r := newRig(t, m)
	day := monday + 34
	m.reviews = []knownReview{{r.at(day), ueba.Review{EmployeeID: "E07", From: monday, To: day, Outcome: ueba.Confirmed, By: "x", Time: r.at(day)}}}
	if s := find(r.compute(r.at(day), day, day), "E07"); s.Priority != 0 || s.R == 0 {
		t.Errorf("confirmed: priority %v, R %v; want to rest with its score", s.Priority, s.R)
	}
}

func find(scores []ueba.RiskScore, id string) ueba.RiskScore {
	for _, s := range scores {
		if s.Employee == id {
			return s
		}
	}
	return ueba.RiskScore{}
}

func TestDetectionsAddCappedEvidenceAndHoldTheLevel(t *testing.T) {
	m := office(t)
	r := newRig(t, m)
	day, last := monday+31, monday+37
	before := r.compute(r.at(last), day, last)
	p := *m.days[day]["E11"][0].profile
	for i := range 5 {
		p.Detections = append(p.Detections, ueba.Detection{ID: fmt.Sprint("d", i), Rule: "c3", Level: ueba.Critical, Evidence: 1.5, Count: 3, Grave: i == 0})
	}
	original := m.days[day]["E11"]
	m.days[day]["E11"] = []version{{original[0].known, &p}}
	s := find(r.compute(r.at(last), day, day), "E11")
	var rule float64
	capped := 0
	for _, part := range s.Parts {
		if part.Model == ModelRule {
			rule += part.A
			if part.Capped {
				capped++
			}
		}
	}
	if rule > r.engine.config.RuleCap || rule <= 1.5 || capped != 1 {
		t.Errorf("rule evidence %v with %d capped parts, want more than one detection gives and at most the cap %v", rule, capped, r.engine.config.RuleCap)
	}
	if s.Level != ueba.Critical || s.Held != "d0" || s.R >= 80 {
		t.Errorf("level %s R %v held by %q", s.Level, s.R, s.Held)
	}
	m.reviews = []knownReview{{r.at(day), ueba.Review{EmployeeID: "E11", From: day, To: day, Feature: "rule/c3", Outcome: ueba.Confirmed, Time: r.at(day)}}}
	if s := find(r.compute(r.at(last), last, last), "E11"); s.Held != "" || s.Level == ueba.Critical {
		t.Errorf("judged, but still %s, held by %q", s.Level, s.Held)
	}
	m.reviews, m.days[day]["E11"] = nil, original
	if diff := cmp.Diff(bytesOf(t, before), bytesOf(t, r.compute(r.at(last), day, last))); diff != "" {
		t.Errorf("without the detections: %s", diff)
	}
}

func TestStates(t *testing.T) {
	m := office(t)
	m.hire("E90", "Retail", "r0") // nothing is ever received of him
	m.staff = append(m.staff, ueba.Employee{ID: "E91", Department: "Retail", Role: "r1", Hired: monday + 28, Left: ueba.NoDay})
	for d := monday + 28; d < monday+testDays; d++ {
		if m.DayType(&m.staff[1], d, time.Time{}) == ueba.Workday {
			p := *m.days[d]["E01"][0].profile
			p.Employee = "E91"
			m.add(p)
		}
	}
	partial := m.days[monday+37]["E05"][0].profile
	partial.Missing = []string{"reasons"}
	r := newRig(t, m)
	day := monday + 37
	scores := r.compute(r.at(day), day, day)
	for id, want := range map[string]ueba.ScoreState{"E01": ueba.Scored, "E90": ueba.Unmonitored, "E91": ueba.Learning, "E05": ueba.Partial} {
		if got := find(scores, id); got.State != want {
			t.Errorf("%s is %q, want %q", id, got.State, want)
		}
	}
	if s := find(scores, "E90"); s.Level != "" || s.R != 0 {
		t.Errorf("unmonitored has a level or score: %+v", s)
	}
	for _, p := range find(scores, "E05").Parts {
		if p.Day == day && p.Model == ModelPurpose {
			t.Errorf("without reasons that day, but %+v", p)
		}
	}
	if early := r.compute(r.at(day), monday+27, monday+27); find(early, "E91").Employee != "" {
		t.Error("scored before he was hired")
	}
}

func TestRunNamesWhoIsMissing(t *testing.T) {
	m := office(t)
	day := monday + 21
	m.days[day]["E04"][0].profile.Features[ueba.FeatureLooks] = math.NaN()
	r := newRig(t, m)
	sum, err := r.engine.Run(context.Background(), Tick{At: r.at(day), From: day, To: day})
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "E04") || sum.Scored != 29 || sum.Eligible != 30 {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, err := LoadCursor(context.Background(), r.docs); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an incomplete run moved the cursor: %v", err)
	}
}

func TestAlertsComeBeforeScores(t *testing.T) {
	r := newRig(t, office(t))
	day := monday + 32
	r.inbox.refuse = errors.New("outbox full")
	if _, err := r.engine.Run(context.Background(), Tick{At: r.at(day), From: day, To: day}); !errors.Is(err, r.inbox.refuse) {
		t.Fatalf("err %v", err)
	}
	if n := len(r.stored(day, day)); n != 0 {
		t.Errorf("%d scores were stored without their alerts", n)
	}
	r.inbox.refuse = nil
	r.docs.Refuse(store.ErrFull)
	if _, err := r.engine.Run(context.Background(), Tick{At: r.at(day), From: day, To: day}); !errors.Is(err, store.ErrFull) {
		t.Fatalf("err %v", err)
	}
	r.docs.Refuse(nil)
	raised := len(r.inbox.alerts)
	r.run(r.at(day), day, day)
	if len(r.inbox.alerts) != raised || raised == 0 {
		t.Errorf("%d alerts after the crash, %d after the repeat", raised, len(r.inbox.alerts))
	}
}

func TestRangeMayCrossEpochs(t *testing.T) {
	m := office(t)
	c := testConfig(m)
	c.History, c.Epoch = 28, 7
	e := mustNew(t, c, m, nil, nil)
	last := monday + testDays - 1
	at := m.business.Close(last)
	all, err := e.Compute(context.Background(), at, monday, last)
	if err != nil {
		t.Fatal(err)
	}
	var single []ueba.RiskScore
	for day := monday; day <= last; day++ {
		scores, err := e.Compute(context.Background(), at, day, day)
		if err != nil {
			t.Fatal(err)
		}
		single = append(single, scores...)
	}
	if diff := cmp.Diff(bytesOf(t, all), bytesOf(t, single)); diff != "" {
		t.Error(diff)
	}
}

func TestSealsChainAndReseal(t *testing.T) {
	m := office(t)
	r := newRig(t, m)
	last := monday + testDays - 1
	r.run(r.at(last), monday, last)
	before := ""
	for day := monday; day <= last; day++ {
		doc, err := r.docs.Get(context.Background(), DocSeal, SealID(day, 0))
		if err != nil {
			t.Fatal(err)
		}
		var s Seal
		if err := json.Unmarshal(doc.Body, &s); err != nil {
			t.Fatal(err)
		}
		if day > monday && s.Before != before {
			t.Fatalf("seal of %s follows %q, want %q", day, s.Before, before)
		}
		if before = s.Hash; s.seal().Hash != before {
			t.Fatalf("seal of %s: hash %s, contents say %s", day, before, s.Hash)
		}
	}
	// An import that back-dates what was known.
	addLooks(m, "E03", monday+35, 25, m.business.End(monday+35))
	sum := r.run(r.at(last).Add(time.Hour), monday+35, last)
	if sum.Reseals != 5 || sum.Seals != 5 {
		t.Errorf("%+v, want five days sealed again", sum)
	}
	if _, err := r.docs.Get(context.Background(), DocSeal, SealID(monday+35, 1)); err != nil {
		t.Error(err)
	}
}

func TestTickThatMakesNoSense(t *testing.T) {
	r := newRig(t, office(t))
	at := r.m.business.Begin(monday + 5)
	for name, tick := range map[string]Tick{
		"no time":   {From: monday, To: monday},
		"backwards": {At: at, From: monday + 2, To: monday + 1},
		"future":    {At: at, From: monday, To: monday + 6},
	} {
		if _, err := r.engine.Run(context.Background(), tick); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCursorNeverGoesBack(t *testing.T) {
	r := newRig(t, office(t))
	r.run(r.at(monday+20), monday+19, monday+20)
	r.run(r.at(monday+9), monday+9, monday+9)
	c, err := LoadCursor(context.Background(), r.docs)
	if err != nil || c.To != monday+20 || c.Closed != monday+20 || !c.At.Equal(r.at(monday+20)) {
		t.Errorf("%+v, %v", c, err)
	}
}
