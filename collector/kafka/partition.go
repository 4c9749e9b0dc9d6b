package kafka

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/onlooker-ueba/onlooker/collector"
)

// place names a partition.
type place struct {
	topic     string
	partition int32
}

func (p place) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// partition is one partition at work: its parser, and how far it is durable.
type partition struct {
	place
	stream *collector.Stream
	taken  []taken // raw records that the stream may still hold, oldest first
	next   kgo.EpochOffset
	base   kgo.EpochOffset // in front of it everything is durable
	last   time.Time       // when a record came last
	fresh  bool            // something is to be appended or committed
}

// taken is a raw record and the Kafka record in which it lay.
type taken struct{ at kgo.EpochOffset }

// take reads one record of Kafka, which may hold several lines.
func (p *partition) take(r *kgo.Record, f collector.Format, maxRecord int, now time.Time) {
	at := kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset}
	line := 0
	for rec, err := range collector.RecordsOf(r.Value, f.Split(), maxRecord).Rest() {
		if err != nil {
			rec = collector.Record{Raw: r.Value, Size: len(r.Value), Err: err}
		}
		// The error is in the dead letter.
		_ = p.stream.Take(rec, collector.Place{File: p.String(), Offset: r.Offset, Fingerprint: p.fingerprint(line)})
		p.taken = append(p.taken, taken{at})
		line++
		if err != nil {
			break
		}
	}
	p.next = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
	p.last, p.fresh = now, true
	p.forget()
}

// forget drops what the stream has spoken of.
func (p *partition) forget() {
	if waiting := p.stream.Waiting(); waiting < len(p.taken) {
		p.taken = append(p.taken[:0], p.taken[len(p.taken)-waiting:]...)
	}
}

// flush makes the parser speak of what it holds.
func (p *partition) flush() {
	p.stream.Flush()
	p.forget()
	p.fresh = true
}

// durable is what may be committed once the batch that was cut last is in the store: it
// ends in front of the first record that the parser still holds.
func (p *partition) durable() kgo.EpochOffset {
	if len(p.taken) > 0 {
		return p.taken[0].at
	}
	return p.next
}

// fingerprint tells the lines of one record apart in their ids.
func (p *partition) fingerprint(line int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "kafka %s %d", p.place, line))
	return hex.EncodeToString(sum[:8])
}
