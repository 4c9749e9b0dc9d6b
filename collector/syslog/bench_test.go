package syslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/store/pebble"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// BenchmarkTCP sends events in envelopes of RFC 5424 over two connections of loopback,
// with the sender on the same processors, until all are durable.
func BenchmarkTCP(b *testing.B) {
	s, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	native := parse.Formats()[0]
	format := collector.Format{Name: native.Name, Split: native.Split, New: func(o collector.Options) collector.Parser { return native.New(parse.Options(o)) }}
	c := DefaultConfig()
	c.Source, c.Listen = "net", "127.0.0.1:0"
	log := logrus.New()
	log.SetOutput(io.Discard)
	in := collector.NewIntake(s, s, time.Now)
	source := New(c, format, in, log)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx) }()
	address := source.Address().String()
	const each = 100_000
	texts := [2][]byte{benchText(0, each), benchText(1, each)}
	b.ResetTimer()
	for i := range b.N {
		for n := range texts {
			go sendText(b, address, texts[n], i)
		}
		for stored(b, in) < int64(2*each*(i+1)) {
			time.Sleep(5 * time.Millisecond)
		}
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(2*each*b.N)/b.Elapsed().Seconds(), "events/s")
}

func stored(b *testing.B, in *collector.Intake) (n int64) {
	counts, err := in.Counts(b.Context(), ueba.NoDay, ueba.NoDay)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range counts {
		n += c.Parsed - c.Duplicate
	}
	return n
}

// benchText is so many counted messages; the round stands in the two letters of each id.
func benchText(connection, n int) []byte {
	var text []byte
	at := time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)
	for i := range n {
		message := fmt.Sprintf(`<13>1 2026-11-02T09:00:00.123456+08:00 app-01 audit 27560 - [meta sequenceId="%d"] {"@timestamp":"%s","event":{"id":"##-%d-%09d","action":"view","duration":41200000000},`+
			`"user":{"id":"staff%04d"},"service":{"name":"crm"},"session":{"id":"s-%d"},"source":{"ip":"10.21.4.7"},"host":{"name":"ws-0101"},`+
			`"record":{"type":"customer","id":["C%07d"],"class":"C3","fields":["id_card","phone"]}}`,
			i+1, at.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), connection, i, i%500, i%500, i%200_000)
		text = append(text, counted(message)...)
	}
	return text
}

func sendText(b *testing.B, address string, text []byte, round int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	for i := 0; ; {
		at := bytes.Index(text[i:], []byte(`"id":"`))
		if at < 0 {
			break
		}
		i += at + len(`"id":"`)
		if text[i+2] == '-' { // an event's
			text[i], text[i+1] = byte('a'+round/26%26), byte('a'+round%26)
		}
	}
	if _, err := conn.Write(text); err != nil {
		b.Error(err)
	}
}
