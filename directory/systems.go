package directory

import (
	"io"

	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	sysService = iota
	sysOwner
	sysCriticality
	sysClasses
	sysExpected
)

var systemColumns = []column{
	{"service", true}, {"owner", false}, {"criticality", false}, {"classes", false}, {"expected", false},
}

// ReadSystems reads systems.csv.
func ReadSystems(r io.Reader, name string, opt ReadOptions) ([]ueba.System, error) {
	var out []ueba.System
	seen := map[string]int{}
	_, err := readSheet(r, name, opt, systemColumns, func(s *sheet) error {
		sys := s.system()
		line, _ := s.pos(sysService)
		if first, twice := seen[Fold(sys.Service)]; twice && sys.Service != "" {
			s.fail(sysService, "%q is there already, in line %d", sys.Service, first)
		}
		seen[Fold(sys.Service)] = line
		out = append(out, sys)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *sheet) system() ueba.System {
	sys := ueba.System{
		Service: s.need(sysService), Owner: s.text(sysOwner),
		Criticality: s.text(sysCriticality), Expected: s.text(sysExpected),
	}
	for _, c := range s.list(sysClasses) {
		class, err := parseClass(c)
		if err != nil {
			s.fail(sysClasses, "%s", err)
		}
		sys.Classes = append(sys.Classes, class)
	}
	return sys
}
