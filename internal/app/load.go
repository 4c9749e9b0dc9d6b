package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v4"
)

// Overrides are what the command line says over file and environment.
type Overrides struct {
	File string            // --config
	Data string            // --data
	Lang string            // --lang
	Set  map[string]string // --set section.key=value
}

// LoadConfig reads the configuration: defaults, then the file, then the environment
// (ONLOOKER_SECTION_KEY), then the overrides. Paths in a file are relative to it. All
// that is wrong is reported at once.
func LoadConfig(o Overrides, environ []string) (Config, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	known := schema(reflect.TypeFor[Config](), "")
	setDefaults(v, Defaults())

	if o.File != "" {
		text, err := os.ReadFile(o.File)
		if err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
		if err := checkKeys(text, o.File, known); err != nil {
			return Config{}, err
		}
		if err := v.ReadConfig(bytes.NewReader(text)); err != nil {
			return Config{}, fmt.Errorf("read configuration %s: %w", o.File, err)
		}
	}
	if err := applyEnvironment(v, environ, known); err != nil {
		return Config{}, err
	}
	if err := applySets(v, o.Set, known); err != nil {
		return Config{}, err
	}
	c := Defaults()
	hooks := viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(
		tokensHook, mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")))
	strict := func(d *mapstructure.DecoderConfig) { d.ErrorUnused = true }
	if err := v.Unmarshal(&c, hooks, strict); err != nil {
		return Config{}, fmt.Errorf("configuration%s: %w", in(o.File), err)
	}
	c.resolve(o)
	return c, c.Check()
}

func in(file string) string {
	if file == "" {
		return ""
	}
	return " " + file
}

// resolve makes paths of the file relative to the file and applies the plain flags.
func (c *Config) resolve(o Overrides) {
	c.File = o.File
	given := func(key string) bool { _, ok := o.Set[key]; return ok }
	if o.File != "" {
		dir := filepath.Dir(o.File)
		rel := func(key string, p *string) {
			if *p != "" && !filepath.IsAbs(*p) && !given(key) {
				*p = filepath.Join(dir, *p)
			}
		}
		rel("data", &c.Data)
		d := &c.Directory
		rel("directory.employees", &d.Employees)
		rel("directory.records", &d.Records)
		rel("directory.reasons", &d.Reasons)
		rel("directory.calendar", &d.Calendar)
		rel("directory.systems", &d.Systems)
		rel("http.tls_cert", &c.HTTP.TLSCert)
		rel("http.tls_key", &c.HTTP.TLSKey)
		for key, path := range c.Store.Elastic.files() {
			rel(key, path)
		}
		rel("http.tls_client_ca", &c.HTTP.TLSClientCA)
		for i := range c.Rules.Dirs {
			rel("rules.dirs", &c.Rules.Dirs[i])
		}
		for i := range c.Mappings.Dirs {
			rel("mappings.dirs", &c.Mappings.Dirs[i])
		}
		for i := range c.Sources {
			c.Sources[i].folder = dir
		}
	}
	if o.Data != "" {
		c.Data = o.Data
	}
	if o.Lang != "" {
		c.Lang = o.Lang
	}
}

// key is what the schema knows of one configuration key.
type key struct {
	leaf bool // a value, a list or free-form: nothing below it is checked by name
}

// schema lists the keys of a configuration struct by their dotted names.
func schema(t reflect.Type, prefix string) map[string]key {
	keys := map[string]key{}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mapstructure")
		if name == "-" || name == "" || strings.HasPrefix(name, ",") {
			continue
		}
		full := prefix + name
		if f.Type.Kind() == reflect.Struct {
			keys[full] = key{}
			for k, v := range schema(f.Type, full+".") {
				keys[k] = v
			}
			continue
		}
		keys[full] = key{leaf: true}
	}
	return keys
}

// setDefaults registers each leaf with viper, so that the environment can reach it.
func setDefaults(v *viper.Viper, c Config) {
	var walk func(rv reflect.Value, prefix string)
	walk = func(rv reflect.Value, prefix string) {
		for i := range rv.NumField() {
			name := rv.Type().Field(i).Tag.Get("mapstructure")
			if name == "-" || name == "" {
				continue
			}
			if rv.Field(i).Kind() == reflect.Struct {
				walk(rv.Field(i), prefix+name+".")
				continue
			}
			v.SetDefault(prefix+name, rv.Field(i).Interface())
		}
	}
	walk(reflect.ValueOf(c), "")
}

