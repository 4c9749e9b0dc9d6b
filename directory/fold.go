package directory

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Fold returns the one form under which spellings of a login name are equal: case,
// full-width forms and surrounding space do not count. A domain does: DOMAIN\user,
// user@domain and user are three names.
func Fold(name string) string {
	if isPlain(name) {
		return name
	}
	for {
		folded := strings.TrimSpace(strings.ToLower(norm.NFKC.String(name)))
		if folded == name {
			return folded
		}
		name = folded
	}
}

// isPlain reports names that Fold leaves as they are, which nearly all are.
func isPlain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// IsPlaceholder reports what systems write where they know no person. It never is one.
func IsPlaceholder(name string) bool {
	switch Fold(name) {
	case "", "-", "--", "?", "system", "local system", `nt authority\system`, "not available",
		"unknown", "null", "(null)", "nil", "none", "n/a", "undefined", "anonymous", "无", "未知", "系统":
		return true
	}
	return false
}

// parseAccount reads "service:user", or "user" for any service, folded.
func parseAccount(entry string) ueba.Account {
	service, user, ok := strings.Cut(entry, ":")
	if !ok || strings.TrimSpace(service) == "" {
		return ueba.Account{User: Fold(strings.TrimPrefix(strings.TrimSpace(entry), ":"))}
	}
	return ueba.Account{Service: Fold(service), User: Fold(user)}
}

// parseAccounts leaves out placeholders.
func parseAccounts(entries []string) []ueba.Account {
	out := make([]ueba.Account, 0, len(entries))
	for _, entry := range entries {
		if a := parseAccount(entry); !IsPlaceholder(a.User) {
			out = append(out, a)
		}
	}
	return out
}

// written is the account as a directory file writes it.
func written(a ueba.Account) string {
	if a.Service == "" {
		return a.User
	}
	return a.String()
}
