package ueba

import "time"

// Times of facts lie in these years; everything else is a broken clock or a trick.
const (
	oldestYear = 1900 // for the validity of reasons, which may be older than the logs
	firstYear  = 2000
	endYear    = 2100
)

// parseTime reads RFC 3339 with any fraction, the same with a space or without a
// colon in the offset, or a time without an offset when zone is given. problem says
// what is wrong in the words of an error message.
func parseTime(s []byte, zone *time.Location) (t time.Time, problem string) {
	const shape = "0000-00-00 00:00:00"
	if len(s) < len(shape) || !shaped(s, shape) {
		return t, "want a time like 2026-11-02T09:31:04.120+08:00"
	}
	year, month, day := two(s[0:])*100+two(s[2:]), two(s[5:]), two(s[8:])
	hour, minute, second := two(s[11:]), two(s[14:]), two(s[17:])
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return t, "no such date or time of day"
	}
	nano, rest := fraction(s[len(shape):])
	if len(rest) == 0 {
		if zone == nil {
			return t, "time without a zone, and no zone is configured for this source"
		}
		return time.Date(year, time.Month(month), day, hour, minute, second, nano, zone).UTC(), ""
	}
	offset, ok := zoneOffset(rest)
	if !ok {
		return t, "want a zone like Z or +08:00 after the time"
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	return t.Add(-offset), ""
}

// shaped reports whether s begins like shape: 0 stands for a digit, a space also for T.
func shaped(s []byte, shape string) bool {
	for i := range len(shape) {
		switch c := s[i]; shape[i] {
		case '0':
			if c < '0' || c > '9' {
				return false
			}
		case ' ':
			if c != ' ' && c != 'T' && c != 't' {
				return false
			}
		default:
			if c != shape[i] {
				return false
			}
		}
	}
	return true
}

// two reads two digits.
func two(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// fraction reads an optional fraction of a second after a point or a comma and returns
// what follows. Digits beyond nanoseconds are cut off.
func fraction(s []byte) (nano int, rest []byte) {
	if len(s) < 2 || s[0] != '.' && s[0] != ',' || s[1] < '0' || s[1] > '9' {
		return 0, s
	}
	i := 1
	unit := 100_000_000
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		nano += int(s[i]-'0') * unit
		unit /= 10
	}
	return nano, s[i:]
}

// zoneOffset reads Z, +08:00, +0800 or +08, with a space before it or not.
func zoneOffset(s []byte) (offset time.Duration, ok bool) {
	if len(s) > 1 && s[0] == ' ' {
		s = s[1:]
	}
	hour, minute := 0, 0
	switch {
	case len(s) == 1 && (s[0] == 'Z' || s[0] == 'z'):
		return 0, true
	case len(s) == 3 && shaped(s[1:], "00"):
		hour = two(s[1:])
	case len(s) == 5 && shaped(s[1:], "0000"):
		hour, minute = two(s[1:]), two(s[3:])
	case len(s) == 6 && shaped(s[1:], "00:00"):
		hour, minute = two(s[1:]), two(s[4:])
	default:
		return 0, false
	}
	offset = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	switch s[0] {
	case '+':
	case '-':
		offset = -offset
	default:
		return 0, false
	}
	return offset, hour <= 15 && minute <= 59
}

// parseMillis reads milliseconds since 1970 as text; a fraction is ignored, because
// some senders write nanoseconds there without leading zeros.
func parseMillis(s []byte) (time.Time, bool) {
	whole := s
	for i, c := range s {
		if c == '.' {
			whole = s[:i]
			break
		}
	}
	n, ok := wholeNumber(whole)
	if !ok || len(whole) != len("1795383191323") {
		return time.Time{}, false
	}
	return time.UnixMilli(n).UTC(), true
}

// absurd says what is wrong with a time that no fact can have.
func absurd(t, now time.Time) string {
	if absurdYear(t) {
		return "time outside the years 2000 to 2099"
	}
	if !now.IsZero() && t.After(now.Add(24*time.Hour)) {
		return "time more than a day in the future"
	}
	return ""
}

func absurdYear(t time.Time) bool { return t.Year() < firstYear || t.Year() >= endYear }

// wholeNumber reads a whole number as JSON writes it, exactly: 12, -3, 4.0 and 1.2e3
// are whole, 1.5 and what overflows 64 bits are not.
func wholeNumber(s []byte) (int64, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	var n int64
	exponent, point, digits := 0, false, 0
	for i, c := range s {
		switch {
		case '0' <= c && c <= '9':
			if n > (1<<63-1-int64(c-'0'))/10 {
				return 0, false
			}
			n = n*10 + int64(c-'0')
			digits++
			if point {
				exponent--
			}
		case c == '.' && !point:
			point = true
		case c == 'e' || c == 'E':
			e, ok := smallExponent(s[i+1:])
			if !ok || digits == 0 {
				return 0, false
			}
			n, ok = shift(n, exponent+e)
			return sign(n, negative), ok
		default:
			return 0, false
		}
	}
	n, ok := shift(n, exponent)
	return sign(n, negative), ok && digits > 0
}

func sign(n int64, negative bool) int64 {
	if negative {
		return -n
	}
	return n
}

func smallExponent(s []byte) (int, bool) {
	factor := 1
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			factor = -1
		}
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 2 {
		return 0, false
	}
	e := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		e = e*10 + int(c-'0')
	}
	return factor * e, true
}

// shift multiplies n by ten to the power of e, if the result is whole and fits.
func shift(n int64, e int) (int64, bool) {
	for ; e > 0 && n != 0; e-- {
		if n > (1<<63-1)/10 {
			return 0, false
		}
		n *= 10
	}
	for ; e < 0 && n != 0; e++ {
		if n%10 != 0 {
			return 0, false
		}
		n /= 10
	}
	return n, true
}
