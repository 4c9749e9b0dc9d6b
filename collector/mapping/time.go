package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The layouts that are words.
const (
	layoutISO    = "iso"
	layoutUnix   = "unix"
	layoutMillis = "unix_ms"
	layoutMicros = "unix_us"
	layoutNanos  = "unix_ns"
)

// clock reads the times of a mapping.
type clock struct {
	layouts []string
	zone    *time.Location // of times without one; nil: the source's
}

// read tries the layouts in order. source is the source's zone.
func (c *clock) read(v any, source *time.Location) (time.Time, error) {
	text, ok := textOf(v)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return time.Time{}, fmt.Errorf("want a time, found %s", nameOf(v))
	}
	zone := c.zone
	if zone == nil {
		zone = source
	}
	var problem error
	for _, layout := range c.layouts {
		t, err := readTime(layout, text, zone)
		if err == nil {
			return t, checkYear(t, text)
		}
		if problem == nil || isZoneless(err) {
			problem = err
		}
	}
	return time.Time{}, problem
}

func checkYear(t time.Time, text string) error {
	if y := t.UTC().Year(); y < 2000 || y >= 2100 {
		return fmt.Errorf("time %q: outside the years 2000 to 2099", clip(text))
	}
	return nil
}

// zoneless is the error of a time that says no zone where none is configured.
type zoneless struct{ text string }

func (z zoneless) Error() string {
	return fmt.Sprintf("time %q says no zone: configure the source's zone", clip(z.text))
}

func isZoneless(err error) bool { _, ok := err.(zoneless); return ok } //nolint:errorlint // never wrapped

func readTime(layout, text string, zone *time.Location) (time.Time, error) {
	switch layout {
	case layoutISO:
		return readISO(text, zone)
	case layoutUnix, layoutMillis, layoutMicros, layoutNanos:
		return readEpoch(layout, text)
	}
	if !saysZone(layout) && zone == nil {
		if _, err := time.Parse(layout, text); err != nil {
			return time.Time{}, notTime(layout, text)
		}
		return time.Time{}, zoneless{text}
	}
	if zone == nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return time.Time{}, notTime(layout, text)
	}
	return t.UTC(), checkAbbreviation(layout, t, zone)
}

// checkAbbreviation refuses names of zones that mean several: CST is in China and in
// Chicago. Go takes an unknown one for UTC, which would be hours off in silence.
func checkAbbreviation(layout string, t time.Time, zone *time.Location) error {
	if !strings.Contains(layout, "MST") {
		return nil
	}
	name, offset := t.Zone()
	if name == "UTC" || name == "GMT" {
		return nil
	}
	if here, seconds := t.In(zone).Zone(); here == name && seconds == offset {
		return nil
	}
	return fmt.Errorf("zone %q alone says nothing: configure the source's zone", clip(name))
}

func saysZone(layout string) bool {
	return strings.Contains(layout, "Z07") || strings.Contains(layout, "-07") || strings.Contains(layout, "MST")
}

func notTime(layout, text string) error {
	return fmt.Errorf("time %q is not like %q", clip(text), layout)
}

// readISO reads a date and a time of day divided by T or a blank, with a fraction or
// without, with Z, an offset or " UTC", or without a zone.
func readISO(text string, zone *time.Location) (time.Time, error) {
	const shape = len("2006-01-02T15:04:05")
	if len(text) < shape || text[10] != 'T' && text[10] != ' ' {
		return time.Time{}, notTime(layoutISO, text)
	}
	layout := "2006-01-02" + text[10:11] + "15:04:05"
	end := shape
	for end < len(text) && (text[end] == '.' || text[end] == ',' || '0' <= text[end] && text[end] <= '9') {
		end++
	}
	switch tail := text[end:]; {
	case tail == "Z", tail == " UTC", tail == " Z":
		text, zone = text[:end], time.UTC
	case tail == "":
		if zone == nil {
			return time.Time{}, zoneless{text}
		}
	default:
		gap := len(tail) - len(strings.TrimLeft(tail, " "))
		layout += tail[:gap] + offsetLayout(tail[gap:])
		zone = time.UTC
	}
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return time.Time{}, notTime(layoutISO, text)
	}
	return t.UTC(), nil
}

func offsetLayout(tail string) string {
	switch {
	case strings.Contains(tail, ":"):
		return "-07:00"
	case len(tail) == len("-07"):
		return "-07"
	}
	return "-0700"
}

func readEpoch(layout, text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, notTime(layout, text)
	}
	switch layout {
	case layoutMillis:
		return time.UnixMilli(n).UTC(), nil
	case layoutMicros:
		return time.UnixMicro(n).UTC(), nil
	case layoutNanos:
		return time.Unix(0, n).UTC(), nil
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, notTime(layout, text)
	}
	return time.Unix(n, nanos).UTC(), nil
}
