package esclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// Client sends requests. It is safe for concurrent use.
type Client struct {
	config    Config
	transport *elastictransport.Client
	base      *http.Transport
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 30

// New checks the configuration and reads the certificates. It does not call the server.
func New(c Config) (*Client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	urls, err := c.urls()
	if err != nil {
		return nil, err
	}
	security, err := c.tls()
	if err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	base := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     security,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   false,
	}
	//nolint:staticcheck // New stays functional, and its Config names what the options would
	transport, err := elastictransport.New(elastictransport.Config{
		URLs: urls, Username: c.Username, Password: c.Password, APIKey: c.APIKey,
		Transport: checked{base, c.Flavour == OpenSearch}, DisableRetry: true, UserAgent: "onlooker",
	})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &Client{c, transport, base}, nil
}

// tls returns whom to believe and who we are.
func (c Config) tls() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CAFingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(c.CAFingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, errors.New("ca_fingerprint: want the SHA-256 of the authority's certificate, 64 hex digits")
		}
		pin(out, want)
	}
	if c.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("client_cert: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// pin believes a server whose chain is good up to the one authority with the fingerprint,
// which the server must send along.
func pin(c *tls.Config, want []byte) {
	c.InsecureSkipVerify = true // VerifyConnection does what it skips, with the one authority
	c.VerifyConnection = func(s tls.ConnectionState) error {
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		found := false
		for _, cert := range s.PeerCertificates {
			if sum := sha256.Sum256(cert.Raw); bytes.Equal(sum[:], want) {
				roots.AddCert(cert)
				found = true
			} else {
				between.AddCert(cert)
			}
		}
		if !found {
			return errors.New("none of the server's certificates has the fingerprint of ca_fingerprint")
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: roots, Intermediates: between})
		return err
	}
}

// checked refuses what is not Elasticsearch, as the official client does: an answer of a
// login page or of another product must never count as an acknowledgement.
type checked struct {
	next       http.RoundTripper
	opensearch bool
}

// productHeader stands in every good answer of Elasticsearch.
const productHeader = "X-Elastic-Product"

// RoundTrip implements http.RoundTripper.
func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	if err != nil || c.opensearch || answer.StatusCode >= 300 || answer.Header.Get(productHeader) == "Elasticsearch" {
		return answer, err
	}
	return nil, errors.Join(ErrProduct, answer.Body.Close())
}

// ErrProduct says that what answers is not Elasticsearch.
var ErrProduct = errors.New("what answers there is not Elasticsearch (if it is OpenSearch, set store.elastic.flavour to opensearch; if it is a proxy, give the server's own address)")

// Flavour returns what the server is.
func (c *Client) Flavour() string {
	if c.config.Flavour == "" {
		return Elasticsearch
	}
	return c.config.Flavour
}

// Close ends what watches over addresses that failed and gives the idle connections back.
func (c *Client) Close() {
	_ = c.transport.Close(context.Background()) // it is closed only here, once
	c.base.CloseIdleConnections()
}

// Do sends a request once and returns the body of a good answer. Every error is an *Error
// or, when ctx ended before anything was sent, that of ctx.
func (c *Client) Do(ctx context.Context, operation string, r esapi.Request) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	answer, err := r.Do(ctx, c.transport)
	if err != nil {
		return nil, c.unanswered(operation, err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, &Error{Operation: operation, Maybe: true, cause: err}
	}
	if answer.StatusCode >= 300 {
		return nil, refused(operation, answer.StatusCode, body)
	}
	return body, nil
}

// Into does the same and decodes the answer.
func (c *Client) Into(ctx context.Context, operation string, r esapi.Request, into any) error {
	body, err := c.Do(ctx, operation, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return &Error{Operation: operation, Maybe: true, cause: fmt.Errorf("answer: %w", err)}
	}
	return nil
}
