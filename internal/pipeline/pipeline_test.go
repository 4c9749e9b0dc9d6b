package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/internal/pipeline"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// monday is the business day on which most of what happens here happens, noon the instant.
var (
	business = ueba.Business{Grace: 2 * time.Hour}
	noon     = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	monday   = business.DayOf(noon)
)

const lookBack = 3

// people is a company whose profiles count events.
type people struct {
	facts store.Facts

	mu      sync.Mutex
	owners  map[string]string   // user → employee
	ever    map[string][]string // user → who ever had it
	unknown map[string]bool     // employees of whom nobody knows yet
	applied int
	folds   int
	during  func() // called in each Fold
	wait    time.Duration
	before  map[string]string // owners, as known before the change
	changed time.Time
}

func newPeople(facts store.Facts) *people {
	return &people{facts: facts, owners: map[string]string{"anna": "E1", "boris": "E2"}, ever: map[string][]string{}, unknown: map[string]bool{}}
}

func (c *people) Owner(acct ueba.Account, _ time.Time) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.owners[acct.User]
	return e, ok
}

func (c *people) ownerThen(user string, at time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Before(c.changed) && !at.IsZero() {
		return c.before[user]
	}
	return c.owners[user]
}

func (c *people) Claimants(acct ueba.Account) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.owners[acct.User]; ok {
		return append(slices.Clone(c.ever[acct.User]), e)
	}
	return c.ever[acct.User]
}

func (c *people) Person(name string, _ time.Time) string {
	if strings.HasPrefix(name, "E") {
		return name
	}
	e, _ := c.Owner(ueba.Account{User: name}, time.Time{})
	return e
}

func (c *people) Apply(ueba.Fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
}

func (c *people) Heard(ueba.Account, time.Time) {}

func (c *people) Fold(ctx context.Context, employee string, day ueba.Day, at time.Time) (ueba.Profile, []ueba.Look, error) {
	c.mu.Lock()
	c.folds++
	during, unknown := c.during, c.unknown[employee]
	c.mu.Unlock()
	if during != nil {
		during()
	}
	if unknown {
		return ueba.Profile{}, nil, fmt.Errorf("employee %s: %w", employee, store.ErrNotFound)
	}
	p := ueba.Profile{Employee: employee, Day: day}
	q := store.Query{Kind: ueba.KindEvent, From: business.Begin(day), To: business.End(day), KnownBy: at}
	for f, err := range c.facts.Scan(ctx, q) {
		if err != nil {
			return p, nil, err
		}
		e := f.Body.(*ueba.Event)
		if c.ownerThen(e.User, at) != employee {
			continue
		}
		p.Events++
		p.Features[ueba.FeatureLooks]++
		for _, known := range []time.Time{f.Known, c.changed} {
			if known.After(p.Known) {
				p.Known = known
			}
		}
		if e.Action == ueba.ActionExport {
			p.Detections = append(p.Detections, ueba.Detection{ID: "d-" + e.EventID, Rule: "export", Level: ueba.High, Employee: employee, Day: day, Time: e.Time})
		}
	}
	return p, nil, nil
}

func (c *people) folded() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folds
}

func (c *people) Alerting(found []ueba.Detection, now time.Time) (alerting []ueba.Detection, again time.Time) {
	for _, d := range found {
		if due := d.Time.Add(c.wait); due.After(now) {
			again = due
			continue
		}
		alerting = append(alerting, d)
	}
	return alerting, again
}

// bell counts how often each alert was raised.
type bell struct {
	mu   sync.Mutex
	rung map[string]int
	err  error
}

func (b *bell) Raise(_ context.Context, alerts ...ueba.Alert) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	for _, a := range alerts {
		b.rung[a.ID]++
	}
	return nil
}

func (b *bell) count() (alerts, calls int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.rung {
		calls += n
	}
	return len(b.rung), calls
}

// house is a pipeline with everything around it.
type house struct {
	*pipeline.Pipeline
	t      *testing.T
	store  *storetest.Memory
	people *people
	bell   *bell
	now    func() time.Time
	faults chan error
	docs   store.Docs // what the pipeline writes to; the store itself unless a test says otherwise
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return houseAt(t, func() time.Time { return noon })
}

