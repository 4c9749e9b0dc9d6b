package dingtalk

import (
	"strings"
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/notify/notifytest"
	"github.com/onlooker-ueba/onlooker/text"
)

func robot(address string) (notify.Adapter, error) {
	return New(Config{
		URL:    notify.Secret(address + "/robot/send?access_token=" + notifytest.Canary),
		Secret: "SEC" + notifytest.Canary,
	})
}

func TestKit(t *testing.T) {
	notifytest.Run(t, notifytest.Kit{
		New:     robot,
		MaxBody: 20_000,
		Markup:  []string{"@", "](", "http://", "**b**", "`", "<script>", "_i_", `\\`},
		Answers: []notifytest.Answer{
			{Name: "success", Body: `{"errcode":0,"errmsg":"ok"}`, Want: notify.Delivered},
			{Name: "throttled", Body: `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`, Want: notify.RetryAfter, After: 10 * time.Minute},
			{Name: "throttled and wrapped", Body: `{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"a"}`, Want: notify.RetryAfter, After: 10 * time.Minute},
			{Name: "throttled by status", Status: 429, Want: notify.RetryAfter, After: 10 * time.Minute},
			{Name: "key refused", Body: `{"errcode":310000,"errmsg":"sign not match"}`, Want: notify.BadConfig},
			{Name: "no such token", Body: `{"errcode":300001,"errmsg":"token is not exist"}`, Want: notify.BadConfig},
			{Name: "too long", Body: `{"errcode":460101,"errmsg":"message too long, exceed 20000 bytes"}`, Want: notify.Shrink},
			{Name: "too long, formerly", Body: `{"errcode":101002,"errmsg":"description too long"}`, Want: notify.Shrink},
			{Name: "busy", Body: `{"errcode":-1,"errmsg":"system busy"}`, Want: notify.Retry},
			{Name: "a code never seen", Body: `{"errcode":999,"errmsg":"?"}`, Want: notify.Unknown},
			{Name: "no code", Body: `{}`, Want: notify.Unknown},
			{Name: "a page", Body: "<html>ok</html>", Want: notify.Unknown},
			{Name: "nothing", Body: "", Want: notify.Unknown},
			{Name: "a huge page", Body: strings.Repeat("客", 1<<20), Want: notify.Unknown},
			{Name: "the token in the message", Body: `{"errcode":310000,"errmsg":"bad ` + notifytest.Canary + `"}`, Want: notify.BadConfig},
		},
	})
}

// The vector comes from the published examples of the signature.
func TestSign(t *testing.T) {
	got := Sign("SECtest", time.UnixMilli(1700000000000))
	if want := "aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestCarriesTheSignature(t *testing.T) {
	r, err := New(Config{URL: "https://oapi.dingtalk.com/robot/send?access_token=abc", Secret: "SECtest"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := r.NewRequest(t.Context(), []byte("{}"), "id", time.UnixMilli(1700000000000))
	if err != nil {
		t.Fatal(err)
	}
	want := "https://oapi.dingtalk.com/robot/send?access_token=abc&sign=aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D&timestamp=1700000000000"
	if req.URL.String() != want || req.Method != "POST" {
		t.Errorf("got %s %s", req.Method, req.URL)
	}
}

func TestWithoutKeyNothingIsSigned(t *testing.T) {
	r, err := New(Config{URL: "https://oapi.dingtalk.com/robot/send?access_token=abc"})
	if err != nil {
		t.Fatal(err)
	}
	req, err := r.NewRequest(t.Context(), []byte("{}"), "id", time.Now())
	if err != nil || req.URL.RawQuery != "access_token=abc" {
		t.Errorf("got %s, %v", req.URL, err)
	}
}

func TestRender(t *testing.T) {
	r := &Robot{}
	b, err := r.Render(notify.Message{
		Title: "【高风险】员工 P-7：导出", Facts: []notify.Fact{{Label: "评分", Value: "71.2"}}, Lines: []string{"查看次数远超平时"},
		Link: "https://onlooker.example/alerts/1", LinkText: "在明镜中查看", Lang: text.Chinese,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"msgtype":"markdown","markdown":{"title":"【高风险】员工 P-7：导出","text":"### 【高风险】员工 P-7：导出\n\n- 评分: **71.2**\n\n> 查看次数远超平时\n\n[在明镜中查看](https://onlooker.example/alerts/1)"},"at":{"isAtAll":false}}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestConfigNamesTheKey(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":         {Config{}, "url: "},
		"no token":           {Config{URL: "https://oapi.dingtalk.com/robot/send"}, "url: the access_token is missing"},
		"no TLS":             {Config{URL: "http://oapi.dingtalk.com/robot/send?access_token=canary"}, "url: must begin with https://"},
		"no address at all":  {Config{URL: "canary"}, "url: is no address"},
		"a key that is gone": {Config{URL: "https://x/?access_token=canary", Secret: "env:ONLOOKER_TEST_NOT_SET"}, "secret: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tt.cfg)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
