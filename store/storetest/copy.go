package storetest

import (
	"bytes"
	"maps"
	"slices"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// copyFact returns a fact that shares nothing with f, as what comes back from a disk.
func copyFact(f ueba.Fact) ueba.Fact {
	f.Body = copyBody(f.Body)
	return f
}

func copyBody(b ueba.Body) ueba.Body {
	switch b := b.(type) {
	case *ueba.Event:
		return copyEvent(b)
	case *ueba.Reason:
		return clone(b)
	case *ueba.Employee:
		c := clone(b)
		c.Accounts = slices.Clone(b.Accounts)
		return c
	case *ueba.Record:
		c := clone(b)
		c.Tags, c.Related = slices.Clone(b.Tags), slices.Clone(b.Related)
		return c
	case *ueba.System:
		c := clone(b)
		c.Classes = slices.Clone(b.Classes)
		return c
	case *ueba.Holiday:
		return clone(b)
	case *ueba.Review:
		return clone(b)
	case *ueba.Step:
		return clone(b)
	case *ueba.Setting:
		return clone(b)
	case *ueba.DeadLetter:
		c := clone(b)
		c.Raw = bytes.Clone(b.Raw)
		return c
	}
	return b
}

func copyEvent(e *ueba.Event) *ueba.Event {
	c := clone(e)
	c.Record.IDs = slices.Clone(e.Record.IDs)
	c.Record.Fields = slices.Clone(e.Record.Fields)
	c.Labels = maps.Clone(e.Labels)
	return c
}

func clone[T any](p *T) *T {
	c := *p
	return &c
}

func copyDoc(d store.Doc) store.Doc {
	d.Body = bytes.Clone(d.Body)
	return d
}
