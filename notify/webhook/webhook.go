// Package webhook is the adapter for machines: JSON, signed after Standard Webhooks 1.0.0.
//
// A message's webhook-id stays the same over its attempts, so that a receiver can leave
// out what it has; the timestamp does not. Any 2xx is success, 202 an unproven one. 410
// and redirects, which are never followed, ask for an operator.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/notify"
)

const (
	maxBody   = 19_000 // Standard Webhooks asks for less than 20 kB
	maxAlerts = 50     // of a digest
)

// Webhook is one receiver.
type Webhook struct {
	address  url.URL
	keys     [][]byte
	revealed []string
}

// Budget implements notify.Adapter. The standard names none; this is one that any
// receiver takes.
func (w *Webhook) Budget() notify.Budget { return notify.Budget{Messages: 10, Per: time.Second} }

// Secrets implements notify.Adapter.
func (w *Webhook) Secrets() []string { return append(notify.AddressSecrets(&w.address), w.revealed...) }

type body struct {
	Type string `json:"type"` // onlooker.alert, onlooker.digest, onlooker.test
	Data data   `json:"data"`
}

type data struct {
	ID     string        `json:"id"`
	Title  string        `json:"title"`
	Lines  []string      `json:"lines,omitempty"`
	Link   string        `json:"link,omitempty"`
	Total  int           `json:"total"`            // alerts that the message stands for
	Alerts []notify.Item `json:"alerts,omitempty"` // the worst of them
}

// Render implements notify.Adapter.
func (w *Webhook) Render(m notify.Message) ([]byte, error) {
	return notify.Fit(m, maxBody, func(m notify.Message) ([]byte, error) {
		return notify.JSON(body{Type: "onlooker." + m.Kind, Data: data{
			ID: m.ID, Title: m.Title, Lines: m.Lines, Link: m.Link, Total: m.Total, Alerts: m.Alerts[:min(len(m.Alerts), maxAlerts)],
		}})
	})
}

// NewRequest implements notify.Adapter.
func (w *Webhook) NewRequest(ctx context.Context, body []byte, id string, now time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	signatures := make([]string, len(w.keys))
	for i, key := range w.keys {
		signatures[i] = sign(key, id, now, body)
	}
	req.Header.Set("webhook-signature", strings.Join(signatures, " "))
	return req, nil
}

// sign is "v1," and base64(HMAC-SHA256(key, id.seconds.body)).
func sign(key []byte, id string, now time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, now.Unix(), body) // a hash never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Classify implements notify.Adapter.
func (w *Webhook) Classify(status int, header http.Header, _ []byte) notify.Outcome {
	if o, ok := notify.ClassifyStatus(status, header); ok {
		return o
	}
	if status == http.StatusAccepted {
		return notify.Outcome{Code: notify.Accepted}
	}
	return notify.Outcome{Code: notify.Delivered}
}
