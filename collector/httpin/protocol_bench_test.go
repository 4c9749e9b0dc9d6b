package httpin

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// markIDs notes where the ids of a body that holds each event's id once lie.
func markIDs(body []byte) *sender {
	s := &sender{body: body}
	at := 0
	for i := range eventsPerRequest {
		id := fmt.Appendf(nil, "%016x", i)
		at += bytes.Index(body[at:], id)
		s.ids = append(s.ids, at)
	}
	return s
}

func bulkSender(seed uint64) *sender {
	body := bytes.ReplaceAll(newSender(seed).body, []byte("{\"@timestamp"), []byte("{\"create\":{\"_index\":\"audit\"}}\n{\"@timestamp"))
	return markIDs(body)
}

// otlpSender says the same events in attributes.
func otlpSender(b *testing.B, seed uint64) *sender {
	var records []*logs.LogRecord
	for line := range bytes.Lines(newSender(seed).body) {
		body, err := ueba.DecodeEvent(bytes.TrimSpace(line), ueba.DecodeOptions{})
		if err != nil {
			b.Fatal(err)
		}
		e := body.(*ueba.Event)
		records = append(records, &logs.LogRecord{TimeUnixNano: uint64(e.Time.UnixNano()), EventName: string(e.Action), Attributes: []*common.KeyValue{
			attr("event.id", text(e.EventID)), attr("event.outcome", text("success")), attr("event.duration", whole64(41e9)),
			attr("user.id", text(e.User)), attr("service.name", text(e.Service)), attr("session.id", text("s-1")), attr("source.ip", text("10.21.4.7")),
			attr("host.name", text("ws-0101")), attr("record.type", text("customer")), attr("record.id", list(text(e.Record.IDs[0]))),
			attr("record.class", text("C3")), attr("record.fields", list(text("id_card"), text("phone"))), attr("purpose.id", text("T1")), attr("purpose.kind", text("call")),
			attr("branch", text("shanghai-01")), attr("channel", text("desktop")),
		}})
	}
	return markIDs(export(b, records...))
}

// BenchmarkProtocols sends 1,000 events a request, gzipped, over 4 connections of
// loopback, with the client on the same processors and an fsync before each answer.
func BenchmarkProtocols(b *testing.B) {
	serve := func(b *testing.B, handler func(*Handler) http.Handler, path, kind string, make func(seed uint64) *sender) {
		s, err := pebble.Open(b.TempDir(), pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		in := collector.NewIntake(s, s, time.Now)
		server := httptest.NewServer(handler(New(DefaultConfig(), in, Formats{builtin("ecsjson")}, collector.Options{})))
		defer server.Close()
		var requests atomic.Uint64
		var senders sync.WaitGroup
		b.ResetTimer()
		for i := range 4 {
			one := make(uint64(i))
			senders.Go(func() { post1000s(b, server.URL+path, kind, one, &requests) })
		}
		senders.Wait()
		b.StopTimer()
		total := int64(b.N) * eventsPerRequest
		counts, err := in.Counts(b.Context(), ueba.NoDay, ueba.NoDay)
		if err != nil || len(counts) != 1 || counts[0].Parsed-counts[0].Duplicate != total || counts[0].Dead != 0 {
			b.Fatalf("%+v, %v", counts, err)
		}
		b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(peak(), "MiB")
	}
	b.Run("bulk", func(b *testing.B) {
		serve(b, func(h *Handler) http.Handler { return NewElastic(h, silent()) }, "/_bulk", "application/x-ndjson", bulkSender)
	})
	b.Run("otlp", func(b *testing.B) {
		serve(b, func(h *Handler) http.Handler { return NewOTLP(h) }, OTLPPath, protobufType, func(seed uint64) *sender { return otlpSender(b, seed) })
	})
}

func post1000s(b *testing.B, url, kind string, s *sender, requests *atomic.Uint64) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		b.Error(err)
		return
	}
	for {
		n := requests.Add(1)
		if n > uint64(b.N) {
			return
		}
		packed.Reset()
		zip.Reset(&packed)
		_, _ = zip.Write(s.next(n))
		_ = zip.Close()
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(packed.Bytes()))
		if err != nil {
			b.Error(err)
			return
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Content-Encoding", "gzip")
		resp, err := client.Do(r)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Error("status " + strconv.Itoa(resp.StatusCode))
			return
		}
	}
}
