package syslog

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Networks.
const (
	UDP = "udp"
	TCP = "tcp"
	TLS = "tls"
)

// Config is one source that listens for syslog.
type Config struct {
	Source  string `yaml:"-"` // the name under which it delivers
	Service string `yaml:"-"` // service.name for formats that have none
	Zone    string `yaml:"-"` // of times without a zone; empty: such times are refused

	Listen         string   `yaml:"listen"`          // HOST:PORT
	Network        string   `yaml:"network"`         // udp, tcp or tls
	Allow          []string `yaml:"allow"`           // addresses and networks that may send
	TLSCert        string   `yaml:"tls_cert"`        // PEM files, read at each handshake
	TLSKey         string   `yaml:"tls_key"`         //
	TLSClientCA    string   `yaml:"tls_client_ca"`   // senders must show a certificate of it; empty: none
	MaxRecord      int      `yaml:"max_record"`      // bytes; longer messages are dead letters
	MaxConnections int      `yaml:"max_connections"` // at the same time
}

// DefaultConfig listens nowhere yet.
func DefaultConfig() Config {
	return Config{Network: TCP, MaxRecord: 1 << 20, MaxConnections: 256}
}

// Check returns every fault at once, each naming its key.
func (c Config) Check() error {
	faults := []error{c.checkListen(), c.checkTLS()}
	if c.Source == "" {
		faults = append(faults, errors.New("name: missing"))
	}
	if _, err := c.location(); err != nil {
		faults = append(faults, err)
	}
	if _, err := c.allowed(); err != nil {
		faults = append(faults, err)
	}
	if c.MaxRecord < 480 {
		faults = append(faults, errors.New("max_record: want at least 480 bytes"))
	}
	if c.MaxConnections <= 0 {
		faults = append(faults, errors.New("max_connections: want a number above 0"))
	}
	return errors.Join(faults...)
}

func (c Config) checkListen() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: want HOST:PORT, as in 127.0.0.1:6514", c.Listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("listen %q: the port is a number from 0 to 65535", c.Listen)
	}
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if !loopback && len(c.Allow) == 0 && c.TLSClientCA == "" {
		return fmt.Errorf("listen %q: syslog knows no passwords; beyond loopback say who may send by allow (as [10.0.0.0/8]) or tls_client_ca", c.Listen)
	}
	return nil
}

func (c Config) checkTLS() error {
	given := c.TLSCert != "" || c.TLSKey != "" || c.TLSClientCA != ""
	switch {
	case c.Network != UDP && c.Network != TCP && c.Network != TLS:
		return fmt.Errorf("network: want udp, tcp or tls, found %q", c.Network)
	case c.Network != TLS && given:
		return fmt.Errorf("network: tls_cert, tls_key and tls_client_ca need tls, found %s", c.Network)
	case c.Network == TLS && (c.TLSCert == "" || c.TLSKey == ""):
		return errors.New("tls_cert, tls_key: missing")
	}
	return nil
}

// allowed gives the networks that may send; none means everybody who can reach the address.
func (c Config) allowed() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, s := range c.Allow {
		if addr, err := netip.ParseAddr(s); err == nil {
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("allow: want an address or a network such as 10.0.0.0/8, found %q", s)
		}
		all = append(all, p)
	}
	return all, nil
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
