package httpin

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
)

// Secret is a text that shows itself only to those who ask for it with Reveal.
type Secret string

const redacted = "<redacted>"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

func (Secret) String() string { return redacted }

// GoString keeps %#v from telling.
func (Secret) GoString() string { return redacted }

// MarshalText keeps JSON, YAML and map keys from telling.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Config is the section http of the configuration.
type Config struct {
	Listen      string
	BulkListen  string              // where / is the bulk protocol's too; empty: nowhere
	Tokens      map[string][]Secret // by source; none: loopback only
	TLSCert     string
	TLSKey      string
	TLSClientCA string // whoever connects must show a certificate of it; empty: nobody must
	TLSOff      bool   // beyond loopback, and said by name
	MaxBody     int64  // bytes of a request, gzip undone
	MaxLine     int    // bytes; longer lines are dead letters
	MaxRequests int    // at the same time
	MaxMemory   int64  // bytes of all requests together; 0: four bodies
}

// DefaultConfig listens on loopback, without tokens.
func DefaultConfig() Config {
	return Config{
		Listen:      "127.0.0.1:8417",
		MaxBody:     64 << 20,
		MaxLine:     1 << 20,
		MaxRequests: 32,
	}
}

// sourceName is what a source may be called: it stands in ids and in columns of CSV.
var sourceName = regexp.MustCompile(`^[\pL\pN][\pL\pN._-]{0,63}$`)

// Check returns every fault at once, each naming its key.
func (c Config) Check() error {
	faults := []error{c.checkListen("http.listen", c.Listen)}
	if c.BulkListen != "" {
		faults = append(faults, c.checkListen("http.bulk_listen", c.BulkListen))
	}
	return errors.Join(errors.Join(faults...), c.checkTLS(), c.checkTokens(), c.checkLimits())
}

func (c Config) checkListen(key, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s %q: want HOST:PORT, as in 127.0.0.1:8417", key, address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s %q: the port is a number from 0 to 65535", key, address)
	}
	if isLoopback(host) {
		return nil
	}
	if len(c.Tokens) == 0 {
		return fmt.Errorf("%s %q: without http.tokens only loopback may listen; set http.tokens, or %s to 127.0.0.1:%s", key, address, key, port)
	}
	if c.TLSCert == "" && c.TLSKey == "" && !c.TLSOff {
		return fmt.Errorf("%s %q: beyond loopback TLS is required; set http.tls_cert and http.tls_key, or http.tls_off: true if something before it does TLS", key, address)
	}
	return nil
}

// isLoopback says what the system will bind: localhost is what /etc/hosts says, and
// every system's says loopback.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) checkTLS() error {
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		return errors.New("http.tls_key: missing, while http.tls_cert is set")
	case c.TLSCert == "" && c.TLSKey != "":
		return errors.New("http.tls_cert: missing, while http.tls_key is set")
	case c.TLSClientCA != "" && c.TLSCert == "":
		return errors.New("http.tls_client_ca: needs http.tls_cert and http.tls_key")
	case c.TLSCert != "" && c.TLSOff:
		return errors.New("http.tls_off: true contradicts http.tls_cert")
	}
	return nil
}

func (c Config) checkTokens() error {
	owner := make(map[Secret]string)
	for _, source := range sources(c.Tokens) {
		if !sourceName.MatchString(source) {
			return fmt.Errorf("http.tokens: source %q: want up to 64 letters, digits, dots, underscores and hyphens", source)
		}
		if len(c.Tokens[source]) == 0 {
			return fmt.Errorf("http.tokens.%s: no token", source)
		}
		for _, secret := range c.Tokens[source] {
			if secret == "" {
				return fmt.Errorf("http.tokens.%s: an empty token", source)
			}
			if other, ok := owner[secret]; ok && other != source {
				return fmt.Errorf("http.tokens.%s: the same token as http.tokens.%s; a token belongs to one source", source, other)
			}
			owner[secret] = source
		}
	}
	return nil
}

func sources(tokens map[string][]Secret) []string {
	names := make([]string, 0, len(tokens))
	for name := range tokens {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c Config) checkLimits() error {
	switch {
	case c.MaxBody <= 0:
		return errors.New("http.max_body: want a number of bytes above 0")
	case c.MaxLine <= 0 || int64(c.MaxLine) > c.MaxBody:
		return errors.New("http.max_line: want a number of bytes above 0 and not above http.max_body")
	case c.MaxRequests <= 0:
		return errors.New("http.max_requests: want a number above 0")
	case c.MaxMemory != 0 && c.MaxMemory < c.MaxBody:
		return errors.New("http.max_memory: want at least http.max_body")
	}
	return nil
}
