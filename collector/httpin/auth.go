package httpin

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
)

// DefaultSource names what comes without a token and names no source.
const DefaultSource = "http"

// SourceHeader names the source for senders that cannot set ?source=. With tokens the
// token says it, and both are ignored.
const SourceHeader = "X-Onlooker-Source"

// gate finds out under whose name a request may append.
type gate struct {
	tokens []token
	origin *http.CrossOriginProtection
}

type token struct {
	source string
	digest [sha256.Size]byte
}

func newGate(tokens map[string][]Secret) gate {
	g := gate{origin: http.NewCrossOriginProtection()}
	for _, source := range sources(tokens) {
		for _, secret := range tokens[source] {
			g.tokens = append(g.tokens, token{source, sha256.Sum256([]byte(secret.Reveal()))})
		}
	}
	return g
}

// source returns the name of the source, or the refusal.
func (g gate) source(r *http.Request) (string, *refusal) {
	if len(g.tokens) == 0 {
		return g.local(r)
	}
	for _, secret := range secrets(r.Header.Get("Authorization")) {
		if source, ok := g.find(secret); ok {
			return source, nil
		}
	}
	return "", refuse(http.StatusUnauthorized, "unauthorized", "a token is required, and one that is known")
}

// secrets gives what may be the token in an Authorization header: of Bearer the token
// itself; of Basic the password; of Elasticsearch's ApiKey the key, alone or with an id
// before it.
func secrets(header string) []string {
	scheme, value, _ := strings.Cut(header, " ")
	value = strings.TrimSpace(value)
	switch strings.ToLower(scheme) {
	case "bearer":
		return []string{value}
	case "apikey":
		return append(afterColon(value), value)
	case "basic":
		return afterColon(value)
	}
	return nil
}

func afterColon(encoded string) []string {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	_, secret, ok := strings.Cut(string(text), ":")
	if !ok {
		return nil
	}
	return []string{secret}
}

// find compares with every token, so that the time taken tells nothing.
func (g gate) find(secret string) (source string, ok bool) {
	digest := sha256.Sum256([]byte(secret))
	for _, t := range g.tokens {
		if subtle.ConstantTimeCompare(t.digest[:], digest[:]) == 1 {
			source, ok = t.source, true
		}
	}
	return source, ok
}

// local is for a daemon without tokens, which listens on loopback: any program of this
// machine may append, but not a web page of another site that its browser shows, nor one
// that had its own name resolve to this machine.
func (g gate) local(r *http.Request) (string, *refusal) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if !isLoopback(strings.Trim(host, "[]")) {
		return "", refuse(http.StatusForbidden, "forbidden", "without http.tokens the Host must be loopback")
	}
	if g.origin.Check(r) != nil {
		return "", refuse(http.StatusForbidden, "forbidden", "without http.tokens web pages of other sites may not append")
	}
	source := cmp.Or(r.URL.Query().Get("source"), r.Header.Get(SourceHeader))
	if source == "" {
		return DefaultSource, nil
	}
	if !sourceName.MatchString(source) {
		return "", refuse(http.StatusBadRequest, "bad_source", "source: want up to 64 letters, digits, dots, underscores and hyphens")
	}
	return source, nil
}
