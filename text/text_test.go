package text

import (
	"strings"
	"testing"
	"time"
)

func TestCataloguesLoad(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Keys()) < 100 {
		t.Errorf("only %d sentences", len(c.Keys()))
	}
	for _, k := range c.Keys() {
		for _, lang := range []Lang{Chinese, English} {
			if s := c.Say(lang, k, nil); strings.TrimSpace(s) == "" {
				t.Errorf("%s in %s says nothing", k, lang)
			}
		}
	}
}

func TestSay(t *testing.T) {
	c := &Catalogue{patterns: map[string]map[Lang]string{}}
	if err := c.add([]byte(`a.b: {zh: "查看 {n} 次", en: "{n} {n|plural:look,looks}"}`)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		lang Lang
		key  string
		args Args
		want string
	}{
		{English, "a.b", Args{"n": 1}, "1 look"},
		{English, "a.b", Args{"n": 1234567.0}, "1,234,567 looks"},
		{Chinese, "a.b", Args{"n": int64(2)}, "查看 2 次"},
		{English, "a.b", nil, "{n} {n|plural:look,looks}"},
		{English, "no.such", nil, "{no.such}"},
	} {
		if got := c.Say(tt.lang, tt.key, tt.args); got != tt.want {
			t.Errorf("%s %s %v: %q, want %q", tt.lang, tt.key, tt.args, got, tt.want)
		}
	}
}

func TestCatalogueIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`k: {zh: "一"}`:                                   "needs zh and en",
		`k: {zh: "一", en: "one", fr: "un"}`:              "needs zh and en",
		`k: {zh: "{n} 条", en: "{count} lines"}`:          "different arguments",
		"k: {zh: \"一\", en: \"one\"}\nk: {zh: x, en: y}": "",
		`k: [`: "",
	} {
		c := &Catalogue{patterns: map[string]map[Lang]string{}}
		if err := c.add([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	c := &Catalogue{patterns: map[string]map[Lang]string{}}
	good := []byte(`k: {zh: 一, en: one}`)
	if err := c.add(good); err != nil {
		t.Fatal(err)
	}
	if err := c.add(good); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a key of two catalogues: %v", err)
	}
}

func TestNumbersAndDurations(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 12: "12", 31.46: "31.5", 999.6: "1,000", -1234: "-1,234", .00123: "0.0012"} {
		if got := Number(f); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 s", 300 * time.Millisecond: "under 1 s", 41 * time.Second: "41 s", 90 * time.Second: "1.5 min", 150 * time.Minute: "2.5 h",
	} {
		if got := Duration(English, d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := Duration(Chinese, 300*time.Millisecond); got != "不到 1 秒" {
		t.Errorf("less than a second is %q", got)
	}
}

func TestParseLang(t *testing.T) {
	for s, want := range map[string]Lang{"zh": Chinese, "zh_CN.UTF-8": Chinese, "EN": English, "en-GB": English} {
		if got, err := ParseLang(s); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	if _, err := ParseLang("fr"); err == nil {
		t.Error("fr was taken")
	}
}
