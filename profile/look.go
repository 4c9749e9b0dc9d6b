package profile

import (
	"slices"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// prepare finds the records of an event and how many looks it makes.
func (a *act) prepare() {
	a.records = a.Record.IDs
	if len(a.records) > 1 {
		a.records = slices.Compact(slices.Sorted(slices.Values(a.records)))
	}
	switch {
	case !showsRecords(a.Event):
	case len(a.records) > 0:
		a.looks = len(a.records)
	default:
		a.looks = 1
	}
}

// showsRecords reports whether an event is a look. What failed showed nothing. Signs of
// life are none, nor is a search that names no record; what shows a record by its nature
// is one even where the source does not say which or how many.
func showsRecords(e *ueba.Event) bool {
	if e.Outcome == "failure" {
		return false
	}
	switch e.Action {
	case ueba.ActionClose, ueba.ActionHeartbeat, ueba.ActionLogin, ueba.ActionLogout:
		return false
	case ueba.ActionView, ueba.ActionExport, ueba.ActionDownload, ueba.ActionPrint,
		ueba.ActionCopy, ueba.ActionUnmask, ueba.ActionEdit:
		return true
	}
	return len(e.Record.IDs) > 0 || e.Record.Count > 0
}

func (f *folding) looks() []ueba.Look {
	total := 0
	for _, a := range f.today() {
		total += a.looks
	}
	out := make([]ueba.Look, 0, total)
	for i := range f.today() {
		a := &f.acts[i]
		if a.looks == 0 {
			continue
		}
		look := ueba.Look{
			Event: a.Event, EventRef: a.ref, Known: a.known, Day: f.day.Day, Employee: f.employee(),
			Count: 1, Class: written(a.Record.Class), View: a.view, OffHours: f.dir.OffHours(a.Time),
		}
		if len(a.records) == 0 {
			look.Count = max(1, a.Record.Count)
			f.judge(&look)
			out = append(out, look)
		}
		for _, id := range a.records {
			out = append(out, f.lookAt(look, id))
		}
	}
	return out
}

func (f *folding) lookAt(look ueba.Look, id string) ueba.Look {
	look.RecordID = id
	if rec := f.dir.Record(id); rec != nil {
		look.Class = graver(look.Class, rec.Class)
		look.Tags = rec.Tags
		look.Flags = flagsOf(rec, f.employee())
	}
	f.judge(&look)
	return look
}

func (f *folding) judge(look *ueba.Look) {
	look.Verdict = ueba.Unexplained
	if r := f.reasons.best(look); r != nil {
		look.Verdict, look.ReasonID = ueba.Explained, r.ID
	}
}

// written is a class as the directory writes it; sources write c3 as well.
func written(class string) string {
	if len(class) == 2 && class[0] == 'c' {
		return "C" + class[1:]
	}
	return class
}

// graver returns the graver of two classes; C3 is the gravest, an unknown one the least.
func graver(a, b string) string {
	rank := func(class string) int { return slices.Index([]string{"C1", "C2", "C3"}, class) }
	if a == "" || rank(b) > rank(a) {
		return b
	}
	return a
}

// flagsOf says what is remarkable about an employee's look at a record.
func flagsOf(rec *ueba.Record, employee string) ueba.Flags {
	var flags ueba.Flags
	for _, tag := range rec.Tags {
		switch tag {
		case "vip":
			flags |= ueba.FlagVIP
		case "deceased":
			flags |= ueba.FlagDeceased
		case "dormant":
			flags |= ueba.FlagDormant
		case "employee":
			flags |= ueba.FlagColleague
		}
	}
	switch {
	case rec.Employee == "":
	case rec.Employee == employee:
		flags = flags&^ueba.FlagColleague | ueba.FlagSelf
	default:
		flags |= ueba.FlagColleague
	}
	if employee != "" && slices.Contains(rec.Related, employee) {
		flags |= ueba.FlagFamily
	}
	return flags
}