func houseAt(t *testing.T, now func() time.Time) *house {
	t.Helper()
	h := &house{t: t, now: now, bell: &bell{rung: map[string]int{}}, faults: make(chan error, 100)}
	h.store = storetest.NewMemoryAt(func() time.Time { return h.now() })
	h.people, h.docs = newPeople(h.store), h.store
	h.open()
	return h
}

// open makes the pipeline anew, as a process that starts does.
func (h *house) open() {
	h.t.Helper()
	p, err := pipeline.New(h.t.Context(), pipeline.Config{
		Facts: h.store, Docs: h.docs, Remover: h.store, Directory: h.people, Company: h.people, Raiser: h.bell,
		Business: business, Now: func() time.Time { return h.now() }, Overlap: 5 * time.Minute, LookBack: lookBack,
		Fault: func(err error) { h.faults <- err },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Pipeline = p
}

func (h *house) append(bodies ...ueba.Body) {
	h.t.Helper()
	facts := make([]ueba.Fact, len(bodies))
	for i, b := range bodies {
		facts[i] = ueba.Fact{Body: b}
		if _, isEvent := b.(*ueba.Event); !isEvent {
			facts[i].ID = fmt.Sprintf("%s-%p", b.Kind(), b)
		}
	}
	if _, err := h.store.Append(h.t.Context(), facts); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) follow() {
	h.t.Helper()
	if err := h.CatchUp(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) settle(at time.Time) {
	h.t.Helper()
	if err := h.Settle(h.t.Context(), at, nil); err != nil {
		h.t.Fatal(err)
	}
}

// notes lists the employee-days that wait in the store.
func (h *house) notes() string {
	h.t.Helper()
	var out []string
	for doc, err := range h.store.List(h.t.Context(), pipeline.KindTouched, "", "", false) {
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, doc.ID)
	}
	return strings.Join(out, " ")
}

// profiles writes the profiles of a day as employee:events.
func (h *house) profiles(day ueba.Day, at time.Time) string {
	h.t.Helper()
	all, err := h.Profiles(h.t.Context(), day, at, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return written(all)
}

func written(all []ueba.Profile) string {
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s:%d", p.Employee, p.Events))
	}
	return strings.Join(out, " ")
}

func event(id, user string, at time.Time) *ueba.Event {
	return &ueba.Event{EventID: id, Source: "test", Time: at, Service: "crm", User: user, Action: ueba.ActionView, Record: ueba.EventRecord{IDs: []string{"C-" + id}}}
}

func exported(id, user string, at time.Time) *ueba.Event {
	e := event(id, user, at)
	e.Action = ueba.ActionExport
	return e
}

func TestAFactTouchesTheDaysItSpeaksOf(t *testing.T) {
	at := func(day int, clock time.Duration) time.Time { return business.Begin(monday + ueba.Day(day)).Add(clock) }
	long := func(from, to int) ueba.Reason {
		return ueba.Reason{ID: "r", Type: "ticket", ValidFrom: at(from, 0), ValidTo: at(to, 0)}
	}
	for name, tt := range map[string]struct {
		before []ueba.Body // followed and settled: their notes are gone
		fact   func() ueba.Body
		want   string
	}{
		"an event":           {nil, func() ueba.Body { return event("1", "anna", noon) }, "2026-11-02/E1"},
		"an event of nobody": {nil, func() ueba.Body { return event("1", "nobody", noon) }, ""},
		"an event right after midnight tells of the day before": {
			nil, func() ueba.Body { return event("1", "anna", at(0, 4*time.Minute)) }, "2026-11-01/E1 2026-11-02/E1",
		},
		"a late event makes records familiar on the days folded already": {
			[]ueba.Body{event("1", "anna", at(-2, time.Hour)), event("2", "anna", at(-1, time.Hour))},
			func() ueba.Body { return event("3", "anna", at(-7, time.Hour)) },
			"2026-10-26/E1 2026-10-27/E1 2026-10-28/E1 2026-10-29/E1",
		},
		"a reason for anybody touches who looked": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour)), event("2", "boris", at(-3, time.Hour)), event("3", "anna", at(-1, time.Hour))},
			func() ueba.Body { r := long(-4, -2); r.RecordID = "C-1"; return &r }, "2026-10-30/E1",
		},
		"a reason for somebody touches all its days, looked or not": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour)), event("2", "boris", at(-1, time.Hour))},
			func() ueba.Body { r := long(-9, -1); r.RecordID, r.EmployeeID = "C-9", "anna"; return &r }, "2026-10-30/E1 2026-10-31/E1",
		},
		"a record touches who looked at it": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour)), event("2", "boris", at(-1, time.Hour))},
			func() ueba.Body { return &ueba.Record{ID: "C-2"} }, "2026-11-01/E2",
		},
		"an employee touches the days of his accounts": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour)), event("2", "boris", at(-1, time.Hour))},
			func() ueba.Body { return &ueba.Employee{ID: "E2"} }, "2026-11-01/E2",
		},
		"a holiday touches who acted around it": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour)), event("2", "boris", at(-1, time.Hour)), event("3", "boris", at(-6, time.Hour))},
			func() ueba.Body { return &ueba.Holiday{Date: monday - 2} }, "2026-10-30/E1 2026-11-01/E2",
		},
		"a system touches nothing": {
			[]ueba.Body{event("1", "anna", at(-3, time.Hour))}, func() ueba.Body { return &ueba.System{Service: "crm"} }, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			// The first reason and the first record touch everything; that is another test.
			h.append(append(tt.before, &ueba.Reason{ID: "old", RecordID: "X", ValidFrom: at(-90, 0), ValidTo: at(-89, 0)}, &ueba.Record{ID: "X"})...)
			h.follow()
			h.settle(noon)
			if left := h.notes(); left != "" {
				t.Fatalf("notes before: %s", left)
			}
			h.append(tt.fact())
			h.follow()
			if got := h.notes(); got != tt.want {
				t.Errorf("touched %s, want %s", got, tt.want)
			}
		})
	}
}

