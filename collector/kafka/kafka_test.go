package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a broker, a store, and sources that may be started and stopped.
type bench struct {
	t       *testing.T
	config  Config
	format  collector.Format
	store   *storetest.Memory
	cluster *kfake.Cluster // nil: a real broker
	client  *kgo.Client
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	b := newBenchAt(t, cluster.ListenAddrs(), "audit")
	b.cluster = cluster
	return b
}

func newBenchAt(t *testing.T, brokers []string, topic string) *bench {
	t.Helper()
	b := &bench{t: t, config: DefaultConfig(), format: sourcetest.Plain(), store: storetest.NewMemory()}
	b.config.Source, b.config.Brokers, b.config.Topics, b.config.Idle = "log", brokers, []string{topic}, 200*time.Millisecond
	if err := b.config.Check(); err != nil {
		t.Fatal(err)
	}
	var err error
	b.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	return b
}

// produce writes lines, in turn to the three partitions, and returns their records' ids.
func (b *bench) produce(from, n int) (ids []string) {
	b.t.Helper()
	var records []*kgo.Record
	for i := from; i < from+n; i++ {
		id := fmt.Sprintf("C%05d", i)
		ids = append(ids, id)
		records = append(records, &kgo.Record{Partition: int32(i % 3), Value: []byte(sourcetest.Line(i, "wang", id, ""))})
	}
	b.send(records...)
	return ids
}

func (b *bench) send(records ...*kgo.Record) {
	b.t.Helper()
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// start runs a source; stop ends it and returns its counts.
func (b *bench) start() (stop func() collector.Tally) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	intake := collector.NewIntake(b.store, b.store, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- New(b.config, b.format, intake, time.Now, log).Run(ctx) }()
	stopped := false
	stop = func() (all collector.Tally) {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
		if err := intake.Flush(context.Background()); err != nil {
			b.t.Error(err)
		}
		counts, err := intake.Counts(context.Background(), 0, ueba.DateOf(time.Now())+1)
		if err != nil {
			b.t.Error(err)
		}
		for _, c := range counts {
			all.Received += c.Received
			all.Parsed += c.Parsed
			all.Duplicate += c.Duplicate
			all.Dead += c.Dead
			all.Gaps += c.Gaps
		}
		return all
	}
	b.t.Cleanup(func() { stop() })
	return stop
}

func (b *bench) stored(kind ueba.Kind) (facts []ueba.Fact) {
	for f, err := range b.store.Scan(context.Background(), store.Query{Kind: kind}) {
		if err != nil {
			b.t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return facts
}

func (b *bench) ids() (out []string) {
	for _, f := range b.stored(ueba.KindEvent) {
		out = append(out, f.Body.(*ueba.Event).Record.IDs...)
	}
	slices.Sort(out)
	return out
}

// until waits for the store to hold exactly these records, each once.
func (b *bench) until(want []string) {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for len(b.ids()) < len(want) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if got := b.ids(); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		b.t.Fatalf("%d records are stored, want %d", len(got), len(want))
	}
}

// committed are the offsets of the three partitions.
func (b *bench) committed() (offsets [3]int64) {
	b.t.Helper()
	all, err := kadm.NewClient(b.client).FetchOffsets(context.Background(), b.config.Group)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range offsets {
		o, ok := all.Lookup(b.config.Topics[0], int32(i))
		if offsets[i] = o.At; !ok {
			offsets[i] = -1
		}
	}
	return offsets
}

func (b *bench) untilCommitted(want [3]int64) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for b.committed() != want && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if got := b.committed(); got != want {
		b.t.Fatalf("committed %v, want %v", got, want)
	}
}

func TestEverythingIsStoredThenCommitted(t *testing.T) {
	b := newBench(t)
	want := b.produce(0, 3000)
	stop := b.start()
	b.until(want)
	b.untilCommitted([3]int64{1000, 1000, 1000})
	if sum := stop(); sum.Received != 3000 || sum.Duplicate != 0 {
		t.Errorf("%+v", sum)
	}
	want = append(want, b.produce(3000, 300)...)
	stop = b.start()
	b.until(want)
	b.untilCommitted([3]int64{1100, 1100, 1100})
	if sum := stop(); sum.Received != 3300 {
		t.Errorf("after a restart: %+v", sum)
	}
}

// TestAStoreThatRefuses: nothing is committed meanwhile, nothing is lost or doubled.
func TestAStoreThatRefuses(t *testing.T) {
	b := newBench(t)
	b.store.Refuse(store.ErrFull)
	want := b.produce(0, 300)
	b.start()
	time.Sleep(time.Second)
	if got := b.committed(); got != [3]int64{-1, -1, -1} {
		t.Errorf("committed %v while nothing is stored", got)
	}
	b.store.Refuse(nil)
	b.until(want)
	b.untilCommitted([3]int64{100, 100, 100})
}

