package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSampleConfigurationIsTheDefaults holds configs/onlooker.yaml: it names every key, and
// each with its default.
func TestSampleConfigurationIsTheDefaults(t *testing.T) {
	file := filepath.Join("..", "..", "configs", "onlooker.yaml")
	c, err := LoadConfig(Overrides{File: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.File, want.Data = file, filepath.Join("..", "..", "configs", "data")
	want.HTTP.Tokens, want.HTTP.Hosts, want.View.IdleBy = c.HTTP.Tokens, c.HTTP.Hosts, c.View.IdleBy
	want.Store.Elastic.Addresses = c.Store.Elastic.Addresses
	want.Sources, want.Rules.Dirs, want.Notify.Channels, want.Mappings.Dirs = c.Sources, c.Rules.Dirs, c.Notify.Channels, c.Mappings.Dirs
	if !reflect.DeepEqual(c, want) {
		t.Errorf("configs/onlooker.yaml differs from the defaults:\n%+v\n%+v", c, want)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for k := range schema(reflect.TypeFor[Config](), "") {
		leaf := k[strings.LastIndexByte(k, '.')+1:]
		if !strings.Contains(string(text), leaf+":") {
			t.Errorf("configs/onlooker.yaml does not name %s", k)
		}
	}
}

func TestUnknownKeyIsNamedWithItsPlaceAndTheNearest(t *testing.T) {
	file := write(t, "onlooker.yaml", "data: d\nscore:\n  corn: \"0 * * * *\"\n")
	_, err := LoadConfig(Overrides{File: file}, nil)
	if err == nil || !strings.Contains(err.Error(), "onlooker.yaml:3:3") || !strings.Contains(err.Error(), "did you mean score.cron?") {
		t.Errorf("got %v", err)
	}
}

func TestLaterSettingsWin(t *testing.T) {
	file := write(t, "onlooker.yaml", "data: d\nbusiness:\n  zone: Europe/Berlin\n  grace: 1h\nscore:\n  high: 55\n")
	c, err := LoadConfig(Overrides{File: file, Set: map[string]string{"score.high": "65"}},
		[]string{"ONLOOKER_BUSINESS_GRACE=3h", "ONLOOKER_SCORE_HIGH=61", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Business.Zone != "Europe/Berlin" || c.Business.Grace != 3*time.Hour || c.Score.High != 65 {
		t.Errorf("zone %s, grace %s, high %g", c.Business.Zone, c.Business.Grace, c.Score.High)
	}
	if want := filepath.Join(filepath.Dir(file), "d"); c.Data != want {
		t.Errorf("data is %s, want %s: paths are relative to the file", c.Data, want)
	}
}

func TestUnknownVariableAndSetAreRefused(t *testing.T) {
	for _, tt := range []struct {
		set  map[string]string
		env  string
		want string
	}{
		{nil, "ONLOOKER_SCORE_CRONN=x", "did you mean ONLOOKER_SCORE_CRON?"},
		{map[string]string{"http.listn": "x"}, "", "did you mean http.listen?"},
		{map[string]string{"http": "x"}, "", "unknown key http"},
	} {
		_, err := LoadConfig(Overrides{Set: tt.set}, []string{tt.env})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v %s: got %v, want %q", tt.set, tt.env, err, tt.want)
		}
	}
}

func TestTokensAsPeopleWriteThem(t *testing.T) {
	const a, b = "0123456789abcdef0123", "fedcba9876543210fedc=="
	want := []SourceToken{{"crm", a}, {"hr", b}}
	for name, text := range map[string]string{
		"list of pairs":  "http:\n  tokens:\n    - {source: crm, token: " + a + "}\n    - {source: hr, token: \"" + b + "\"}\n",
		"map":            "http:\n  tokens: {crm: " + a + ", hr: \"" + b + "\"}\n",
		"map of lists":   "http:\n  tokens: {crm: [" + a + "], hr: [\"" + b + "\"]}\n",
		"list of source": "http:\n  tokens: [\"crm=" + a + "\", \"hr=" + b + "\"]\n",
		"one text":       "http:\n  tokens: \"crm=" + a + ", hr=" + b + "\"\n",
	} {
		c, err := LoadConfig(Overrides{File: write(t, "c.yaml", text)}, nil)
		if err != nil || !reflect.DeepEqual(c.HTTP.Tokens, want) {
			t.Errorf("%s: %v, %v", name, c.HTTP.Tokens, err)
		}
	}
	c, err := LoadConfig(Overrides{}, []string{"ONLOOKER_HTTP_TOKENS=" + b})
	if err != nil || len(c.HTTP.Tokens) != 1 || c.HTTP.Tokens[0] != (SourceToken{Token: b}) {
		t.Errorf("a bare token: %v, %v", c.HTTP.Tokens, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for key, value := range map[string]string{
		"http.listen": "0.0.0.0:8417", "business.zone": "Mars/Olympus", "business.day_start": "25:00",
		"score.cron": "often", "score.high": "90", "lang": "fr", "log.level": "loud", "store.kind": "cassandra",
		"view.idle": "0s", "retention.events": "30", "notify.max_age": "soon",
	} {
		_, err := LoadConfig(Overrides{Set: map[string]string{key: value}}, nil)
		name := key[strings.LastIndexByte(key, '.')+1:]
		if err == nil || !strings.Contains(err.Error(), name) && !strings.Contains(err.Error(), strings.SplitN(key, ".", 2)[0]) {
			t.Errorf("%s=%s: got %v", key, value, err)
		}
	}
}

func TestChannelSettingsAreChecked(t *testing.T) {
	const secret = "0123456789abcdef-canary"
	file := write(t, "c.yaml", "notify:\n  channels:\n    - {name: a, kind: dingtalk, url: \"https://example.com/robot/send?access_token="+secret+"\", sercet: x}\n")
	_, err := LoadConfig(Overrides{File: file}, nil)
	if err == nil || !strings.Contains(err.Error(), "sercet") || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"cron", "corn", 2}} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("edits(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
