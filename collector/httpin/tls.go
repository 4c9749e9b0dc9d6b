package httpin

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// recheck is how often the certificate's files are looked at, at most.
const recheck = time.Second

// Certificate is a certificate that is read again when its files change. A pair that does
// not load leaves the one before in force.
type Certificate struct {
	certFile, keyFile string
	clients           *x509.CertPool // nil: nobody must show one
	now               func() time.Time

	mu      sync.Mutex
	loaded  *tls.Certificate
	seen    [2]stamp
	checked time.Time
	failed  error
}

// stamp tells a file from what it was.
type stamp struct {
	modified time.Time
	size     int64
}

// LoadCertificate reads the pair that the configuration names, and the authority of
// clients' certificates, which stays as it is until the next start.
func LoadCertificate(c Config, now func() time.Time) (*Certificate, error) {
	cert := &Certificate{certFile: c.TLSCert, keyFile: c.TLSKey, now: now}
	if c.TLSClientCA != "" {
		pem, err := os.ReadFile(c.TLSClientCA)
		if err != nil {
			return nil, fmt.Errorf("http.tls_client_ca: %w", err)
		}
		cert.clients = x509.NewCertPool()
		if !cert.clients.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("http.tls_client_ca: %s holds no certificate in PEM", c.TLSClientCA)
		}
	}
	cert.refresh()
	return cert, cert.failed
}

// TLSConfig serves the certificate with TLS 1.2 or newer; some log shippers speak 1.2.
func (c *Certificate) TLSConfig() *tls.Config {
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
	if c.clients != nil {
		t.ClientAuth, t.ClientCAs = tls.RequireAndVerifyClientCert, c.clients
	}
	return t
}

// Err is why the files as they are now could not be loaded; nil when they were.
func (c *Certificate) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= recheck {
		c.checked = now
		c.refresh()
	}
	return c.loaded
}

// refresh loads the pair if a file changed. A pair caught between the writing of its two
// files fails and is tried again at the next look.
func (c *Certificate) refresh() {
	seen := [2]stamp{stampOf(c.certFile), stampOf(c.keyFile)}
	if c.loaded != nil && seen == c.seen && c.failed == nil {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.failed = fmt.Errorf("http.tls_cert, http.tls_key: %w", err)
		return
	}
	c.loaded, c.seen, c.failed = &pair, seen, nil
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}
