package directory

import (
	"io"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	reaID = iota
	reaRecord
	reaEmployee
	reaKind
	reaFrom
	reaTo
	reaCreated
	reaMadeBy
)

var reasonColumns = []column{
	{"reason_id", true}, {"record_id", false}, {"employee_id", false}, {"kind", true},
	{"valid_from", true}, {"valid_to", false}, {"created", false}, {"made_by", false},
}

// ReadReasons reads reasons.csv and gives its rows to fn one by one, until a problem is
// found; from there on the file is only checked. Who wants all or nothing reads twice. An
// error of fn ends the reading and is returned. One reason_id may stand in several rows,
// one for each record or employee. A valid_to without a time of day includes that day.
func ReadReasons(r io.Reader, name string, opt ReadOptions, fn func(*ueba.Reason) error) error {
	_, err := readSheet(r, name, opt, reasonColumns, func(s *sheet) error {
		rea := s.reason()
		if len(s.problems) > 0 {
			return nil
		}
		return fn(rea)
	})
	return err
}

func (s *sheet) reason() *ueba.Reason {
	r := &ueba.Reason{
		ID: s.need(reaID), RecordID: s.text(reaRecord), EmployeeID: s.text(reaEmployee),
		Type: s.need(reaKind), Created: s.time(reaCreated), MadeBy: s.text(reaMadeBy),
	}
	if s.need(reaFrom) != "" {
		r.ValidFrom = s.time(reaFrom)
	}
	r.ValidTo = s.end(reaTo)
	if !r.ValidTo.IsZero() && !r.ValidTo.After(r.ValidFrom) {
		s.fail(reaTo, "%q is not after valid_from %q", s.text(reaTo), s.text(reaFrom))
	}
	if r.RecordID == "" && r.EmployeeID == "" {
		s.fail(reaRecord, "is empty, and so is employee_id: a reason for anybody on any record explains nothing")
	}
	return r
}