// TestTheFirstReasonTouchesEverything, because profiles said that reasons are missing.
func TestTheFirstReasonTouchesEverything(t *testing.T) {
	h := newHouse(t)
	h.append(event("1", "anna", noon.Add(-48*time.Hour)), event("2", "boris", noon.Add(-24*time.Hour)))
	h.follow()
	h.settle(noon)
	reason := func(id string) *ueba.Reason {
		return &ueba.Reason{ID: id, RecordID: "X", ValidFrom: noon.AddDate(-1, 0, 0), ValidTo: noon.AddDate(-1, 0, 1)}
	}
	h.append(reason("first"))
	h.follow()
	if got := h.notes(); got != "2026-10-31/E1 2026-11-01/E2" {
		t.Errorf("the first touched %s", got)
	}
	h.settle(noon)
	h.open()
	h.append(reason("second"))
	h.follow()
	if got := h.notes(); got != "" {
		t.Errorf("the second touched %s", got)
	}
}

// TestAMovedAccountTouchesBothPeople: what one gains the other loses.
func TestAMovedAccountTouchesBothPeople(t *testing.T) {
	h := newHouse(t)
	h.append(event("1", "anna", noon.Add(-24*time.Hour)))
	h.follow()
	h.settle(noon)
	if got := h.profiles(monday-1, noon); got != "E1:1" {
		t.Fatalf("before: %s", got)
	}
	then := noon
	h.now = func() time.Time { return noon.Add(time.Hour) }
	h.people.before, h.people.changed = map[string]string{"anna": "E1"}, h.now()
	h.people.owners["anna"], h.people.ever["anna"] = "E2", []string{"E1"}
	h.append(&ueba.Employee{ID: "E2"})
	h.follow()
	if got := h.notes(); got != "2026-11-01/E1 2026-11-01/E2" {
		t.Errorf("touched %s", got)
	}
	h.settle(noon.Add(2 * time.Hour))
	if got := h.profiles(monday-1, noon.Add(2*time.Hour)); got != "E2:1" {
		t.Errorf("after: %s", got)
	}
	if got := h.profiles(monday-1, then); got != "E1:1" {
		t.Errorf("as known before: %s", got)
	}
}

