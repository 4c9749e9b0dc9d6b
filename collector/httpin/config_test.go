package httpin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigCheck(t *testing.T) {
	secret := map[string][]Secret{"app": {"s"}}
	cases := []struct {
		name   string
		change func(*Config)
		want   []string // parts of the error; none: no error
	}{
		{"default", func(*Config) {}, nil},
		{"any loopback port", func(c *Config) { c.Listen = "127.0.0.9:0" }, nil},
		{"IPv6 loopback", func(c *Config) { c.Listen = "[::1]:8417" }, nil},
		{"localhost", func(c *Config) { c.Listen = "localhost:8417" }, nil},
		{"everywhere without tokens", func(c *Config) { c.Listen = "0.0.0.0:8417" }, []string{"http.listen", "http.tokens", "127.0.0.1:8417"}},
		{"everywhere, short", func(c *Config) { c.Listen = ":8417" }, []string{"http.listen", "http.tokens"}},
		{"a name without tokens", func(c *Config) { c.Listen = "onlooker.example:8417" }, []string{"http.listen", "http.tokens"}},
		{"everywhere without TLS", func(c *Config) { c.Listen, c.Tokens = ":8417", secret }, []string{"http.listen", "http.tls_cert", "http.tls_key", "http.tls_off"}},
		{"TLS off by name", func(c *Config) { c.Listen, c.Tokens, c.TLSOff = ":8417", secret, true }, nil},
		{"TLS", func(c *Config) { c.Listen, c.Tokens, c.TLSCert, c.TLSKey = ":8417", secret, "a", "b" }, nil},
		{"TLS without tokens", func(c *Config) { c.Listen, c.TLSCert, c.TLSKey = ":8417", "a", "b" }, []string{"http.tokens"}},
		{"no key", func(c *Config) { c.TLSCert = "a" }, []string{"http.tls_key"}},
		{"no certificate", func(c *Config) { c.TLSKey = "a" }, []string{"http.tls_cert"}},
		{"TLS on and off", func(c *Config) { c.TLSCert, c.TLSKey, c.TLSOff = "a", "b", true }, []string{"http.tls_off"}},
		{"bulk everywhere without tokens", func(c *Config) { c.BulkListen = ":9200" }, []string{"http.bulk_listen", "http.tokens"}},
		{"bulk on loopback", func(c *Config) { c.BulkListen = "127.0.0.1:9200" }, nil},
		{"authority of clients without TLS", func(c *Config) { c.TLSClientCA = "a" }, []string{"http.tls_client_ca", "http.tls_cert"}},
		{"no port", func(c *Config) { c.Listen = "127.0.0.1" }, []string{"http.listen", "HOST:PORT"}},
		{"bad port", func(c *Config) { c.Listen = "127.0.0.1:http" }, []string{"http.listen", "port"}},
		{"empty token", func(c *Config) { c.Tokens = map[string][]Secret{"app": {""}} }, []string{"http.tokens.app"}},
		{"no token", func(c *Config) { c.Tokens = map[string][]Secret{"app": nil} }, []string{"http.tokens.app"}},
		{"bad source", func(c *Config) { c.Tokens = map[string][]Secret{"a b": {"x"}} }, []string{"http.tokens", "a b"}},
		{"shared token", func(c *Config) { c.Tokens = map[string][]Secret{"a": {"hush"}, "b": {"hush"}} }, []string{"http.tokens.b", "http.tokens.a"}},
		{"several faults", func(c *Config) { c.TLSKey, c.MaxRequests = "a", 0 }, []string{"http.tls_cert", "http.max_requests"}},
		{"limits", func(c *Config) { c.MaxLine = 1 << 30 }, []string{"http.max_line"}},
		{"memory", func(c *Config) { c.MaxMemory = 1 }, []string{"http.max_memory"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			c.change(&config)
			err := config.Check()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("error %q tells a token", err)
			}
		})
	}
}

func TestSecretsDoNotTell(t *testing.T) {
	c := Config{Tokens: map[string][]Secret{"app": {"hush"}}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(text), fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.Tokens["app"][0], c.Tokens["app"][0])} {
		if strings.Contains(s, "hush") || !strings.Contains(s, "<redacted>") && !strings.Contains(s, `\u003credacted\u003e`) {
			t.Errorf("%s", s)
		}
	}
	if c.Tokens["app"][0].Reveal() != "hush" {
		t.Error("the secret is lost")
	}
}

// writePair writes a self-signed certificate with the serial number.
func writePair(t *testing.T, dir string, serial int64, at time.Time) Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	for path, block := range map[string]*pem.Block{c.TLSCert: {Type: "CERTIFICATE", Bytes: der}, c.TLSKey: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cert, err := LoadCertificate(writePair(t, dir, 1, now), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.TLSConfig = cert.TLSConfig()
	server.TLS = cert.TLSConfig()
	server.StartTLS()
	defer server.Close()
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("certificate %d, want 1", n)
	}
	now = now.Add(time.Minute)
	c := writePair(t, dir, 2, now)
	if n := serial(); n != 2 || cert.Err() != nil {
		t.Errorf("certificate %d, %v, want 2", n, cert.Err())
	}
	now = now.Add(time.Minute)
	if err := os.WriteFile(c.TLSCert, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 || cert.Err() == nil {
		t.Errorf("certificate %d, %v, want the old one and an error", n, cert.Err())
	}
	now = now.Add(time.Minute)
	writePair(t, dir, 3, now)
	if n := serial(); n != 3 || cert.Err() != nil {
		t.Errorf("certificate %d, %v, want 3", n, cert.Err())
	}
}

func TestTLS11IsRefused(t *testing.T) {
	cert, err := LoadCertificate(writePair(t, t.TempDir(), 1, time.Now()), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	server.TLS = cert.TLSConfig()
	server.StartTLS()
	defer server.Close()
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, ServerName: "localhost"})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestCertificateThatIsMissing(t *testing.T) {
	_, err := LoadCertificate(Config{TLSCert: "/nowhere/cert.pem", TLSKey: "/nowhere/key.pem"}, time.Now)
	if err == nil || !strings.Contains(err.Error(), "http.tls_cert") {
		t.Errorf("error %v, want one that names the key", err)
	}
}

func TestClientsMustShowACertificate(t *testing.T) {
	c := writePair(t, t.TempDir(), 1, time.Now())
	client, stranger := writePair(t, t.TempDir(), 2, time.Now()), writePair(t, t.TempDir(), 3, time.Now())
	c.TLSClientCA = client.TLSCert
	cert, err := LoadCertificate(c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshakes
	server.TLS = cert.TLSConfig()
	server.StartTLS()
	defer server.Close()
	for name, one := range map[string]struct {
		pair Config
		ok   bool
	}{"known": {client, true}, "stranger": {stranger, false}, "none": {Config{}, false}} {
		config := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}
		if one.pair.TLSCert != "" {
			pair, err := tls.LoadX509KeyPair(one.pair.TLSCert, one.pair.TLSKey)
			if err != nil {
				t.Fatal(err)
			}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		h := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		resp, err := h.Get(server.URL)
		if (err == nil) != one.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	for _, ca := range []string{"/nowhere/ca.pem", c.TLSKey} {
		c.TLSClientCA = ca
		if _, err := LoadCertificate(c, time.Now); err == nil || !strings.Contains(err.Error(), "http.tls_client_ca") {
			t.Errorf("%s: error %v, want one that names the key", ca, err)
		}
	}
}
