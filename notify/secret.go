package notify

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

const redacted = "<redacted>"

// Secret is a setting that must not be seen: an address with a token, a key. It is
// written as itself, as file:PATH or as env:NAME. However it is printed or encoded it
// says <redacted>; only Reveal gives it.
type Secret string

// Reveal returns the value, reading the file or the environment if that is where it is.
// White space around a file's content is dropped. Its errors do not hold the value.
func (s Secret) Reveal() (string, error) {
	if path, ok := strings.CutPrefix(string(s), "file:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		return nonEmpty(strings.TrimSpace(string(b)), "the file "+path)
	}
	if name, ok := strings.CutPrefix(string(s), "env:"); ok {
		return nonEmpty(os.Getenv(name), "the environment variable "+name)
	}
	return nonEmpty(string(s), "the setting")
}

func nonEmpty(v, what string) (string, error) {
	if v == "" {
		return "", errors.New(what + " is empty")
	}
	return v, nil
}

// Format implements fmt.Formatter: every verb says <redacted>.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// MarshalText implements encoding.TextMarshaler, for JSON and YAML too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Address checks a revealed address and gives its parsed form. Plain http is for
// loopback only, unless allowed.
func Address(revealed string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(revealed)
	if err != nil || u.Host == "" {
		return nil, errors.New("is no address such as https://host/path") // url.Parse would quote it
	}
	host := u.Hostname()
	loopback := host == "localhost" || host == "127.0.0.1" || host == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP && !loopback) {
		return nil, errors.New("must begin with https://")
	}
	return u, nil
}

// AddressSecrets lists what of an address must not be seen: the whole, its user, long
// parts of its path and the values of its query. The host may be seen.
func AddressSecrets(u *url.URL) []string {
	out := []string{u.String(), u.RequestURI(), u.EscapedPath()}
	if u.User != nil {
		out = append(out, u.User.String())
	}
	for _, values := range u.Query() {
		out = append(out, values...)
	}
	return append(out, strings.Split(u.Path, "/")...)
}

// minSecret is how long a part of an address must be to count as one: shorter ones, such
// as "/" or "v1", stand in ordinary text.
const minSecret = 6

// redact replaces the secrets in text from outside, plain or URL-encoded.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			s = strings.ReplaceAll(s, form, redacted)
		}
	}
	return s
}

// tidy makes text from outside fit for one line of a message: control characters and
// marks that turn the direction of writing become blanks.
func tidy(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, s)), " ")
}

// Cut shortens s to at most limit bytes, on the border of a character, with an ellipsis.
func Cut(s string, limit int) string {
	const ellipsis = "…"
	if len(s) <= limit {
		return s
	}
	if limit < len(ellipsis) {
		return ""
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
