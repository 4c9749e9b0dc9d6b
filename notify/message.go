package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Message is what a channel renders: finished sentences in one language, not escaped for
// any format, each of one line without control characters.
type Message struct {
	ID       string // stays the same over the attempts of an alert: an idempotency key
	Kind     string // alert, digest or test
	Lang     text.Lang
	Title    string
	Facts    []Fact   // label and value
	Lines    []string // sentences
	Link     string   // into the console; may be empty
	LinkText string
	Alerts   []Item // for machines, worst first
	Total    int    // how many alerts the message stands for
}

// Fact is a labelled value of a message.
type Fact struct{ Label, Value string }

// Item is an alert as machines read it: under its pseudonym.
type Item struct {
	ID       string         `json:"id"`
	Time     string         `json:"time"` // RFC 3339, UTC
	Date     ueba.Day       `json:"date"`
	Employee string         `json:"employee"` // pseudonym
	Level    ueba.RiskLevel `json:"level"`
	Rule     string         `json:"rule"`
	Title    string         `json:"title"`
	Score    float64        `json:"score"`
	Count    int            `json:"count"`
}

// The rungs of the ladder that leads from the full message to one line.
const (
	rungFull = iota
	rungShort
	rungLine
	rungs
)

// reduce returns the message on a rung: in full; without its sentences and with the
// worst three alerts; with nothing but its title and link.
func (m Message) reduce(rung int) Message {
	if rung >= rungShort {
		m.Lines = nil
		m.Alerts = m.Alerts[:min(len(m.Alerts), digestWorst)]
	}
	if rung >= rungLine {
		m.Facts, m.Alerts = nil, nil
	}
	return m
}

// errTooLong says that not even one line fits.
var errTooLong = errors.New("the message does not fit even as one line")

// Fit renders the message so that the bytes do not exceed limit: it goes down the ladder,
// and cuts the title on the last rung.
func Fit(m Message, limit int, render func(Message) ([]byte, error)) ([]byte, error) {
	for rung := rungFull; rung < rungs; rung++ {
		b, err := render(m.reduce(rung))
		if err != nil || len(b) <= limit {
			return b, err
		}
	}
	m = m.reduce(rungLine)
	for size := min(len(m.Title), limit); size > 0; size /= 2 {
		m.Title = Cut(m.Title, size)
		b, err := render(m)
		if err != nil || len(b) <= limit {
			return b, err
		}
	}
	return nil, errTooLong
}

// JSON encodes a body without escaping <, > and &, which would only make it longer, and
// without a line end.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
