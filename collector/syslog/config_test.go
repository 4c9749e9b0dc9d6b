package syslog

import (
	"net/netip"
	"strings"
	"testing"
)

var netipLoopback = netip.MustParseAddr("127.0.0.1")

func TestConfig(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   []string // none: the configuration is right
	}{
		{"as it is", func(*Config) {}, nil},
		{"UDP", func(c *Config) { c.Network = UDP }, nil},
		{"beyond loopback", func(c *Config) { c.Listen, c.Allow = ":514", []string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"} }, nil},
		{"beyond loopback, by certificates", func(c *Config) {
			c.Listen, c.Network, c.TLSCert, c.TLSKey, c.TLSClientCA = ":6514", TLS, "c", "k", "ca"
		}, nil},
		{"beyond loopback, from everybody", func(c *Config) { c.Listen = ":514" }, []string{"listen", "allow", "tls_client_ca"}},
		{"no name", func(c *Config) { c.Source = "" }, []string{"name: missing"}},
		{"no address", func(c *Config) { c.Listen = "" }, []string{"listen"}},
		{"port in words", func(c *Config) { c.Listen = "127.0.0.1:syslog" }, []string{"listen", "port"}},
		{"network", func(c *Config) { c.Network = "relp" }, []string{"network", "udp, tcp or tls"}},
		{"certificate without TLS", func(c *Config) { c.TLSCert = "x" }, []string{"network", "tls"}},
		{"TLS without certificate", func(c *Config) { c.Network = TLS }, []string{"tls_cert", "tls_key"}},
		{"allow", func(c *Config) { c.Allow = []string{"10.0.0.0/33"} }, []string{"allow", "10.0.0.0/33"}},
		{"zone", func(c *Config) { c.Zone = "Mars" }, []string{"zone"}},
		{"all limits", func(c *Config) { c.MaxRecord, c.MaxConnections = 0, 0 }, []string{"max_record", "max_connections"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			config.Source, config.Listen = "net", "127.0.0.1:514"
			c.change(&config)
			err := config.Check()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("%v", err)
			}
			for _, says := range c.want {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%v does not say %s", err, says)
				}
			}
		})
	}
}
