package webhook

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/notify/notifytest"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const known = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func key(seed string) notify.Secret {
	return notify.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(seed+strings.Repeat("k", 24))))
}

func TestKit(t *testing.T) {
	notifytest.Run(t, notifytest.Kit{
		New: func(address string) (notify.Adapter, error) {
			return New(Config{URL: notify.Secret(address + "/in?t=" + notifytest.Canary), Secrets: []notify.Secret{key(notifytest.Canary)}})
		},
		MaxBody: 20_000,
		Answers: []notifytest.Answer{
			{Name: "success", Body: "whatever", Want: notify.Delivered},
			{Name: "no content", Status: 204, Want: notify.Delivered},
			{Name: "queued", Status: 202, Want: notify.Accepted},
			{Name: "gone", Status: 410, Want: notify.BadConfig},
			{Name: "refused", Status: 401, Body: "t=" + notifytest.Canary, Want: notify.BadConfig},
			{Name: "throttled", Status: 429, Header: map[string]string{"Retry-After": "120"}, Want: notify.RetryAfter, After: 2 * time.Minute},
			{Name: "throttled until a date", Status: 503, Header: map[string]string{"Date": "Mon, 02 Nov 2026 09:00:00 GMT", "Retry-After": "Mon, 02 Nov 2026 09:05:00 GMT"}, Want: notify.RetryAfter, After: 5 * time.Minute},
			{Name: "throttled without a time", Status: 429, Want: notify.Retry},
			{Name: "throttled for ever", Status: 429, Header: map[string]string{"Retry-After": "999999999"}, Want: notify.RetryAfter, After: 24 * time.Hour},
			{Name: "throttled for less than nothing", Status: 429, Header: map[string]string{"Retry-After": "-5"}, Want: notify.Retry},
			{Name: "a huge answer", Body: strings.Repeat("x", 1<<20), Want: notify.Delivered},
		},
	})
}

// The vector is that of the Standard Webhooks libraries.
func TestSignature(t *testing.T) {
	w, err := New(Config{URL: "https://example.com/in", Secrets: []notify.Secret{known, key("new")}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := w.NewRequest(t.Context(), []byte(`{"test": 2432232314}`), "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0))
	if err != nil {
		t.Fatal(err)
	}
	first, second, two := strings.Cut(req.Header.Get("webhook-signature"), " ")
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; first != want {
		t.Errorf("got %s, want %s", first, want)
	}
	if !two || !strings.HasPrefix(second, "v1,") || second == first {
		t.Errorf("the second key signed %q", second)
	}
	if req.Header.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || req.Header.Get("webhook-timestamp") != "1614265330" {
		t.Errorf("got %v", req.Header)
	}
}

func TestRender(t *testing.T) {
	b, err := (&Webhook{}).Render(notify.Message{
		ID: "20261102-ab", Kind: "alert", Title: "t", Lines: []string{"l"}, Link: "https://o.example/1", Total: 1,
		Alerts: []notify.Item{{ID: "20261102-ab", Time: "2026-11-02T01:00:00Z", Date: 20759, Employee: "P-7", Level: ueba.High, Rule: "r", Title: "u", Score: 71.2, Count: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"onlooker.alert","data":{"id":"20261102-ab","title":"t","lines":["l"],"link":"https://o.example/1","total":1,` +
		`"alerts":[{"id":"20261102-ab","time":"2026-11-02T01:00:00Z","date":"2026-11-02","employee":"P-7","level":"high","rule":"r","title":"u","score":71.2,"count":3}]}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestConfigNamesTheKey(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":           {Config{}, "url: "},
		"no TLS":               {Config{URL: "http://intranet.example/canary", Secrets: []notify.Secret{known}}, "url: must begin with https://"},
		"no key":               {Config{URL: "https://example.com/canary"}, "secrets: "},
		"a short key":          {Config{URL: "https://example.com", Secrets: []notify.Secret{known, "whsec_Y2FuYXJ5"}}, "secrets[1]: "},
		"a key of another way": {Config{URL: "https://example.com", Secrets: []notify.Secret{"canary"}}, "secrets[0]: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tt.cfg)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := New(Config{URL: "http://intranet.example/in", Secrets: []notify.Secret{known}, AllowHTTP: true}); err != nil {
		t.Errorf("plain http was allowed by name: %v", err)
	}
}
