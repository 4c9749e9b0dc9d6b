package mapping

import (
	"errors"
	"fmt"
	"strings"
)

// readCSV cuts one CSV record into columns. With a backslash as escape, \x stands for x,
// and for a line end or a tab where x is n or t, within quotes.
func readCSV(text string, comma, quote, escape byte) ([]string, error) {
	var out []string
	for {
		value, rest, err := csvField(text, comma, quote, escape)
		if err != nil {
			return nil, fmt.Errorf("CSV: column %d: %w", len(out)+1, err)
		}
		out = append(out, value)
		if rest == "" {
			return out, nil
		}
		text = rest[1:]
	}
}

// csvField reads one field; rest begins with the comma after it, or is empty.
func csvField(text string, comma, quote, escape byte) (value, rest string, err error) {
	if text == "" || text[0] != quote {
		if i := strings.IndexByte(text, comma); i >= 0 {
			return text[:i], text[i:], nil
		}
		return text, "", nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case escape != 0 && c == escape && i+1 < len(text):
			i++
			b.WriteByte(unescaped(text[i]))
		case c != quote:
			b.WriteByte(c)
		case escape == 0 && i+1 < len(text) && text[i+1] == quote:
			i++
			b.WriteByte(quote)
		case i+1 == len(text) || text[i+1] == comma:
			return b.String(), text[i+1:], nil
		default:
			return "", "", errors.New("something follows the closing quote")
		}
	}
	return "", "", errors.New("quote without an end")
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// readPairs reads name=value pairs. A value may stand in double quotes with backslash
// escapes; without quotes it ends at the separator. A separator of blanks may be any
// number of them.
func readPairs(text, separator, equals string, put func(name, value string)) {
	blank := strings.TrimSpace(separator) == ""
	for {
		if blank {
			text = strings.TrimLeft(text, " \t")
		}
		if text == "" {
			return
		}
		item, rest, _ := strings.Cut(text, separator)
		name, value, ok := strings.Cut(item, equals)
		if !ok {
			text = rest
			continue
		}
		name = strings.TrimSpace(name)
		if strings.HasPrefix(value, `"`) {
			value, rest = quotedValue(text[strings.Index(text, equals)+len(equals):])
			rest = strings.TrimPrefix(rest, separator)
		}
		put(name, value)
		text = rest
	}
}

// quotedValue reads a value in double quotes; one without an end goes to the end.
func quotedValue(text string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(unescaped(text[i]))
		case c == '"':
			return b.String(), text[i+1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// cefHeader are the names of the seven columns before the extension.
var cefHeader = []string{"version", "vendor", "product", "device_version", "signature", "name", "severity"}

// readCEF reads ArcSight's Common Event Format. Where a field cs1 has a cs1Label, the
// value stands under the label's text in "custom" too.
func readCEF(text string, out fields) error {
	i := strings.Index(text, "CEF:")
	if i >= 0 {
		text = strings.TrimLeft(text[i+len("CEF:"):], " ")
	}
	parts := splitEscaped(text, '|', len(cefHeader))
	if i < 0 || len(parts) <= len(cefHeader) {
		return errors.New("CEF: want CEF: and seven columns divided by |")
	}
	for i, name := range cefHeader {
		out[name] = unslash(parts[i])
	}
	custom := fields{}
	cefExtension(parts[len(cefHeader)], out)
	for name, label := range out {
		key, ok := strings.CutSuffix(name, "Label")
		if value, there := out[key]; ok && there {
			if text, isText := label.(string); isText && text != "" {
				custom[text] = value
			}
		}
	}
	out["custom"] = custom
	return nil
}

// cefExtension reads key=value pairs whose values may hold blanks: a value goes to the
// last blank before the next key.
func cefExtension(text string, out fields) {
	for text = strings.TrimLeft(text, " "); text != ""; {
		eq := strings.IndexByte(text, '=')
		if eq < 0 {
			return
		}
		key := strings.TrimSpace(text[:eq])
		text = text[eq+1:]
		end, next := len(text), len(text)
		for i := 0; i < len(text); i++ {
			if text[i] == '\\' {
				i++
			} else if text[i] == '=' {
				if blank := strings.LastIndexByte(text[:i], ' '); blank >= 0 {
					end, next = blank, blank+1
				}
				break
			}
		}
		if _, there := out[key]; key != "" && (!there || !isHeader(key)) {
			out[key] = unslash(strings.TrimRight(text[:end], " "))
		}
		text = text[next:]
	}
}

func isHeader(key string) bool {
	for _, h := range cefHeader {
		if h == key {
			return true
		}
	}
	return false
}

// splitEscaped splits at up to n separators that no backslash stands before.
func splitEscaped(text string, separator byte, n int) (parts []string) {
	start := 0
	for i := 0; i < len(text) && len(parts) < n; i++ {
		switch text[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// unslash undoes backslash escapes.
func unslash(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			b.WriteByte(unescaped(s[i]))
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// leefHeader are the names of the columns of QRadar's LEEF.
var leefHeader = []string{"version", "vendor", "product", "device_version", "event"}

// readLEEF reads LEEF 1.0, whose attributes are divided by tabs, and 2.0, which names
// what divides them.
func readLEEF(text string, out fields) error {
	i := strings.Index(text, "LEEF:")
	if i < 0 {
		return errors.New("LEEF: want LEEF: and five columns divided by |")
	}
	parts := strings.SplitN(text[i+len("LEEF:"):], "|", len(leefHeader)+1)
	if len(parts) <= len(leefHeader) {
		return errors.New("LEEF: want LEEF: and five columns divided by |")
	}
	for i, name := range leefHeader {
		out[name] = parts[i]
	}
	rest, separator := parts[len(leefHeader)], "\t"
	if strings.HasPrefix(parts[0], "2") {
		if named, after, ok := strings.Cut(rest, "|"); ok {
			rest, separator = after, leefSeparator(named)
		}
	}
	for item := range strings.SplitSeq(rest, separator) {
		if key, value, ok := strings.Cut(item, "="); ok {
			if key = strings.TrimSpace(key); key != "" {
				out[key] = value
			}
		}
	}
	return nil
}

func leefSeparator(named string) string {
	hex, ok := strings.CutPrefix(named, "x")
	if !ok {
		hex, ok = strings.CutPrefix(named, "0x")
	}
	var c rune
	if n, err := fmt.Sscanf(hex, "%x", &c); ok && err == nil && n == 1 && c > 0 {
		return string(c)
	}
	if named == "" {
		return "\t"
	}
	return named
}
