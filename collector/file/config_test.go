package file

import (
	"strings"
	"testing"
)

func TestConfigCheck(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   string // empty: no fault
	}{
		{"good", func(*Config) {}, ""},
		{"zone", func(c *Config) { c.Zone = "Asia/Shanghai" }, ""},
		{"no name", func(c *Config) { c.Source = "" }, "name"},
		{"no paths", func(c *Config) { c.Paths = nil }, "paths"},
		{"bad pattern", func(c *Config) { c.Paths = []string{"[a"} }, `paths: pattern "[a"`},
		{"unknown zone", func(c *Config) { c.Zone = "Asia/Atlantis" }, "zone"},
		{"no poll", func(c *Config) { c.Poll = 0 }, "poll"},
		{"no batch", func(c *Config) { c.Batch = 0 }, "batch"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			config.Source, config.Paths = "app", []string{"/var/log/app*.log"}
			c.change(&config)
			err := config.Check()
			if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want one of %q", err, c.want)
			}
		})
	}
}
