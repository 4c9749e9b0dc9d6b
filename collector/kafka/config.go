package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Config is one source that reads topics.
type Config struct {
	Source  string   // the name under which it delivers
	Brokers []string // host:port
	Topics  []string
	Group   string
	Start   string // where a group that never committed begins: earliest or latest
	Service string // service.name for formats that have none
	Zone    string // of times without a zone

	TLS      bool   `yaml:"tls"`
	TLSCA    string `yaml:"tls_ca"` // PEM; empty: the system's authorities
	TLSCert  string `yaml:"tls_cert"`
	TLSKey   string `yaml:"tls_key"`
	SASL     string `yaml:"sasl"` // plain, scram-sha-256 or scram-sha-512; empty: none
	User     string
	Password Secret // or env:NAME

	Batch     int           // records a poll
	MaxRecord int           `yaml:"max_record"` // bytes
	Idle      time.Duration // a parser gives up waiting for more records after this
}

// Secret is a text that is not shown.
type Secret string

// String hides the secret.
func (Secret) String() string { return "(hidden)" }

// GoString hides the secret.
func (Secret) GoString() string { return "(hidden)" }

// DefaultConfig reads nothing yet.
func DefaultConfig() Config {
	return Config{Group: "onlooker", Start: "earliest", Batch: 5000, MaxRecord: 1 << 20, Idle: 2 * time.Second}
}

// Check returns every fault at once, each naming its key.
func (c Config) Check() error {
	var faults []error
	bad := func(fails bool, fault string) {
		if fails {
			faults = append(faults, errors.New(fault))
		}
	}
	bad(c.Source == "", "name: missing")
	bad(len(c.Brokers) == 0, "brokers: want host:port")
	bad(len(c.Topics) == 0, "topics: missing")
	bad(c.Group == "", "group: missing")
	bad(c.Start != "earliest" && c.Start != "latest", "start: want earliest or latest")
	bad(c.Batch <= 0, "batch: want a number above 0")
	bad(c.MaxRecord <= 0, "max_record: want a number above 0")
	bad(c.Idle <= 0, "idle: want a time above 0")
	bad(!c.TLS && c.TLSCA+c.TLSCert+c.TLSKey != "", "tls: want true where tls_ca, tls_cert or tls_key is given")
	bad((c.TLSCert == "") != (c.TLSKey == ""), "tls_cert, tls_key: want both or none")
	if _, err := c.mechanism(); err != nil {
		faults = append(faults, err)
	}
	if _, err := c.location(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (c Config) location() (*time.Location, error) {
	if c.Zone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	return zone, nil
}

// mechanism is how the source signs in; nil for not at all.
func (c Config) mechanism() (sasl.Mechanism, error) {
	password := string(c.Password)
	if name, ok := strings.CutPrefix(password, "env:"); ok {
		if password = os.Getenv(name); password == "" {
			return nil, fmt.Errorf("password: the environment has no %s", name)
		}
	}
	if c.SASL != "" && (c.User == "" || password == "") {
		return nil, errors.New("sasl: want user and password")
	}
	switch c.SASL {
	case "":
		return nil, nil
	case "plain":
		return plain.Auth{User: c.User, Pass: password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: c.User, Pass: password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: c.User, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, errors.New("sasl: want plain, scram-sha-256 or scram-sha-512")
}

func (c Config) tlsConfig() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLSCA != "" {
		pem, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("tls_ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca: %s holds no certificate", c.TLSCA)
		}
	}
	if c.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("tls_cert: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// options are the client's.
func (c Config) options() ([]kgo.Opt, error) {
	start := kgo.NewOffset().AtStart()
	if c.Start == "latest" {
		start = kgo.NewOffset().AtEnd()
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.ClientID("onlooker"),
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topics...),
		kgo.ConsumeStartOffset(start), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(16 << 20), kgo.FetchMaxPartitionBytes(4 << 20), kgo.MaxConcurrentFetches(2),
	}
	if c.TLS {
		secure, err := c.tlsConfig()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(secure))
	}
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}