// failingDocs refuses writes of one kind.
type failingDocs struct {
	store.Docs
	kind string
}

var errDisk = errors.New("the disk is gone")

func (d *failingDocs) Put(ctx context.Context, docs ...store.Doc) error {
	for _, doc := range docs {
		if doc.Kind == d.kind {
			return errDisk
		}
	}
	return d.Docs.Put(ctx, docs...)
}

// TestACrashBetweenNoteAndCursor follows the batch again and counts it once.
func TestACrashBetweenNoteAndCursor(t *testing.T) {
	for _, kind := range []string{pipeline.KindTouched, pipeline.KindCursor} {
		t.Run(kind, func(t *testing.T) {
			h := newHouse(t)
			failing := &failingDocs{h.store, kind}
			h.docs = failing
			h.open()
			h.append(event("1", "anna", noon), event("2", "anna", noon.Add(-24*time.Hour)), event("3", "nobody", noon))
			for range 3 {
				if err := h.CatchUp(t.Context()); !errors.Is(err, errDisk) {
					t.Fatalf("got %v", err)
				}
			}
			if h.Seen() != 0 || len(h.Accounts()) != 0 {
				t.Errorf("counted %d facts of %v although nothing is durable", h.Seen(), h.Accounts())
			}

			h.docs = h.store
			h.open() // the process died and is started again
			h.follow()
			h.follow()
			if got := h.notes(); got != "2026-11-01/E1 2026-11-02/E1" {
				t.Errorf("touched %s", got)
			}
			if h.Seen() != 3 {
				t.Errorf("followed %d facts", h.Seen())
			}
			want := []pipeline.Account{
				{Service: "crm", User: "anna", Events: 2, First: noon.Add(-24 * time.Hour), Last: noon},
				{Service: "crm", User: "nobody", Events: 1, First: noon, Last: noon},
			}
			if got := h.Accounts(); !slices.Equal(got, want) {
				t.Errorf("accounts %+v", got)
			}
		})
	}
}

// TestARestartRestores cursor, notes and accounts, and follows nothing twice.
func TestARestartRestores(t *testing.T) {
	h := newHouse(t)
	for i := range 10_000 {
		h.append(event(fmt.Sprint(i), "anna", noon.Add(-time.Duration(i)*time.Minute)))
	}
	h.follow()
	notes, accounts := h.notes(), h.Accounts()
	h.open()
	h.follow()
	if h.Seen() != 10_000 || h.notes() != notes || !slices.Equal(h.Accounts(), accounts) || accounts[0].Events != 10_000 {
		t.Errorf("after a restart: %d facts, notes %s, accounts %v", h.Seen(), h.notes(), h.Accounts())
	}
	first, any := h.Touched()
	if !any || first != business.DayOf(noon.Add(-9999*time.Minute)) {
		t.Errorf("the first touched day is %s, %t", first, any)
	}
	if _, today, err := h.Today(t.Context(), "E1"); err != nil || len(today) != 1 || today[0].Events != 721 {
		t.Errorf("today after a restart: %s, %v", written(today), err)
	}
}

func TestSettleStoresWhatIsOver(t *testing.T) {
	h := newHouse(t)
	h.append(event("1", "anna", noon.Add(-24*time.Hour)), event("2", "boris", noon.Add(-48*time.Hour)), exported("3", "anna", noon.Add(-25*time.Hour)), event("4", "anna", noon))
	h.follow()
	var steps []string
	if err := h.Settle(t.Context(), noon, func(done, total int) { steps = append(steps, fmt.Sprint(done, "/", total)) }); err != nil {
		t.Fatal(err)
	}
	if got := h.notes(); got != "2026-11-02/E1" {
		t.Errorf("left: %s", got)
	}
	if got := h.profiles(monday-1, noon) + " " + h.profiles(monday-2, noon); got != "E1:2 E2:1" {
		t.Errorf("profiles %s", got)
	}
	if alerts, _ := h.bell.count(); alerts != 1 {
		t.Errorf("%d alerts", alerts)
	}
	if len(steps) != 1 || steps[0] != "2/2" {
		t.Errorf("progress %v", steps)
	}
	folds := h.people.folded()
	h.settle(noon)
	if h.people.folded() != folds {
		t.Error("what is settled is folded again")
	}
}

