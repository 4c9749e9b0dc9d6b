package app

import (
	"time"

	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// What the command line needs to name of other packages.
type (
	// Progress says how far a job is.
	Progress = console.Progress
	// LookRow is a look as the API gives it.
	LookRow = console.LookRow
	// AlertRow is an alert as the API gives it.
	AlertRow = console.AlertRow
	// CoverageAnswer is the ledger as the API gives it.
	CoverageAnswer = console.CoverageAnswer
	// AlertState is where an alert stands.
	AlertState = ueba.AlertState
)

// The states that a command sets.
const (
	Acknowledged = ueba.AlertAcknowledged
	Closed       = ueba.AlertClosed
)

// Words makes sentences in one language.
type Words struct {
	catalogue *text.Catalogue
	lang      text.Lang
}

// WordsIn returns the words of a language; one that is not known is Chinese.
func WordsIn(lang string) *Words {
	l, err := text.ParseLang(lang)
	if err != nil {
		l = text.Chinese
	}
	return &Words{text.MustLoad(), l}
}

// Lang returns the language: zh or en.
func (w *Words) Lang() string { return string(w.lang) }

// Say makes the sentence of a key.
func (w *Words) Say(key string, args map[string]any) string {
	return w.catalogue.Say(w.lang, key, args)
}

// Millis writes milliseconds as people say them.
func (w *Words) Millis(ms int64) string {
	return text.Duration(w.lang, time.Duration(ms)*time.Millisecond)
}

// Time writes an instant; nothing for the zero one.
func (w *Words) Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
