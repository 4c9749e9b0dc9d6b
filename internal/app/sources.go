package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/file"
	"github.com/onlooker-ueba/onlooker/collector/kafka"
	"github.com/onlooker-ueba/onlooker/collector/syslog"
)

// runner is a source at work: Run blocks until the context ends.
type runner interface {
	Run(ctx context.Context) error
}

// sourceParts are what a source works with.
type sourceParts struct {
	format collector.Format
	intake *collector.Intake
	docs   collector.Documents
	now    func() time.Time
	log    logrus.FieldLogger
}

// plannedSource makes the source of settings that were checked.
type plannedSource func(sourceParts) (runner, error)

// newSource checks a source's settings by the plug-in of its kind.
func newSource(s SourceConfig) (plannedSource, error) {
	kinds := sources()
	plan, ok := kinds[s.Kind]
	if !ok {
		return nil, fmt.Errorf("kind: want one of %s, found %q", strings.Join(sortedKeys(kinds), ", "), s.Kind)
	}
	return plan(s)
}

// planned is a kind whose configuration is C. read decodes and checks it.
func planned[C any](read func(SourceConfig) (C, error), make func(C, sourceParts) (runner, error)) func(SourceConfig) (plannedSource, error) {
	return func(s SourceConfig) (plannedSource, error) {
		c, err := read(s)
		if err != nil {
			return nil, err
		}
		return func(p sourceParts) (runner, error) { return make(c, p) }, nil
	}
}

func fileConfig(s SourceConfig) (file.Config, error) {
	c := file.DefaultConfig()
	if err := decodeSettings(s.Settings, &c); err != nil {
		return c, err
	}
	c.Source, c.Service, c.Zone = s.Name, s.Service, s.Zone
	for i := range c.Paths {
		c.Paths[i] = s.place(c.Paths[i])
	}
	return c, c.Check()
}

func syslogConfig(s SourceConfig) (syslog.Config, error) {
	c := syslog.DefaultConfig()
	if err := decodeSettings(s.Settings, &c); err != nil {
		return c, err
	}
	c.Source, c.Service, c.Zone = s.Name, s.Service, s.Zone
	c.TLSCert, c.TLSKey, c.TLSClientCA = s.place(c.TLSCert), s.place(c.TLSKey), s.place(c.TLSClientCA)
	return c, c.Check()
}

func kafkaConfig(s SourceConfig) (kafka.Config, error) {
	c := kafka.DefaultConfig()
	if err := decodeSettings(s.Settings, &c); err != nil {
		return c, err
	}
	c.Source, c.Service, c.Zone = s.Name, s.Service, s.Zone
	c.TLSCA, c.TLSCert, c.TLSKey = s.place(c.TLSCA), s.place(c.TLSCert), s.place(c.TLSKey)
	return c, c.Check()
}

// place is a path of the settings; a relative one begins where the configuration lies.
func (s *SourceConfig) place(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.folder, path)
}
