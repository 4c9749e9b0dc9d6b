package httpin

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// newOTLP is a desk that reads the native format.
func newOTLP(t *testing.T, change func(*Config)) (*desk, *OTLP) {
	t.Helper()
	c := DefaultConfig()
	if change != nil {
		change(&c)
	}
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, time.Now)
	d := &desk{New(c, in, Formats{builtin("ecsjson"), sourcetest.Plain()}, collector.Options{}), m, t}
	return d, NewOTLP(d.Handler)
}

func exportTo(o *OTLP, kind string, body []byte, header ...string) *httptest.ResponseRecorder {
	r := request(bytes.NewReader(body), append([]string{"Content-Type", kind}, header...)...)
	r.URL.Path = OTLPPath
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func attr(key string, v *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: v}
}

func whole64(n int64) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
}

func list(v ...*common.AnyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: v}}}
}

func object(kv ...*common.KeyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: kv}}}
}

// export is a request of the records, all from the service crm.
func export(t testing.TB, records ...*logs.LogRecord) []byte {
	t.Helper()
	data, err := proto.Marshal(&collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{attr("service.name", text("crm")), attr("telemetry.sdk.language", text("go"))}},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var nine = time.Date(2026, 11, 2, 9, 0, 0, 120e6, time.UTC)

// look is the record of a look, with further attributes.
func look(more ...*common.KeyValue) *logs.LogRecord {
	return &logs.LogRecord{
		TimeUnixNano: uint64(nine.UnixNano()), EventName: "view",
		Attributes: append([]*common.KeyValue{attr("user.id", text("wang")), attr("record.id", list(text("C1"), whole64(9007199254740993)))}, more...),
	}
}

// stored are the events as canonical text, dead letters as their reason.
func (d *desk) stored() []string {
	var all []string
	for _, f := range d.facts(ueba.KindEvent) {
		e := *f.Body.(*ueba.Event)
		if strings.HasPrefix(e.EventID, "line-") {
			e.EventID = ""
		}
		all = append(all, string(ueba.EncodeBody(nil, &e)))
	}
	for _, f := range d.facts(ueba.KindDead) {
		all = append(all, "dead: "+f.Body.(*ueba.DeadLetter).Reason)
	}
	return all
}

// native is what the line says when it comes in the native format.
func native(t *testing.T, line string) string {
	t.Helper()
	body, err := ueba.DecodeEvent([]byte(line), ueba.DecodeOptions{Source: DefaultSource})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(ueba.EncodeBody(nil, body))
}

const lookLine = `{"@timestamp":"2026-11-02T09:00:00.12Z","event.action":"view","user.id":"wang","service.name":"crm","record.id":["C1","9007199254740993"]`

func TestOTLPRecords(t *testing.T) {
	line := `{"@timestamp":"2026-11-02T09:00:00Z","event":{"id":"e1","action":"list"},"user":{"id":"li"},"service":{"name":"loans"}}`
	withBody := func(r *logs.LogRecord, v *common.AnyValue) *logs.LogRecord { r.Body = v; return r }
	cases := []struct {
		name string
		rec  *logs.LogRecord
		want string // a line of the native format
	}{
		{"attributes", look(), lookLine + `}`},
		{"every kind of value", look(attr("b", &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}),
			attr("d", &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 2.5}}),
			attr("nan", &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: math.NaN()}}),
			attr("bytes", &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte{1, 2}}}),
			attr("none", nil), attr("quote", text("a\"b\\c\nd")), attr("deep", object(attr("x", text("y"))))),
			lookLine + `,"b":true,"d":2.5,"nan":"NaN","bytes":"AQI=","quote":"a\"b\\c\nd","deep":{"x":"y"}}`},
		{"duration as a double", look(attr("event.duration", &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 41.2e9}})), lookLine + `,"event.duration":41200000000}`},
		{"own service wins", look(attr("service.name", text("loans"))), strings.Replace(lookLine, "crm", "loans", 1) + `}`},
		{"own action wins", look(attr("event.action", text("print"))), strings.Replace(lookLine, `"view"`, `"print"`, 1) + `}`},
		{"nested action wins", look(attr("event", object(attr("action", text("print"))))), strings.Replace(lookLine, `"view"`, `"print"`, 1) + `}`},
		{"own time wins", look(attr("@timestamp", text("2026-11-03T00:00:00Z"))), strings.Replace(lookLine, "2026-11-02T09:00:00.12Z", "2026-11-03T00:00:00Z", 1) + `}`},
		{"text body", withBody(look(), text("客户资料")), lookLine + `,"message":"客户资料"}`},
		{"body of members", withBody(look(), object(attr("user.id", text("no")), attr("session.id", text("s1")), attr("service.name", text("loans")))),
			strings.Replace(lookLine, "crm", "loans", 1) + `,"session.id":"s1"}`},
		{"body that is a line", withBody(look(), text(" "+line+"\n")), line},
		{"level and trace", &logs.LogRecord{TimeUnixNano: look().TimeUnixNano, EventName: "view", Attributes: look().Attributes, SeverityText: "INFO", TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567")},
			lookLine + `,"log.level":"INFO","trace.id":"30313233343536373839616263646566","span.id":"3031323334353637"}`},
		{"observed time", &logs.LogRecord{ObservedTimeUnixNano: look().TimeUnixNano, EventName: "view", Attributes: look().Attributes}, lookLine + `}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, o := newOTLP(t, nil)
			w := exportTo(o, protobufType, export(t, c.rec))
			if w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Type") != protobufType {
				t.Fatalf("%d %q", w.Code, w.Body)
			}
			if diff := cmp.Diff([]string{native(t, c.want)}, d.stored()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestOTLPJSON takes numbers as the standard writes them and as JavaScript does.
func TestOTLPJSON(t *testing.T) {
	const body = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"crm"}}],"futureField":1},
		"scopeLogs":[{"scope":{"name":"x"},"logRecords":[{"timeUnixNano":"1793610000120000000","severityNumber":9,"eventName":"view",
		"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","attributes":[{"key":"user.id","value":{"stringValue":"wang"}},
		{"key":"record.id","value":{"arrayValue":{"values":[{"stringValue":"C1"},{"intValue":"9007199254740993"}]}}},
		{"key":"record.count","value":{"intValue":2}}]}]}]}]}`
	want := []string{native(t, lookLine+`,"trace.id":"5B8EFFF798038103D269B633813FC60C","span.id":"EEE19B7EC3C1B174","record.count":2}`)}
	for _, header := range [][]string{nil, {"Content-Encoding", "gzip"}} {
		d, o := newOTLP(t, nil)
		data := []byte(body)
		if header != nil {
			data = gzipped(body)
		}
		w := exportTo(o, jsonType+"; charset=utf-8", data, header...)
		if w.Code != http.StatusOK || w.Body.String() != "{}" || w.Header().Get("Content-Type") != jsonType {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
		if diff := cmp.Diff(want, d.stored()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestOTLPOneBadRecordCostsItselfOnly(t *testing.T) {
	broken := look(attr("x", text("MARK")))
	data := bytes.Replace(export(t, look(), broken, look(attr("user.id", text("twice"))), look(attr("n", whole64(2)))), []byte("MARK"), []byte("\xff\xff\xff\xff"), 1)
	d, o := newOTLP(t, nil)
	for range 2 {
		w := exportTo(o, protobufType, data)
		var said collogs.ExportLogsServiceResponse
		if err := proto.Unmarshal(w.Body.Bytes(), &said); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%d %q %v", w.Code, w.Body, err)
		}
		if p := said.GetPartialSuccess(); p.GetRejectedLogRecords() != 0 || !strings.Contains(p.GetErrorMessage(), "2 of 4 records") {
			t.Errorf("said %v", p)
		}
	}
	if e := d.facts(ueba.KindEvent); len(e) != 2 {
		t.Errorf("%d events", len(e))
	}
	if l := d.facts(ueba.KindDead); len(l) != 2 { // the same again is the same letter
		t.Errorf("%d dead letters", len(l))
	}
}

func TestOTLPOtherFormats(t *testing.T) {
	d, o := newOTLP(t, nil)
	rec := look()
	rec.Body = text(sourcetest.Line(1, "li", "C7", "x"))
	if w := exportTo(o, protobufType, export(t, rec), FormatHeader, "plain"); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if e := d.facts(ueba.KindEvent); len(e) != 1 || e[0].Body.(*ueba.Event).User != "li" {
		t.Errorf("%v", d.stored())
	}
}

func TestOTLPRefusals(t *testing.T) {
	good := export(t, look())
	cases := []struct {
		name, kind string
		body       []byte
		change     func(*Config)
		header     []string
		status     int
	}{
		{"no type", "", good, nil, nil, http.StatusUnsupportedMediaType},
		{"other type", "text/plain", good, nil, nil, http.StatusUnsupportedMediaType},
		{"no protobuf", protobufType, []byte("{}"), nil, nil, http.StatusBadRequest},
		{"half", protobufType, good[:len(good)/2], nil, nil, http.StatusBadRequest},
		{"no JSON", jsonType, []byte("{"), nil, nil, http.StatusBadRequest},
		{"too large", protobufType, bytes.Repeat([]byte("x"), 5000), small, nil, http.StatusRequestEntityTooLarge},
		{"no token", protobufType, good, tokens, nil, http.StatusUnauthorized},
		{"format", protobufType, good, nil, []string{FormatHeader, "morse"}, http.StatusBadRequest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, o := newOTLP(t, c.change)
			w := exportTo(o, c.kind, c.body, c.header...)
			if w.Code != c.status || w.Body.Len() == 0 {
				t.Errorf("%d %q, want %d", w.Code, w.Body, c.status)
			}
			if n := len(d.facts(ueba.KindEvent)); n > 0 {
				t.Errorf("%d events", n)
			}
			if l := len(d.facts(ueba.KindDead)); l > 0 != (c.name == "half" || strings.HasPrefix(c.name, "no J") || c.name == "no protobuf") {
				t.Errorf("%d dead letters", l)
			}
			if n := d.bodies.inFlight.Load(); n != 0 || len(d.slots) > 0 {
				t.Errorf("%d bytes are booked and %d slots taken", n, len(d.slots))
			}
		})
	}
}

func TestOTLPTellsSendersToComeAgain(t *testing.T) {
	d, o := newOTLP(t, func(c *Config) { c.MaxRequests = 1 })
	d.store.Refuse(errors.New("disk full"))
	full := exportTo(o, jsonType, []byte("{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}"))
	d.store.Refuse(nil)
	d.slots <- struct{}{}
	busy := exportTo(o, protobufType, export(t, look()))
	for want, w := range map[int]*httptest.ResponseRecorder{http.StatusServiceUnavailable: full, http.StatusTooManyRequests: busy} {
		if w.Code != want || w.Header().Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q, want %d", w.Code, w.Header().Get("Retry-After"), want)
		}
	}
	d.empty()
}

// FuzzOTLP holds that no body crashes the reader and that every record it has is an event
// or a dead letter.
func FuzzOTLP(f *testing.F) {
	good := &collogs.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{look(), {}}}}}}}
	data, err := proto.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, true)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"a"}]}}}]}]}]}`), false)
	f.Add(protowire.AppendTag(nil, 1, protowire.BytesType), true)
	f.Fuzz(func(t *testing.T, body []byte, wire bool) {
		d, o := newOTLP(t, nil)
		kind := jsonType
		if wire {
			kind = protobufType
		}
		w := exportTo(o, kind, body)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("status %d", w.Code)
		}
		if kind == jsonType && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("answer %s", w.Body)
		}
		counts, err := d.intake.Counts(t.Context(), ueba.NoDay, ueba.NoDay)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counts {
			if c.Received != c.Parsed+c.Dead {
				t.Fatalf("%+v", c.Tally)
			}
		}
	})
}
