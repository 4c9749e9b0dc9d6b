package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Config is one source that follows files.
type Config struct {
	Source  string   `yaml:"-"`     // the name under which it delivers
	Paths   []string `yaml:"paths"` // patterns of path/filepath.Match
	Service string   `yaml:"-"`     // service.name for formats that have none
	Zone    string   `yaml:"-"`     // of times without a zone, as in Asia/Shanghai; empty: such times are refused

	Poll      time.Duration `yaml:"poll"`       // how often the files are looked at
	Idle      time.Duration `yaml:"idle"`       // a parser gives up waiting for more lines after this
	Release   time.Duration `yaml:"release"`    // a rotated file is let go when it has not grown for so long
	Rest      time.Duration `yaml:"rest"`       // a file that was read to its end is closed when it has not changed for so long
	Batch     int           `yaml:"batch"`      // facts an append
	MaxRecord int           `yaml:"max_record"` // bytes
	MaxOpen   int           `yaml:"max_open"`   // files open at the same time; others wait
}

// DefaultConfig follows nothing yet.
func DefaultConfig() Config {
	return Config{
		Poll:      time.Second,
		Idle:      2 * time.Second,
		Release:   time.Minute,
		Rest:      time.Hour,
		Batch:     5000,
		MaxRecord: 1 << 20,
		MaxOpen:   256,
	}
}

// Check returns every fault at once, each naming its key.
func (c Config) Check() error {
	faults := []error{c.checkPaths()}
	if c.Source == "" {
		faults = append(faults, errors.New("name: missing"))
	}
	if _, err := c.Location(); err != nil {
		faults = append(faults, err)
	}
	for key, d := range map[string]time.Duration{"poll": c.Poll, "idle": c.Idle, "release": c.Release, "rest": c.Rest} {
		if d <= 0 {
			faults = append(faults, fmt.Errorf("%s: want a time above 0", key))
		}
	}
	for key, n := range map[string]int{"batch": c.Batch, "max_record": c.MaxRecord, "max_open": c.MaxOpen} {
		if n <= 0 {
			faults = append(faults, fmt.Errorf("%s: want a number above 0", key))
		}
	}
	return errors.Join(faults...)
}

func (c Config) checkPaths() error {
	if len(c.Paths) == 0 {
		return errors.New("paths: missing")
	}
	for _, p := range c.Paths {
		if _, err := filepath.Match(p, ""); err != nil {
			return fmt.Errorf("paths: pattern %q: %w", p, err)
		}
	}
	return nil
}

// Location returns the zone, nil without one.
func (c Config) Location() (*time.Location, error) {
	if c.Zone == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	return zone, nil
}
