package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// maxRefs is how many event refs a detection names.
const maxRefs = 8

// windowKey names a window within an employee-day.
type windowKey struct {
	rule  int
	group string
}

// shift is one employee's business day as the rules see it.
type shift struct {
	employee string
	day      ueba.Day
	windows  map[windowKey]*window
}

func newShift(look *ueba.Look) *shift {
	return &shift{employee: look.Employee, day: look.Day, windows: map[windowKey]*window{}}
}

// Day runs every rule over the looks of one employee's business day, in whatever order
// they come, and returns what they found by (rule, time, id). emp may be nil: then
// employee.department and the like are not there. Looks of nobody known detect nothing.
func (s *Set) Day(looks []ueba.Look, emp *ueba.Employee) []ueba.Detection {
	var shift *shift
	for i := range looks {
		look := &looks[i]
		if look.Employee == "" {
			continue
		}
		for n, r := range s.rules {
			if sub := (subject{look, emp}); r.matches(sub) {
				if shift == nil {
					shift = newShift(look)
				}
				shift.add(n, r, sub)
			}
		}
	}
	if shift == nil {
		return nil
	}
	return shift.all(s.rules)
}

// all gives every burst of the day, each with all looks of its timespan.
func (s *shift) all(rules []*rule) []ueba.Detection {
	var out []ueba.Detection
	for key, w := range s.windows {
		w.search(rules[key.rule].count)
		for ordinal, b := range w.scan.bursts {
			out = append(out, s.detection(rules[key.rule], key.group, w, b, ordinal))
		}
	}
	slices.SortFunc(out, func(a, b ueba.Detection) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
	})
	return out
}

// add puts the look into its window.
func (s *shift) add(n int, r *rule, sub subject) {
	key := windowKey{n, r.count.group(sub)}
	w := s.windows[key]
	if w == nil {
		w = &window{}
		s.windows[key] = w
	}
	p := point{at: sub.look.Event.Time.UnixNano(), ref: sub.look.EventRef, record: sub.look.RecordID, count: max(sub.look.Count, 1)}
	if r.count.distinct != nil {
		p.value = r.count.distinct.word(sub)
	}
	w.add(p, r.count)
}

func (s *shift) detection(r *rule, group string, w *window, b burst, ordinal int) ueba.Detection {
	d := ueba.Detection{
		ID:   detectionID(s.day, s.employee, r.ID, group, ordinal),
		Rule: r.ID, Title: r.Title, Level: r.Level, Grave: r.Grave, Evidence: r.Evidence,
		Employee: s.employee, Day: s.day, Time: time.Unix(0, w.points[b.at].at).UTC(),
	}
	for _, p := range w.points[b.from:b.end] {
		d.Count += int(p.count)
		if len(d.Looks) < maxRefs && !slices.Contains(d.Looks, p.ref) {
			d.Looks = append(d.Looks, p.ref)
		}
	}
	return d
}

// detectionID begins with the date, as the ids of alerts do.
func detectionID(day ueba.Day, employee, rule, group string, ordinal int) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{employee, rule, strconv.Itoa(ordinal), group}, "\x00")))
	short := base32.HexEncoding.EncodeToString(sum[:10])
	return strings.ReplaceAll(day.String(), "-", "") + "-" + strings.ToLower(short)
}
