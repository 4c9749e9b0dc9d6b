// Package dingtalk is the adapter for DingTalk's custom group robots.
//
// DingTalk answers HTTP 200 to what it refuses; the errcode in the body decides. Over 20
// messages a minute it blocks the robot for ten minutes, so the budget stays at 80 % of
// that, and a body may have 20,000 bytes. Signatures hold for an hour around DingTalk's
// clock.
package dingtalk

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/notify"
)

const (
	maxBody = 18_000 // of 20,000
	penalty = 10 * time.Minute
)

// Robot is one group robot.
type Robot struct {
	address url.URL
	secret  string
}

// Budget implements notify.Adapter.
func (r *Robot) Budget() notify.Budget { return notify.Budget{Messages: 16, Per: time.Minute} }

// Secrets implements notify.Adapter.
func (r *Robot) Secrets() []string { return append(notify.AddressSecrets(&r.address), r.secret) }

type body struct {
	Type     string   `json:"msgtype"`
	Markdown markdown `json:"markdown"`
	At       at       `json:"at"`
}

type markdown struct {
	Title string `json:"title"` // shown in the list of chats
	Text  string `json:"text"`
}

type at struct {
	All bool `json:"isAtAll"`
}

// Render implements notify.Adapter: a markdown message.
func (r *Robot) Render(m notify.Message) ([]byte, error) {
	return notify.Fit(m, maxBody, func(m notify.Message) ([]byte, error) {
		return notify.JSON(body{Type: "markdown", Markdown: markdown{Title: escape(m.Title), Text: markdownText(m)}})
	})
}

func markdownText(m notify.Message) string {
	var b strings.Builder
	b.WriteString("### " + escape(m.Title) + "\n")
	for _, f := range m.Facts {
		b.WriteString("\n- " + escape(f.Label) + ": **" + escape(f.Value) + "**")
	}
	for _, l := range m.Lines {
		b.WriteString("\n\n> " + escape(l))
	}
	if m.Link != "" {
		b.WriteString("\n\n[" + escape(m.LinkText) + "](" + m.Link + ")")
	}
	return b.String()
}

// escaper replaces what is markup, a mention or a link within a line by its full-width
// form. DingTalk's clients do not agree on backslashes, and ring whoever's number or name
// follows an @.
var escaper = strings.NewReplacer(
	"*", "＊", "_", "＿", "~", "～", "`", "｀", "[", "［", "]", "］", "<", "＜", ">", "＞", `\`, "＼", "@", "＠", "://", "：//",
)

func escape(s string) string { return escaper.Replace(s) }

// NewRequest implements notify.Adapter; the signature goes into the query.
func (r *Robot) NewRequest(ctx context.Context, body []byte, _ string, now time.Time) (*http.Request, error) {
	u := r.address
	if r.secret != "" {
		q := u.Query()
		q.Set("timestamp", strconv.FormatInt(now.UnixMilli(), 10))
		q.Set("sign", Sign(r.secret, now))
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	return req, nil
}

// Sign is base64(HMAC-SHA256(secret, milliseconds + "\n" + secret)).
func Sign(secret string, now time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%d\n%s", now.UnixMilli(), secret) // a hash never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// answer is what DingTalk says; a throttled one is sometimes wrapped in another form.
type answer struct {
	Code    *int   `json:"errcode"`
	Message string `json:"errmsg"`
	Status  int    `json:"status"`
	Punish  string `json:"punish"`
}

// codes are the errcodes whose meaning is known. Others are retried as unknown.
var codes = map[int]notify.Code{
	0:      notify.Delivered,
	-1:     notify.Retry,      // busy
	130101: notify.RetryAfter, // more than 20 a minute
	410100: notify.RetryAfter, // too fast
	460101: notify.Shrink,     // too long
	101002: notify.Shrink,     // too long, formerly
	310000: notify.BadConfig,  // signature, keyword or address refused
	300001: notify.BadConfig,  // no such token
	300005: notify.BadConfig,  // no such token
	400013: notify.BadConfig,  // the group was dissolved
	400101: notify.BadConfig,  // no such token
	400102: notify.BadConfig,  // the robot is switched off
	400106: notify.BadConfig,  // no such robot
}

// Classify implements notify.Adapter.
func (r *Robot) Classify(status int, header http.Header, body []byte) notify.Outcome {
	if o, ok := notify.ClassifyStatus(status, header); ok {
		if status == http.StatusTooManyRequests {
			o.Code, o.After = notify.RetryAfter, max(o.After, penalty)
		}
		return o
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return notify.Outcome{Code: notify.Unknown, Detail: "the answer is no JSON"}
	}
	if a.Code == nil && (a.Status == 1111 || a.Punish == "deny") {
		return notify.Outcome{Code: notify.RetryAfter, After: penalty, Detail: "too many messages"}
	}
	if a.Code == nil {
		return notify.Outcome{Code: notify.Unknown, Detail: "the answer has no errcode"}
	}
	o := notify.Outcome{Code: notify.Unknown, Detail: fmt.Sprintf("errcode %d: %s", *a.Code, a.Message)}
	if code, ok := codes[*a.Code]; ok {
		o.Code = code
	}
	switch {
	case o.Code == notify.RetryAfter:
		o.After = penalty
	case *a.Code == 310000:
		o.Detail += " (check the key, the keywords and addresses allowed to the robot, and this machine's clock)"
	}
	return o
}
