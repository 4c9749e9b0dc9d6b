package ueba

import (
	"bytes"
	"time"
)

// pieces turns the arena into one string, of which all texts of the body are pieces.
func (d *decoder) pieces() func(span) string {
	all := string(d.arena)
	return func(s span) string { return all[s.from:s.to] }
}

// is compares a field with a word without making a string of it.
func (d *decoder) is(f field, word string) bool { return string(d.bytes(d.texts[f])) == word }

// event makes the event that the line describes, as it stands.
func (d *decoder) event() *Event {
	text := d.pieces()
	at := func(f field) string { return text(d.texts[f]) }
	return &Event{
		EventID:     at(eventID),
		Time:        d.time,
		Source:      d.opt.Source,
		Service:     at(serviceName),
		User:        at(userID),
		Action:      Action(at(eventAction)),
		Outcome:     at(eventOutcome),
		Duration:    time.Duration(d.duration),
		HasDuration: d.measured,
		Session:     at(sessionID),
		IP:          at(sourceIP),
		Host:        at(hostName),
		Record: EventRecord{
			Type: at(recordType), Class: at(recordClass), Count: d.count,
			IDs: allOf(d.ids, text), Fields: allOf(d.fields, text),
		},
		Purpose: Purpose{ID: at(purposeID), Kind: at(purposeKind)},
		Labels:  d.labelMap(text),
	}
}

func allOf(spans []span, text func(span) string) []string {
	if len(spans) == 0 {
		return nil
	}
	out := make([]string, len(spans))
	for i, s := range spans {
		out[i] = text(s)
	}
	return out
}

func (d *decoder) labelMap(text func(span) string) map[string]string {
	if len(d.labels) == 0 {
		return nil
	}
	out := make(map[string]string, len(d.labels))
	for _, l := range d.labels {
		out[text(l.name)] = text(l.value)
	}
	return out
}

// checkedEvent makes the event if all that is required is there.
func (d *decoder) checkedEvent() (Body, error) {
	if d.time.IsZero() {
		return nil, d.failOf("@timestamp", "missing")
	}
	for _, f := range [...]field{userID, serviceName, eventAction} {
		if len(bytes.TrimSpace(d.bytes(d.texts[f]))) == 0 {
			return nil, d.failOf(f.String(), "missing or empty")
		}
	}
	if err := d.leftovers(); err != nil {
		return nil, err
	}
	e := d.event()
	if cut := d.cutWords(); cut != "" {
		if e.Labels == nil {
			e.Labels = make(map[string]string, 1)
		}
		e.Labels[LabelTruncated] = cut
	}
	return e, nil
}

// leftovers makes labels of what is known but has no place in an event: fields of
// reasons, another event.kind, another outcome than the three of ECS.
func (d *decoder) leftovers() error {
	if d.is(eventKind, "event") {
		d.texts[eventKind] = span{}
	}
	if !d.is(eventOutcome, "") && !d.is(eventOutcome, "success") &&
		!d.is(eventOutcome, "failure") && !d.is(eventOutcome, "unknown") {
		if err := d.leftover(eventOutcome); err != nil {
			return err
		}
		d.texts[eventOutcome] = d.keep([]byte("unknown"))
	}
	for _, f := range [...]field{eventKind, employeeID, reasonID, reasonKind, reasonMadeBy} {
		if err := d.leftover(f); err != nil {
			return err
		}
	}
	for i, t := range d.times {
		if t.IsZero() {
			continue
		}
		f := reasonFrom + field(i)
		d.texts[f] = d.keep(t.AppendFormat(nil, time.RFC3339Nano))
		if err := d.leftover(f); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) leftover(f field) error {
	if d.is(f, "") {
		return nil
	}
	d.path = append(d.path[:0], f.String()...)
	return d.addLabel(d.path, d.bytes(d.texts[f]))
}

func (d *decoder) cutWords() string {
	switch {
	case d.cutNames && d.cutValues:
		return "labels,values"
	case d.cutNames:
		return "labels"
	case d.cutValues:
		return "values"
	}
	return ""
}

// reason makes the reason that the line describes. Whom it lets look stands in
// employee.id or, as an account, in user.id; the record in record.id.
func (d *decoder) reason() (Body, error) {
	if d.is(reasonID, "") {
		d.texts[reasonID] = d.texts[eventID]
	}
	if d.is(employeeID, "") {
		d.texts[employeeID] = d.texts[userID]
	}
	if d.times[0].IsZero() {
		d.times[0] = d.time
	}
	if err := d.checkReason(); err != nil {
		return nil, err
	}
	text := d.pieces()
	at := func(f field) string { return text(d.texts[f]) }
	r := &Reason{
		ID: at(reasonID), EmployeeID: at(employeeID), Type: at(reasonKind), MadeBy: at(reasonMadeBy),
		ValidFrom: d.times[0], ValidTo: d.times[1], Created: d.times[2],
		Source: d.opt.Source,
	}
	if len(d.ids) == 1 {
		r.RecordID = text(d.ids[0])
	}
	if r.ValidTo.Year() >= endYear {
		r.ValidTo = time.Time{} // the usual way to write "open" in HR systems
	}
	return r, nil
}

func (d *decoder) checkReason() error {
	id, event := d.bytes(d.texts[reasonID]), d.bytes(d.texts[eventID])
	from, to, created := d.times[0], d.times[1], d.times[2]
	switch {
	case len(bytes.TrimSpace(id)) == 0:
		return d.failOf("reason.id", "missing or empty")
	case len(event) > 0 && !bytes.Equal(id, event):
		return d.failOf("reason.id", "differs from event.id")
	case len(bytes.TrimSpace(d.bytes(d.texts[reasonKind]))) == 0:
		return d.failOf("reason.kind", "missing or empty")
	case from.IsZero():
		return d.failOf("reason.valid_from", "missing")
	case from.Year() < oldestYear || from.Year() >= endYear:
		return d.failOf("reason.valid_from", "outside the years 1900 to 2099")
	case !to.IsZero() && !to.After(from):
		return d.failOf("reason.valid_to", "not after valid_from")
	case !created.IsZero() && absurdYear(created):
		return d.failOf("reason.created", "outside the years 2000 to 2099")
	case len(d.ids) > 1:
		return d.failOf("record.id", "a reason is for one record or for any")
	case len(d.ids) == 0 && d.is(employeeID, ""):
		return d.failOf("record.id", "missing, and employee.id too: a reason for all is none")
	}
	return nil
}
