package esclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"go.uber.org/goleak"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good answers as Elasticsearch does.
func good(seen func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			seen(r)
		}
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		_, _ = w.Write([]byte(`{}`))
	})
}

func call(t *testing.T, c esclient.Config) error {
	t.Helper()
	client, err := esclient.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Do(t.Context(), "find the server", esapi.InfoRequest{})
	return err
}

// certify makes a server's certificate that is its own authority, valid until then.
func certify(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plan := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, plan, plan, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, der
}

func secured(t *testing.T, until time.Time) (address string, der []byte) {
	t.Helper()
	pair, der := certify(t, until)
	srv := httptest.NewUnstartedServer(good(nil))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, der
}

func file(t *testing.T, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCertificates(t *testing.T) {
	address, der := secured(t, time.Now().Add(time.Hour))
	sum := sha256.Sum256(der)
	fingerprint := hex.EncodeToString(sum[:])
	_, other := secured(t, time.Now().Add(time.Hour))
	expired, old := secured(t, time.Now().Add(-time.Hour))
	oldSum := sha256.Sum256(old)
	for name, c := range map[string]struct {
		config esclient.Config
		says   string // "" for good
	}{
		"authority":           {esclient.Config{Addresses: []string{address}, CAFile: file(t, der)}, ""},
		"fingerprint":         {esclient.Config{Addresses: []string{address}, CAFingerprint: strings.ToUpper(fingerprint)}, ""},
		"nobody":              {esclient.Config{Addresses: []string{address}}, "not to be trusted"},
		"another authority":   {esclient.Config{Addresses: []string{address}, CAFile: file(t, other)}, "not to be trusted"},
		"another fingerprint": {esclient.Config{Addresses: []string{address}, CAFingerprint: strings.Repeat("ab", 32)}, "fingerprint"},
		"expired":             {esclient.Config{Addresses: []string{expired}, CAFile: file(t, old)}, "expired"},
		"expired, pinned":     {esclient.Config{Addresses: []string{expired}, CAFingerprint: hex.EncodeToString(oldSum[:])}, "expired"},
		"no TLS there":        {esclient.Config{Addresses: []string{strings.Replace(address, "https", "http", 1)}}, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(t, c.config)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v; want %q", err, c.says)
			}
			var e *esclient.Error
			if errors.As(err, &e) && (e.Maybe || e.Temporary()) {
				t.Errorf("maybe %v, temporary %v: nothing was sent, and nothing mends itself", e.Maybe, e.Temporary())
			}
		})
	}
}

func TestWhoWeAre(t *testing.T) {
	for want, c := range map[string]esclient.Config{
		"Basic dTpw":  {Username: "u", Password: "p"},
		"APIKey aWQ6": {APIKey: "aWQ6"},
	} {
		var got string
		srv := httptest.NewServer(good(func(r *http.Request) { got = r.Header.Get("Authorization") }))
		c.Addresses = []string{srv.URL}
		if err := call(t, c); err != nil || !strings.EqualFold(got, want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		srv.Close()
	}
}

func TestFailsOver(t *testing.T) {
	var answered atomic.Int64
	srv := httptest.NewServer(good(func(*http.Request) { answered.Add(1) }))
	t.Cleanup(srv.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client, err := esclient.New(esclient.Config{Addresses: []string{gone, srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	failed := 0
	for range 10 {
		if _, err := client.Do(t.Context(), "find the server", esapi.InfoRequest{}); err != nil {
			failed++
			var e *esclient.Error
			if !errors.As(err, &e) || e.Maybe || !e.Temporary() {
				t.Errorf("%v: a request that found nobody cannot have been done, and may be tried again", err)
			}
		}
	}
	if failed > 1 || answered.Load() != int64(10-failed) {
		t.Errorf("%d of 10 failed, %d answered; want at most the first to fail", failed, answered.Load())
	}
}

func TestCheck(t *testing.T) {
	for says, c := range map[string]esclient.Config{
		"addresses: want at least one": {},
		"addresses: want an address":   {Addresses: []string{"es1:9200"}},
		"cloud_id":                     {CloudID: "nonsense"},
		"api_key":                      {Addresses: []string{"http://a"}, APIKey: "k", Username: "u", Password: "p"},
		"username":                     {Addresses: []string{"http://a"}, Username: "u"},
		"ca_file":                      {Addresses: []string{"http://a"}, CAFile: "f", CAFingerprint: "f"},
		"client_cert":                  {Addresses: []string{"http://a"}, ClientCert: "f"},
		"flavour":                      {Addresses: []string{"http://a"}, Flavour: "solr"},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	// cloud id of host$elasticsearch$kibana
	cloud := esclient.Config{CloudID: "name:aG9zdC5leGFtcGxlJGVzaWQka2liYW5h", APIKey: "k"}
	if err := cloud.Check(); err != nil {
		t.Error(err)
	}
}
