package httpin

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onlooker-ueba/onlooker/collector"
)

// resourceOf gives the attributes of the resource, wherever it stands in its message.
func resourceOf(resourceLogs []byte) ([]*common.KeyValue, error) {
	var attributes []*common.KeyValue
	err := fields(resourceLogs, func(number protowire.Number, value []byte) error {
		if number != 1 {
			return nil
		}
		var r resource.Resource
		if proto.Unmarshal(value, &r) != nil {
			return errWire
		}
		attributes = r.GetAttributes()
		return nil
	})
	return attributes, err
}

var errRecord = errors.New("otlp: the record is no protobuf, or a text in it is no UTF-8")

// encoded reads one record in protobuf.
func (e *exported) encoded(from []*common.KeyValue, data []byte) {
	var rec logs.LogRecord
	if proto.Unmarshal(data, &rec) != nil {
		e.count++
		e.take(collector.Record{Raw: data[:min(len(data), collector.CutTo)], Size: len(data), Err: errRecord})
		return
	}
	e.record(from, &rec, false)
}

// record gives a log record to the parser: a text body that is a line of the format as it
// is, else a line of JSON made of the attributes. hexIDs says that ids were read from
// JSON, where they are hexadecimal but were taken for base64.
func (e *exported) record(from []*common.KeyValue, rec *logs.LogRecord, hexIDs bool) {
	e.count++
	if body, ok := rec.GetBody().GetValue().(*common.AnyValue_StringValue); ok {
		text := strings.TrimSpace(body.StringValue)
		if e.raw || strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") {
			e.take(collector.Record{Raw: []byte(text), Size: len(text)})
			return
		}
	}
	m := members{out: append(e.line[:0], '{'), own: rec.GetAttributes(), body: rec.GetBody().GetKvlistValue().GetValues()}
	m.record(from, rec, hexIDs)
	e.line = append(m.out, '}')
	e.take(collector.Record{Raw: e.line, Size: len(e.line)})
}

// members writes the members of one line of JSON. Names are written as they came, dotted
// ones too, so that what is given twice is seen by the parser and refused.
type members struct {
	out  []byte
	own  []*common.KeyValue // of the record: they win over the body's,
	body []*common.KeyValue // and these over the resource's
}

func (m *members) record(from []*common.KeyValue, rec *logs.LogRecord, hexIDs bool) {
	if at := recordTime(rec); !at.IsZero() && !m.has("@timestamp") {
		m.name("@timestamp")
		m.out = append(at.UTC().AppendFormat(append(m.out, '"'), time.RFC3339Nano), '"')
	}
	for _, kv := range m.own {
		m.member(kv)
	}
	for _, kv := range m.body {
		if !given(m.own, kv.GetKey()) {
			m.member(kv)
		}
	}
	m.text("message", rec.GetBody().GetStringValue())
	m.text("event.action", rec.GetEventName())
	for _, kv := range from {
		if !m.has(kv.GetKey()) && !strings.HasPrefix(kv.GetKey(), "telemetry.") {
			m.member(kv)
		}
	}
	m.text("log.level", rec.GetSeverityText())
	m.text("trace.id", idText(rec.GetTraceId(), hexIDs))
	m.text("span.id", idText(rec.GetSpanId(), hexIDs))
}

// recordTime is when it happened, else when it was seen.
func recordTime(rec *logs.LogRecord) time.Time {
	ns := rec.GetTimeUnixNano()
	if ns == 0 {
		ns = rec.GetObservedTimeUnixNano()
	}
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(int64(ns/1e9), int64(ns%1e9))
}

func (m *members) has(name string) bool { return given(m.own, name) || given(m.body, name) }

// given reports whether the list says something of that name, dotted or nested.
func given(list []*common.KeyValue, name string) bool {
	for _, kv := range list {
		if kv.GetKey() == name {
			return true
		}
		rest, ok := strings.CutPrefix(name, kv.GetKey())
		if ok && strings.HasPrefix(rest, ".") && given(kv.GetValue().GetKvlistValue().GetValues(), rest[1:]) {
			return true
		}
	}
	return false
}

func (m *members) name(name string) {
	if len(m.out) > 1 && m.out[len(m.out)-1] != '{' {
		m.out = append(m.out, ',')
	}
	m.out = append(appendText(m.out, name), ':')
}

func (m *members) member(kv *common.KeyValue) {
	m.name(kv.GetKey())
	m.value(kv.GetValue())
}

// text adds a text that the record's attributes do not give themselves.
func (m *members) text(name, value string) {
	if value != "" && !m.has(name) {
		m.name(name)
		m.out = appendText(m.out, value)
	}
}

func (m *members) value(v *common.AnyValue) {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		m.out = appendText(m.out, v.StringValue)
	case *common.AnyValue_BoolValue:
		m.out = strconv.AppendBool(m.out, v.BoolValue)
	case *common.AnyValue_IntValue:
		m.out = strconv.AppendInt(m.out, v.IntValue, 10)
	case *common.AnyValue_DoubleValue:
		m.out = appendDouble(m.out, v.DoubleValue)
	case *common.AnyValue_BytesValue:
		m.out = appendText(m.out, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *common.AnyValue_ArrayValue:
		m.out = append(m.out, '[')
		for i, one := range v.ArrayValue.GetValues() {
			if i > 0 {
				m.out = append(m.out, ',')
			}
			m.value(one)
		}
		m.out = append(m.out, ']')
	case *common.AnyValue_KvlistValue:
		m.out = append(m.out, '{')
		for _, kv := range v.KvlistValue.GetValues() {
			m.member(kv)
		}
		m.out = append(m.out, '}')
	default:
		m.out = append(m.out, "null"...)
	}
}

// appendDouble writes whole numbers without an exponent; what JSON cannot say is a text.
func appendDouble(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return appendText(out, strconv.FormatFloat(f, 'g', -1, 64))
	case math.Abs(f) < 1e21:
		return strconv.AppendFloat(out, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(out, f, 'g', -1, 64)
}

// appendText writes a text of valid UTF-8 as a JSON string.
func appendText(out []byte, s string) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		if c < ' ' {
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		} else {
			out = append(out, '\\', c)
		}
		from = i + 1
	}
	return append(append(out, s[from:]...), '"')
}

// idText is a trace's or span's id in hexadecimal digits.
func idText(id []byte, hexIDs bool) string {
	if hexIDs {
		return base64.StdEncoding.EncodeToString(id)
	}
	return hex.EncodeToString(id)
}
