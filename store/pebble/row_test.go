package pebble

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

var drawText = rapid.OneOf(rapid.Just(""), rapid.StringN(0, 12, 40), rapid.SampledFrom([]string{"crm", "客户", "a\x00b", "\xff"}))

var drawEvent = rapid.Custom(func(t *rapid.T) *ueba.Event {
	text := func(name string) string { return drawText.Draw(t, name) }
	e := &ueba.Event{
		EventID: text("id"), Time: drawTime.Draw(t, "time"), Source: text("source"), Service: text("service"), User: text("user"),
		Action: ueba.Action(text("action")), Outcome: text("outcome"), HasDuration: rapid.Bool().Draw(t, "has duration"),
		Session: text("session"), IP: text("ip"), Host: text("host"),
		Record: ueba.EventRecord{
			Type: text("type"), Class: text("class"), IDs: rapid.SliceOf(drawText).Draw(t, "ids"),
			Count: rapid.Int64().Draw(t, "count"), Fields: rapid.SliceOf(drawText).Draw(t, "fields"),
		},
		Purpose: ueba.Purpose{ID: text("purpose"), Kind: text("purpose kind")},
		Labels:  rapid.MapOf(drawText, drawText).Draw(t, "labels"),
	}
	if e.HasDuration { // without it a duration means nothing
		e.Duration = time.Duration(rapid.Int64().Draw(t, "duration"))
	}
	return e
})

var drawReason = rapid.Custom(func(t *rapid.T) *ueba.Reason {
	text := func(name string) string { return drawText.Draw(t, name) }
	return &ueba.Reason{
		ID: text("id"), RecordID: text("record"), EmployeeID: text("employee"), Type: text("kind"), MadeBy: text("made by"), Source: text("source"),
		ValidFrom: drawTime.Draw(t, "from"), ValidTo: drawTime.Draw(t, "to"), Created: drawTime.Draw(t, "created"),
	}
})

func TestRowsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var body ueba.Body = drawEvent.Draw(t, "event")
		if rapid.Bool().Draw(t, "a reason") {
			body = drawReason.Draw(t, "reason")
		}
		known, seq := drawTime.Draw(t, "known"), rapid.Uint64().Draw(t, "seq")
		p := prepared{time: body.Happened(), class: classOf(body), key: hashOf(body.Key()), id: [idSize]byte{7}}
		p.kind, _ = kindCode(body.Kind())
		key := p.rowKey(nil, appendPlace(nil, p.time, p.id))
		row := appendRow(nil, known, seq, encodeBody(body))
		got, err := decodeRow(key, row)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(body, got.Body, cmpopts.EquateEmpty()); d != "" || !got.Known.Equal(known) {
			t.Fatalf("known %v comes back as %v; body: (-want +got)\n%s", known, got.Known, d)
		}
		if h, _, err := takeHeader(row); err != nil || h.seq != seq {
			t.Fatalf("sequence number %d comes back as %d, %v", seq, h.seq, err)
		}
	})
}

// TestEventRowsForgetNoField fails when a field is added to the noun and not to the row.
func TestEventRowsForgetNoField(t *testing.T) {
	e := &ueba.Event{
		EventID: "1", Time: time.Unix(1, 2).UTC(), Source: "2", Service: "3", User: "4", Action: "5", Outcome: "6",
		Duration: 7, HasDuration: true, Session: "8", IP: "9", Host: "10",
		Record:  ueba.EventRecord{Type: "11", Class: "12", IDs: []string{"13"}, Count: 14, Fields: []string{"15"}},
		Purpose: ueba.Purpose{ID: "16", Kind: "17"}, Labels: map[string]string{"18": "19"},
	}
	r := &ueba.Reason{
		ID: "1", RecordID: "2", EmployeeID: "3", Type: "4", ValidFrom: time.Unix(5, 0).UTC(), ValidTo: time.Unix(6, 0).UTC(),
		Created: time.Unix(7, 0).UTC(), MadeBy: "8", Source: "9",
	}
	for _, body := range []ueba.Body{e, r} {
		if zero := zeroField(body); zero != "" {
			t.Errorf("this test leaves %s.%s zero", body.Kind(), zero)
		}
		got, err := decodeBody(body.Kind(), body.Happened(), encodeBody(body))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(body, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", body.Kind(), d)
		}
	}
}

func TestDamagedRowsAreErrors(t *testing.T) {
	body := encodeBody(&ueba.Event{
		EventID: "1", Service: "crm", User: "li", Action: "view", HasDuration: true, Duration: time.Second,
		Record: ueba.EventRecord{IDs: []string{"C1", "C2"}}, Labels: map[string]string{"a": "b"},
	})
	for n := range body {
		if _, err := decodeBody(ueba.KindEvent, time.Time{}, body[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were taken for an event", n, len(body))
		}
	}
	if _, err := decodeBody(ueba.KindEvent, time.Time{}, append(body, 0)); err == nil {
		t.Error("an event with a byte left over was taken")
	}
}

func FuzzDecodeRow(f *testing.F) {
	f.Add(encodeBody(&ueba.Event{Service: "crm", Labels: map[string]string{"a": "b"}}))
	f.Add(encodeBody(&ueba.Reason{ID: "r"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []ueba.Kind{ueba.KindEvent, ueba.KindReason} {
			body, err := decodeBody(kind, time.Time{}, data)
			if err != nil {
				continue
			}
			again, err := decodeBody(kind, time.Time{}, encodeBody(body))
			if err != nil || !cmp.Equal(body, again, cmpopts.EquateEmpty()) {
				t.Fatalf("%s: %v comes back as %v, %v", kind, body, again, err)
			}
		}
	})
}

func TestState(t *testing.T) {
	want := state{seq: 1 << 40, token: 7, stamp: time.Unix(5, 6).UTC()}
	want.facts[1], want.facts[len(kinds)-1] = 9, 11
	got, err := decodeState(want.encode())
	if err != nil || got != want {
		t.Fatalf("%+v comes back as %+v, %v", want, got, err)
	}
	if fresh, err := decodeState((state{}).encode()); err != nil || !fresh.stamp.IsZero() {
		t.Fatalf("an empty state comes back as %+v, %v", fresh, err)
	}
}

func TestClassesBoundLengths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawReason.Draw(t, "reason")
		r.ValidTo = r.ValidFrom.Add(time.Duration(rapid.Int64().Draw(t, "length")))
		class := classOf(r)
		if class < openClass && r.ValidTo.Sub(r.ValidFrom) > classes[class] {
			t.Fatalf("a validity of %v is of class %d (%v)", r.ValidTo.Sub(r.ValidFrom), class, classes[class])
		}
		if r.ValidTo = (time.Time{}); classOf(r) != openClass {
			t.Fatal("a reason without end is not of the open class")
		}
	})
}

// zeroField names a field of the body that is zero, also within a struct; or "".
func zeroField(body ueba.Body) string {
	var find func(v reflect.Value) string
	find = func(v reflect.Value) string {
		for i := range v.NumField() {
			name, field := v.Type().Field(i).Name, v.Field(i)
			if field.IsZero() {
				return name
			}
			if field.Kind() == reflect.Struct && field.Type() != reflect.TypeFor[time.Time]() {
				if inner := find(field); inner != "" {
					return name + "." + inner
				}
			}
		}
		return ""
	}
	return find(reflect.ValueOf(body).Elem())
}
