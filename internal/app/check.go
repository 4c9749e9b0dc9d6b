package app

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/collector/httpin"
	"github.com/onlooker-ueba/onlooker/text"
)

// shortestToken keeps tokens from being guessed.
const shortestToken = 16

// Check reports everything that is wrong with the configuration, each by its key.
func (c *Config) Check() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Data == "" {
		bad("data", "want a folder")
	}
	if _, err := text.ParseLang(c.Lang); err != nil {
		bad("lang", "%v", err)
	}
	if _, err := logrus.ParseLevel(c.Log.Level); err != nil {
		bad("log.level", "want trace, debug, info, warning or error, found %q", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format", "want text or json, found %q", c.Log.Format)
	}
	errs = append(errs, c.Store.check()...)
	if _, _, err := c.Business.parse(); err != nil {
		errs = append(errs, err)
	}
	if c.Business.Grace < 0 || c.Business.Grace > 24*time.Hour {
		bad("business.grace", "want 0s to 24h, found %s", c.Business.Grace)
	}
	if c.View.Idle <= 0 {
		bad("view.idle", "want a positive duration such as 5m, found %s", c.View.Idle)
	}
	for i, s := range c.View.IdleBy {
		if s.Service == "" || s.Idle <= 0 {
			bad(fmt.Sprintf("view.idle_by[%d]", i), "want service and a positive idle")
		}
	}
	if c.Directory.Reload <= 0 {
		bad("directory.reload", "want a positive duration, found %s", c.Directory.Reload)
	}
	if r := c.Retention; r.Events < retentionFloor || r.Scores < retentionFloor {
		bad("retention", "events and scores are kept for at least %d days", retentionFloor)
	}
	for _, t := range c.HTTP.Tokens {
		if len(t.Token) < shortestToken {
			bad("http.tokens", "a token of %s has fewer than %d characters; make one with openssl rand -hex 16", cmp.Or(t.Source, "http"), shortestToken)
		}
	}
	errs = append(errs, c.HTTP.intake().Check())
	errs = append(errs, c.Score.check()...)
	errs = append(errs, c.checkSources()...)
	errs = append(errs, c.checkChannels()...)
	return errors.Join(errs...)
}

func (b BusinessConfig) parse() (*time.Location, time.Duration, error) {
	zone, err := time.LoadLocation(b.Zone)
	if err != nil || b.Zone == "" || b.Zone == "Local" {
		return nil, 0, fmt.Errorf("business.zone: want a time zone such as Asia/Shanghai, found %q", b.Zone)
	}
	t, err := time.Parse("15:04", b.DayStart)
	if err != nil {
		return nil, 0, fmt.Errorf("business.day_start: want HH:MM, found %q", b.DayStart)
	}
	return zone, time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// intake is the section as the HTTP source wants it. A token that names no source is that
// of the source "http".
func (h *HTTPConfig) intake() httpin.Config {
	c := httpin.Config{
		Listen: h.Listen, BulkListen: h.BulkListen,
		TLSCert: h.TLSCert, TLSKey: h.TLSKey, TLSClientCA: h.TLSClientCA, TLSOff: h.TLSOff,
		MaxBody: h.MaxBody, MaxLine: h.MaxLine, MaxRequests: h.MaxRequests,
	}
	for _, t := range h.Tokens {
		source := t.Source
		if source == "" {
			source = "http"
		}
		if c.Tokens == nil {
			c.Tokens = map[string][]httpin.Secret{}
		}
		c.Tokens[source] = append(c.Tokens[source], httpin.Secret(t.Token))
	}
	return c
}

func (s *ScoreConfig) check() []error {
	var errs []error
	if _, err := cron.ParseStandard(s.Cron); err != nil {
		errs = append(errs, fmt.Errorf("score.cron: %w", err))
	}
	if !(0 < s.Medium && s.Medium < s.High && s.High < s.Critical && s.Critical < 100) {
		errs = append(errs, errors.New("score.medium, score.high, score.critical: want rising bounds between 0 and 100"))
	}
	if s.Leave < 0 || s.Leave >= s.Medium {
		errs = append(errs, errors.New("score.leave: want less than score.medium"))
	}
	if s.LeaveDays < 0 {
		errs = append(errs, errors.New("score.leave_days: want 0 or more"))
	}
	if s.History < 14 {
		errs = append(errs, errors.New("score.history: want at least 14 days"))
	}
	if s.DayP <= 0 || s.DayP > 0.1 {
		errs = append(errs, errors.New("score.day_p: want more than 0 and at most 0.1"))
	}
	return errs
}

func (c *Config) checkSources() []error {
	var errs []error
	seen := map[string]bool{}
	if len(c.Sources)+len(c.Mappings.Dirs) == 0 {
		return nil
	}
	formats, err := loadFormats(c.Mappings)
	if err != nil {
		return []error{err}
	}
	for i, s := range c.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		switch {
		case !sourceName.MatchString(s.Name):
			errs = append(errs, fmt.Errorf("%s.name: want a name of letters, digits, dots and dashes, found %q", at, s.Name))
		case seen[s.Name]:
			errs = append(errs, fmt.Errorf("%s.name: %s is there twice", at, s.Name))
		}
		seen[s.Name] = true
		if _, err := formats.named(s.Format); err != nil {
			errs = append(errs, fmt.Errorf("%s.format: %w", at, err))
		}
		if _, err := newSource(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errs
}

func (c *Config) checkChannels() []error {
	var errs []error
	seen := map[string]bool{}
	for i, ch := range c.Notify.Channels {
		at := fmt.Sprintf("notify.channels[%d]", i)
		switch {
		case !sourceName.MatchString(ch.Name):
			errs = append(errs, fmt.Errorf("%s.name: want a name of letters, digits, dots and dashes, found %q", at, ch.Name))
		case seen[ch.Name]:
			errs = append(errs, fmt.Errorf("%s.name: %s is there twice", at, ch.Name))
		}
		seen[ch.Name] = true
		if _, err := newChannel(ch); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errs
}
