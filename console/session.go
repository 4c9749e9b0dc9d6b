package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sessionLife is how long a browser stays in after it used the link.
const sessionLife = 12 * time.Hour

// The __Host- prefix keeps a neighbouring sub-domain from planting a cookie; browsers
// accept it over TLS only.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-onlooker"
	}
	return "onlooker"
}

// sign makes a session: when it began, and a seal that only the page token can make. A
// new token ends every session.
func (h *handler) sign(began string) string {
	mac := hmac.New(sha256.New, []byte(h.cfg.PageToken))
	mac.Write([]byte("onlooker session\x00" + began))
	return began + "." + hex.EncodeToString(mac.Sum(nil))
}

func (h *handler) startSession(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name:     cookieName(r),
		Value:    h.sign(strconv.FormatInt(h.cfg.Now().Unix(), 10)),
		Path:     "/",
		MaxAge:   int(sessionLife.Seconds()),
		HttpOnly: true,
		Secure:   r.TLS != nil,
		SameSite: http.SameSiteStrictMode,
	})
}

func (h *handler) hasSession(r *http.Request) bool {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return false
	}
	began, _, _ := strings.Cut(c.Value, ".")
	if !equal(c.Value, h.sign(began)) {
		return false
	}
	sec, err := strconv.ParseInt(began, 10, 64)
	age := h.cfg.Now().Sub(time.Unix(sec, 0))
	return err == nil && age >= 0 && age < sessionLife
}

func (h *handler) hasBearer(r *http.Request) bool {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && equal(token, h.cfg.PageToken)
}

// equal compares in a time that tells nothing, not even the length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
