package scorer

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Explanation is a score in words. Its points' R add up to the score's. It says what was
// seen and what is usual, and never judges a person.
type Explanation struct {
	Headline string
	Points   []Point
	Notes    []string
}

// Point is one part in words.
type Point struct {
	Text    string
	R       float64
	Day     ueba.Day
	Model   string
	Feature string
}

// Explain puts a score into words.
func Explain(cat *text.Catalogue, lang text.Lang, s ueba.RiskScore) Explanation {
	t := teller{cat, lang}
	out := Explanation{Headline: t.headline(&s), Notes: t.notes(&s)}
	for i := range s.Parts {
		p := &s.Parts[i]
		out.Points = append(out.Points, Point{Text: t.point(p), R: p.R, Day: p.Day, Model: p.Model, Feature: p.Feature})
	}
	return out
}

// ExplainCause puts one cause of a change into words.
func ExplainCause(cat *text.Catalogue, lang text.Lang, c ueba.Cause) string {
	t := teller{cat, lang}
	what := t.model(c.Model)
	if c.Feature != "" && c.Model == ModelRule {
		what += " " + t.rule(c.Feature)
	}
	return t.say("scorer.cause."+c.Kind, text.Args{"what": what})
}

// teller speaks one language.
type teller struct {
	cat  *text.Catalogue
	lang text.Lang
}

func (t teller) say(key string, args text.Args) string { return t.cat.Say(t.lang, key, args) }

func (t teller) headline(s *ueba.RiskScore) string {
	args := text.Args{"day": t.day(s.Day), "level": t.say("level."+string(s.Level), nil), "r": strconv.FormatFloat(s.R, 'f', 0, 64)}
	switch {
	case s.State == ueba.Unmonitored:
		return t.say("scorer.headline.unmonitored", args)
	case len(s.Parts) == 0 || s.R < 1:
		return t.say("scorer.headline.quiet", args)
	}
	args["main"] = t.mainly(s.Parts)
	return t.say("scorer.headline", args)
}

// mainly names the one or two sub-models that make most of the score.
func (t teller) mainly(parts []ueba.Part) string {
	sums, order := map[string]float64{}, []string{}
	for _, p := range parts {
		if _, ok := sums[p.Model]; !ok {
			order = append(order, p.Model)
		}
		sums[p.Model] += p.A
	}
	first := order[0]
	for _, m := range order {
		if sums[m] > sums[first] {
			first = m
		}
	}
	second := ""
	for _, m := range order {
		if m != first && m != ModelOther && sums[m] >= .25*sums[first] && (second == "" || sums[m] > sums[second]) {
			second = m
		}
	}
	if second == "" {
		return t.model(first)
	}
	return t.model(first) + t.say("scorer.headline.and", nil) + t.model(second)
}

func (t teller) model(name string) string {
	if key := "scorer.model." + name; t.cat.Has(key) {
		return t.say(key, nil)
	}
	return t.say("scorer.model.unknown", text.Args{"model": name})
}

// rule names a rule by its title where the catalogue has one.
func (t teller) rule(id string) string {
	if key := "rule." + id; t.cat.Has(key) {
		return t.say(key, nil)
	}
	return id
}

func (t teller) point(p *ueba.Part) string {
	switch p.Model {
	case ModelOther:
		return t.say("scorer.other", text.Args{"count": p.Value})
	case ModelRule:
		return t.say("scorer.rule", text.Args{"day": t.day(p.Day), "rule": t.rule(p.Feature), "count": p.Value})
	}
	law, value := lawOf(p.Feature), any(p.Value)
	if law.isHour() {
		value = t.clock(p.Value)
	}
	fact := t.say("scorer.feature."+p.Feature, text.Args{"day": t.day(p.Day), "value": value})
	return t.say("scorer.law."+string(law), text.Args{
		"fact": fact, "usual": t.usual(law, p), "peers": t.peers(law, p), "once": t.once(p.P),
	})
}

// lawOf returns the law by which a feature is worded: that of the models that ship.
func lawOf(feature string) Law {
	for _, m := range DefaultModels() {
		for _, f := range m.Features {
			if f.Feature.String() == feature {
				return f.Law
			}
		}
	}
	return Count
}

func (t teller) usual(law Law, p *ueba.Part) string {
	switch {
	case law.isHour():
		return t.say("scorer.usual.range", text.Args{"usual": t.clock(p.Usual), "low": t.clock(p.Low), "high": t.clock(p.High)})
	case p.Usual < .95:
		return t.rate(p.Usual)
	}
	return t.say("scorer.usual.range", text.Args{"usual": whole(p.Usual), "low": whole(p.Low), "high": whole(p.High)})
}

func (t teller) peers(law Law, p *ueba.Part) string {
	switch {
	case law.isHour():
		return t.clock(p.Peers)
	case p.Peers < .95:
		return t.rate(p.Peers)
	}
	return text.Format(t.lang, whole(p.Peers))
}

// rate words a mean of less than one a day.
func (t teller) rate(mean float64) string {
	if mean <= 0 || 1/mean > 1000 {
		return t.say("scorer.usual.never", nil)
	}
	return t.say("scorer.usual.rare", text.Args{"days": math.Round(1 / mean)})
}

// whole keeps one decimal of small numbers and none of larger ones.
func whole(x float64) float64 {
	if x < 10 {
		return math.Round(x*10) / 10
	}
	return math.Round(x)
}

func (t teller) once(p float64) string {
	days := 1 / p
	switch {
	case p <= 0 || days > 1e6:
		return t.say("scorer.once.million", nil)
	case days < 10:
		return t.say("scorer.once.common", nil)
	}
	scale := math.Pow(10, math.Floor(math.Log10(days))-1)
	return t.say("scorer.once.rare", text.Args{"days": math.Round(days/scale) * scale})
}

// clock writes hours of the business day as a time of day.
func (t teller) clock(hours float64) string {
	minutes := max(int(math.Round(hours*60)), 0)
	key := "scorer.clock"
	if minutes >= 24*60 {
		key, minutes = "scorer.clock.next", minutes-24*60
	}
	return t.say(key, text.Args{"time": fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)})
}

func (t teller) day(d ueba.Day) string {
	_, month, date := d.Midnight().Date()
	return t.say("scorer.day", text.Args{
		"month":   t.say(fmt.Sprintf("scorer.month.%d", month), nil),
		"weekday": t.say(fmt.Sprintf("scorer.weekday.%d", d.Weekday()), nil),
		"date":    date,
	})
}

func (t teller) notes(s *ueba.RiskScore) []string {
	var out []string
	note := func(key string, args text.Args) { out = append(out, t.say("scorer.note."+key, args)) }
	if s.State == ueba.Learning {
		note("learning", nil)
	}
	if len(s.Missing) > 0 {
		note("partial", text.Args{"missing": t.missing(s.Missing)})
	}
	if s.Open && s.State != ueba.Unmonitored {
		note("open", nil)
	}
	if s.Held != "" {
		note("held", nil)
	}
	capped := 0
	for _, p := range s.Parts {
		if p.Capped {
			capped++
		}
	}
	if capped > 0 {
		note("capped", text.Args{"count": capped})
	}
	if s.Evidence == 0 && s.R >= 1 {
		note("decay", nil)
	}
	return out
}

func (t teller) missing(names []string) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = n
		if key := "scorer.missing." + n; t.cat.Has(key) {
			words[i] = t.say(key, nil)
		}
	}
	return strings.Join(words, t.say("scorer.headline.and", nil))
}