// TestATouchWhileItIsFolded keeps the note: what came meanwhile is not in the profile.
func TestATouchWhileItIsFolded(t *testing.T) {
	h := newHouse(t)
	yesterday := noon.Add(-24 * time.Hour)
	h.append(event("1", "anna", yesterday))
	h.follow()
	h.people.during = func() {
		h.people.mu.Lock()
		h.people.during = nil
		h.people.mu.Unlock()
		defer func() { h.append(event("2", "anna", yesterday)); h.follow() }()
	}
	h.settle(noon)
	if got := h.notes(); got != "2026-11-01/E1" {
		t.Fatalf("the note of what came meanwhile is gone: %q", got)
	}
	if got := h.profiles(monday-1, noon); got != "E1:2" {
		t.Errorf("the noted day is not folded anew: %s", got)
	}
	h.settle(noon)
	if got := h.notes(); got != "" {
		t.Errorf("left: %s", got)
	}
}

// TestWhatBecameKnownAfterTheInstant is not in the profiles as known then, and its note
// stays for the next run.
func TestWhatBecameKnownAfterTheInstant(t *testing.T) {
	h := newHouse(t)
	h.append(event("1", "anna", noon.Add(-24*time.Hour)))
	h.now = func() time.Time { return noon.Add(time.Minute) }
	h.append(event("2", "anna", noon.Add(-24*time.Hour)))
	h.follow()
	h.settle(noon) // a scheduled instant, reached a minute late
	if got := h.notes(); got != "2026-11-01/E1" {
		t.Errorf("left: %q", got)
	}
	for at, want := range map[time.Time]string{noon.Add(-time.Second): "", noon: "E1:1", noon.Add(time.Minute): "E1:2"} {
		if got := h.profiles(monday-1, at); got != want {
			t.Errorf("as known at %s: %s, want %s", at, got, want)
		}
	}
	h.settle(noon.Add(time.Hour))
	for at, want := range map[time.Time]string{noon.Add(-time.Second): "", noon: "E1:1", noon.Add(time.Minute): "E1:2"} {
		if got := h.profiles(monday-1, at); got != want {
			t.Errorf("settled, as known at %s: %s, want %s", at, got, want)
		}
	}
	if left := h.notes(); left != "" {
		t.Errorf("left: %s", left)
	}
	if some, err := h.Profiles(t.Context(), monday-1, noon.Add(time.Hour), []string{"E2"}); err != nil || len(some) != 0 {
		t.Errorf("of others: %s, %v", written(some), err)
	}
}

// TestSomebodyNotKnownYet is left out and folded once he is known; others are not harmed.
func TestSomebodyNotKnownYet(t *testing.T) {
	h := newHouse(t)
	h.people.unknown["E2"] = true
	h.append(event("1", "anna", noon.Add(-24*time.Hour)), event("2", "boris", noon.Add(-24*time.Hour)), event("3", "boris", noon))
	h.follow()
	if _, _, err := h.Today(t.Context(), ""); err != nil {
		t.Errorf("today: %v", err)
	}
	h.settle(noon)
	if got := h.profiles(monday-1, noon); got != "E1:1" {
		t.Errorf("profiles %s", got)
	}
	if left := h.notes(); left != "2026-11-02/E1" && left != "2026-11-02/E2" {
		t.Errorf("left: %s", left)
	}
	h.people.unknown["E2"] = false
	h.append(&ueba.Employee{ID: "E2"})
	h.follow()
	h.settle(noon)
	if got := h.profiles(monday-1, noon); got != "E1:1 E2:1" {
		t.Errorf("profiles %s", got)
	}
	if _, today, err := h.Today(t.Context(), ""); err != nil || written(today) != "E2:1" {
		t.Errorf("today: %s, %v", written(today), err)
	}
}

