package ueba

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		seconds := rapid.Int64Range(946684800, 4102444799).Draw(t, "seconds")
		return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	})
}

func maybeInstants() *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), instants())
}

func texts() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.SampledFrom([]string{
		"C1000293", "王伟", `quo"te\`, "\x00\x1f\u2028", "9007199254740993", "😀", "a,b;c",
	}), rapid.String())
}

// lists are never empty but not nil: the encoding does not tell these apart.
func lists() *rapid.Generator[[]string] {
	return rapid.Map(rapid.SliceOfN(texts(), 0, 5), func(s []string) []string {
		if len(s) == 0 {
			return nil
		}
		return s
	})
}

func events() *rapid.Generator[*Event] {
	return rapid.Custom(func(t *rapid.T) *Event {
		text := func(name string) string { return texts().Draw(t, name) }
		e := &Event{
			EventID: text("id"), Time: instants().Draw(t, "time"), Source: text("source"),
			Service: text("service"), User: text("user"), Action: Action(text("action")),
			Outcome: text("outcome"), Session: text("session"), IP: text("ip"), Host: text("host"),
			Record: EventRecord{
				Type: text("type"), Class: text("class"), IDs: lists().Draw(t, "ids"),
				Count: rapid.Int64Range(0, 1<<62).Draw(t, "count"), Fields: lists().Draw(t, "fields"),
			},
			Purpose: Purpose{ID: text("purpose"), Kind: text("purpose kind")},
		}
		if rapid.Bool().Draw(t, "has duration") {
			e.HasDuration = true
			e.Duration = time.Duration(rapid.Int64Min(0).Draw(t, "duration"))
		}
		if labels := rapid.MapOfN(texts(), texts(), 0, 80).Draw(t, "labels"); len(labels) > 0 {
			e.Labels = labels
		}
		return e
	})
}

func bodies() *rapid.Generator[Body] {
	day := rapid.Map(rapid.Int32Range(-1000, 60000), func(d int32) Day { return Day(d) })
	days := rapid.OneOf(rapid.Just(NoDay), day)
	return rapid.Custom(func(t *rapid.T) Body {
		text := func(name string) string { return texts().Draw(t, name) }
		at := func(name string) time.Time { return maybeInstants().Draw(t, name) }
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return events().Draw(t, "event")
		case 1:
			return &Reason{ID: text("id"), RecordID: text("record"), EmployeeID: text("employee"), Type: text("type"),
				ValidFrom: at("from"), ValidTo: at("to"), Created: at("created"), MadeBy: text("by"), Source: text("source")}
		case 2:
			return &Employee{ID: text("id"), Name: text("name"), Department: text("department"), Role: text("role"),
				Manager: text("manager"), Location: text("location"), Hired: days.Draw(t, "hired"), Left: days.Draw(t, "left"),
				Accounts: lists().Draw(t, "accounts"), Shift: text("shift"), ValidFrom: at("from")}
		case 3:
			return &Record{ID: text("id"), Type: text("type"), Class: text("class"), Tags: lists().Draw(t, "tags"),
				Employee: text("employee"), Related: lists().Draw(t, "related"), Owner: text("owner"), Region: text("region"), ValidFrom: at("from")}
		case 4:
			return &System{Service: text("service"), Owner: text("owner"), Criticality: text("criticality"),
				Classes: lists().Draw(t, "classes"), Expected: text("expected"), ValidFrom: at("from")}
		case 5:
			return &Holiday{Date: day.Draw(t, "date"), Workday: rapid.Bool().Draw(t, "workday"), Name: text("name")}
		case 6:
			return &Review{EmployeeID: text("employee"), From: day.Draw(t, "from"), To: day.Draw(t, "to"),
				Outcome: Expected, Feature: text("feature"), Note: text("note"), By: text("by"), Time: at("time")}
		case 7:
			return &Step{AlertID: text("alert"), State: AlertClosed, Outcome: text("outcome"), Note: text("note"), By: text("by"), Time: at("time")}
		case 8:
			return &Setting{Name: text("name"), Value: text("value"), From: day.Draw(t, "from"), Time: at("time"), By: text("by")}
		}
		return &DeadLetter{Time: at("time"), Source: text("source"), Format: text("format"), Place: text("place"),
			Reason: text("reason"), Raw: []byte(text("raw") + "!"), Size: rapid.IntMin(0).Draw(t, "size")}
	})
}

func TestEveryBodyReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := bodies().Draw(t, "body")
		text := EncodeBody(nil, body)
		back, err := DecodeBody(body.Kind(), text)
		if err != nil {
			t.Fatalf("decode %s: %v", text, err)
		}
		if !reflect.DeepEqual(back, body) {
			t.Fatalf("read back\n%#v\nwrote\n%#v\nas %s", back, body, text)
		}
		if again := EncodeBody(nil, back); string(again) != string(text) {
			t.Fatalf("encoded again\n%s\nfirst\n%s", again, text)
		}
		id, content := Identity(body)
		backID, backContent := Identity(back)
		if id != backID || content != backContent {
			t.Fatalf("identity changed by encoding: %s", text)
		}
	})
}

func TestEncodeEvent(t *testing.T) {
	e := sampleEvent()
	want := `{"@timestamp":"2026-11-02T01:31:04.12Z",` +
		`"event":{"id":"7f3a","action":"view","duration":41200000000,"outcome":"success"},` +
		`"user":{"id":"wang.wei001"},"service":{"name":"crm"},"session":{"id":"s-88"},` +
		`"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},` +
		`"record":{"type":"customer","id":["C1000293"],"class":"C3","count":1,"fields":["id_card","phone"]},` +
		`"purpose":{"id":"T261102-10001-7","kind":"call"},` +
		`"labels":{"app.version":"4.2","branch":"上海"},"onlooker":{"source":"crm-http"}}`
	if got := string(EncodeBody([]byte("x"), e)); got != "x"+want {
		t.Errorf("got  %s\nwant x%s", got, want)
	}
	bare := &Event{Time: e.Time, User: "u", Service: "s", Action: ActionView}
	want = `{"@timestamp":"2026-11-02T01:31:04.12Z","event":{"action":"view"},"user":{"id":"u"},"service":{"name":"s"}}`
	if got := string(EncodeBody(nil, bare)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEncodeRepairsInvalidText(t *testing.T) {
	e := &Event{User: "a\xffb\xe4\xb8"}
	if got := string(EncodeBody(nil, e)); !strings.Contains(got, `"a`+"\uFFFD"+`b`+"\uFFFD\uFFFD"+`"`) {
		t.Errorf("got %s", got)
	}
}

func TestBodiesOfOtherZonesAreTheSameFact(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	at := time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)
	pairs := [][2]Body{
		{&Employee{ID: "E1", ValidFrom: at}, &Employee{ID: "E1", ValidFrom: at.In(shanghai)}},
		{&Record{ID: "C1", ValidFrom: at}, &Record{ID: "C1", ValidFrom: at.In(shanghai)}},
		{&System{Service: "crm", ValidFrom: at}, &System{Service: "crm", ValidFrom: at.In(shanghai)}},
		{&Reason{ID: "T1", ValidFrom: at, Created: at}, &Reason{ID: "T1", ValidFrom: at.In(shanghai), Created: at.In(shanghai)}},
		{&Review{EmployeeID: "E1", Time: at}, &Review{EmployeeID: "E1", Time: at.In(shanghai)}},
		{&Step{AlertID: "A", Time: at}, &Step{AlertID: "A", Time: at.In(shanghai)}},
		{&Setting{Name: "n", Time: at}, &Setting{Name: "n", Time: at.In(shanghai)}},
		{&DeadLetter{Source: "s", Time: at}, &DeadLetter{Source: "s", Time: at.In(shanghai)}},
		{&Event{EventID: "1", Time: at}, &Event{EventID: "1", Time: at.In(shanghai)}},
	}
	for _, p := range pairs {
		id, content := Identity(p[0])
		otherID, otherContent := Identity(p[1])
		if id != otherID || content != otherContent {
			t.Errorf("%s: the zone makes another fact", p[0].Kind())
		}
		if a, b := EncodeBody(nil, p[0]), EncodeBody(nil, p[1]); string(a) != string(b) {
			t.Errorf("%s: encoded %s and %s", p[0].Kind(), a, b)
		}
	}
}

func TestDecodeBodyRefuses(t *testing.T) {
	for kind, data := range map[Kind]string{
		"nonsense": `{}`, KindReason: `{"reason_id":1}`, KindEvent: `{"user":`, KindHoliday: `[]`,
	} {
		if body, err := DecodeBody(kind, []byte(data)); err == nil {
			t.Errorf("%s: accepted %s as %#v", kind, data, body)
		}
	}
}

func TestEventInsideOtherJSON(t *testing.T) {
	e := sampleEvent()
	data, err := e.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Event
	if err := back.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, e) {
		t.Errorf("got %#v", back)
	}
	if err := back.UnmarshalJSON([]byte(`[]`)); err == nil {
		t.Error("an array was taken for an event")
	}
}

func sampleEvent() *Event {
	return &Event{
		EventID: "7f3a", Time: time.Date(2026, 11, 2, 1, 31, 4, 120_000_000, time.UTC), Source: "crm-http",
		Service: "crm", User: "wang.wei001", Action: ActionView, Outcome: "success",
		Duration: 41200 * time.Millisecond, HasDuration: true, Session: "s-88", IP: "10.21.4.7", Host: "ws-0101",
		Record:  EventRecord{Type: "customer", Class: "C3", IDs: []string{"C1000293"}, Count: 1, Fields: []string{"id_card", "phone"}},
		Purpose: Purpose{ID: "T261102-10001-7", Kind: "call"},
		Labels:  map[string]string{"branch": "上海", "app.version": "4.2"},
	}
}

func TestIdentity(t *testing.T) {
	id, content := Identity(sampleEvent())
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Fatalf("id %q is not 32 hex characters", id)
	}
	changed := sampleEvent()
	changed.User = "somebody.else"
	otherID, otherContent := Identity(changed)
	if otherID != id {
		t.Error("the same (source, service, event id) has another identity")
	}
	if otherContent == content {
		t.Error("another user is the same content")
	}
	for name, change := range map[string]func(*Event){
		"source":  func(e *Event) { e.Source = "other" },
		"service": func(e *Event) { e.Service = "other" },
		"id":      func(e *Event) { e.EventID = "other" },
		"border":  func(e *Event) { e.Source, e.Service = e.Source+"c", e.Service[1:] },
	} {
		e := sampleEvent()
		change(e)
		if other, _ := Identity(e); other == id {
			t.Errorf("%s: another event has the same identity", name)
		}
	}
}

// TestContentTellsEverything changes every field by reflection, so that a field added
// later is not forgotten in the hash.
func TestContentTellsEverything(t *testing.T) {
	for _, sample := range []func() Body{
		func() Body { return sampleEvent() },
		func() Body {
			return &Reason{ID: "T1", RecordID: "C1", EmployeeID: "E1", Type: "ticket", MadeBy: "E2", Source: "s",
				ValidFrom: time.Unix(1, 0).UTC(), ValidTo: time.Unix(2, 0).UTC(), Created: time.Unix(3, 0).UTC()}
		},
	} {
		_, content := Identity(sample())
		eachField(reflect.ValueOf(sample()).Elem(), "", func(path []int, name string) {
			body := sample()
			touch(reflect.ValueOf(body).Elem().FieldByIndex(path))
			if _, other := Identity(body); other == content {
				t.Errorf("%s: %s is not part of the content", body.Kind(), name)
			}
		})
	}
}

func eachField(v reflect.Value, prefix string, visit func(path []int, name string)) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() {
			eachField(v.FieldByIndex(f.Index), prefix+f.Name+".", func(path []int, name string) {
				visit(append(append([]int{}, f.Index...), path...), name)
			})
			continue
		}
		visit(f.Index, prefix+f.Name)
	}
}

func touch(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "~")
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{"~"}))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"~": "~"}))
	case reflect.Struct:
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Nanosecond)))
	default:
		panic(fmt.Sprintf("no change known for %s", v.Type()))
	}
}

func TestBodiesWithoutAnIDAreTheirContent(t *testing.T) {
	a, b := &Event{User: "a"}, &Event{User: "b"}
	idA, contentA := Identity(a)
	idB, _ := Identity(b)
	if idA == idB {
		t.Error("two events without an id have the same identity")
	}
	if again, content := Identity(&Event{User: "a"}); again != idA || content != contentA {
		t.Error("the same event without an id has two identities")
	}
	early := &Employee{ID: "E1", Department: "loans"}
	late := &Employee{ID: "E1", Department: "cards"}
	idEarly, _ := Identity(early)
	idLate, _ := Identity(late)
	if idEarly == idLate {
		t.Error("two versions of a row are one fact")
	}
}
