package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// correlation counts the looks that any of its rules matches, by employee and groups.
type correlation struct {
	of       []predicate
	groups   []field // besides the employee, in the order of writing
	distinct *field  // count the values of this field; nil: count looks
	least    int     // fires at this many …
	span     time.Duration
	byEvent  bool // group by event: of a rule on single looks
}

var (
	correlationTypes  = []string{"event_count", "value_count"}
	refusedTypes      = []string{"temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median"}
	refusedOperators  = []string{"lt", "lte", "eq", "neq"}
	requiredGroupings = []string{"employee.id", "user.id"}
)

// firstOfEvent makes a rule on single looks fire once for each event, however many
// records the event names.
func firstOfEvent() *correlation { return &correlation{least: 1, byEvent: true} }

func (w *writtenRule) compileCorrelation(byName map[string]*writtenRule, when map[*writtenRule]predicate) *correlation {
	c := w.correlation
	out := &correlation{span: w.compileSpan()}
	w.checkType()
	w.truth(c.generate, "generate")
	if len(c.rules) == 0 {
		w.fail(c.at, "the correlation has no rules")
	}
	for _, name := range c.rules {
		base := byName[name.text]
		switch {
		case base == nil:
			w.failNear(name.at, "rule", name.text, namesOf(byName))
		case base.correlation != nil:
			w.fail(name.at, "a correlation of correlations is not supported")
		default:
			out.of = append(out.of, when[base])
		}
	}
	out.groups = w.compileGroups()
	out.least = w.compileLeast()
	out.distinct = w.compileDistinct()
	return out
}

func (w *writtenRule) checkType() {
	switch kind := w.correlation.kind; {
	case !kind.is():
		w.fail(w.correlation.at, "the correlation has no type")
	case slices.Contains(refusedTypes, kind.text):
		w.fail(kind.at, "correlations of type %q are not supported; %s are", kind.text, strings.Join(correlationTypes, " and "))
	case !slices.Contains(correlationTypes, kind.text):
		w.failNear(kind.at, "correlation type", kind.text, correlationTypes)
	}
}

func (w *writtenRule) compileSpan() time.Duration {
	span := w.correlation.timespan
	if !span.is() {
		w.fail(w.correlation.at, "the correlation has no timespan")
		return 0
	}
	m := timespan.FindStringSubmatch(span.text)
	if m == nil {
		w.fail(span.at, "timespan %q is no number with s, m, h or d such as 10m", span.text)
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // at most six digits
	d := time.Duration(min(n, 86400)) * units[m[2]]
	if d > maxSpan {
		w.fail(span.at, "timespan %s is longer than a day; windows end with the business day", span.text)
	}
	return d
}

// compileGroups wants the employee or the account among the groups: a detection is
// always one employee's.
func (w *writtenRule) compileGroups() []field {
	var out []field
	mine := false
	for _, name := range w.correlation.groupBy {
		f, ok := fieldNamed(name.text)
		switch {
		case !ok:
			w.failField(name)
		case f.word == nil:
			w.fail(name.at, "group-by %s is not supported: it is not one text", f.name)
		case f.name == fieldVerdict:
			w.fail(name.at, "group-by %s is not supported: it changes", f.name)
		default:
			out = append(out, f)
		}
		mine = mine || slices.Contains(requiredGroupings, name.text)
	}
	if !mine {
		w.fail(w.correlation.at, "group-by must name employee.id or user.id: a detection is always one employee's")
	}
	return out
}

func (w *writtenRule) compileLeast() int {
	c := w.correlation
	if len(c.operators) != 1 {
		w.fail(c.at, "the correlation's condition must have exactly one of gt and gte")
		return 0
	}
	op, value := c.operators[0].key, c.operators[0].value
	switch {
	case slices.Contains(refusedOperators, op.text):
		w.fail(op.at, "condition %q is not supported: how few there are is not known before the day is over", op.text)
		return 0
	case op.text != "gt" && op.text != "gte":
		w.failNear(op.at, "condition", op.text, []string{"gt", "gte", "field"})
		return 0
	}
	n, err := strconv.Atoi(value.text)
	if op.text == "gt" {
		n++
	}
	if err != nil || n < 1 || n > maxCount {
		w.fail(value.at, "%s must be a whole number that asks for 1 to %d", op.text, maxCount)
	}
	return n
}

func (w *writtenRule) compileDistinct() *field {
	c := w.correlation
	if c.kind.text != "value_count" {
		if c.field.is() {
			w.fail(c.field.at, "condition.field belongs to value_count")
		}
		return nil
	}
	if !c.field.is() {
		w.fail(c.at, "value_count wants condition.field: whose values are counted")
		return nil
	}
	f, ok := fieldNamed(c.field.text)
	switch {
	case !ok:
		w.failField(c.field)
	case f.word == nil:
		w.fail(c.field.at, "value_count of %s is not supported: it is not one text", f.name)
	}
	return &f
}

func namesOf(byName map[string]*writtenRule) []string {
	var names []string
	for n := range byName {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// group names the window that the look belongs to within its employee-day and rule.
func (c *correlation) group(s subject) string {
	if c.byEvent {
		return s.look.EventRef
	}
	if len(c.groups) == 1 {
		return c.groups[0].word(s)
	}
	parts := make([]string, len(c.groups))
	for i, f := range c.groups {
		parts[i] = f.word(s)
	}
	return strings.Join(parts, "\x00")
}
