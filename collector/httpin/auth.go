package httpin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// DefaultSource names what comes without a token and without ?source=.
const DefaultSource = "http"

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
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(http.StatusUnauthorized, "unauthorized", "a bearer token is required")
	}
	if source, ok := g.find(strings.TrimSpace(secret)); ok {
		return source, nil
	}
	return "", refuse(http.StatusUnauthorized, "unauthorized", "the token is not known")
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
	source := r.URL.Query().Get("source")
	if source == "" {
		return DefaultSource, nil
	}
	if !sourceName.MatchString(source) {
		return "", refuse(http.StatusBadRequest, "bad_source", "source: want up to 64 letters, digits, dots, underscores and hyphens")
	}
	return source, nil
}
