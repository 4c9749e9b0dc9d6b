package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	defaultWait = 10 * time.Minute
	maxWait     = 24 * time.Hour
	maxSpan     = 24 * time.Hour
	maxCount    = 10_000 // of a correlation: more than its window keeps would never fire
)

var (
	uuid     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	timespan = regexp.MustCompile(`^([1-9][0-9]{0,5})([smhd])$`)
	statuses = []string{"stable", "test", "experimental", "deprecated", "unsupported"}
	levels   = []string{"informational", "low", "medium", "high", "critical"}
	units    = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	// evidences are what a detection is worth unless its rule says otherwise: one of
	// level high moves an untouched score from 0 to about 27.
	evidences = map[string]float64{"informational": 0, "low": 0.5, "medium": 1, "high": 2.5, "critical": 5}
)

// assemble checks the rules together and compiles them. Problems go to the reporters.
func assemble(written []*writtenRule) *Set {
	byName := index(written)
	silent := map[*writtenRule]bool{}
	for _, w := range written {
		for _, base := range w.bases(byName) {
			silent[base] = silent[base] || base.correlation == nil && !w.generates()
		}
	}
	when := map[*writtenRule]predicate{}
	for _, w := range written {
		w.checkKeys()
		if w.detection.line > 0 {
			when[w] = w.compileDetection()
		}
	}
	set := &Set{}
	for _, w := range written {
		if silent[w] {
			w.refuseOptions()
			continue
		}
		set.rules = append(set.rules, w.compile(byName, when))
	}
	slices.SortFunc(set.rules, func(a, b *rule) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range set.rules {
		set.infos = append(set.infos, r.Info)
	}
	return set
}

// index finds rules by id and by name, and reports what is there twice.
func index(written []*writtenRule) map[string]*writtenRule {
	found := map[string]*writtenRule{}
	for _, w := range written {
		for _, key := range []word{w.id, w.name} {
			if key.text == "" {
				continue
			}
			if other := found[key.text]; other != nil && other != w {
				w.fail(key.at, "%q is the id or name of another rule too, in %s line %d", key.text, other.file, other.at.line)
				continue
			}
			found[key.text] = w
		}
	}
	return found
}

func (w *writtenRule) bases(byName map[string]*writtenRule) []*writtenRule {
	if w.correlation == nil {
		return nil
	}
	var out []*writtenRule
	for _, name := range w.correlation.rules {
		if base := byName[name.text]; base != nil {
			out = append(out, base)
		}
	}
	return out
}

// generates reports whether the rules of a correlation make detections of their own.
func (w *writtenRule) generates() bool {
	yes, _ := strconv.ParseBool(w.correlation.generate.text)
	return yes
}

// checkKeys checks what every rule must have, whatever it detects.
func (w *writtenRule) checkKeys() {
	if w.title.text == "" {
		w.fail(w.at, "title is missing")
	}
	if w.id.is() && !uuid.MatchString(w.id.text) {
		w.fail(w.id.at, "id %q is no UUID in lower case", w.id.text)
	}
	if w.status.is() && !slices.Contains(statuses, w.status.text) {
		w.failNear(w.status.at, "status", w.status.text, statuses)
	}
	if w.level.is() && !slices.Contains(levels, w.level.text) {
		w.failNear(w.level.at, "level", w.level.text, levels)
	}
	switch {
	case w.correlation != nil && w.detection.line > 0:
		w.fail(w.correlation.at, "a rule has a detection or a correlation, not both")
	case w.correlation != nil:
		if w.logsource != nil {
			w.fail(placeOf(w.logsource), "a correlation has no logsource; its rules have")
		}
	case w.detection.line == 0:
		w.fail(w.at, "detection is missing")
	default:
		w.checkLogsource()
		if !w.condition.is() {
			w.fail(w.detection, "the detection has no condition")
		}
	}
}

func (w *writtenRule) checkLogsource() {
	if w.logsource == nil {
		w.fail(w.at, "logsource is missing; write logsource: {product: onlooker}")
		return
	}
	product := false
	w.eachKey(w.logsource, "logsource", func(key word, value *yaml.Node) {
		v := w.scalar(value, key.text)
		switch key.text {
		case "product":
			product = true
			if v.text != "onlooker" {
				w.fail(v.at, "logsource.product is %q; only rules for onlooker run here", v.text)
			}
		case "category", "service":
			w.fail(key.at, "logsource.%s is not supported; select service.name in the detection", key.text)
		case "definition":
		default:
			w.failNear(key.at, "logsource key", key.text, []string{"product", "definition"})
		}
	})
	if !product {
		w.fail(placeOf(w.logsource), "logsource.product is missing; write product: onlooker")
	}
}

// compile makes the rule that runs, once its parts are known to be right.
func (w *writtenRule) compile(byName map[string]*writtenRule, when map[*writtenRule]predicate) *rule {
	for _, key := range []struct {
		name string
		word
	}{{"id", w.id}, {"level", w.level}} {
		if key.text == "" {
			w.fail(w.at, "%s is missing", key.name)
		}
	}
	r := &rule{Info: w.info(), when: when[w], count: firstOfEvent()}
	sources := []*writtenRule{w}
	if w.correlation != nil {
		r.count = w.compileCorrelation(byName, when)
		sources = append(sources, w.bases(byName)...)
	}
	w.compileOptions(&r.Info, sources)
	return r
}

func (w *writtenRule) info() Info {
	level := ueba.RiskLevel(w.level.text)
	if level == "informational" {
		level = ueba.Low
	}
	info := Info{
		ID: w.id.text, Title: w.title.text, Description: strings.TrimSpace(w.description.text),
		Status: w.status.text, Level: level, File: w.file, Evidence: evidences[w.level.text],
	}
	for _, t := range w.tags {
		info.Tags = append(info.Tags, t.text)
	}
	return info
}

// compileOptions reads our own keys. sources are the rule and those that it counts.
func (w *writtenRule) compileOptions(info *Info, sources []*writtenRule) {
	info.Immediate = w.truth(w.options.immediate, "immediate")
	info.Grave = w.truth(w.options.grave, "grave")
	if e := w.options.evidence; e.is() {
		v, err := strconv.ParseFloat(e.text, 64)
		if err != nil || !(v >= 0 && v <= 100) {
			w.fail(e.at, "evidence must be a number from 0 to 100")
		}
		info.Evidence = v
	}
	if at := uses(sources, fieldViewTime); info.Immediate && at.is() {
		w.fail(cmp.Or(w.options.immediate.at, w.at), "an immediate rule may not use %s: it is not known yet", fieldViewTime)
	}
	if info.Immediate && uses(sources, fieldVerdict).is() {
		info.Wait = defaultWait
	}
	if wait := w.options.wait; wait.is() {
		d, err := time.ParseDuration(wait.text)
		switch {
		case err != nil || d < 0 || d > maxWait:
			w.fail(wait.at, "wait must be a duration from 0s to %v such as 10m", maxWait)
		case !info.Immediate:
			w.fail(wait.at, "wait belongs to immediate rules; the others run when all is known")
		}
		info.Wait = d
	}
}

// refuseOptions is for rules that only count for correlations and never fire.
func (w *writtenRule) refuseOptions() {
	for _, o := range []word{w.options.immediate, w.options.wait, w.options.evidence, w.options.grave} {
		if o.is() {
			w.fail(o.at, "this rule only counts for a correlation; write its onlooker keys there")
			return
		}
	}
}

func (w *writtenRule) truth(v word, name string) bool {
	if !v.is() {
		return false
	}
	b, err := strconv.ParseBool(v.text)
	if err != nil {
		w.fail(v.at, "%s must be true or false", name)
	}
	return b
}

// uses finds where the rules name a field.
func uses(rules []*writtenRule, field string) word {
	for _, w := range rules {
		for _, s := range w.selections {
			for _, items := range s.alternatives {
				for _, it := range items {
					if it.field.text == field {
						return it.field
					}
				}
			}
		}
	}
	return word{}
}
