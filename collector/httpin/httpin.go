package httpin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
)

// Path is where events are taken.
const Path = "/v1/events"

// maxErrors bounds the errors that an answer names.
const maxErrors = 100

// bodyTime is how long a sender may take over a body, so that a slow one does not hold
// memory for ever.
const bodyTime = time.Minute

// Formats are what requests may be written in. The first is what a request is in that
// does not say ?format=; in it a body may be a JSON array.
type Formats []collector.Format

func (fs Formats) find(name string) (f collector.Format, native, ok bool) {
	if name == "" {
		return fs[0], true, true
	}
	i := slices.IndexFunc(fs, func(f collector.Format) bool { return f.Name == name })
	if i < 0 {
		return collector.Format{}, false, false
	}
	return fs[i], i == 0, true
}

func (fs Formats) names() string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// Handler takes events.
type Handler struct {
	intake  *collector.Intake
	formats Formats
	options collector.Options
	maxLine int
	gate    gate
	bodies  *bodies
	slots   chan struct{}
}

// New returns the handler of Path for a checked configuration. options hold what the
// parsers need beside the source; formats holds at least one.
func New(c Config, intake *collector.Intake, formats Formats, options collector.Options) *Handler {
	return &Handler{
		intake:  intake,
		formats: formats,
		options: options,
		maxLine: c.MaxLine,
		gate:    newGate(c.Tokens),
		bodies:  &bodies{maxBody: c.MaxBody, maxMemory: max(cmp.Or(c.MaxMemory, 4*c.MaxBody), c.MaxBody+1)},
		slots:   make(chan struct{}, c.MaxRequests),
	}
}

// Answer is what a sender is told of a request that was stored. Received and Dead count
// lines, Stored and Duplicate events; Conflict counts the stored ones whose id was taken
// by another content.
type Answer struct {
	Received  int64       `json:"received"`
	Stored    int64       `json:"stored"`
	Duplicate int64       `json:"duplicate"`
	Conflict  int64       `json:"conflict,omitempty"`
	Skipped   int64       `json:"skipped,omitempty"`
	Dead      int64       `json:"dead"`
	Errors    []LineError `json:"errors,omitempty"`
}

// LineError is why a line became a dead letter. In a JSON array Line is the line in which
// the element begins.
type LineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, no := h.take(w, r)
	if no != nil {
		no.write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request) (Answer, *refusal) {
	if r.Method != http.MethodPost {
		return Answer{}, refuse(http.StatusMethodNotAllowed, "method", "want POST")
	}
	source, no := h.gate.source(r)
	if no != nil {
		return Answer{}, no
	}
	format, native, ok := h.formats.find(r.URL.Query().Get("format"))
	if !ok {
		return Answer{}, refuse(http.StatusBadRequest, "bad_format", "format: want one of "+h.formats.names())
	}
	b, no := h.open(w, r)
	if no != nil {
		return Answer{}, no
	}
	defer h.close(b)
	return h.store(r.Context(), b.text(), source, format, native)
}

// open takes a slot and reads the body, both until close.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) (*body, *refusal) {
	select {
	case h.slots <- struct{}{}:
	default:
		return nil, retryLater(http.StatusTooManyRequests, "busy", "too many requests at the same time", 1)
	}
	// Not every writer can (a recorder of tests); then the server's own limits hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	b, no := h.bodies.read(r)
	if no != nil {
		<-h.slots
		return nil, no
	}
	return b, nil
}

func (h *Handler) close(b *body) {
	b.release()
	<-h.slots
}

// store parses the body and appends it as one batch.
func (h *Handler) store(ctx context.Context, text []byte, source string, f collector.Format, native bool) (Answer, *refusal) {
	options := h.options
	options.Source = source
	stream := h.intake.NewStream(f, collector.Delivery{Options: options})
	records := collector.RecordsOf(text, f.Split(), h.maxLine).Rest()
	if native && isArray(text) {
		records = elements(text, h.maxLine)
	}
	failed, err := takeAll(stream, records)
	if err != nil {
		return Answer{}, refuse(http.StatusBadRequest, "bad_body", "the body cannot be cut into records")
	}
	result, no := h.append(ctx, stream)
	if no != nil {
		return Answer{}, no
	}
	return Answer{
		Received: result.Received, Stored: result.Stored, Duplicate: result.Duplicate,
		Conflict: result.Collision, Skipped: result.Skipped, Dead: result.Dead, Errors: failed,
	}, nil
}

// append makes durable what the stream gathered.
func (h *Handler) append(ctx context.Context, stream *collector.Stream) (collector.Result, *refusal) {
	// A sender that has gone away must not leave the batch half counted.
	result, err := h.intake.Append(context.WithoutCancel(ctx), stream.Cut())
	if err != nil {
		return collector.Result{}, retryLater(http.StatusServiceUnavailable, "unavailable", "nothing can be stored now; send it again later", 10)
	}
	return result, nil
}

func takeAll(stream *collector.Stream, records iter.Seq2[collector.Record, error]) ([]LineError, error) {
	var failed []LineError
	for rec, err := range records {
		if err != nil {
			return nil, err
		}
		if err := stream.Take(rec, collector.Place{Line: rec.Line}); err != nil && len(failed) < maxErrors {
			failed = append(failed, LineError{Line: rec.Line, Error: err.Error()})
		}
	}
	stream.Flush()
	return failed, nil
}

// refusal is an answer to a request of which nothing was stored.
type refusal struct {
	status     int
	retryAfter int    // seconds; 0: none
	Code       string `json:"code"`
	Message    string `json:"error"`
}

func refuse(status int, code, message string) *refusal {
	return &refusal{status: status, Code: code, Message: message}
}

func retryLater(status int, code, message string, seconds int) *refusal {
	return &refusal{status: status, retryAfter: seconds, Code: code, Message: message}
}

func (no *refusal) write(w http.ResponseWriter) {
	no.headers(w)
	writeJSON(w, no.status, no)
}

func (no *refusal) headers(w http.ResponseWriter) {
	switch no.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="onlooker"`)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip")
	}
	if no.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.retryAfter))
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("write answer: %v", err)) // the answers are plain data of ours
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A sender that has gone away reads no answer.
	_, _ = w.Write(append(body, '\n'))
}
