package httpin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
)

const (
	// bulkBytes is how much of a bulk request is held before it is appended.
	bulkBytes = 2 << 20
	// maxItems is the size beyond which the answer names no items: one of more than
	// 512,000 bytes makes Fluent Bit send the same chunk for ever.
	maxItems = 256 << 10
	// patience is how long a bulk request waits for its turn, or for a store that
	// refuses, before its connection is closed.
	patience = 10 * time.Second
)

// Elastic answers shippers that speak Elasticsearch's bulk protocol. It takes documents
// and gives none back: it is no Elasticsearch.
type Elastic struct {
	of       *Handler
	log      logrus.FieldLogger
	patience time.Duration

	refused, closed atomic.Int64 // when it was complained of last
}

// complainEvery keeps a shipper that comes again and again from filling the log.
const complainEvery = time.Minute

// due reports whether it is time to complain again.
func due(last *atomic.Int64) bool {
	now, before := time.Now().UnixNano(), last.Load()
	return now-before >= int64(complainEvery) && last.CompareAndSwap(before, now)
}

// NewElastic returns the bulk protocol of a handler, whose tokens and limits it shares.
func NewElastic(of *Handler, log logrus.FieldLogger) *Elastic {
	return &Elastic{of: of, log: log, patience: patience}
}

// bulk takes the documents of a request. A request that cannot be stored gets no answer:
// closing the connection is the one thing that every shipper takes for "again".
func (e *Elastic) bulk(w http.ResponseWriter, r *http.Request, index string) *refusal {
	began := time.Now()
	source, no := e.of.gate.source(r)
	if no != nil {
		if due(&e.refused) {
			e.log.WithField("from", r.RemoteAddr).Errorf("bulk requests are refused, and most shippers drop what is refused: %s", no.Message)
		}
		return no
	}
	t, no := e.taking(r, source, index)
	if no != nil {
		return no
	}
	if !e.enter(r.Context()) {
		panic(http.ErrAbortHandler)
	}
	defer func() { <-e.of.slots }()
	body, no := unpack(r)
	if no != nil {
		return no
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a recorder of tests has none
	t.appended = func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) }
	if err := t.takeAll(r.Context(), body); err != nil {
		if no := unreadable(err); no != nil {
			return no
		}
		if due(&e.closed) {
			e.log.WithError(err).WithField("source", source).Warn("bulk requests are not stored; their connections are closed, so that they come again")
		}
		panic(http.ErrAbortHandler)
	}
	writeElastic(w, r, http.StatusOK, t.answer(time.Since(began)))
	return nil
}

// enter waits for a slot.
func (e *Elastic) enter(ctx context.Context) bool {
	wait := time.NewTimer(e.patience)
	defer wait.Stop()
	select {
	case e.of.slots <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-wait.C:
	}
	return false
}

// unpack undoes the body's encoding as it is read.
func unpack(r *http.Request) (io.Reader, *refusal) {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return r.Body, nil
	case "gzip", "x-gzip":
		raw := &counted{r: r.Body}
		text, err := gzip.NewReader(raw)
		if errors.Is(err, io.EOF) {
			return http.NoBody, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		return &bounded{text: text, raw: raw}, nil
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "encoding", "want Content-Encoding gzip, or none")
}

// unreadable is the refusal of a body that will be no better when it comes again; nil for
// any other error.
func unreadable(err error) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("gzip made the body %d times longer", maxRatio))
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return refuse(http.StatusBadRequest, "broken_body", "the body is not what its Content-Encoding says")
	}
	return nil
}

// bounded is text out of gzip that does not grow beyond measure.
type bounded struct {
	text io.Reader
	raw  *counted
	n    int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	b.n += int64(n)
	if b.n > ratioFrom && b.n > maxRatio*b.raw.n {
		return 0, errTooLarge
	}
	return n, err
}

// taking is one bulk request at work.
type taking struct {
	e        *Elastic
	options  collector.Options
	format   *collector.Format // that the request asked for; nil: by each document's index
	index    string            // of the path
	appended func()            // told after each append

	streams map[string]*collector.Stream
	current *collector.Stream
	named   string // index that current is for

	line    []byte // the newest action line
	action  action // what it says
	pending bool   // its document has not come yet

	items   []byte
	tooMany bool // for the answer to name them
}

// FormatHeader names the format of a bulk request's documents, for shippers that cannot
// set ?format=.
const FormatHeader = "X-Onlooker-Format"

func (e *Elastic) taking(r *http.Request, source, index string) (*taking, *refusal) {
	t := &taking{e: e, options: e.of.options, index: index, streams: make(map[string]*collector.Stream)}
	t.options.Source = source
	name := r.URL.Query().Get("format")
	if name == "" {
		name = r.Header.Get(FormatHeader)
	}
	if name != "" {
		f, _, ok := e.of.formats.find(name)
		if !ok {
			return nil, refuse(http.StatusBadRequest, "bad_format", "format: want one of "+e.of.formats.names())
		}
		t.format = &f
	}
	return t, nil
}