// checkKeys reports every unknown key of a YAML text with its place and the nearest
// known one.
func checkKeys(text []byte, file string, known map[string]key) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("configuration %s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	var errs []error
	var walk func(n *yaml.Node, prefix string)
	walk = func(n *yaml.Node, prefix string) {
		if n.Kind != yaml.MappingNode {
			errs = append(errs, fmt.Errorf("%s:%d:%d: want keys below %q", file, n.Line, n.Column, strings.TrimSuffix(prefix, ".")))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, value := n.Content[i], n.Content[i+1]
			full := prefix + k.Value
			switch found, ok := known[full]; {
			case !ok:
				errs = append(errs, fmt.Errorf("%s:%d:%d: %w", file, k.Line, k.Column, unknownKey(full, known)))
			case !found.leaf && value.Tag != "!!null":
				walk(value, full+".")
			}
		}
	}
	walk(doc.Content[0], "")
	return errors.Join(errs...)
}

func unknownKey(name string, known map[string]key) error {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("unknown key %s; did you mean %s?", name, near)
	}
	return fmt.Errorf("unknown key %s; see configs/onlooker.yaml for the known ones", name)
}

func applyEnvironment(v *viper.Viper, environ []string, known map[string]key) error {
	byEnv := map[string]string{}
	for k, info := range known {
		if info.leaf {
			byEnv["ONLOOKER_"+strings.ToUpper(strings.ReplaceAll(k, ".", "_"))] = k
		}
	}
	var errs []error
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "ONLOOKER_") {
			continue
		}
		k, ok := byEnv[name]
		if !ok {
			errs = append(errs, fmt.Errorf("environment: unknown variable %s%s", name, meant(name, byEnv)))
			continue
		}
		v.Set(k, value)
	}
	return errors.Join(errs...)
}

func meant(name string, byEnv map[string]string) string {
	names := make([]string, 0, len(byEnv))
	for k := range byEnv {
		names = append(names, k)
	}
	if near := nearest(name, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

func applySets(v *viper.Viper, sets map[string]string, known map[string]key) error {
	var errs []error
	for k, value := range sets {
		if info, ok := known[k]; !ok || !info.leaf {
			errs = append(errs, fmt.Errorf("--set: %w", unknownKey(k, known)))
			continue
		}
		v.Set(k, value)
	}
	return errors.Join(errs...)
}

// nearest returns the candidate with the fewest edits, if they are few enough to be a
// slip of the finger.
func nearest(name string, candidates []string) string {
	sort.Strings(candidates)
	best, bestDistance := "", 1+len(name)/3
	for _, c := range candidates {
		if d := edits(name, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

var sourceName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*$`)

// tokensHook reads http.tokens as people write them: one token, a comma-separated list,
// source=token, a list of {source, token}, or a map of source to token.
func tokensHook(_, to reflect.Type, data any) (any, error) {
	if to != reflect.TypeFor[[]SourceToken]() {
		return data, nil
	}
	switch x := data.(type) {
	case string:
		var out []SourceToken
		for part := range strings.SplitSeq(x, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, parseToken(part))
			}
		}
		return out, nil
	case map[string]any:
		return tokensOfMap(x)
	case []any:
		var out []SourceToken
		for i, e := range x {
			switch y := e.(type) {
			case string:
				out = append(out, parseToken(y))
			case map[string]any:
				source, _ := y["source"].(string)
				token, ok := y["token"].(string)
				if !ok || len(y) > 2 {
					return nil, fmt.Errorf("http.tokens[%d]: want source and token", i)
				}
				out = append(out, SourceToken{Source: source, Token: token})
			default:
				return nil, fmt.Errorf("http.tokens[%d]: want a token or {source, token}", i)
			}
		}
		return out, nil
	}
	return data, nil
}

func tokensOfMap(m map[string]any) ([]SourceToken, error) {
	sources := make([]string, 0, len(m))
	for s := range m {
		sources = append(sources, s)
	}
	sort.Strings(sources)
	var out []SourceToken
	for _, s := range sources {
		switch y := m[s].(type) {
		case string:
			out = append(out, SourceToken{Source: s, Token: y})
		case []any:
			for _, e := range y {
				token, ok := e.(string)
				if !ok {
					return nil, fmt.Errorf("http.tokens.%s: want tokens as text", s)
				}
				out = append(out, SourceToken{Source: s, Token: token})
			}
		default:
			return nil, fmt.Errorf("http.tokens.%s: want a token or a list of tokens", s)
		}
	}
	return out, nil
}

func parseToken(s string) SourceToken {
	if source, token, ok := strings.Cut(s, "="); ok && strings.Trim(token, "=") != "" && sourceName.MatchString(source) {
		return SourceToken{Source: source, Token: token}
	}
	return SourceToken{Token: s}
}
