package pebble

import "sync/atomic"

// Looking up identities is most of the work of an append, so the callers do it, side by
// side, before they queue. What was appended or deleted since, the writer knows: it
// keeps the identities of its last groups.

// lastGroups is how many groups' identities are kept; an append that waited longer than
// that is looked up again by the writer.
const lastGroups = 8

// newcomers are the identities that the last groups added.
type newcomers struct {
	applied atomic.Uint64 // groups that a look at the database sees
	groups  [lastGroups]map[[2 + idSize]byte]identity
	valid   uint64 // looks from before this group are void: something was deleted in it
}

// glance says what a caller's look has seen.
type glance struct {
	engine *engine
	group  uint64 // the newest group that it has seen for sure
	fresh  *recentGroups
}

// recentGroups are the groups that a glance may not have seen.
type recentGroups struct {
	newcomers *newcomers
	from, to  uint64
}

// lookAhead looks up the identities in the caller's goroutine.
func (s *Store) lookAhead(rows []prepared) (glance, error) {
	e, err := s.acquire()
	if err != nil {
		return glance{}, err
	}
	defer e.release()
	look := glance{engine: e, group: s.newcomers.applied.Load()}
	for i := range rows {
		found, there, err := e.identity(identityKey(rows[i].kind, rows[i].id))
		if err != nil {
			return glance{}, err
		}
		if there {
			rows[i].first = &found
		}
	}
	return look, nil
}

// add notes the identities of a group that the database shows from now on.
func (n *newcomers) add(g *group) {
	next := n.applied.Load() + 1
	n.groups[next%lastGroups] = g.identities
	if len(g.dropped) > 0 {
		n.valid = next
	}
	n.applied.Store(next)
}

// since returns the groups that the glance may not have seen, nil when it is of no use.
func (n *newcomers) since(look glance, e *engine) *recentGroups {
	applied := n.applied.Load()
	if look.engine != e || look.group < n.valid || applied-look.group > lastGroups {
		return nil
	}
	return &recentGroups{n, look.group + 1, applied}
}

// recall finds an identity by what the caller saw and what came since.
func (g *group) recall(key [2 + idSize]byte, p *prepared, look glance) (identity, bool, error) {
	if look.fresh == nil {
		return g.lookUp(key)
	}
	if found, ok := g.identities[key]; ok {
		return found, true, nil
	}
	if p.first != nil {
		return *p.first, true, nil
	}
	for n := look.fresh.from; n <= look.fresh.to; n++ {
		if found, ok := look.fresh.newcomers.groups[n%lastGroups][key]; ok {
			return found, true, nil
		}
	}
	return identity{}, false, nil
}
