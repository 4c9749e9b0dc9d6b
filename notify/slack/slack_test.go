package slack

import (
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/notify/notifytest"
)

func TestKit(t *testing.T) {
	notifytest.Run(t, notifytest.Kit{
		New: func(address string) (notify.Adapter, error) {
			return New(Config{URL: notify.Secret(address + "/services/T0/B0/" + notifytest.Canary)})
		},
		MaxBody: 13_200,
		Markup:  []string{`"text":"<!channel>`, `"mrkdwn"`},
		Answers: []notifytest.Answer{
			{Name: "success", Body: "ok", Want: notify.Delivered},
			{Name: "success elsewhere", Status: 201, Body: "ok", Want: notify.Unknown},
			{Name: "another text", Body: "okay", Want: notify.Unknown},
			{Name: "nothing", Body: "", Want: notify.Unknown},
			{Name: "JSON that says no", Body: `{"ok":false,"error":"channel_not_found"}`, Want: notify.BadConfig},
			{Name: "JSON that says nothing", Body: `{"ok":true}`, Want: notify.Unknown},
			{Name: "throttled", Status: 429, Body: `{"retry_after":7,"ok":false,"error":"rate_limited"}`, Want: notify.RetryAfter, After: 7 * time.Second},
			{Name: "throttled by header", Status: 429, Header: map[string]string{"Retry-After": "30"}, Body: "rate_limited", Want: notify.RetryAfter, After: 30 * time.Second},
			{Name: "throttled without a time", Status: 429, Body: "rate_limited", Want: notify.RetryAfter, After: time.Second},
			{Name: "too long", Status: 400, Body: "msg_blocks_too_long", Want: notify.Shrink},
			{Name: "payload refused", Status: 400, Body: "invalid_payload", Want: notify.Shrink},
			{Name: "webhook removed", Status: 404, Body: "no_service", Want: notify.BadConfig},
			{Name: "archived", Status: 410, Body: "channel_is_archived", Want: notify.BadConfig},
			{Name: "forbidden", Status: 403, Body: "action_prohibited", Want: notify.BadConfig},
			{Name: "their fault", Status: 500, Body: "rollup_error", Want: notify.Retry},
			{Name: "ok in an error", Status: 500, Body: "ok", Want: notify.Retry},
			{Name: "a huge page", Body: strings.Repeat("ok", 1<<20), Want: notify.Unknown},
			{Name: "the token in the page", Status: 403, Body: notifytest.Canary, Want: notify.BadConfig},
		},
	})
}

func TestRender(t *testing.T) {
	b, err := (&Webhook{}).Render(notify.Message{
		Title: "high risk, employee P-7: <!channel> & co", Facts: []notify.Fact{{Label: "Score", Value: "71.2"}}, Lines: []string{"one", "two"},
		Link: "https://onlooker.example/alerts/1", LinkText: "Open in Onlooker",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"text":"high risk, employee P-7: &lt;!channel&gt; &amp; co","blocks":[` +
		`{"type":"header","text":{"type":"plain_text","text":"high risk, employee P-7: <!channel> & co"}},` +
		`{"type":"section","fields":[{"type":"plain_text","text":"Score: 71.2"}]},` +
		`{"type":"section","text":{"type":"plain_text","text":"• one\n• two"}},` +
		`{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Open in Onlooker"},"url":"https://onlooker.example/alerts/1"}]}` +
		`],"unfurl_links":false}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestBlocksKeepSlacksLimits(t *testing.T) {
	long := strings.Repeat("客", 5000)
	m := notify.Message{Title: long, Lines: []string{long}}
	for range 20 {
		m.Facts = append(m.Facts, notify.Fact{Label: "l", Value: long})
	}
	b := render(m)
	header, fields, section := b.Blocks[0].Text.Text, b.Blocks[1].Fields, b.Blocks[2].Text.Text
	if n := len([]rune(header)); n != 150 {
		t.Errorf("the header has %d characters", n)
	}
	if len(fields) != 10 || len([]rune(fields[0].Text)) != 2000 {
		t.Errorf("%d fields of %d characters", len(fields), len([]rune(fields[0].Text)))
	}
	if n := len([]rune(section)); n != 3000 {
		t.Errorf("the section has %d characters", n)
	}
}

func TestConfigNamesTheKey(t *testing.T) {
	for _, u := range []notify.Secret{"", "canary", "http://hooks.slack.com/services/canary", "ftp://canary/x"} {
		if _, err := New(Config{URL: u}); err == nil || !strings.HasPrefix(err.Error(), "url: ") || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v", err)
		}
	}
}
