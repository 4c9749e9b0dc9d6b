// Package sourcetest is what the tests of sources share: formats so plain that a test
// reads like its log.
package sourcetest

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Plain is a format of one event a line: "TIME USER RECORD [ID]", with RFC 3339 times.
// "skip …" is passed over; every other line is an error.
func Plain() collector.Format {
	return collector.Format{
		Name:  "plain",
		Split: func() bufio.SplitFunc { return bufio.ScanLines },
		New:   func(o collector.Options) collector.Parser { return plain{o} },
	}
}

// Held is Plain, but an event is held until the next one comes, for lines "+LABEL" that
// belong to it.
func Held() collector.Format {
	f := Plain()
	f.Name = "held"
	f.New = func(o collector.Options) collector.Parser { return &held{plain: plain{o}} }
	return f
}

// Line is the line of an event n seconds after a Monday's nine o'clock.
func Line(n int, user, record, id string) string {
	at := time.Date(2026, 11, 2, 9, 0, n, 0, time.UTC)
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", at.Format(time.RFC3339), user, record, id))
}

type plain struct{ collector.Options }

func (p plain) Parse(raw []byte, emit func(ueba.Body)) error {
	e, err := p.event(string(raw))
	if err != nil || e == nil {
		return err
	}
	emit(e)
	return nil
}

func (plain) Flush(func(ueba.Body)) {}

func (plain) Waiting() int { return 0 }

func (p plain) event(line string) (*ueba.Event, error) {
	words := strings.Fields(line)
	if len(words) > 0 && words[0] == "skip" {
		return nil, nil
	}
	if len(words) < 3 || len(words) > 4 {
		return nil, fmt.Errorf("plain: want 3 or 4 words, found %d", len(words))
	}
	at, err := time.Parse(time.RFC3339, words[0])
	if err != nil {
		return nil, fmt.Errorf("plain: the time cannot be read")
	}
	e := &ueba.Event{
		Time: at.UTC(), Service: "crm", User: words[1], Action: ueba.ActionView,
		Record: ueba.EventRecord{Type: "customer", IDs: []string{words[2]}},
	}
	if p.Service != "" {
		e.Service = p.Service
	}
	if len(words) == 4 {
		e.EventID = words[3]
	}
	return e, nil
}

type held struct {
	plain
	event   *ueba.Event
	waiting int
}

func (h *held) Parse(raw []byte, emit func(ueba.Body)) error {
	if label, ok := strings.CutPrefix(string(raw), "+"); ok && h.event != nil {
		h.event.Labels = map[string]string{"label": label}
		h.waiting++
		return nil
	}
	e, err := h.plain.event(string(raw))
	if err != nil || e == nil {
		if h.event != nil {
			h.waiting++
		}
		return err
	}
	h.Flush(emit)
	h.event, h.waiting = e, 1
	return nil
}

func (h *held) Flush(emit func(ueba.Body)) {
	if h.event != nil {
		emit(h.event)
	}
	h.event, h.waiting = nil, 0
}

func (h *held) Waiting() int { return h.waiting }
