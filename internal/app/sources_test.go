package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSourcesReadTheirOwnSettings(t *testing.T) {
	path := write(t, "c.yaml", "sources:\n  - {name: db, kind: file, paths: [logs/*.json, /var/log/x], poll: 3s, zone: Asia/Shanghai}\n")
	c, err := LoadConfig(Overrides{File: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fileConfig(c.Sources[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "logs/*.json"); got.Paths[0] != want || got.Paths[1] != "/var/log/x" {
		t.Errorf("paths %v, want %s first", got.Paths, want)
	}
	if got.Source != "db" || got.Zone != "Asia/Shanghai" || got.Poll != 3*time.Second || got.MaxOpen == 0 {
		t.Errorf("%+v", got)
	}
}

func TestWrongSourceSettingsAreNamed(t *testing.T) {
	for settings, want := range map[string]string{
		"kind: telepathy":                         "sources[0]: kind: want one of file",
		"kind: syslog":                            "sources[0]: listen",
		"kind: syslog, listen: \":514\"":          "allow",
		"kind: syslog, listen: \":514\", alow: x": "alow",
		"kind: file":                              "sources[0]: paths: missing",
		"kind: file, paths: [x], pahts: [y]":      "pahts",
		"kind: file, paths: [x], poll: 0s":        "sources[0]: poll",
		"kind: file, paths: [x], poll: often":     "a setting has the wrong type",
		"kind: file, paths: [x], zone: Mars":      "sources[0]: zone",
		"kind: file, paths: [x], format: morse":   "sources[0].format",
	} {
		_, err := LoadConfig(Overrides{File: write(t, "c.yaml", "sources:\n  - {name: a, "+settings+"}\n")}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", settings, err, want)
		}
	}
}
