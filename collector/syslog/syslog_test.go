package syslog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/sourcetest"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a source at work.
type bench struct {
	*Source
	t      *testing.T
	store  *storetest.Memory
	intake *collector.Intake
	end    func()
}

func start(t *testing.T, f collector.Format, change func(*Config)) *bench {
	t.Helper()
	c := DefaultConfig()
	c.Source, c.Listen = "net", "127.0.0.1:0"
	if change != nil {
		change(&c)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	m := storetest.NewMemory()
	in := collector.NewIntake(m, m, time.Now)
	log := logrus.New()
	log.SetOutput(io.Discard)
	b := &bench{Source: New(c, f, in, log), t: t, store: m, intake: in}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	done := false
	b.end = func() {
		if cancel(); !done {
			done = true
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(b.end)
	b.Address()
	return b
}

func (b *bench) dial() net.Conn {
	b.t.Helper()
	a := b.Address()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

func (b *bench) send(c net.Conn, text string) {
	b.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) facts(kind ueba.Kind) (all []ueba.Body) {
	b.t.Helper()
	for f, err := range b.store.Scan(b.t.Context(), store.Query{Kind: kind}) {
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, f.Body)
	}
	return all
}

// wait wants so many events and dead letters, soon.
func (b *bench) wait(events, dead int) {
	b.t.Helper()
	var e, d int
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if e, d = len(b.facts(ueba.KindEvent)), len(b.facts(ueba.KindDead)); e == events && d == dead {
			return
		}
	}
	b.t.Fatalf("%d events and %d dead letters, want %d and %d", e, d, events, dead)
}

func (b *bench) gaps() (n int64) {
	b.t.Helper()
	counts, err := b.intake.Counts(b.t.Context(), ueba.NoDay, ueba.NoDay)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range counts {
		n += c.Gaps
	}
	return n
}

// message is event n in an envelope.
func message(n int) string {
	return fmt.Sprintf(`<13>1 2026-11-02T09:00:00Z vm app - - [meta sequenceId="%d"] %s`, n, sourcetest.Line(n, "wang", fmt.Sprintf("C%d", n), fmt.Sprintf("e%d", n)))
}

func TestConnections(t *testing.T) {
	b := start(t, sourcetest.Plain(), nil)
	one, two := b.dial(), b.dial()
	b.send(one, counted(message(1))+message(2)+"\n")
	b.send(two, message(3)+"\nnonsense\n"+counted(message(4)))
	b.wait(4, 1) // while both connections are open
	if e := b.facts(ueba.KindEvent)[0].(*ueba.Event); e.Source != "net" || e.EventID != "e1" {
		t.Errorf("%+v", e)
	}
	b.send(one, sourcetest.Line(5, "wang", "C5", "e5")) // and no end
	one.Close()
	b.wait(5, 1)
	if b.gaps() != 0 {
		t.Errorf("%d gaps", b.gaps())
	}
}

func TestHalfAMessageHoldsNothingBack(t *testing.T) {
	b := start(t, sourcetest.Plain(), nil)
	c := b.dial()
	b.send(c, message(1)+"\n"+message(2)[:20])
	b.wait(1, 0)
	b.send(c, message(2)[20:]+"\n")
	b.wait(2, 0)
}

func TestParserThatWaitsIsNotWaitedForForever(t *testing.T) {
	for _, network := range []string{TCP, UDP} {
		t.Run(network, func(t *testing.T) {
			b := start(t, sourcetest.Held(), func(c *Config) { c.Network = network })
			b.send(b.dial(), message(1)+"\n")
			b.wait(1, 0)
		})
	}
}

func TestDatagrams(t *testing.T) {
	b := start(t, sourcetest.Plain(), func(c *Config) { c.Network = UDP })
	one, two := b.dial(), b.dial()
	for i := range 50 {
		b.send(one, message(2*i)+"\n")
		b.send(two, message(2*i+1))
	}
	b.send(one, "nonsense\nin two lines")
	b.wait(100, 1)
	b.end()
	b.wait(100, 1)
}

func TestGapsAreCounted(t *testing.T) {
	b := start(t, sourcetest.Plain(), nil)
	b.send(b.dial(), message(1)+"\n"+message(4)+"\n")
	b.send(b.dial(), "x\x9c compressed")
	b.send(b.dial(), "\x16\x03\x01 hello")
	b.wait(2, 0)
	for until := time.Now().Add(5 * time.Second); b.gaps() != 3; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d gaps, want 3", b.gaps())
		}
	}
}

