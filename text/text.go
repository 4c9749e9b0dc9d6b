// Package text holds every sentence that a user reads, in Chinese and English, and
// makes sentences from them.
//
// A catalogue is a YAML file in catalogue/, one for each area; a key has one pattern a
// language. {name} in a pattern stands for an argument; {name|plural:record,records}
// chooses the English form by number. Each key has both languages and both use the same
// arguments, or the catalogue does not load.
package text

import (
	"embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

//go:embed catalogue/*.yaml
var files embed.FS

// Lang is a language of the user's.
type Lang string

// The languages.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// ParseLang reads "zh", "en" or a locale such as zh_CN.UTF-8.
func ParseLang(s string) (Lang, error) {
	switch {
	case strings.HasPrefix(strings.ToLower(s), "zh"):
		return Chinese, nil
	case strings.HasPrefix(strings.ToLower(s), "en"):
		return English, nil
	}
	return "", fmt.Errorf("language %q: want zh or en", s)
}

// Args are the arguments of a sentence by name.
type Args map[string]any

// Catalogue makes sentences.
type Catalogue struct {
	patterns map[string]map[Lang]string
}

var argument = regexp.MustCompile(`\{([a-z_]+)(?:\|plural:([^,}]*),([^}]*))?\}`)

// Load reads the embedded catalogues.
func Load() (*Catalogue, error) {
	entries, err := files.ReadDir("catalogue")
	if err != nil {
		return nil, fmt.Errorf("read catalogues: %w", err)
	}
	c := &Catalogue{patterns: map[string]map[Lang]string{}}
	for _, e := range entries {
		b, err := files.ReadFile("catalogue/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", e.Name(), err)
		}
		if err := c.add(b); err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", e.Name(), err)
		}
	}
	return c, nil
}

// MustLoad is Load for the embedded catalogues, which tests have read.
func MustLoad() *Catalogue {
	c, err := Load()
	if err != nil {
		panic(err)
	}
	return c
}

func (c *Catalogue) add(b []byte) error {
	var m map[string]map[Lang]string
	if err := yaml.Unmarshal(b, &m); err != nil {
		return err
	}
	for key, langs := range m {
		if c.patterns[key] != nil {
			return fmt.Errorf("%s is there twice", key)
		}
		if len(langs) != 2 || langs[Chinese] == "" || langs[English] == "" {
			return fmt.Errorf("%s needs zh and en, and nothing else", key)
		}
		if !slices.Equal(argumentsOf(langs[Chinese]), argumentsOf(langs[English])) {
			return fmt.Errorf("%s: zh and en use different arguments", key)
		}
		c.patterns[key] = langs
	}
	return nil
}

func argumentsOf(pattern string) []string {
	set := map[string]bool{}
	for _, m := range argument.FindAllStringSubmatch(pattern, -1) {
		set[m[1]] = true
	}
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Has reports whether there is a sentence for the key.
func (c *Catalogue) Has(key string) bool { return c.patterns[key] != nil }

// Keys lists every key, sorted.
func (c *Catalogue) Keys() []string {
	keys := make([]string, 0, len(c.patterns))
	for k := range c.patterns {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Say makes the sentence. A key or argument that is not there shows itself in braces, so
// that it is seen and never hides the rest.
func (c *Catalogue) Say(lang Lang, key string, args Args) string {
	p, ok := c.patterns[key]
	if !ok {
		return "{" + key + "}"
	}
	return argument.ReplaceAllStringFunc(p[lang], func(s string) string {
		m := argument.FindStringSubmatch(s)
		v, ok := args[m[1]]
		if !ok {
			return s
		}
		if strings.Contains(s, "|plural:") {
			if f, ok := asFloat(v); ok && f == 1 {
				return m[2]
			}
			return m[3]
		}
		return Format(lang, v)
	})
}

// Format writes a value for people: numbers with thousands separators and at most three
// significant decimals, durations and times in the language's habit.
func Format(lang Lang, v any) string {
	switch x := v.(type) {
	case string:
		return x
	case time.Duration:
		return Duration(lang, x)
	case fmt.Stringer:
		return x.String()
	}
	if f, ok := asFloat(v); ok {
		return Number(f)
	}
	return fmt.Sprint(v)
}

func asFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// Number writes a number with thousands separators: 1,234,567; 31.5; 0.0012.
func Number(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "–"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return thousands(strconv.FormatFloat(f, 'f', 0, 64))
	case math.Abs(f) >= 100:
		return thousands(strconv.FormatFloat(f, 'f', 0, 64))
	case math.Abs(f) >= 1:
		return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', 2, 64)
}

func thousands(s string) string {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if neg {
		return "-" + b.String()
	}
	return b.String()
}

// Duration writes a length of time so that less than a second is not zero.
func Duration(lang Lang, d time.Duration) string {
	zh := lang == Chinese
	unit := func(n float64, zhUnit, enUnit string) string {
		if zh {
			return Number(n) + " " + zhUnit
		}
		return Number(n) + " " + enUnit
	}
	switch {
	case d < 0:
		return "-" + Duration(lang, -d)
	case d > 0 && d < time.Second:
		if zh {
			return "不到 1 秒"
		}
		return "under 1 s"
	case d < time.Minute:
		return unit(math.Round(d.Seconds()), "秒", "s")
	case d < time.Hour:
		return unit(math.Round(d.Minutes()*10)/10, "分钟", "min")
	}
	return unit(math.Round(d.Hours()*10)/10, "小时", "h")
}
