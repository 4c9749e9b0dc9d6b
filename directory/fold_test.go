package directory

import (
	"testing"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"wang.wei":          "wang.wei",
		"Wang.Wei":          "wang.wei",
		"ｗａｎｇ.wei":          "wang.wei",
		"　WANG．ＷＥＩ ":        "wang.wei",
		`CORP\Wang`:         `corp\wang`,
		"Wang@Corp.Example": "wang@corp.example",
		"Anna.Z":            "anna.z",
		"王伟":                "王伟",
		"É":                 "é",
		"E\u0301":           "é",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"a", " Ａ", "İ", "ẞ", "\u1e9b\u0323", "Ω", "ﬁ", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if again := Fold(once); again != once {
			t.Errorf("Fold(%q) = %q, and folded again %q", s, once, again)
		}
	})
}

func TestPlaceholdersArePeopleNever(t *testing.T) {
	for _, name := range []string{"", " ", "-", "SYSTEM", "system", "Not Available", "unknown", "NULL", "N/A", "ｎ／ａ", `NT AUTHORITY\SYSTEM`} {
		if !IsPlaceholder(name) {
			t.Errorf("%q would be a person", name)
		}
	}
	for _, name := range []string{"root", "na", "system.admin", "王无"} {
		if IsPlaceholder(name) {
			t.Errorf("%q would be nobody", name)
		}
	}
}

func TestParseAccount(t *testing.T) {
	for in, want := range map[string]ueba.Account{
		"wang":          {User: "wang"},
		"CRM:Wang":      {Service: "crm", User: "wang"},
		" crm : wang ":  {Service: "crm", User: "wang"},
		":wang":         {User: "wang"},
		`crm:CORP\wang`: {Service: "crm", User: `corp\wang`},
		"crm:urn:x":     {Service: "crm", User: "urn:x"},
	} {
		if got := parseAccount(in); got != want {
			t.Errorf("%q: got %+v, want %+v", in, got, want)
		}
	}
}

func TestParseShift(t *testing.T) {
	for in, want := range map[string]shift{
		"":            defaultShift,
		"08:30-17:15": {from: 8*time.Hour + 30*time.Minute, to: 17*time.Hour + 15*time.Minute},
		"22:00-06:00": {from: 22 * time.Hour, to: 30 * time.Hour},
		"00:00-24:00": {to: 24 * time.Hour},
		"Mon/Wed 9:00-12:00": {from: 9 * time.Hour, to: 12 * time.Hour, hasDays: true,
			days: [7]bool{time.Monday: true, time.Wednesday: true}},
		"fri-mon 09:00-12:00": {from: 9 * time.Hour, to: 12 * time.Hour, hasDays: true,
			days: [7]bool{time.Friday: true, time.Saturday: true, time.Sunday: true, time.Monday: true}},
		"daily 09:00-12:00": {from: 9 * time.Hour, to: 12 * time.Hour, hasDays: true,
			days: [7]bool{true, true, true, true, true, true, true}},
	} {
		if got, err := parseShift(in); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"9-18", "09:00", "09:00-09:00", "24:00-06:00", "09:60-10:00", "25:00-26:00",
		"09:00-18:00-19:00", "someday 09:00-18:00", "mon 09:00-18:00 x", "-1:00-09:00", "9:0-10:00"} {
		if got, err := parseShift(in); err == nil {
			t.Errorf("%q: got %+v, want an error", in, got)
		}
	}
}
