package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// policy lets pages load what we serve and nothing else, and nobody frame them. There is
// no inline script or style anywhere, so an injected one stays dead.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func setSecurityHeaders(hd http.Header) {
	hd.Set("Content-Security-Policy", policy)
	hd.Set("X-Content-Type-Options", "nosniff")
	hd.Set("X-Frame-Options", "DENY")
	hd.Set("Referrer-Policy", "no-referrer")
	hd.Set("Cross-Origin-Opener-Policy", "same-origin")
	hd.Set("Cross-Origin-Resource-Policy", "same-origin")
	hd.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	hd.Set("Cache-Control", "no-store")
}

// guard stands before everything that TCP can reach.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header())
		switch {
		case isProbe(r.URL.Path):
			next.ServeHTTP(w, r)
		case !h.knownHost(r.Host):
			h.refuse(w, r, http.StatusMisdirectedRequest, "host")
		case isAsset(r.URL.Path) || h.hasBearer(r) || r.URL.Path == "/metrics" && fromHere(r):
			next.ServeHTTP(w, r)
		case isLink(r):
			h.takeLink(w, r)
		case !h.hasSession(r):
			h.noSession(w, r)
		case !safe(r.Method) && !sameOrigin(r):
			h.refuse(w, r, http.StatusForbidden, "origin")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

func isAsset(path string) bool { return strings.HasPrefix(path, "/assets/") }

func isLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == "/" && r.URL.Query().Has("token")
}

// takeLink turns the token of the link into a session and leads to the page without it,
// so that the token does not stay in the address bar.
func (h *handler) takeLink(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get("token"), h.cfg.PageToken) {
		h.refuse(w, r, http.StatusUnauthorized, "token")
		return
	}
	h.startSession(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// noSession refuses, except that a browser which follows a link from elsewhere (a chat) is
// made to ask again from here: it holds back a SameSite=Strict cookie the first time.
func (h *handler) noSession(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && !isAPI(r.URL.Path) {
		h.bounce(w, r)
		return
	}
	h.refuse(w, r, http.StatusUnauthorized, "session")
}

// knownHost accepts addresses (a rebound name is never one), localhost and the
// configured names, with any port.
func (h *handler) knownHost(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.ContainsFunc(h.cfg.Hosts, func(k string) bool {
		return strings.EqualFold(k, host)
	})
}

// fromHere reports whether the request comes from this machine and not through a proxy
// on it.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead
}

// sameOrigin wants proof that one of our own pages sent the request. A request with
// neither header proves nothing: whoever is no browser uses the bearer token.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	o, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && o.Host != "" && o.Host == r.Host
}

func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || path == "/metrics" || path == "/live"
}

// refuse says no in the form that the path speaks. why is a key under console.refuse.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="onlooker"`)
	}
	if isAPI(r.URL.Path) {
		detail := h.cfg.Text.Say("en", "console.refuse."+why, h.refuseArgs(r))
		writeProblem(w, refusal(status, why, detail))
		return
	}
	h.refusePage(w, r, status, why)
}

func (h *handler) refuseArgs(r *http.Request) map[string]any {
	return map[string]any{"host": clean(r.Host)}
}
