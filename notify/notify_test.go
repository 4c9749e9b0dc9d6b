package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSecretNeverShows(t *testing.T) {
	type config struct {
		URL  Secret   `json:"url" yaml:"url"`
		Keys []Secret `json:"keys" yaml:"keys"`
	}
	c := config{"canary", []Secret{"canary"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T%v"} {
		if s := fmt.Sprintf(verb, c, c.URL); strings.Contains(s, "canary") || strings.Contains(s, "63616e617279") {
			t.Errorf("%s shows %s", verb, s)
		}
	}
	j, err := json.Marshal(c)
	if want := `{"url":"<redacted>","keys":["<redacted>"]}`; err != nil || string(j) != want {
		// encoding/json writes < as \u003c
		if strings.Contains(string(j), "canary") || !strings.Contains(string(j), "redacted") {
			t.Errorf("JSON shows %s, %v", j, err)
		}
	}
	y, err := yaml.Dump(c)
	if err != nil || strings.Contains(string(y), "canary") || !strings.Contains(string(y), redacted) {
		t.Errorf("YAML shows %s, %v", y, err)
	}
	if s := Secret("").String(); s != "" {
		t.Errorf("an empty secret shows %q; whether one is set may be seen", s)
	}
}

func TestSecretReveals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONLOOKER_TEST_KEY", "from env")
	var c struct {
		Key Secret `yaml:"key"`
	}
	if err := yaml.Load([]byte("key: file:"+file), &c); err != nil {
		t.Fatal(err)
	}
	for s, want := range map[Secret]string{c.Key: "from file", "env:ONLOOKER_TEST_KEY": "from env", "literal": "literal"} {
		if got, err := s.Reveal(); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	for _, s := range []Secret{"", "env:ONLOOKER_TEST_NOT_SET", "file:/nowhere/key"} {
		if _, err := s.Reveal(); err == nil {
			t.Errorf("an empty secret was revealed")
		}
	}
}

func TestRedact(t *testing.T) {
	u, err := url.Parse("https://user:passw0rd@chat.example/hook/tok%2Fen99?key=a+b%26canary")
	if err != nil {
		t.Fatal(err)
	}
	secrets := append(AddressSecrets(u), "SECsecret")
	for _, said := range []string{
		u.String(), "/hook/tok%2Fen99?key=a+b%26canary", "path /hook/tok%2Fen99", "key a b&canary", "key a+b%26canary", "SECsecret", "user:passw0rd",
	} {
		got := redact("said "+said+" x", secrets)
		for _, part := range []string{"tok%2Fen99", "canary", "SECsecret", "passw0rd"} {
			if strings.Contains(got, part) {
				t.Errorf("%q became %q", said, got)
			}
		}
	}
	if got := redact("dial chat.example: refused / v1", secrets); got != "dial chat.example: refused / v1" {
		t.Errorf("the host and ordinary text may be seen: %q", got)
	}
}

func TestCutKeepsCharacters(t *testing.T) {
	for _, s := range []string{"", "abc", "客户记录", "🔔🔔🔔", "a客b户"} {
		for limit := range 20 {
			got := Cut(s, limit)
			if len(got) > limit && len(s) > limit || !utf8.ValidString(got) {
				t.Errorf("Cut(%q, %d) = %q", s, limit, got)
			}
			if len(s) <= limit && got != s {
				t.Errorf("Cut(%q, %d) = %q although it fits", s, limit, got)
			}
		}
	}
}

func TestTidy(t *testing.T) {
	if got := tidy(" a\r\n\tb\x00\u202ec\u2028d  e\xff "); got != "a b c d e" {
		t.Errorf("got %q", got)
	}
}

func TestBackoff(t *testing.T) {
	for attempt := 1; attempt < 60; attempt++ {
		want := maxBackoff
		if attempt < 10 {
			want = min(firstBackoff<<(attempt-1), maxBackoff)
		}
		got := backoff("a/b", attempt, 0)
		if got < want*4/5 || got > want*6/5 {
			t.Errorf("attempt %d waits %v, want about %v", attempt, got, want)
		}
		if got != backoff("a/b", attempt, 0) {
			t.Errorf("attempt %d: not the same again", attempt)
		}
	}
	if backoff("a/b", 3, 0) == backoff("a/c", 3, 0) && backoff("a/b", 4, 0) == backoff("a/c", 4, 0) {
		t.Error("two deliveries come in step")
	}
	if got := backoff("a/b", 1, configBackoff); got < configBackoff*4/5 {
		t.Errorf("the least is not kept: %v", got)
	}
}

func TestGauge(t *testing.T) {
	g := gauge{Budget: Budget{Messages: 2, Per: time.Minute}}
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	g.note(at(10), "b")
	g.note(at(0), "a")
	g.note(at(10), "b") // the same again
	if g.left(at(59)) != 0 || !g.next(at(59)).Equal(at(60)) {
		t.Errorf("at 59: %d left, next %v", g.left(at(59)), g.next(at(59)))
	}
	if g.left(at(60)) != 1 || !g.next(at(60)).Equal(at(60)) {
		t.Errorf("at 60: %d left", g.left(at(60)))
	}
	if g.left(at(70)) != 2 {
		t.Errorf("at 70: %d left", g.left(at(70)))
	}
	g.note(at(80), "c")
	g.note(at(80), "d")
	if g.left(at(80)) != 0 {
		t.Error("two messages of one instant are two")
	}
}

func TestClientRefusesWhatIsNobodysChat(t *testing.T) {
	for address, ok := range map[string]bool{
		"169.254.169.254:80": false, "[fe80::1]:443": false, "0.0.0.0:80": false, "224.0.0.1:80": false, "[::ffff:169.254.169.254]:80": false,
		"10.0.0.5:443": true, "127.0.0.1:80": true, "203.0.113.9:443": true,
	} {
		if err := refuseAddress("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestComposerSpeaksBothLanguages(t *testing.T) {
	c := Composer{
		Text: text.MustLoad(), Name: func(string) string { return "P-7" },
		Link: func(a *ueba.Alert) string { return "https://onlooker.example/" },
		Zone: time.FixedZone("CST", 8*3600),
	}
	a := ueba.Alert{ID: "20261102-ab", Employee: "E1", Day: 20759, Time: time.Date(2026, 11, 2, 1, 2, 3, 0, time.UTC), Level: ueba.High, Previous: ueba.Low, Rule: "score.level", Score: 71.234, Count: 1234}
	rule := a
	rule.Rule, rule.Title = "a9ba618d-6b37-4777-a81c-49c9135f955a", "as written"
	own := a
	own.Rule, own.Title = "11111111-2222-4333-8444-555555555555", "my own rule"
	for want, got := range map[string]string{
		"【高风险】员工 P-7：风险等级由低升至高":                                                  c.Alert(a, text.Chinese).Title,
		"high risk, employee P-7: risk level rose from low to high":              c.Alert(a, text.English).Title,
		"【高风险】员工 P-7：无业务理由查看 VIP 客户记录":                                           c.Alert(rule, text.Chinese).Title,
		"high risk, employee P-7: my own rule":                                   c.Alert(own, text.English).Title,
		"汇总：2 条告警，涉及 1 名员工":                                                      c.Digest([]ueba.Alert{a, own}, text.Chinese).Title,
		"Digest: 1 alert about 1 employee":                                       c.Digest([]ueba.Alert{a}, text.English).Title,
		"风险等级=高 风险评分=71.2 业务日期=2026-11-02 发生时间=2026-11-02 09:02:03 涉及查看次数=1,234": facts(c.Alert(a, text.Chinese)),
		"2026-11-02, high: employee P-7: my own rule (score 71.2)":               c.Digest([]ueba.Alert{own}, text.English).Lines[0],
		"在明镜中查看": c.Alert(a, text.Chinese).LinkText,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func facts(m Message) string {
	var out []string
	for _, f := range m.Facts {
		out = append(out, f.Label+"="+f.Value)
	}
	return strings.Join(out, " ")
}

func TestMessagesNameNobody(t *testing.T) {
	c := Composer{Text: text.MustLoad(), Name: func(string) string { return "P-7" }}
	a := ueba.Alert{ID: "20261102-ab", Employee: "wang.wei001", Looks: []string{"C1000293"}, Level: ueba.High, Rule: "score.day"}
	for _, lang := range []text.Lang{text.Chinese, text.English} {
		for _, m := range []Message{c.Alert(a, lang), c.Digest([]ueba.Alert{a, a}, lang)} {
			b, err := json.Marshal(m)
			if err != nil || strings.Contains(string(b), "wang") || strings.Contains(string(b), "C1000293") || strings.Contains(string(b), "{notify") {
				t.Errorf("%s, %v", b, err)
			}
		}
	}
}

func TestDigestTellsTheWorstInAnyOrder(t *testing.T) {
	c := Composer{Text: text.MustLoad(), Name: func(e string) string { return e }}
	a := ueba.Alert{ID: "1", Employee: "A", Level: ueba.High, Score: 90}
	b := ueba.Alert{ID: "2", Employee: "B", Level: ueba.Critical, Score: 80}
	d := ueba.Alert{ID: "3", Employee: "C", Level: ueba.High, Score: 95}
	e := ueba.Alert{ID: "4", Employee: "D", Level: ueba.Medium, Score: 99}
	m, n := c.Digest([]ueba.Alert{a, b, d, e}, text.English), c.Digest([]ueba.Alert{e, d, b, a}, text.English)
	if m.ID != n.ID || strings.Join(m.Lines, "|") != strings.Join(n.Lines, "|") {
		t.Error("the order of the alerts matters")
	}
	for i, want := range []string{"B", "C", "A"} {
		if len(m.Lines) != 3 || !strings.Contains(m.Lines[i], "employee "+want) {
			t.Errorf("line %d: %v", i, m.Lines)
		}
	}
	if got := facts(m); !strings.HasPrefix(got, "critical=1 high=2 medium=1 ") {
		t.Errorf("got %s", got)
	}
}
