package parse

import (
	"errors"
	"testing"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const ecsLine = `{"@timestamp":"2026-03-02T09:31:04Z","event.action":"view","user.id":"u1","service.name":"crm"}`

func TestECSJSON(t *testing.T) {
	p := newECSJSON(Options{Source: "crm-file"})
	var got []ueba.Body
	emit := func(b ueba.Body) { got = append(got, b) }
	if err := p.Parse([]byte("\ufeff"+ecsLine), emit); err != nil {
		t.Fatal("a byte order mark at the begin of a file:", err)
	}
	var problem *ueba.DecodeError
	if err := p.Parse([]byte("\ufeff"+ecsLine), emit); !errors.As(err, &problem) {
		t.Error("a byte order mark in the middle:", err)
	}
	if err := p.Parse([]byte(`{"@timestamp":"2026-03-02 09:31:04","event.action":"view","user.id":"u1","service.name":"crm"}`), emit); !errors.As(err, &problem) {
		t.Error("a time without a zone, and none configured:", err)
	}
	if len(got) != 1 || got[0].(*ueba.Event).Source != "crm-file" || p.Waiting() != 0 {
		t.Errorf("got %+v", got)
	}
	p.Flush(emit)
	if len(got) != 1 {
		t.Error("Flush spoke though nothing waited")
	}
}

func TestFormatNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats() {
		if f.Name == "" || seen[f.Name] || f.New == nil || f.Split == nil {
			t.Errorf("format %+v", f)
		}
		seen[f.Name] = true
	}
	if !seen["ecsjson"] || !seen["pgaudit"] {
		t.Error("a built-in format is missing")
	}
}
