package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
)

const (
	batchFacts = 5000
	batchBytes = 2 << 20
	// maxBackOff is the longest wait before a refused append is tried again.
	maxBackOff = 10 * time.Second
	// idle is after how long a parser gives up waiting for more messages.
	idle = 2 * time.Second
	// handshake is how long a sender may take to agree on TLS.
	handshake = 10 * time.Second
)

// Source listens for syslog.
type Source struct {
	config  Config
	format  collector.Format
	intake  *collector.Intake
	log     logrus.FieldLogger
	allowed []netip.Prefix
	bound   chan struct{}
	address net.Addr

	mu   sync.Mutex
	said map[string]time.Time // when something was complained of last
}

// New returns the source of a checked configuration.
func New(c Config, f collector.Format, intake *collector.Intake, log logrus.FieldLogger) *Source {
	allowed, _ := c.allowed() // Check has read them
	return &Source{
		config: c, format: f, intake: intake, log: log.WithField("source", c.Source),
		allowed: allowed, bound: make(chan struct{}), said: make(map[string]time.Time),
	}
}

// Address is where it listens, once it does.
func (s *Source) Address() net.Addr {
	<-s.bound
	return s.address
}

func (s *Source) listening(a net.Addr) {
	s.address = a
	close(s.bound)
}

// Run listens until the context ends. It fails when the address cannot be listened on, or
// the files of TLS cannot be read.
func (s *Source) Run(ctx context.Context) error {
	if s.config.Network == UDP {
		return s.runUDP(ctx)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var secure *tls.Config
	if s.config.Network == TLS {
		if secure, err = s.tlsConfig(); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	s.listening(l.Addr())
	return s.serve(ctx, l, secure)
}

// tlsConfig serves 1.2 too, which is what rsyslog of Debian 12 speaks.
func (s *Source) tlsConfig() (*tls.Config, error) {
	read := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(s.config.TLSCert, s.config.TLSKey)
		return &pair, err
	}
	if _, err := read(); err != nil {
		return nil, fmt.Errorf("tls_cert, tls_key: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return read() }}
	if s.config.TLSClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.config.TLSClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls_client_ca: %w", err)
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls_client_ca: %s holds no certificate in PEM", s.config.TLSClientCA)
	}
	return c, nil
}

// serve takes connections until the context ends, then waits for what they have read to
// be stored.
func (s *Source) serve(ctx context.Context, l net.Listener, secure *tls.Config) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	slots := make(chan struct{}, s.config.MaxConnections)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.complain("accept", err) // out of file descriptors, as a rule: it passes
			sleep(ctx, time.Second)
			continue
		}
		if !s.welcome(conn.RemoteAddr()) {
			conn.Close()
			continue
		}
		select {
		case slots <- struct{}{}:
			open.Go(func() {
				defer func() { <-slots }()
				s.converse(ctx, conn, secure)
			})
		default:
			s.complain("max_connections", errors.New("too many connections; one more was closed"))
			conn.Close()
		}
	}
}

// welcome reports whether the address may send.
func (s *Source) welcome(a net.Addr) bool {
	if len(s.allowed) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(a.String())
	if err == nil && s.mayCome(from.Addr()) {
		return true
	}
	s.complain("allow", fmt.Errorf("%s is not among those who may send", a))
	return false
}

