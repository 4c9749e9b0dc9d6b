package directory

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	recID = iota
	recType
	recClass
	recTags
	recEmployee
	recRelated
	recOwner
	recRegion
)

var recordColumns = []column{
	{"record_id", true}, {"type", false}, {"class", false}, {"tags", false},
	{"employee_id", false}, {"related_to", false}, {"owner_id", false}, {"region", false},
}

// ReadRecords reads records.csv and gives its rows to fn one by one, until a problem is
// found; from there on the file is only checked. Who wants all or nothing reads twice. An
// error of fn ends the reading and is returned.
func ReadRecords(r io.Reader, name string, opt ReadOptions, fn func(*ueba.Record) error) error {
	// Digests, because the ids of millions of rows would fill the memory.
	seen := map[[16]byte]int32{}
	digest := fnv.New128a()
	var key [16]byte
	_, err := readSheet(r, name, opt, recordColumns, func(s *sheet) error {
		rec := s.record()
		digest.Reset()
		_, _ = io.WriteString(digest, rec.ID)
		digest.Sum(key[:0])
		line, _ := s.pos(recID)
		if first, twice := seen[key]; twice {
			s.fail(recID, "%q is there already, in line %d", rec.ID, first)
		}
		seen[key] = int32(line)
		if len(s.problems) > 0 {
			return nil
		}
		return fn(rec)
	})
	return err
}

func (s *sheet) record() *ueba.Record {
	class, err := parseClass(s.text(recClass))
	if err != nil {
		s.fail(recClass, "%s", err)
	}
	return &ueba.Record{
		ID: s.need(recID), Type: s.text(recType), Class: class, Tags: s.lower(recTags),
		Employee: s.text(recEmployee), Related: s.list(recRelated),
		Owner: s.text(recOwner), Region: s.text(recRegion),
	}
}

func parseClass(s string) (string, error) {
	switch class := strings.ToUpper(s); class {
	case "", "C1", "C2", "C3":
		return class, nil
	}
	return "", fmt.Errorf("want C1, C2 or C3, found %q", s)
}
