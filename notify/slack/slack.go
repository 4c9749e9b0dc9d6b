// Package slack is the adapter for Slack's incoming webhooks.
//
// Success is HTTP 200 with the body "ok" and nothing else. Slack takes one message a
// second and channel; the budget stays at 80 % of that. Text goes into plain_text
// objects, in which nothing is markup and nobody is mentioned.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/onlooker-ueba/onlooker/notify"
)

const (
	// maxBody keeps below Slack's undocumented limit of about 13,200 characters over
	// all blocks.
	maxBody    = 12_000
	maxHeader  = 150 // characters
	maxSection = 3000
	maxField   = 2000
	maxFields  = 10 // of a section
)

// Webhook is one incoming webhook.
type Webhook struct{ address url.URL }

// Budget implements notify.Adapter.
func (w *Webhook) Budget() notify.Budget { return notify.Budget{Messages: 4, Per: 5 * time.Second} }

// Secrets implements notify.Adapter.
func (w *Webhook) Secrets() []string { return notify.AddressSecrets(&w.address) }

type body struct {
	Text   string  `json:"text"` // shown in notifications
	Blocks []block `json:"blocks,omitempty"`
	Unfurl bool    `json:"unfurl_links"`
}

type block struct {
	Type     string   `json:"type"`
	Text     *plain   `json:"text,omitempty"`
	Fields   []plain  `json:"fields,omitempty"`
	Elements []button `json:"elements,omitempty"`
}

type plain struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type button struct {
	Type string `json:"type"`
	Text plain  `json:"text"`
	URL  string `json:"url"`
}

// Render implements notify.Adapter.
func (w *Webhook) Render(m notify.Message) ([]byte, error) {
	return notify.Fit(m, maxBody, func(m notify.Message) ([]byte, error) { return notify.JSON(render(m)) })
}

func render(m notify.Message) body {
	b := body{Text: escape(m.Title), Blocks: []block{{Type: "header", Text: text(m.Title, maxHeader)}}}
	if len(m.Facts) > 0 {
		var fields []plain
		for _, f := range m.Facts[:min(len(m.Facts), maxFields)] {
			fields = append(fields, *text(f.Label+": "+f.Value, maxField))
		}
		b.Blocks = append(b.Blocks, block{Type: "section", Fields: fields})
	}
	if len(m.Lines) > 0 {
		b.Blocks = append(b.Blocks, block{Type: "section", Text: text("• "+strings.Join(m.Lines, "\n• "), maxSection)})
	}
	if m.Link != "" {
		link := button{Type: "button", Text: *text(m.LinkText, 75), URL: m.Link}
		b.Blocks = append(b.Blocks, block{Type: "actions", Elements: []button{link}})
	}
	return b
}

// text makes a plain_text object of at most limit characters.
func text(s string, limit int) *plain {
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit-1]) + "…"
	}
	return &plain{"plain_text", s}
}

// escape makes mrkdwn show text as it is: Slack wants these three characters as entities,
// without which <!channel> would ring everybody.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// NewRequest implements notify.Adapter. Slack's webhooks are not signed.
func (w *Webhook) NewRequest(ctx context.Context, body []byte, _ string, _ time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	return req, nil
}

// codes are the errors whose meaning is known, by the words of the answer.
var codes = map[string]notify.Code{
	"ok":                                notify.Delivered,
	"rate_limited":                      notify.RetryAfter,
	"ratelimited":                       notify.RetryAfter,
	"rollup_error":                      notify.Retry,
	"msg_blocks_too_long":               notify.Shrink,
	"msg_too_long":                      notify.Shrink,
	"too_many_attachments":              notify.Shrink,
	"invalid_payload":                   notify.Shrink, // a plainer message may pass
	"invalid_blocks":                    notify.Shrink,
	"invalid_blocks_format":             notify.Shrink,
	"no_text":                           notify.Shrink,
	"channel_not_found":                 notify.BadConfig,
	"channel_is_archived":               notify.BadConfig,
	"action_prohibited":                 notify.BadConfig,
	"posting_to_general_channel_denied": notify.BadConfig,
	"no_service":                        notify.BadConfig,
	"no_service_id":                     notify.BadConfig,
	"no_active_hooks":                   notify.BadConfig,
	"no_team":                           notify.BadConfig,
	"team_disabled":                     notify.BadConfig,
	"invalid_token":                     notify.BadConfig,
	"user_not_found":                    notify.BadConfig,
}

// Classify implements notify.Adapter. The words of the body say more than the status.
func (w *Webhook) Classify(status int, header http.Header, body []byte) notify.Outcome {
	word, after := read(body)
	code, known := codes[word]
	o, decided := notify.ClassifyStatus(status, header)
	switch {
	case code == notify.Delivered && !decided && status == http.StatusOK:
		return notify.Outcome{Code: notify.Delivered}
	case known && code != notify.Delivered:
		o = notify.Outcome{Code: code, Detail: fmt.Sprintf("HTTP %d %s", status, word), After: o.After}
	case !decided:
		o = notify.Outcome{Code: notify.Unknown, Detail: fmt.Sprintf("HTTP %d with an answer that is not ok", status)}
	}
	if o.Code == notify.RetryAfter {
		o.After = max(o.After, after, time.Second)
	}
	return o
}

// read takes the one word of a text answer, or the error of a JSON answer.
func read(body []byte) (word string, after time.Duration) {
	var a struct {
		OK         bool    `json:"ok"`
		Error      string  `json:"error"`
		RetryAfter float64 `json:"retry_after"`
	}
	if json.Unmarshal(body, &a) == nil {
		return a.Error, time.Duration(min(max(a.RetryAfter, 0), 86400) * float64(time.Second))
	}
	return strings.TrimSpace(string(body)), 0
}
