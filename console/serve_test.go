package console

import (
	"net/http"
	"os"
	"testing"
)

// TestServe serves the made-up company for a person who wants to look at the pages:
//
//	ONLOOKER_CONSOLE_SERVE=127.0.0.1:8420 go test -run TestServe ./console
func TestServe(t *testing.T) {
	addr := os.Getenv("ONLOOKER_CONSOLE_SERVE")
	if addr == "" {
		t.Skip("set ONLOOKER_CONSOLE_SERVE to look at the pages")
	}
	c := newCompany()
	if os.Getenv("ONLOOKER_CONSOLE_EMPTY") != "" {
		c = &company{ready: true}
	}
	t.Logf("http://%s/?token=%s", addr, pageToken)
	t.Error(http.ListenAndServe(addr, c.page(t)))
}
