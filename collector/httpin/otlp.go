package httpin

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/onlooker-ueba/onlooker/collector"
)

// OTLPPath is where OTLP/HTTP logs are taken.
const OTLPPath = "/v1/logs"

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// OTLP takes OpenTelemetry's log records. Each that makes no sense becomes a dead letter
// and the others are stored; the sender is told of it as a warning, for records that it
// were told to be rejected would be lost to everybody.
type OTLP struct{ of *Handler }

// NewOTLP returns the OTLP protocol of a handler, whose tokens and limits it shares.
func NewOTLP(of *Handler) *OTLP { return &OTLP{of} }

// ServeHTTP implements http.Handler.
func (o *OTLP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, no := o.kind(r)
	var warning string
	if no == nil {
		warning, no = o.take(w, r, kind)
	}
	if no != nil {
		writeStatus(w, kind, no)
		return
	}
	writeExported(w, kind, warning)
}

// kind is the encoding of the request, in which it is answered too.
func (o *OTLP) kind(r *http.Request) (string, *refusal) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		return jsonType, refuse(http.StatusMethodNotAllowed, "method", "want POST")
	case err != nil || kind != protobufType && kind != jsonType:
		return jsonType, refuse(http.StatusUnsupportedMediaType, "content_type", "want Content-Type "+protobufType+" or "+jsonType)
	}
	return kind, nil
}

func (o *OTLP) take(w http.ResponseWriter, r *http.Request, kind string) (warning string, no *refusal) {
	source, no := o.of.gate.source(r)
	if no != nil {
		return "", no
	}
	e := &exported{native: o.of.formats[0], limit: o.of.maxLine}
	name := r.URL.Query().Get("format")
	if name == "" {
		name = r.Header.Get(FormatHeader)
	}
	if name != "" {
		f, _, ok := o.of.formats.find(name)
		if !ok {
			return "", refuse(http.StatusBadRequest, "bad_format", "format: want one of "+o.of.formats.names())
		}
		e.native, e.raw = f, true
	}
	options := o.of.options
	options.Source = source
	e.stream = o.of.intake.NewStream(e.native, collector.Delivery{Options: options})
	b, no := o.of.open(w, r)
	if no != nil {
		return "", no
	}
	defer o.of.close(b)
	if err := e.read(b.data, kind); err != nil {
		return "", o.malformed(r, source, b.data, err)
	}
	e.stream.Flush()
	if _, no := o.of.append(r.Context(), e.stream); no != nil {
		return "", no
	}
	return e.warning(), nil
}

// malformed keeps the begin of a body that cannot be read as a dead letter: the sender
// will drop it, and is told so.
func (o *OTLP) malformed(r *http.Request, source string, data []byte, why error) *refusal {
	options := o.of.options
	options.Source = source
	stream := o.of.intake.NewStream(o.of.formats[0], collector.Delivery{Options: options})
	_ = stream.Take(collector.Record{Raw: data[:min(len(data), collector.CutTo)], Size: len(data), Err: why}, collector.Place{Line: 1})
	if _, no := o.of.append(r.Context(), stream); no != nil {
		return no
	}
	return refuse(http.StatusBadRequest, "malformed", "the body is no export of logs; its begin is kept as a dead letter")
}

// exported reads the records of one request.
type exported struct {
	native collector.Format
	raw    bool // a text body is a record of the format, whatever it looks like
	stream *collector.Stream
	limit  int

	count int // of records so far
	dead  int
	first error // of the first dead one
	line  []byte
}

func (e *exported) read(data []byte, kind string) error {
	if kind == jsonType {
		var all collogs.ExportLogsServiceRequest
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &all); err != nil {
			return errors.New("otlp: the body is no export of logs in JSON")
		}
		for _, rl := range all.GetResourceLogs() {
			for _, sl := range rl.GetScopeLogs() {
				for _, rec := range sl.GetLogRecords() {
					e.record(rl.GetResource().GetAttributes(), rec, true)
				}
			}
		}
		return nil
	}
	return e.wire(data)
}

// wire cuts the request into its records before they are decoded, so that one with a
// broken text costs nothing but itself.
func (e *exported) wire(data []byte) error {
	return fields(data, func(number protowire.Number, resourceLogs []byte) error {
		if number != 1 {
			return nil
		}
		attributes, err := resourceOf(resourceLogs)
		if err != nil {
			return err
		}
		return fields(resourceLogs, func(number protowire.Number, scopeLogs []byte) error {
			if number != 2 {
				return nil
			}
			return fields(scopeLogs, func(number protowire.Number, rec []byte) error {
				if number == 2 {
					e.encoded(attributes, rec)
				}
				return nil
			})
		})
	})
}

// fields gives the length-delimited fields of a message.
func fields(data []byte, each func(protowire.Number, []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errWire
		}
		data = data[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
				return errWire
			}
			data = data[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(data)
		if n < 0 {
			return errWire
		}
		if err := each(number, value); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

var errWire = errors.New("otlp: the body is no export of logs in protobuf")

// place is where the newest record stood among those of its request.
func (e *exported) place() collector.Place { return collector.Place{Line: e.count} }

func (e *exported) take(rec collector.Record) {
	if rec.Err == nil && rec.Size > e.limit {
		rec.Err = fmt.Errorf("%w: %d bytes, the limit is %d", collector.ErrTooLong, rec.Size, e.limit)
		rec.Raw = rec.Raw[:min(len(rec.Raw), collector.CutTo)]
	}
	if err := e.stream.Take(rec, e.place()); err != nil {
		e.dead++
		if e.first == nil {
			e.first = err
		}
	}
}

func (e *exported) warning() string {
	if e.dead == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d records are kept as dead letters and need not be sent again, the first because: %s", e.dead, e.count, e.first)
}

// writeExported answers what was stored. The answer names no rejected records, for none is.
func writeExported(w http.ResponseWriter, kind, warning string) {
	answer := &collogs.ExportLogsServiceResponse{}
	if warning != "" {
		answer.PartialSuccess = &collogs.ExportLogsPartialSuccess{ErrorMessage: strings.ToValidUTF8(warning, "?")}
	}
	marshal := proto.Marshal
	if kind == jsonType {
		marshal = protojson.Marshal
	}
	body, err := marshal(answer)
	if err != nil {
		panic("write answer: " + err.Error()) // plain data of ours
	}
	writeBody(w, kind, http.StatusOK, body)
}

// writeStatus answers a refusal as a google.rpc.Status, in the encoding of the request.
func writeStatus(w http.ResponseWriter, kind string, no *refusal) {
	no.headers(w)
	if kind == protobufType {
		writeBody(w, kind, no.status, protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), no.Message))
		return
	}
	body, err := json.Marshal(map[string]string{"message": no.Message})
	if err != nil {
		panic("write refusal: " + err.Error()) // plain data of ours
	}
	writeBody(w, kind, no.status, body)
}

func writeBody(w http.ResponseWriter, kind string, status int, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever has gone away reads no answer
}