// TestRewind takes the path of a store that refuses for longer than the patience.
func TestRewind(t *testing.T) {
	b := newBench(t)
	want := b.produce(0, 300)
	log := logrus.New()
	log.SetOutput(io.Discard)
	intake := collector.NewIntake(b.store, b.store, time.Now)
	late := time.Now()
	s := New(b.config, b.format, intake, func() time.Time { late = late.Add(time.Minute); return late }, log)
	opts, err := b.config.options()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(opts, kgo.OnPartitionsRevoked(s.dropped), kgo.OnPartitionsLost(s.dropped))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	b.store.Refuse(store.ErrFull)
	refused := 0
	deadline := time.Now().Add(20 * time.Second)
	for len(b.ids()) < len(want) && time.Now().Before(deadline) {
		if err := s.round(t.Context(), client); errors.Is(err, store.ErrFull) {
			if refused++; refused == 2 {
				b.store.Refuse(nil)
			}
		}
		client.AllowRebalance()
	}
	b.until(want)
	if refused != 2 {
		t.Errorf("refused %d times, want 2: what was read came again", refused)
	}
}

// TestRebalance: a second member comes and the first goes; each record is stored once.
func TestRebalance(t *testing.T) {
	b := newBench(t)
	want := b.produce(0, 600)
	first := b.start()
	b.until(want)
	second := b.start()
	for i := range 5 {
		want = append(want, b.produce(600+i*300, 300)...)
		time.Sleep(100 * time.Millisecond)
	}
	b.until(want)
	first()
	want = append(want, b.produce(2100, 300)...)
	b.until(want)
	if sum := second(); sum.Received < 300 {
		t.Errorf("the second member read %d records", sum.Received)
	}
	b.untilCommitted([3]int64{800, 800, 800})
}

// TestCommitsThatFail: records come again after a restart, and the store knows them.
func TestCommitsThatFail(t *testing.T) {
	b := newBench(t)
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		request := r.(*kmsg.OffsetCommitRequest)
		answer := request.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, topic := range request.Topics {
			t := kmsg.NewOffsetCommitResponseTopic()
			t.Topic = topic.Topic
			for _, partition := range topic.Partitions {
				p := kmsg.NewOffsetCommitResponseTopicPartition()
				p.Partition, p.ErrorCode = partition.Partition, kerr.GroupAuthorizationFailed.Code
				t.Partitions = append(t.Partitions, p)
			}
			answer.Topics = append(answer.Topics, t)
		}
		return answer, nil, true
	})
	want := b.produce(0, 300)
	stop := b.start()
	b.until(want)
	stop()
	stop = b.start()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		if b.committed() != [3]int64{-1, -1, -1} {
			t.Fatal("the commit went through")
		}
		if len(b.ids()) == len(want) {
			break
		}
	}
	time.Sleep(500 * time.Millisecond)
	if sum := stop(); sum.Duplicate == 0 || len(b.ids()) != len(want) {
		t.Errorf("%+v, %d stored", sum, len(b.ids()))
	}
}

// TestHeldRecordsAreNotCommitted: a parser that joins lines may be killed at any time.
func TestHeldRecordsAreNotCommitted(t *testing.T) {
	b := newBench(t)
	b.format = sourcetest.Held()
	b.config.Idle = 5 * time.Second
	b.send(
		&kgo.Record{Value: []byte(sourcetest.Line(1, "wang", "C1", "e1"))},
		&kgo.Record{Value: []byte(sourcetest.Line(2, "wang", "C2", "e2"))},
		&kgo.Record{Value: []byte("+label")},
	)
	stop := b.start()
	b.until([]string{"C1"})
	b.untilCommitted([3]int64{1, -1, -1})
	stop()
	b.config.Idle = 200 * time.Millisecond
	b.start()
	b.until([]string{"C1", "C2"})
	b.untilCommitted([3]int64{3, -1, -1})
}

func TestLinesOfOneRecordAndDeadLetters(t *testing.T) {
	b := newBench(t)
	b.config.MaxRecord = 1000
	b.send(
		&kgo.Record{Value: []byte(sourcetest.Line(1, "wang", "C1", "") + "\n" + sourcetest.Line(1, "wang", "C2", "") + "\n")},
		&kgo.Record{Value: []byte("nonsense\n" + sourcetest.Line(1, "wang", "C3", ""))},
		&kgo.Record{Value: nil},
		&kgo.Record{Value: []byte(strings.Repeat("x", 5000))},
		&kgo.Record{Value: []byte(sourcetest.Line(2, "wang", "C4", ""))},
	)
	stop := b.start()
	b.until([]string{"C1", "C2", "C3", "C4"})
	b.untilCommitted([3]int64{5, -1, -1})
	if sum := stop(); sum.Received != 6 || sum.Dead != 2 || sum.Parsed != 4 {
		t.Errorf("%+v", sum)
	}
	letters := b.stored(ueba.KindDead)
	if len(letters) != 2 {
		t.Fatalf("%d dead letters", len(letters))
	}
	for _, f := range letters {
		if at, ok := collector.ParsePlace(f.Body.(*ueba.DeadLetter).Place); !ok || at.File != "audit/0" {
			t.Errorf("place %q", f.Body.(*ueba.DeadLetter).Place)
		}
	}
}

