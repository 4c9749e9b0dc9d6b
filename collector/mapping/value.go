package mapping

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// fields is a decoded record: names to nil, bool, int, float64, string, []any and
// map[string]any. It is the environment of the mapping's expressions.
type fields = map[string]any

// textOf gives the text of a value that has one.
func textOf(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case int:
		return strconv.Itoa(x), true
	case bool:
		return strconv.FormatBool(x), true
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), true
	}
	return "", false
}

// amountOf gives a value as a whole number, from text too.
func amountOf(v any) (int64, error) {
	switch x := v.(type) {
	case int:
		return int64(x), nil
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("want a whole number, found %s", nameOf(v))
}

// nameOf says what a value is, without showing much of it.
func nameOf(v any) string {
	switch x := v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "a truth value"
	case int, float64:
		return "a number"
	case string:
		return strconv.Quote(clip(x))
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("%T", v)
}

// clip bounds what an error shows of a record.
func clip(s string) string {
	const limit = 40
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// apart gives a value that is put into a record: of the record itself a copy, so that no
// record holds itself.
func apart(v any, env fields) any {
	if m, ok := v.(map[string]any); ok && reflect.ValueOf(m).Pointer() == reflect.ValueOf(env).Pointer() {
		return maps.Clone(m)
	}
	return v
}

// at looks a key or an index up; what is not there is nil, all the way down.
func at(v, key any) any {
	switch k := key.(type) {
	case string:
		if m, ok := v.(map[string]any); ok {
			return m[k]
		}
	case int:
		if l, ok := v.([]any); ok {
			if k < 0 {
				k += len(l)
			}
			if k >= 0 && k < len(l) {
				return l[k]
			}
		}
	}
	return nil
}
