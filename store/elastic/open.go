package elastic

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
)

// Config says which server holds the data and under which names.
type Config struct {
	esclient.Config
	// Prefix begins the name of every index and template; "" is "onlooker".
	Prefix string
	// Patience is for how long a call tries again while the server is away or busy,
	// before it returns an error; 0 is 30 s, negative: not at all.
	Patience time.Duration
}

const (
	defaultPrefix   = "onlooker"
	defaultPatience = 30 * time.Second
)

var goodPrefix = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,80}$`)

// Check reports everything that is wrong, each by the key's last word.
func (c Config) Check() error {
	err := c.Config.Check()
	if c.Prefix != "" && !goodPrefix.MatchString(c.Prefix) {
		err = errors.Join(err, fmt.Errorf("prefix: want lower-case letters, digits, - and _, a letter first, found %q", c.Prefix))
	}
	return err
}

// Options are what the process tells; the zero value suits.
type Options struct {
	// Now stamps facts that come without a time of becoming known; nil is time.Now.
	Now func() time.Time
	// Warn takes what an operator should know; nil keeps silent.
	Warn func(message string)
}

// Store implements store.Store on Elasticsearch. It is safe for concurrent use.
type Store struct {
	cfg    Config
	opts   Options
	client *esclient.Client
	nonce  string // of this process, for read-back
	ops    atomic.Uint64
	uuid   string // of the data

	slots   chan struct{} // appends under way
	writer  writer
	ring    ring
	views   views
	dirty   dirty
	counts  counts
	sizes   sizes
	running sync.WaitGroup
	gate    sync.Mutex // guards closing while calls are counted in
	calls   sync.WaitGroup
	closing chan struct{}
	once    sync.Once
	closed  error
}

var _ store.Store = (*Store)(nil)

// maxAppends is how many appends are under way at once; more wait.
const maxAppends = 16

// errClosed is what calls get after Close.
var errClosed = errors.New("store closed")

// Open finds the server, installs or upgrades the templates and indices, and returns the
// store. The error wraps store.ErrNewer when a newer version wrote the data. It does not
// wait for a server that is away: whoever keeps a spool opens again later.
func Open(ctx context.Context, c Config, o Options) (*Store, error) {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("open elasticsearch: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	client, err := esclient.New(c.Config)
	if err != nil {
		return nil, fmt.Errorf("open elasticsearch: %w", err)
	}
	s := &Store{
		cfg: c, opts: o, client: client,
		slots: make(chan struct{}, maxAppends), closing: make(chan struct{}),
	}
	s.writer.published = make(chan struct{}, 1)
	if err := s.start(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("open elasticsearch: %w", err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	var nonce [12]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return err
	}
	s.nonce = hex.EncodeToString(nonce[:])
	if err := s.install(ctx); err != nil {
		return err
	}
	if err := s.look(ctx, true); err != nil {
		return err
	}
	s.running.Go(s.beat)
	return nil
}

// begin counts a writing call in, unless the store is closing.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	select {
	case <-s.closing:
		return errClosed
	default:
	}
	s.calls.Add(1)
	return nil
}

// Close waits for the calls under way, says how far the feed goes, and ends. What is still
// unsettled because the server gave no answer is left: the feed comes to it later.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.gate.Lock()
		close(s.closing)
		s.gate.Unlock()
		s.calls.Wait()
		s.running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		s.closed = s.retire(ctx)
		s.client.Close()
	})
	return s.closed
}

const closeWithin = 10 * time.Second

// op names a write of this process, so that a read-back knows its own.
func (s *Store) op() string { return fmt.Sprintf("%s-%d", s.nonce, s.ops.Add(1)) }
