package mapping

import (
	"regexp"
	"strings"
)

var (
	syslog5424 = regexp.MustCompile(`^<\d{1,3}>1 (\S+) (\S+) (\S+) (\S+) (\S+) `)
	syslog3164 = regexp.MustCompile(`^(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) (\S+) (?:([^\s:\[]+)(?:\[([^\]]*)\])?: ?)?`)
)

// cutSyslog cuts a syslog header off a line and gives what it says. A line without one
// stays as it is.
func cutSyslog(line string) (header fields, message string) {
	if m := syslog5424.FindStringSubmatch(line); m != nil {
		rest := afterStructuredData(line[len(m[0]):])
		return fields{"time": dash(m[1]), "host": dash(m[2]), "app": dash(m[3]), "pid": dash(m[4])}, strings.TrimPrefix(rest, "\ufeff")
	}
	if m := syslog3164.FindStringSubmatch(line); m != nil {
		// "host CEF: 0|…": what looks like the program's name is the payload.
		if m[3] == "CEF" || m[3] == "LEEF" {
			return fields{"time": m[1], "host": m[2]}, line[strings.Index(line, m[3]+":"):]
		}
		return fields{"time": m[1], "host": m[2], "app": dash(m[3]), "pid": dash(m[4])}, line[len(m[0]):]
	}
	return nil, line
}

func dash(s string) any {
	if s == "-" || s == "" {
		return nil
	}
	return s
}

// afterStructuredData passes over RFC 5424's structured data.
func afterStructuredData(s string) string {
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return strings.TrimPrefix(rest, " ")
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && (i+1 == len(s) || s[i+1] != '['):
			return strings.TrimPrefix(s[i+1:], " ")
		}
	}
	return s
}
