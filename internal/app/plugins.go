package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/file"
	"github.com/onlooker-ueba/onlooker/collector/kafka"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"github.com/onlooker-ueba/onlooker/collector/syslog"
	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/notify/dingtalk"
	"github.com/onlooker-ueba/onlooker/notify/slack"
	"github.com/onlooker-ueba/onlooker/notify/webhook"
	"github.com/onlooker-ueba/onlooker/rules"
	"github.com/onlooker-ueba/onlooker/rules/ruletest"
	"github.com/onlooker-ueba/onlooker/text"
)

// This file is the one table of plug-ins.

// notifiers makes the adapter of each kind of channel from its own settings.
func notifiers() map[string]func(settings map[string]any) (notify.Adapter, error) {
	return map[string]func(map[string]any) (notify.Adapter, error){
		"dingtalk": adapter(func(c dingtalk.Config) (notify.Adapter, error) { return dingtalk.New(c) }),
		"slack":    adapter(func(c slack.Config) (notify.Adapter, error) { return slack.New(c) }),
		"webhook":  adapter(func(c webhook.Config) (notify.Adapter, error) { return webhook.New(c) }),
	}
}

// sources makes the source of each kind from its own settings.
func sources() map[string]func(SourceConfig) (plannedSource, error) {
	return map[string]func(SourceConfig) (plannedSource, error){
		"file": planned(fileConfig, func(c file.Config, p sourceParts) (runner, error) {
			return file.New(c, p.format, p.intake, p.docs, p.now, p.log), nil
		}),
		"syslog": planned(syslogConfig, func(c syslog.Config, p sourceParts) (runner, error) {
			return syslog.New(c, p.format, p.intake, p.log), nil
		}),
		"kafka": planned(kafkaConfig, func(c kafka.Config, p sourceParts) (runner, error) {
			return kafka.New(c, p.format, p.intake, p.now, p.log), nil
		}),
	}
}

// codedFormats are the raw formats that are written in Go; the first is the native one.
// Those written in YAML are beside them in formatTable.
func codedFormats() []collector.Format {
	var out []collector.Format
	for _, f := range parse.Formats() {
		out = append(out, collector.Format{Name: f.Name, Split: f.Split, New: func(o collector.Options) collector.Parser {
			return f.New(parse.Options(o))
		}})
	}
	return out
}

// adapter decodes settings strictly over the zero configuration and makes the adapter.
func adapter[C any](make func(C) (notify.Adapter, error)) func(map[string]any) (notify.Adapter, error) {
	return func(settings map[string]any) (notify.Adapter, error) {
		var c C
		if err := decodeSettings(settings, &c); err != nil {
			return nil, err
		}
		return make(c)
	}
}

// decodeSettings decodes a plug-in's settings over what c holds; a setting that c does not
// know is an error.
func decodeSettings(settings map[string]any, c any) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		TagName: "yaml", ErrorUnused: true, Result: c,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	})
	if err != nil {
		return err
	}
	if err := d.Decode(settings); err != nil {
		return settingsError(err)
	}
	return nil
}

// settingsError keeps the names of keys and drops values: they may be secrets.
func settingsError(err error) error {
	_, keys, ok := strings.Cut(err.Error(), "invalid keys: ")
	if !ok {
		return errors.New("a setting has the wrong type")
	}
	return fmt.Errorf("unknown setting %s", strings.TrimSpace(keys))
}

func newChannel(c ChannelConfig) (notify.Channel, error) {
	kinds := notifiers()
	make, ok := kinds[c.Kind]
	if !ok {
		return notify.Channel{}, fmt.Errorf("kind: want one of %s, found %q", strings.Join(sortedKeys(kinds), ", "), c.Kind)
	}
	lang := text.Chinese
	if c.Lang != "" {
		var err error
		if lang, err = text.ParseLang(c.Lang); err != nil {
			return notify.Channel{}, fmt.Errorf("lang: %w", err)
		}
	}
	a, err := make(c.Settings)
	return notify.Channel{Name: c.Name, Lang: lang, Adapter: a}, err
}

// ruleSources lists where rules are read from.
func ruleSources(builtin bool, dirs []string) ([]fs.FS, error) {
	var out []fs.FS
	if builtin {
		out = append(out, rules.Builtin())
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("rules.dirs: %s is not a folder that can be read", dir)
		}
		out = append(out, os.DirFS(dir))
	}
	return out, nil
}

func loadRules(c RulesConfig) (*rules.Set, error) {
	sources, err := ruleSources(c.Builtin, c.Dirs)
	if err != nil {
		return nil, err
	}
	set, err := rules.Load(sources...)
	if err != nil {
		return nil, fmt.Errorf("load rules: %w", err)
	}
	return set, nil
}

// CheckRules loads the rules of the folders, the built-in ones without any, and tells
// what they are.
func CheckRules(dirs []string) ([]rules.Info, error) {
	set, err := loadRules(RulesConfig{Builtin: len(dirs) == 0, Dirs: dirs})
	if err != nil {
		return nil, err
	}
	return set.Rules(), nil
}

// TestRules runs the tests that stand beside the rules.
func TestRules(dirs []string) error {
	sources, err := ruleSources(len(dirs) == 0, dirs)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range slices.Clip(sources) {
		errs = append(errs, ruletest.Check(s))
	}
	return errors.Join(errs...)
}