// takeAll reads the body to its end. A body that breaks off is not stored from the last
// append on.
func (t *taking) takeAll(ctx context.Context, body io.Reader) error {
	for rec, err := range collector.NewRecords(body, bufio.ScanLines, t.e.of.maxLine, 0).Rest() {
		if err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
		t.take(rec)
		if t.held() >= bulkBytes {
			if err := t.append(ctx); err != nil {
				return err
			}
			t.appended()
		}
	}
	if t.pending {
		rec := collector.Record{Raw: t.line, Size: len(t.line), Err: errNoDocument}
		_ = t.stream(t.action.index).Take(rec, collector.Place{})
		t.answerItem()
	}
	for _, s := range t.streams {
		s.Flush()
	}
	return t.append(ctx)
}

var (
	errNoDocument = errors.New("bulk: an action without a document")
	errUpdate     = errors.New("bulk: an update is no event; send index or create")
)

// take reads one line. What is neither an action nor the document of one is read as a
// document, so that a broken action costs nothing but itself. Errors are dead letters of
// the batch: a shipper that is told of them drops the document or sends the whole again.
func (t *taking) take(rec collector.Record) {
	if !t.pending {
		if rec.Err == nil && t.isAction(rec.Raw) {
			t.pending = t.action.op != "delete"
			if !t.pending {
				t.answerItem()
			}
			return
		}
		t.action = documentOnly(t.index)
		t.line = t.line[:0]
	}
	t.pending = false
	if t.action.op == "update" && rec.Err == nil {
		rec.Err = errUpdate
	}
	_ = t.stream(t.action.index).Take(rec, collector.Place{Line: rec.Line, ID: t.action.id})
	t.answerItem()
}

// isAction reads an action line. Most requests repeat one line for all documents.
func (t *taking) isAction(line []byte) bool {
	line = bytes.TrimSpace(line)
	if len(t.line) > 0 && bytes.Equal(line, t.line) {
		return true
	}
	a, ok := readAction(line, t.index)
	if ok {
		t.action, t.line = a, append(t.line[:0], line...)
	}
	return ok
}

// stream is the parser of the documents of an index.
func (t *taking) stream(index string) *collector.Stream {
	if t.current != nil && index == t.named {
		return t.current
	}
	f := t.e.of.formats.ofIndex(index)
	if t.format != nil {
		f = *t.format
	}
	s, ok := t.streams[f.Name]
	if !ok {
		s = t.e.of.intake.NewStream(f, collector.Delivery{Options: t.options})
		t.streams[f.Name] = s
	}
	t.current, t.named = s, index
	return s
}

// ofIndex is the format that a data stream's name says, as in logs-pgaudit-prod, else the
// native one.
func (fs Formats) ofIndex(index string) collector.Format {
	if rest, ok := strings.CutPrefix(index, "logs-"); ok {
		dataset, _, _ := strings.Cut(rest, "-")
		if f, _, ok := fs.find(dataset); ok {
			return f
		}
	}
	return fs[0]
}

func (t *taking) held() (n int64) {
	for _, s := range t.streams {
		n += s.Bytes()
	}
	return n
}

// append makes durable what was gathered, in the order of the formats. While the store
// refuses it is tried again for as long as patience lasts: most trouble is over by then,
// and the shipper never hears of it.
func (t *taking) append(ctx context.Context) error {
	for _, f := range t.e.of.formats {
		s, ok := t.streams[f.Name]
		if !ok {
			continue
		}
		if err := t.e.store(ctx, s.Cut()); err != nil {
			return err
		}
	}
	return nil
}

func (e *Elastic) store(ctx context.Context, b *collector.Batch) error {
	until := time.Now().Add(e.patience)
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		// A sender that has gone away must not leave the batch half counted.
		_, err := e.of.intake.Append(context.WithoutCancel(ctx), b)
		if err == nil {
			return nil
		}
		if time.Now().Add(pause).After(until) || !sleep(ctx, pause) {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// answerItem notes what the shipper is told of the newest action: that it was done.
func (t *taking) answerItem() {
	if t.tooMany {
		return
	}
	if len(t.items) > 0 {
		t.items = append(t.items, ',')
	}
	t.items = append(t.items, t.action.item...)
	t.tooMany = len(t.items) > maxItems
}

// answer is written byte by byte as Fluent Bit looks for it.
func (t *taking) answer(took time.Duration) []byte {
	out := append([]byte(`{"took":`), strconv.FormatInt(took.Milliseconds(), 10)...)
	out = append(out, `,"errors":false,"items":[`...)
	if !t.tooMany {
		out = append(out, t.items...)
	}
	return append(out, "]}"...)
}
