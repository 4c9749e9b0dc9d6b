package mapping

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// SQL reads a statement of SQL in a dialect ("", mysql, tsql): what stands in it under
// "action" (nil if it touches no data), "table", "ids", "conditional", "ticket" and
// "purpose". It is given to Load, because the reader is another package's.
type SQL func(text, dialect string) map[string]any

// longestText is the longest text that a function makes.
const longestText = 64 << 10

var errLong = errors.New("makes a text longer than 64 KiB")

type function struct {
	name string
	kind any // its type, as a function
	call func(args ...any) (any, error)
}

// functionsOf are what expressions have beside the language's own.
func functionsOf(sql SQL) []function {
	return []function{
		{"at", new(func(any, any) any), func(a ...any) (any, error) { return at(a[0], a[1]), nil }},
		{"text", new(func(any) string), func(a ...any) (any, error) { s, _ := textOf(a[0]); return s, nil }},
		{"json", new(func(any) any), func(a ...any) (any, error) { return readText(a[0]) }},
		{"pairs", new(func(any) map[string]any), func(a ...any) (any, error) { return pairs(a[0]), nil }},
		{"replace", new(func(any, string, string) string), func(a ...any) (any, error) { return replace(a[0], a[1].(string), a[2].(string)) }},
		{"join", new(func(any, string) string), func(a ...any) (any, error) { return join(a[0], a[1].(string)) }},
		{"host", new(func(any) string), func(a ...any) (any, error) { return host(a[0]), nil }},
		{"unescape", new(func(any) string), func(a ...any) (any, error) { return unescapeURL(a[0]), nil }},
		{"sql", new(func(any, string) map[string]any), func(a ...any) (any, error) {
			s, _ := textOf(a[0])
			return sql(s, a[1].(string)), nil
		}},
	}
}

// readText reads JSON that stands in a text; what is no text stays as it is.
func readText(v any) (any, error) {
	s, ok := v.(string)
	if !ok || strings.TrimSpace(s) == "" {
		return v, nil
	}
	return readJSON([]byte(s))
}

// pairs makes an object of a list of {name, value}, as several clouds write their
// parameters. An object stays as it is.
func pairs(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	out := map[string]any{}
	list, _ := v.([]any)
	for _, item := range list {
		name, ok := textOf(first(item, "name", "Name", "key", "Key"))
		if !ok {
			continue
		}
		if _, there := out[name]; !there {
			out[name] = first(item, "value", "Value", "multiValue", "boolValue", "intValue", "messageValue", "multiMessageValue")
		}
	}
	return out
}

func first(v any, names ...string) any {
	for _, name := range names {
		if found := at(v, name); found != nil {
			return found
		}
	}
	return nil
}

func replace(v any, old, with string) (string, error) {
	s, _ := textOf(v)
	if n := strings.Count(s, old); n > 0 && len(s)+n*(len(with)-len(old)) > max(longestText, len(s)) {
		return "", fmt.Errorf("replace: %w", errLong)
	}
	return strings.ReplaceAll(s, old, with), nil
}

func join(v any, separator string) (string, error) {
	list, _ := v.([]any)
	parts := make([]string, 0, len(list))
	size := 0
	for _, item := range list {
		if s, ok := textOf(item); ok {
			parts = append(parts, s)
			size += len(s) + len(separator)
		}
		if size > longestText {
			return "", fmt.Errorf("join: %w", errLong)
		}
	}
	return strings.Join(parts, separator), nil
}

// host cuts a port and brackets off an address.
func host(v any) string {
	s, _ := textOf(v)
	s = strings.TrimSpace(s)
	if h, _, err := net.SplitHostPort(s); err == nil {
		return h
	}
	return strings.Trim(s, "[]")
}

func unescapeURL(v any) string {
	s, _ := textOf(v)
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}