func TestOnlyTheAllowedMaySend(t *testing.T) {
	for _, network := range []string{TCP, UDP} {
		b := start(t, sourcetest.Plain(), func(c *Config) { c.Network, c.Allow = network, []string{"10.0.0.0/8", "192.0.2.7"} })
		c := b.dial()
		_, _ = io.WriteString(c, message(1)+"\n") // may be closed already
		if network == TCP {
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection was left open: %v", err)
			}
		}
		b.end()
		b.wait(0, 0)
	}
	if !(&Source{}).mayCome(netipLoopback) {
		t.Error("without allow everybody may come")
	}
}

func TestTooManyConnectionsAreClosed(t *testing.T) {
	b := start(t, sourcetest.Plain(), func(c *Config) { c.MaxConnections = 1 })
	one := b.dial()
	b.send(one, message(1)+"\n")
	b.wait(1, 0)
	two := b.dial()
	_ = two.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := two.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the second connection was left open: %v", err)
	}
	one.Close()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until) && len(b.facts(ueba.KindEvent)) < 2; time.Sleep(10 * time.Millisecond) {
		c := b.dial()
		_, _ = io.WriteString(c, message(2)+"\n")
		c.Close()
	}
	b.wait(2, 0)
}

// TestStoreThatRefuses: messages wait, the sender is held up, nothing is lost and memory
// is bounded.
func TestStoreThatRefuses(t *testing.T) {
	b := start(t, sourcetest.Plain(), nil)
	b.store.Refuse(store.ErrFull)
	c := b.dial()
	sent := make(chan int)
	const all = 15_000 // some 12 MB, more than the buffers on the way
	go func() {
		var w strings.Builder
		for i := range all {
			w.WriteString(strings.Replace(message(i), "wang", strings.Repeat("w", 700), 1) + "\n")
		}
		n, _ := io.WriteString(c, w.String())
		sent <- n
	}()
	select {
	case <-sent:
		t.Error("the sender was not held up")
	case <-time.After(300 * time.Millisecond):
	}
	b.store.Refuse(nil)
	<-sent
	b.wait(all, 0)
}

func TestEndStoresWhatWasReceived(t *testing.T) {
	b := start(t, sourcetest.Held(), nil)
	b.send(b.dial(), message(1)+"\n"+message(2)+"\n")
	b.wait(1, 0) // the second is held by the parser
	b.end()
	b.wait(2, 0)
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	server := ca.issue(t, dir, "server")
	client := ca.issue(t, dir, "client")
	b := start(t, sourcetest.Plain(), func(c *Config) {
		c.Network, c.TLSCert, c.TLSKey, c.TLSClientCA = TLS, server+".crt", server+".key", filepath.Join(dir, "ca.crt")
	})
	pair, err := tls.LoadX509KeyPair(client+".crt", client+".key")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: ca.pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	c, err := tls.Dial("tcp", b.Address().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b.send(c, counted(message(1))+message(2)+"\n")
	b.wait(2, 0)

	stranger, err := tls.Dial("tcp", b.Address().String(), &tls.Config{RootCAs: ca.pool, ServerName: "localhost"})
	if err == nil {
		_, _ = io.WriteString(stranger, message(3)+"\n")
		_ = stranger.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := stranger.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a sender without a certificate may stay: %v", err)
		}
		stranger.Close()
	}
	b.wait(2, 0)
}

type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	writePEM(t, filepath.Join(dir, "ca.crt"), "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes NAME.crt and NAME.key and returns the path of NAME.
func (a *authority) issue(t *testing.T, dir, name string) string {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	writePEM(t, path+".crt", "CERTIFICATE", der)
	writePEM(t, path+".key", "EC PRIVATE KEY", private)
	return path
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDroppedDatagrams(t *testing.T) {
	const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  411: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 19034 2 0000000000000000 12
  412: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 19035 2 0000000000000000 5
  413: 00000000:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 19036 2 0000000000000000 30
`
	if n := dropsIn(table, 514); n != 42 {
		t.Errorf("%d drops, want 42", n)
	}
	if n := dropsIn("half a line 0202:", 514); n != 0 {
		t.Errorf("%d drops of nothing", n)
	}
}