// TestDeletedUnderTheCursorIsAGap: retention was shorter than an outage.
func TestDeletedUnderTheCursorIsAGap(t *testing.T) {
	b := newBench(t)
	want := b.produce(0, 300)
	stop := b.start()
	b.until(want)
	b.untilCommitted([3]int64{100, 100, 100})
	stop()
	b.produce(300, 150)
	want = append(want, b.produce(450, 150)...)
	offsets := kadm.Offsets{}
	for i := range int32(3) {
		offsets.Add(kadm.Offset{Topic: "audit", Partition: i, At: 150})
	}
	if _, err := kadm.NewClient(b.client).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	stop = b.start()
	b.until(want)
	if sum := stop(); sum.Gaps != 3 || sum.Received != 450 {
		t.Errorf("%+v", sum)
	}
}

func TestConfigNamesItsFaults(t *testing.T) {
	good := DefaultConfig()
	good.Source, good.Brokers, good.Topics = "log", []string{"127.0.0.1:9092"}, []string{"audit"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"brokers:":      func(c *Config) { c.Brokers = nil },
		"topics:":       func(c *Config) { c.Topics = nil },
		"group:":        func(c *Config) { c.Group = "" },
		"start:":        func(c *Config) { c.Start = "yesterday" },
		"zone:":         func(c *Config) { c.Zone = "Mars" },
		"tls:":          func(c *Config) { c.TLSCA = "x" },
		"tls_cert":      func(c *Config) { c.TLS, c.TLSCert = true, "x" },
		"sasl: want u":  func(c *Config) { c.SASL = "plain" },
		"sasl: want p":  func(c *Config) { c.SASL, c.User, c.Password = "magic", "u", "p" },
		"password: the": func(c *Config) { c.SASL, c.User, c.Password = "plain", "u", "env:ONLOOKER_TEST_NONE" },
		"batch:":        func(c *Config) { c.Batch = 0 },
	} {
		c := good
		spoil(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	good.Password = "hunter2"
	if text := fmt.Sprintf("%v %+v %#v", good, good, good); strings.Contains(text, "hunter2") {
		t.Error("the password is shown")
	}
}

// TestRealBroker reads 10,000 records of a real Kafka, which scripts/servers starts.
func TestRealBroker(t *testing.T) {
	broker := os.Getenv("ONLOOKER_TEST_KAFKA")
	if broker == "" {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal("ONLOOKER_TEST_KAFKA is not set")
		}
		t.Skip("ONLOOKER_TEST_KAFKA is not set")
	}
	topic := fmt.Sprintf("onlooker-test-%d", time.Now().UnixNano())
	b := newBenchAt(t, []string{broker}, topic)
	b.config.Group = topic
	if _, err := kadm.NewClient(b.client).CreateTopic(t.Context(), 3, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	want := b.produce(0, 5001)
	stop := b.start()
	b.until(want)
	stop()
	want = append(want, b.produce(5001, 4998)...)
	b.start()
	b.until(want)
	b.untilCommitted([3]int64{3333, 3333, 3333})
}

// BenchmarkKafka reads records of a broker in this process into a store in memory.
func BenchmarkKafka(b *testing.B) {
	const records = 60_000
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "audit"))
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("audit"))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range records {
		client.Produce(b.Context(), &kgo.Record{Value: []byte(sourcetest.Line(i%3600, "wang", fmt.Sprintf("C%05d", i), fmt.Sprint(i)))}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	for n := 0; b.Loop(); n++ {
		memory := storetest.NewMemory()
		counted := &counting{Memory: memory}
		c := DefaultConfig()
		c.Source, c.Brokers, c.Topics, c.Group = "log", cluster.ListenAddrs(), []string{"audit"}, fmt.Sprintf("bench-%d", n)
		ctx, cancel := context.WithCancel(b.Context())
		counted.enough, counted.cancel = records, cancel
		if err := New(c, sourcetest.Plain(), collector.NewIntake(counted, memory, time.Now), time.Now, log).Run(ctx); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
	b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "events/s")
}

// counting ends a run when it has enough.
type counting struct {
	*storetest.Memory
	n, enough int
	cancel    func()
}

func (c *counting) Append(ctx context.Context, facts []ueba.Fact) ([]store.Outcome, error) {
	out, err := c.Memory.Append(ctx, facts)
	if c.n += len(facts); c.n >= c.enough {
		c.cancel()
	}
	return out, err
}
