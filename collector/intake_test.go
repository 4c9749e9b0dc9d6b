package collector_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

func from(source string) collector.Delivery {
	return collector.Delivery{Options: collector.Options{Source: source}}
}

// deliver appends a text as one request does.
func deliver(t *testing.T, in *collector.Intake, d collector.Delivery, f collector.Format, text string) collector.Result {
	t.Helper()
	s := in.NewStream(f, d)
	for rec, err := range collector.RecordsOf([]byte(text), f.Split(), 100).Rest() {
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Take(rec, collector.Place{Line: rec.Line})
	}
	s.Flush()
	result, err := in.Append(t.Context(), s.Cut())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func facts(t *testing.T, m *storetest.Memory, kind ueba.Kind) []ueba.Fact {
	t.Helper()
	var all []ueba.Fact
	for f, err := range m.Scan(t.Context(), store.Query{Kind: kind}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestAppendSaysWhatBecameOfARequest(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	request := strings.Join([]string{
		sourcetest.Line(1, "wang", "C1", "a"),
		sourcetest.Line(2, "wang", "C2", ""),
		"skip this",
		"nonsense",
		sourcetest.Line(3, "wang", "C3", "a"), // another event under the same id
		strings.Repeat("x", 200),
	}, "\n")
	got := deliver(t, in, from("app"), sourcetest.Plain(), request)
	want := collector.Result{Received: 6, Skipped: 1, Dead: 2, Parsed: 3, Stored: 3, Collision: 1}
	if got != want {
		t.Errorf("first delivery %+v, want %+v", got, want)
	}
	got = deliver(t, in, from("app"), sourcetest.Plain(), request)
	want = collector.Result{Received: 6, Skipped: 1, Dead: 2, Parsed: 3, Duplicate: 3}
	if got.Collision = 0; got != want {
		t.Errorf("second delivery %+v, want %+v", got, want)
	}
	if events, letters := facts(t, m, ueba.KindEvent), facts(t, m, ueba.KindDead); len(events) != 3 || len(letters) != 2 {
		t.Errorf("%d events and %d dead letters, want 3 and 2", len(events), len(letters))
	}
}

func TestSourceIsTheOneThatWasAuthenticated(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	line := sourcetest.Line(1, "wang", "C1", "a")
	for _, source := range []string{"app", "rival"} {
		if got := deliver(t, in, from(source), sourcetest.Plain(), line); got.Stored != 1 {
			t.Errorf("%s: %+v: another source's id must not hide this one's event", source, got)
		}
	}
	var sources []string
	for _, f := range facts(t, m, ueba.KindEvent) {
		sources = append(sources, f.Body.(*ueba.Event).Source)
	}
	slices.Sort(sources)
	if diff := cmp.Diff([]string{"app", "rival"}, sources); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEqualLinesOfARequestAreEvents(t *testing.T) {
	line := sourcetest.Line(1, "wang", "C1", "")
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	for i, want := range []collector.Result{
		{Received: 3, Parsed: 3, Stored: 3},
		{Received: 3, Parsed: 3, Duplicate: 3},
	} {
		if got := deliver(t, in, from("app"), sourcetest.Plain(), line+"\n"+line+"\n "+line); got != want {
			t.Errorf("delivery %d: %+v, want %+v", i, got, want)
		}
	}
	if got := deliver(t, in, from("app"), sourcetest.Plain(), strings.Repeat(line+"\n", 4)); got.Stored != 1 {
		t.Errorf("a request with one more: %+v, want 1 stored", got)
	}
}

// pairs is Plain with each event twice.
type pairs struct{ collector.Parser }

func (p pairs) Parse(raw []byte, emit func(ueba.Body)) error {
	return errors.Join(p.Parser.Parse(raw, emit), p.Parser.Parse(raw, emit))
}

func TestOneRecordMayMakeSeveralEvents(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	f := sourcetest.Plain()
	f.New = func(o collector.Options) collector.Parser { return pairs{sourcetest.Plain().New(o)} }
	if got := deliver(t, in, from("app"), f, sourcetest.Line(1, "wang", "C1", "")); got.Stored != 2 || got.Received != 1 {
		t.Errorf("%+v, want 2 stored", got)
	}
}

func TestSkippedWhereTheParserHolds(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	lines := []string{
		"skip", sourcetest.Line(1, "wang", "C1", "a"), "skip", "nonsense", "+more", "skip",
		sourcetest.Line(2, "wang", "C2", "b"), sourcetest.Line(3, "wang", "C3", "c"), "skip", "skip",
	}
	got := deliver(t, in, from("app"), sourcetest.Held(), strings.Join(lines, "\n"))
	want := collector.Result{Received: 10, Skipped: 6, Dead: 1, Parsed: 3, Stored: 3}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestKnown(t *testing.T) {
	event := time.Date(2026, 11, 2, 9, 0, 1, 0, time.UTC)
	created, valid := event.Add(-time.Hour), event.Add(time.Hour)
	for name, c := range map[string]struct {
		body ueba.Body
		want time.Time
	}{
		"event":               {&ueba.Event{Time: event}, event},
		"reason":              {&ueba.Reason{ValidFrom: valid, Created: created}, created},
		"reason of no time":   {&ueba.Reason{ValidFrom: valid}, valid},
		"dead letter, as now": {&ueba.DeadLetter{Time: event}, time.Time{}},
	} {
		if got := collector.KnownThen(c.body); !got.Equal(c.want) {
			t.Errorf("%s: known at %v, want %v", name, got, c.want)
		}
	}
	m := storetest.NewMemoryAt(atNoon)
	in := collector.NewIntake(m, m, atNoon)
	deliver(t, in, from("live"), sourcetest.Plain(), sourcetest.Line(1, "wang", "C1", ""))
	imported := from("import")
	imported.Known = collector.KnownThen
	deliver(t, in, imported, sourcetest.Plain(), sourcetest.Line(1, "wang", "C1", ""))
	for _, f := range facts(t, m, ueba.KindEvent) {
		want := map[string]time.Time{"live": noon, "import": event}[f.Body.(*ueba.Event).Source]
		if !f.Known.Equal(want) {
			t.Errorf("%s: known at %v, want %v", f.Body.(*ueba.Event).Source, f.Known, want)
		}
	}
}

func TestARefusedAppendCountsNothingAndMayBeRepeated(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	s := in.NewStream(sourcetest.Plain(), from("app"))
	if err := s.Take(collector.Record{Raw: []byte(sourcetest.Line(1, "wang", "C1", ""))}, collector.Place{Line: 1}); err != nil {
		t.Fatal(err)
	}
	b := s.Cut()
	m.Refuse(store.ErrFull)
	if _, err := in.Append(t.Context(), b); !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v, want store.ErrFull", err)
	}
	m.Refuse(nil)
	if counts, err := in.Counts(t.Context(), ueba.NoDay, ueba.NoDay); err != nil || len(counts) != 0 {
		t.Errorf("counts %v, %v after a refusal", counts, err)
	}
	if result, err := in.Append(t.Context(), b); err != nil || result.Stored != 1 {
		t.Errorf("second try: %+v, %v", result, err)
	}
}

func TestCountsSurviveARestart(t *testing.T) {
	m := storetest.NewMemory()
	request := sourcetest.Line(1, "wang", "C1", "") + "\nnonsense\nskip\n" + sourcetest.Line(2, "li", "C2", "")
	for range 2 {
		in := collector.NewIntake(m, m, atNoon)
		deliver(t, in, from("app"), sourcetest.Plain(), request)
		if err := in.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	next := collector.NewIntake(m, m, func() time.Time { return noon.AddDate(0, 0, 1) })
	other := from("app")
	other.Service = "loans"
	deliver(t, next, other, sourcetest.Plain(), sourcetest.Line(5, "wang", "C1", ""))
	got, err := next.Counts(t.Context(), ueba.NoDay, ueba.NoDay)
	if err != nil {
		t.Fatal(err)
	}
	day := ueba.DateOf(noon)
	second := func(n int) time.Time { return time.Date(2026, 11, 2, 9, 0, n, 0, time.UTC) }
	want := []collector.Count{
		{
			Source: "app", Day: day, LastReceived: noon, LastEvent: second(2),
			Tally:    collector.Tally{Received: 8, Skipped: 2, Dead: 2, Parsed: 4, Duplicate: 2, Bytes: got[0].Bytes},
			Services: map[string]*collector.ServiceCount{"crm": {Parsed: 4, Duplicate: 2, LastEvent: second(2)}},
		},
		{
			Source: "app", Day: day + 1, LastReceived: noon.AddDate(0, 0, 1), LastEvent: second(5),
			Tally:    collector.Tally{Received: 1, Parsed: 1, Bytes: got[1].Bytes},
			Services: map[string]*collector.ServiceCount{"loans": {Parsed: 1, LastEvent: second(5)}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got[0].Bytes != 2*int64(len(request)-3) {
		t.Errorf("%d bytes, want those of both requests without line ends", got[0].Bytes)
	}
	if one, err := next.Counts(t.Context(), day+1, day+1); err != nil || len(one) != 1 || one[0].Day != day+1 {
		t.Errorf("counts of one day: %v, %v", one, err)
	}
}

func TestCountsBoundServices(t *testing.T) {
	var sum collector.Count
	for i := range 3000 {
		sum.Add(&collector.Count{Services: map[string]*collector.ServiceCount{fmt.Sprint("s", i): {Parsed: 1}}})
	}
	if len(sum.Services) != 1001 || sum.Services[collector.OtherService].Parsed != 2000 {
		t.Errorf("%d services, %d events of others", len(sum.Services), sum.Services[collector.OtherService].Parsed)
	}
}

// rival is a store of which another process changes each count once, in between.
type rival struct {
	*storetest.Memory
	done bool
}

func (r *rival) CompareAndSet(ctx context.Context, doc store.Doc) (string, error) {
	if !r.done {
		r.done = true
		if err := r.Put(ctx, store.Doc{Kind: doc.Kind, ID: doc.ID, Day: doc.Day, Body: []byte(`{"received":10}`)}); err != nil {
			return "", err
		}
	}
	return r.Memory.CompareAndSet(ctx, doc)
}

func TestCountsOfTwoProcessesAddUp(t *testing.T) {
	docs := &rival{Memory: storetest.NewMemory()}
	in := collector.NewIntake(docs, docs, atNoon)
	deliver(t, in, from("app"), sourcetest.Plain(), sourcetest.Line(1, "wang", "C1", ""))
	counts, err := in.Counts(t.Context(), ueba.NoDay, ueba.NoDay)
	if err != nil || len(counts) != 1 || counts[0].Received != 11 {
		t.Errorf("counts %+v, %v, want 11 received", counts, err)
	}
}

func TestRunWritesCountsEachSecondAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storetest.NewMemory()
		in := collector.NewIntake(m, m, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- in.Run(ctx) }()
		received := func() int64 {
			counts, err := collector.ReadCounts(t.Context(), m, ueba.NoDay, ueba.NoDay)
			if err != nil {
				t.Fatal(err)
			}
			sum := int64(0)
			for _, c := range counts {
				sum += c.Received
			}
			return sum
		}
		deliver(t, in, from("app"), sourcetest.Plain(), sourcetest.Line(1, "wang", "C1", ""))
		time.Sleep(1500 * time.Millisecond)
		if n := received(); n != 1 {
			t.Errorf("%d received after a second, want 1", n)
		}
		deliver(t, in, from("app"), sourcetest.Plain(), sourcetest.Line(2, "wang", "C1", ""))
		m.Refuse(store.ErrFull)
		time.Sleep(5 * time.Second)
		m.Refuse(nil)
		deliver(t, in, from("app"), sourcetest.Plain(), sourcetest.Line(3, "wang", "C1", ""))
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := received(); n != 3 {
			t.Errorf("%d received at the end, want 3", n)
		}
	})
}

func TestPlace(t *testing.T) {
	for _, p := range []collector.Place{
		{Line: 3},
		{File: "/var/log/app.log", Offset: 12, Fingerprint: "00ff"},
		{File: "/var/log/a file offset 3 file x.log", Offset: 0, Fingerprint: "00ff"},
	} {
		if got, ok := collector.ParsePlace(p.String()); !ok || got != p {
			t.Errorf("%q was read as %+v", p, got)
		}
	}
	for _, s := range []string{"", "line", "line x", "a file b", "a offset x file b", " file "} {
		if got, ok := collector.ParsePlace(s); ok {
			t.Errorf("%q was read as %+v", s, got)
		}
	}
}

func unresolved(t *testing.T, m *storetest.Memory) iter.Seq2[ueba.Fact, error] {
	return collector.Letters(t.Context(), m, m, store.Query{Kind: ueba.KindDead})
}

func count(t *testing.T, letters iter.Seq2[ueba.Fact, error]) (n int) {
	t.Helper()
	for _, err := range letters {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestReplay(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	mended := sourcetest.Plain()
	broken := mended
	broken.New = func(collector.Options) collector.Parser { return deafParser{} }
	good := sourcetest.Line(1, "wang", "C1", "")
	deliver(t, in, from("app"), broken, good+"\nnonsense\n"+sourcetest.Line(2, "wang", strings.Repeat("X", 5000), "")) // cut, and so another record's
	if n := count(t, unresolved(t, m)); n != 3 {
		t.Fatalf("%d dead letters, want 3", n)
	}
	done, err := in.Replay(t.Context(), unresolved(t, m), mended, collector.Options{})
	if err != nil || done.Letters != 3 || done.Resolved != 1 || done.Stored != 1 {
		t.Fatalf("replay: %+v, %v", done, err)
	}
	if n := count(t, unresolved(t, m)); n != 2 {
		t.Errorf("%d dead letters are left, want 2", n)
	}
	// The sender sends it again to the mended parser: it is the same event.
	if got := deliver(t, in, from("app"), mended, good); got.Duplicate != 1 {
		t.Errorf("the same line again: %+v, want a duplicate", got)
	}
	if done, err = in.Replay(t.Context(), unresolved(t, m), mended, collector.Options{}); err != nil || done.Resolved != 0 {
		t.Errorf("second replay: %+v, %v", done, err)
	}
}

func TestReplayAfterAKillBeforeTheNote(t *testing.T) {
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, atNoon)
	broken := sourcetest.Plain()
	broken.New = func(collector.Options) collector.Parser { return deafParser{} }
	deliver(t, in, from("app"), broken, sourcetest.Line(1, "wang", "C1", ""))
	letters := func() iter.Seq2[ueba.Fact, error] {
		return collector.Letters(t.Context(), m, storetest.NewMemory(), store.Query{Kind: ueba.KindDead})
	}
	for i, want := range []int64{1, 0} {
		if done, err := in.Replay(t.Context(), letters(), sourcetest.Plain(), collector.Options{}); err != nil || done.Stored != want {
			t.Errorf("replay %d: %+v, %v, want %d stored", i, done, err, want)
		}
	}
}

// deafParser understands nothing.
type deafParser struct{}

func (deafParser) Parse([]byte, func(ueba.Body)) error { return errors.New("not understood") }
func (deafParser) Flush(func(ueba.Body))               {}
func (deafParser) Waiting() int                        { return 0 }
