package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// digestWorst is how many alerts a digest tells of.
const digestWorst = 3

// Composer writes messages. Its functions come from whoever knows people and scores.
type Composer struct {
	Text *text.Catalogue
	// Name gives an employee's pseudonym.
	Name func(employee string) string
	// Sentences words the main parts of an alert; nil: none. They must name no customer
	// and no employee but by pseudonym.
	Sentences func(a ueba.Alert, lang text.Lang) []string
	// Link gives an address in the console ("": none), of all alerts for a nil alert.
	Link func(a *ueba.Alert) string
	// Zone is the business zone of the times in messages; nil: UTC.
	Zone *time.Location
}

// Alert writes the message of one alert.
func (c Composer) Alert(a ueba.Alert, lang text.Lang) Message {
	m := Message{
		ID: a.ID, Kind: "alert", Lang: lang, Total: 1, Alerts: []Item{c.item(a, lang)},
		Title: c.line(lang, "notify.title", text.Args{"level": c.level(lang, a.Level), "name": c.name(a), "title": c.title(a, lang)}),
	}
	fact := func(key, value string) {
		m.Facts = append(m.Facts, Fact{c.Text.Say(lang, "notify.label."+key, nil), tidy(value)})
	}
	fact("level", c.level(lang, a.Level))
	fact("score", text.Number(a.Score))
	fact("date", a.Day.String())
	fact("time", a.Time.In(c.zone()).Format("2006-01-02 15:04:05"))
	if a.Count > 0 {
		fact("count", text.Number(float64(a.Count)))
	}
	if c.Sentences != nil {
		for _, s := range c.Sentences(a, lang) {
			m.Lines = append(m.Lines, tidy(s))
		}
	}
	c.link(&m, &a)
	return m
}

// Digest writes one message for several alerts: how many of which level, and the worst.
func (c Composer) Digest(alerts []ueba.Alert, lang text.Lang) Message {
	alerts = slices.Clone(alerts)
	slices.SortFunc(alerts, worstFirst)
	m := Message{ID: digestID(alerts), Kind: "digest", Lang: lang, Total: len(alerts)}
	people := map[string]bool{}
	levels := map[ueba.RiskLevel]int{}
	first, last := alerts[0].Day, alerts[0].Day
	for _, a := range alerts {
		people[a.Employee] = true
		levels[a.Level]++
		first, last = min(first, a.Day), max(last, a.Day)
		m.Alerts = append(m.Alerts, c.item(a, lang))
	}
	m.Title = c.line(lang, "notify.digest", text.Args{"count": len(alerts), "people": len(people)})
	for _, l := range []ueba.RiskLevel{ueba.Critical, ueba.High, ueba.Medium, ueba.Low} {
		if levels[l] > 0 {
			m.Facts = append(m.Facts, Fact{c.level(lang, l), text.Number(float64(levels[l]))})
		}
	}
	m.Facts = append(m.Facts, Fact{c.Text.Say(lang, "notify.label.date", nil), dates(first, last)})
	for _, a := range alerts[:min(len(alerts), digestWorst)] {
		m.Lines = append(m.Lines, c.line(lang, "notify.digest.line", text.Args{
			"date": a.Day.String(), "level": c.level(lang, a.Level), "name": c.name(a), "title": c.title(a, lang), "score": a.Score,
		}))
	}
	c.link(&m, nil)
	return m
}

// Test writes the message of a test at a time.
func (c Composer) Test(channel string, at time.Time, lang text.Lang) Message {
	m := Message{
		ID: "test-" + at.UTC().Format("20060102T150405.000"), Kind: "test", Lang: lang,
		Title: c.line(lang, "notify.test", text.Args{"channel": channel}),
		Lines: []string{c.line(lang, "notify.test.line", text.Args{"time": at.In(c.zone()).Format("2006-01-02 15:04:05")})},
	}
	c.link(&m, nil)
	return m
}

func (c Composer) item(a ueba.Alert, lang text.Lang) Item {
	return Item{
		ID: a.ID, Time: a.Time.UTC().Format(time.RFC3339), Date: a.Day, Employee: c.name(a), Level: a.Level,
		Rule: a.Rule, Title: c.title(a, lang), Score: a.Score, Count: a.Count,
	}
}

// title is the catalogue's for what Onlooker ships, else the rule's own.
func (c Composer) title(a ueba.Alert, lang text.Lang) string {
	key := "rule." + a.Rule
	if strings.HasPrefix(a.Rule, "score.") {
		key = "notify." + a.Rule
	}
	if c.Text.Has(key) {
		return c.line(lang, key, text.Args{"level": c.level(lang, a.Level), "previous": c.level(lang, a.Previous)})
	}
	return tidy(cmp.Or(a.Title, a.Rule))
}

func (c Composer) level(lang text.Lang, l ueba.RiskLevel) string {
	return c.Text.Say(lang, "level."+string(l), nil)
}

func (c Composer) name(a ueba.Alert) string { return tidy(c.Name(a.Employee)) }

func (c Composer) line(lang text.Lang, key string, args text.Args) string {
	return tidy(c.Text.Say(lang, key, args))
}

func (c Composer) link(m *Message, a *ueba.Alert) {
	if c.Link == nil {
		return
	}
	if m.Link = c.Link(a); m.Link != "" {
		m.LinkText = c.Text.Say(m.Lang, "notify.link", nil)
	}
}

func (c Composer) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

func dates(first, last ueba.Day) string {
	if first == last {
		return first.String()
	}
	return first.String() + " – " + last.String()
}

// worstFirst orders alerts by level, score, time and id.
func worstFirst(a, b ueba.Alert) int {
	return cmp.Or(cmp.Compare(b.Level.Rank(), a.Level.Rank()), cmp.Compare(b.Score, a.Score), a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
}

// digestID is the same for the same alerts in any order.
func digestID(alerts []ueba.Alert) string {
	ids := make([]string, len(alerts))
	for i, a := range alerts {
		ids[i] = a.ID
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\x00")))
	return "digest-" + hex.EncodeToString(sum[:8])
}
