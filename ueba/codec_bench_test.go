package ueba

import (
	stdjson "encoding/json"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// benchLine is an ordinary event of about 500 bytes.
const benchLine = `{"@timestamp":"2026-11-02T09:31:04.120+08:00","event":{"id":"7f3a9c1e-5b0d-4c7e-9a51-2f6d0c9be001","action":"view","duration":41200000000,"outcome":"success"},` +
	`"user":{"id":"wang.wei001","name":"Wang Wei"},"service":{"name":"crm"},"session":{"id":"s-88a1f30c"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},` +
	`"record":{"type":"customer","id":["C1000293"],"class":"C3","count":1,"fields":["id_card","phone"]},"purpose":{"id":"T261102-10001-7","kind":"call"},"branch":"上海浦东"}`

func BenchmarkDecodeEvent(b *testing.B) {
	line := []byte(benchLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEvent(line, DecodeOptions{Source: "crm-http"}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchEvent(b *testing.B) *Event {
	b.Helper()
	body, err := DecodeEvent([]byte(benchLine), DecodeOptions{Source: "crm-http"})
	if err != nil {
		b.Fatal(err)
	}
	return body.(*Event)
}

func BenchmarkDecodeBodyEvent(b *testing.B) {
	data := EncodeBody(nil, benchEvent(b))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeBody(KindEvent, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := benchEvent(b)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = EncodeBody(buf[:0], e)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkIdentityEvent(b *testing.B) {
	e := benchEvent(b)
	b.ReportAllocs()
	for b.Loop() {
		Identity(e)
	}
}

func BenchmarkIdentityReason(b *testing.B) {
	r := &Reason{ID: "T261102-10001-7", RecordID: "C1000293", EmployeeID: "E1001", Type: "ticket", ValidFrom: time.Unix(1793583064, 0)}
	b.ReportAllocs()
	for b.Loop() {
		Identity(r)
	}
}

// plainEvent is the same line for reflection-based decoders, to compare with.
type plainEvent struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		ID, Action, Outcome string
		Duration            int64
	} `json:"event"`
	User    struct{ ID, Name string } `json:"user"`
	Service struct{ Name string }     `json:"service"`
	Session struct{ ID string }       `json:"session"`
	Source  struct{ IP string }       `json:"source"`
	Host    struct{ Name string }     `json:"host"`
	Record  struct {
		Type, Class string
		ID, Fields  []string
		Count       int64
	} `json:"record"`
	Purpose struct{ ID, Kind string } `json:"purpose"`
	Branch  string                    `json:"branch"`
}

func BenchmarkDecodeWithEncodingJSON(b *testing.B) {
	line := []byte(benchLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		var e plainEvent
		if err := stdjson.Unmarshal(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeWithJSONv2(b *testing.B) {
	line := []byte(benchLine)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		var e plainEvent
		if err := json.Unmarshal(line, &e, json.MatchCaseInsensitiveNames(true)); err != nil {
			b.Fatal(err)
		}
	}
}
