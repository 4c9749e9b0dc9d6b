package profile

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// usesOf counts looks by system and by computer.
func usesOf(looks []ueba.Look) []ueba.Use {
	var uses []ueba.Use
	count := func(kind ueba.UseKind, name string, look *ueba.Look) {
		if name == "" {
			return
		}
		i := slices.IndexFunc(uses, func(u ueba.Use) bool { return u.Kind == kind && u.Name == name })
		if i < 0 {
			i = len(uses)
			uses = append(uses, ueba.Use{Kind: kind, Name: name})
		}
		uses[i].Looks++
		if look.Verdict == ueba.Unexplained {
			uses[i].Unexplained++
		}
	}
	for i := range looks {
		e := looks[i].Event
		count(ueba.UseService, e.Service, &looks[i])
		count(ueba.UseHost, cmp.Or(e.Host, e.IP), &looks[i])
	}
	slices.SortFunc(uses, func(a, b ueba.Use) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return uses
}

// nextStep is how far the number of a record may lie after the one before to count as
// next: ids of customers who are gone leave gaps.
const nextStep = 3

// countRun counts unexplained looks at the record numbered next after that of the look
// before, in the order of the looks.
func countRun(looks []ueba.Look) int {
	n, before, known := 0, uint64(0), false
	for i := range looks {
		number, ok := numberOf(looks[i].RecordID)
		if !ok {
			continue
		}
		if known && number > before && number-before <= nextStep && looks[i].Verdict == ueba.Unexplained {
			n++
		}
		before, known = number, true
	}
	return n
}

// numberOf reads the digits at the end of an id.
func numberOf(id string) (uint64, bool) {
	from := len(id)
	for from > 0 && len(id)-from < 18 && id[from-1] >= '0' && id[from-1] <= '9' {
		from--
	}
	number, err := strconv.ParseUint(id[from:], 10, 64)
	return number, err == nil
}