// TestTheOpenDayIsFoldedAndAlertsOnce by the clock of a bubble.
func TestTheOpenDayIsFoldedAndAlertsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shift atomic.Int64
		h := houseAt(t, func() time.Time { return time.Now().Add(time.Duration(shift.Load())) })
		stop := h.run()
		h.append(exported("1", "anna", time.Now()), event("2", "boris", time.Now()))
		h.Wake()
		time.Sleep(2 * time.Second)
		if alerts, calls := h.bell.count(); alerts != 1 || calls != 1 {
			t.Errorf("within two seconds: %d alerts, raised %d times", alerts, calls)
		}
		if _, today, err := h.Today(t.Context(), ""); err != nil || written(today) != "E1:1 E2:1" {
			t.Errorf("today: %s, %v", written(today), err)
		}
		h.append(exported("1", "anna", time.Now()), event("3", "anna", time.Now()))
		time.Sleep(10 * time.Second)
		if _, calls := h.bell.count(); calls != 1 {
			t.Errorf("raised %d times for one export", calls)
		}
		folds := h.people.folded()
		time.Sleep(time.Minute)
		if n := h.people.folded() - folds; n != 0 {
			t.Errorf("%d folds although nothing came", n)
		}
		shift.Store(int64(72 * time.Hour))
		if _, today, err := h.Today(t.Context(), ""); err != nil || len(today) != 0 {
			t.Errorf("three days later: %s, %v", written(today), err)
		}
		stop()
	})
}

// TestARuleThatWaits decides when it is due, without another fact.
func TestARuleThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseAt(t, time.Now)
		h.people.wait = 10 * time.Minute
		stop := h.run()
		h.append(exported("1", "anna", time.Now()))
		time.Sleep(9 * time.Minute)
		if alerts, _ := h.bell.count(); alerts != 0 {
			t.Errorf("%d alerts before the wait was over", alerts)
		}
		time.Sleep(2 * time.Minute)
		if alerts, _ := h.bell.count(); alerts != 1 {
			t.Errorf("%d alerts after it", alerts)
		}
		stop()
	})
}

// TestARuleThatWaitsAtTheEndOfADay keeps the note until it has decided.
func TestARuleThatWaitsAtTheEndOfADay(t *testing.T) {
	h := newHouse(t)
	h.people.wait = 24 * time.Hour
	h.append(exported("1", "anna", noon.Add(-13*time.Hour)))
	h.follow()
	h.settle(noon)
	if alerts, _ := h.bell.count(); alerts != 0 || h.notes() != "2026-11-01/E1" {
		t.Errorf("%d alerts, notes %q", alerts, h.notes())
	}
	h.settle(noon.Add(12 * time.Hour))
	if alerts, _ := h.bell.count(); alerts != 1 || h.notes() != "" {
		t.Errorf("%d alerts, notes %q", alerts, h.notes())
	}
}

// TestAFaultIsToldAndTriedAgain: a store that refuses writes for a while costs nothing.
func TestAFaultIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := houseAt(t, time.Now)
		stop := h.run()
		h.append(exported("1", "anna", time.Now()))
		h.store.Refuse(store.ErrFull)
		h.bell.err = store.ErrFull
		time.Sleep(10 * time.Second)
		if len(h.faults) == 0 {
			t.Error("nobody was told")
		}
		for len(h.faults) > 0 {
			if err := <-h.faults; !errors.Is(err, store.ErrFull) {
				t.Errorf("told %v", err)
			}
		}
		h.store.Refuse(nil)
		time.Sleep(5 * time.Second)
		h.bell.mu.Lock()
		h.bell.err = nil
		h.bell.mu.Unlock()
		time.Sleep(5 * time.Second)
		if alerts, _ := h.bell.count(); alerts != 1 || !h.CaughtUp() || h.Accounts()[0].Events != 1 {
			t.Errorf("after the fault: %d alerts, caught up %t, accounts %v", alerts, h.CaughtUp(), h.Accounts())
		}
		stop()
	})
}

// run runs the pipeline until stop is called.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("run: %v", err)
		}
	}
}
