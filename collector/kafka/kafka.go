package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/onlooker-ueba/onlooker/collector"
)

const (
	// patience is how long an append is tried again while partitions cannot be handed
	// over; it lies well within the time that Kafka gives a member for that.
	patience = 15 * time.Second
	// maxBackOff is the longest wait of a source whose store refuses.
	maxBackOff = 10 * time.Second
	// lastCommit is how long the source may take to commit when it ends.
	lastCommit = 5 * time.Second
)

// Source reads topics.
type Source struct {
	config Config
	format collector.Format
	intake *collector.Intake
	now    func() time.Time
	log    logrus.FieldLogger

	mu         sync.Mutex // Kafka's callbacks come from elsewhere
	partitions map[place]*partition
}

// New returns the source of a checked configuration.
func New(c Config, f collector.Format, intake *collector.Intake, now func() time.Time, log logrus.FieldLogger) *Source {
	return &Source{
		config: c, format: f, intake: intake, now: now, log: log.WithField("source", c.Source),
		partitions: make(map[place]*partition),
	}
}

// Run reads until the context ends. It fails when the files of TLS cannot be read or the
// settings make no client; brokers that cannot be reached are tried for ever.
func (s *Source) Run(ctx context.Context) error {
	opts, err := s.config.options()
	if err != nil {
		return err
	}
	opts = append(opts, kgo.WithLogger(logger{s.log}), kgo.OnPartitionsRevoked(s.dropped), kgo.OnPartitionsLost(s.dropped))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer client.CloseAllowingRebalance()
	wait := time.Second
	for ctx.Err() == nil {
		err := s.round(ctx, client)
		client.AllowRebalance()
		switch {
		case err == nil:
			wait = time.Second
		case ctx.Err() == nil:
			s.log.Errorf("the store refuses; trying again in %s: %v", wait, err)
			sleep(ctx, wait)
			wait = min(2*wait, maxBackOff)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// dropped forgets partitions that go to another member. What of theirs is durable is
// committed already; the rest comes again there.
func (s *Source) dropped(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, numbers := range gone {
		for _, n := range numbers {
			delete(s.partitions, place{topic, n})
		}
	}
}

// round polls once, appends what came, and commits. After an error everything that is not
// durable is read again.
func (s *Source) round(ctx context.Context, client *kgo.Client) error {
	polling, cancel := context.WithTimeout(ctx, s.config.Idle)
	fetches := client.PollRecords(polling, s.config.Batch)
	cancel()
	fetches.EachError(func(topic string, n int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			s.log.Errorf("read %s/%d: %v", topic, n, err)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	fetches.EachRecord(func(r *kgo.Record) {
		s.partition(ctx, client, r).take(r, s.format, s.config.MaxRecord, now)
	})
	for _, p := range s.partitions {
		if p.stream.Waiting() > 0 && now.Sub(p.last) >= s.config.Idle {
			p.flush()
		}
	}
	return s.keep(ctx, client)
}

// partition finds the partition of a record, or begins it.
func (s *Source) partition(ctx context.Context, client *kgo.Client, r *kgo.Record) *partition {
	at := place{r.Topic, r.Partition}
	if p := s.partitions[at]; p != nil {
		return p
	}
	zone, _ := s.config.location() // Check has read it
	p := &partition{place: at, base: kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset}, stream: s.intake.NewStream(s.format, collector.Delivery{
		Options: collector.Options{Source: s.config.Source, Service: s.config.Service, Zone: zone},
	})}
	s.partitions[at] = p
	if lost := s.lost(ctx, client, r); lost > 0 {
		s.log.Errorf("%s: Kafka deleted %d records before they were read; keep them longer than an outage lasts", at, lost)
		p.stream.Gap()
	}
	return p
}

// lost is how many offsets lie between what was committed and the begin of the log.
func (s *Source) lost(ctx context.Context, client *kgo.Client, r *kgo.Record) int64 {
	committed, ok := client.CommittedOffsets()[r.Topic][r.Partition]
	if !ok || committed.Offset < 0 || r.Offset <= committed.Offset {
		return 0
	}
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, r.Topic)
	if err != nil {
		return 0
	}
	start, _ := starts.Lookup(r.Topic, r.Partition)
	return start.Offset - committed.Offset
}

// keep makes durable what came and commits it.
func (s *Source) keep(ctx context.Context, client *kgo.Client) error {
	deadline := s.now().Add(patience)
	done := map[string]map[int32]kgo.EpochOffset{}
	for _, at := range s.inOrder() {
		p := s.partitions[at]
		if !p.fresh {
			continue
		}
		if err := s.append(ctx, p.stream.Cut(), deadline); err != nil {
			s.commit(ctx, client, done)
			s.rewind(client)
			return err
		}
		p.fresh, p.base = false, p.durable()
		if done[at.topic] == nil {
			done[at.topic] = map[int32]kgo.EpochOffset{}
		}
		done[at.topic][at.partition] = p.base
	}
	s.commit(ctx, client, done)
	return nil
}

func (s *Source) inOrder() []place {
	return slices.SortedFunc(maps.Keys(s.partitions), func(a, b place) int {
		return strings.Compare(a.String(), b.String())
	})
}

// append tries until the deadline.
func (s *Source) append(ctx context.Context, b *collector.Batch, deadline time.Time) error {
	for {
		_, err := s.intake.Append(ctx, b)
		if err == nil || ctx.Err() != nil || !s.now().Before(deadline) {
			return err
		}
		sleep(ctx, time.Second)
	}
}

// commit tells Kafka what is durable. It is not an error if that fails: those records
// come again, and the store knows them.
func (s *Source) commit(ctx context.Context, client *kgo.Client, done map[string]map[int32]kgo.EpochOffset) {
	if len(done) == 0 {
		return
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCommit)
	defer cancel()
	client.CommitOffsetsSync(within, done, func(_ *kgo.Client, _ *kmsgCommit, answer *kmsgCommitted, err error) {
		if err != nil {
			s.log.Warnf("commit: %v", err)
			return
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if err := errorOf(p.ErrorCode); err != nil {
					s.log.Warnf("commit %s/%d: %v", t.Topic, p.Partition, err)
				}
			}
		}
	})
}

// rewind makes the client read again, from what is durable, all that it read since.
func (s *Source) rewind(client *kgo.Client) {
	back := map[string]map[int32]kgo.EpochOffset{}
	for at, p := range s.partitions {
		if back[at.topic] == nil {
			back[at.topic] = map[int32]kgo.EpochOffset{}
		}
		back[at.topic][at.partition] = p.base
	}
	clear(s.partitions)
	client.SetOffsets(back)
}