func (s *Source) mayCome(a netip.Addr) bool {
	for _, p := range s.allowed {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return len(s.allowed) == 0
}

// converse reads a connection to its end.
func (s *Source) converse(ctx context.Context, conn net.Conn, secure *tls.Config) {
	plain := conn
	defer plain.Close()
	stop := context.AfterFunc(ctx, func() { _ = plain.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if secure != nil {
		t := tls.Server(conn, secure)
		agreeing, cancel := context.WithTimeout(ctx, handshake)
		err := t.HandshakeContext(agreeing)
		cancel()
		if err != nil {
			s.complain("handshake", fmt.Errorf("%s: %w", conn.RemoteAddr(), err))
			return
		}
		conn = t
	}
	d := s.newDesk(ctx)
	defer d.close()
	frames := newFramer(&handing{Conn: conn, desk: d, ctx: ctx}, s.config.MaxRecord)
	for {
		rec, err := frames.next()
		if err != nil {
			if errors.Is(err, errCompressed) || errors.Is(err, errHello) {
				d.stream.Gap()
				s.complain("framing", fmt.Errorf("%s: %w", conn.RemoteAddr(), err))
			}
			return
		}
		d.take(rec)
	}
}

// handing is a connection that hands over what was gathered before it waits for more, and
// gives up for a parser that waits in vain.
type handing struct {
	net.Conn
	desk *desk
	ctx  context.Context // of the source, which sets the deadline that ends reading
}

func (h *handing) Read(p []byte) (int, error) {
	for {
		h.desk.hand()
		waits := h.desk.stream.Waiting() > 0
		if waits {
			_ = h.Conn.SetReadDeadline(time.Now().Add(idle))
		}
		if h.ctx.Err() != nil {
			return 0, io.EOF
		}
		n, err := h.Conn.Read(p)
		if n > 0 || !waits || !errors.Is(err, os.ErrDeadlineExceeded) || h.ctx.Err() != nil {
			if waits {
				_ = h.Conn.SetReadDeadline(time.Time{})
			}
			return n, err
		}
		h.desk.stream.Flush()
		_ = h.Conn.SetReadDeadline(time.Time{})
	}
}

// desk is the parser of one connection, and what stores its batches while it reads on.
type desk struct {
	source  *Source
	stream  *collector.Stream
	opener  *opener
	count   int
	batches chan *collector.Batch
	stored  chan struct{} // closed when all are
	gaps    *atomic.Bool  // datagrams were dropped; nil for connections
}

func (s *Source) newDesk(ctx context.Context) *desk {
	zone, _ := s.config.location() // Check has read it
	d := &desk{
		source: s, opener: newOpener(), batches: make(chan *collector.Batch, 1), stored: make(chan struct{}),
		stream: s.intake.NewStream(s.format, collector.Delivery{
			Options: collector.Options{Zone: zone, Service: s.config.Service, Source: s.config.Source}}),
	}
	go func() {
		defer close(d.stored)
		for b := range d.batches {
			s.store(ctx, b)
		}
	}()
	return d
}

// take opens a message and gives what it carries to the parser.
func (d *desk) take(rec collector.Record) {
	d.count++
	if rec.Err == nil {
		body, gap, err := d.opener.open(rec.Raw)
		if gap {
			d.stream.Gap()
		}
		if err != nil {
			rec.Err = err
		} else {
			rec.Raw, rec.Size = body, len(body)
		}
	}
	_ = d.stream.Take(rec, collector.Place{Line: d.count}) // an error is a dead letter of the batch
	if d.stream.Len() >= batchFacts || d.stream.Bytes() >= batchBytes {
		d.hand()
	}
}

// hand gives what was gathered to the store, and waits while that is two batches behind:
// then the sender waits too.
func (d *desk) hand() {
	gap := d.gaps != nil && d.gaps.Swap(false)
	if gap {
		d.stream.Gap()
	}
	if gap || d.stream.Len() > 0 || d.stream.Bytes() > 0 {
		d.batches <- d.stream.Cut()
	}
}

// close stores what is left.
func (d *desk) close() {
	d.stream.Flush()
	d.batches <- d.stream.Cut()
	close(d.batches)
	<-d.stored
}

// store makes a batch durable, however long that takes. When the source ends while the
// store refuses, the batch is lost, and said to be.
func (s *Source) store(ctx context.Context, b *collector.Batch) {
	for backOff := 100 * time.Millisecond; ; backOff = min(2*backOff, maxBackOff) {
		_, err := s.intake.Append(context.WithoutCancel(ctx), b)
		if err == nil {
			return
		}
		s.complain("append", err)
		if sleep(ctx, backOff); ctx.Err() != nil {
			s.log.WithError(err).Error("messages that were received could not be stored and are lost")
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// complain logs what is wrong, once a minute for each thing.
func (s *Source) complain(about string, err error) {
	s.mu.Lock()
	now := time.Now()
	quiet := now.Sub(s.said[about]) < time.Minute
	if !quiet {
		s.said[about] = now
	}
	s.mu.Unlock()
	if !quiet {
		s.log.WithError(err).Warnf("syslog: %s", about)
	}
}
