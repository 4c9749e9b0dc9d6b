package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// checkModel draws operations and does them on a fresh store and on Memory alike;
// whatever can be seen of the two must agree.
func checkModel(t *testing.T, e Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &pair{T: rt, tb: t, engine: e, real: e.Open(t), model: NewMemory()}
		defer func() {
			if err := p.real.Close(); err != nil {
				rt.Errorf("close: %v", err)
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"append":  p.appendBoth,
			"scan":    p.scanBoth,
			"changes": p.changesBoth,
			"put":     p.putBoth,
			"create":  p.createBoth,
			"set":     p.setBoth,
			"delete":  p.deleteBoth,
			"drop":    p.dropBoth,
			"reopen":  p.reopen,
			"":        p.listBoth,
		})
		p.scanAll()
	})
}

// pair is an engine beside the model.
type pair struct {
	*rapid.T
	tb     testing.TB
	engine Engine
	real   store.Store
	model  *Memory
}

func (p *pair) same(what string, want, got any) {
	p.Helper()
	if d := diff(want, got); d != "" {
		p.Fatalf("%s: (-model +engine)\n%s", what, d)
	}
}

// sameErrors fails unless both errors are nil or both are the same sentinel.
func (p *pair) sameErrors(what string, model, real error) {
	p.Helper()
	if !errors.Is(real, errors.Unwrap(model)) {
		p.Fatalf("%s: the model says %v, the engine %v", what, model, real)
	}
}

// Few keys and instants, so that duplicates, collisions and ties are common.
var (
	drawInstant = rapid.Custom(func(t *rapid.T) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "quarter days")) * 6 * time.Hour)
	})
	drawBound = rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "open") {
			return time.Time{}
		}
		return drawInstant.Draw(t, "bound")
	})
	drawRecord = rapid.SampledFrom([]string{"C1", "C2", "C10", ""})
	drawID     = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
	drawUser   = rapid.SampledFrom([]string{"li", "wang", "w"})
	drawFact   = rapid.Custom(func(t *rapid.T) ueba.Fact {
		f := ueba.Fact{Body: drawBody(t)}
		f.Known = drawInstant.Draw(t, "known")
		return f
	})
)

func drawBody(t *rapid.T) ueba.Body {
	when := drawInstant.Draw(t, "time")
	switch rapid.SampledFrom([]ueba.Kind{ueba.KindEvent, ueba.KindEvent, ueba.KindReason, ueba.KindRecord, ueba.KindDead}).Draw(t, "kind") {
	case ueba.KindReason:
		to := drawBound.Draw(t, "to")
		return reason(drawID.Draw(t, "id"), drawRecord.Draw(t, "record"), drawUser.Draw(t, "employee"), when, to).Body
	case ueba.KindRecord:
		return &ueba.Record{ID: drawRecord.Draw(t, "record"), ValidFrom: when}
	case ueba.KindDead:
		return &ueba.DeadLetter{Time: when, Source: drawUser.Draw(t, "source")}
	default:
		records := rapid.SliceOfN(drawRecord, 0, 3).Draw(t, "records")
		return event(drawID.Draw(t, "id"), drawUser.Draw(t, "user"), when, records...).Body
	}
}

func (p *pair) appendBoth(t *rapid.T) {
	facts := rapid.SliceOfN(drawFact, 1, 12).Draw(t, "facts")
	copied := make([]ueba.Fact, len(facts))
	for i, f := range facts {
		copied[i] = copyFact(f)
	}
	want, err := p.model.Append(p.tb.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.real.Append(p.tb.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	p.same("outcomes", want, got)
	p.same("facts", facts, copied)
}

func drawQuery(t *rapid.T) store.Query {
	q := store.Query{
		Kind:    rapid.SampledFrom([]ueba.Kind{ueba.KindEvent, ueba.KindReason, ueba.KindRecord, ueba.KindDead}).Draw(t, "kind"),
		From:    drawBound.Draw(t, "from"),
		To:      drawBound.Draw(t, "to"),
		KnownBy: drawBound.Draw(t, "known by"),
		Limit:   rapid.SampledFrom([]int{0, 0, 1, 2, 5}).Draw(t, "limit"),
		Reverse: rapid.Bool().Draw(t, "reverse"),
	}
	q.By = rapid.SampledFrom([]store.Index{store.ByTime, store.ByKey, store.ByRecord, store.ByEmployee}).Draw(t, "by")
	if q.Check() != nil {
		q.By = store.ByKey
	}
	switch {
	case q.By == store.ByKey && q.Kind == ueba.KindEvent:
		for _, u := range rapid.SliceOfN(drawUser, 0, 3).Draw(t, "users") {
			q.Keys = append(q.Keys, account(u))
		}
	case q.By == store.ByEmployee, q.By == store.ByKey && q.Kind == ueba.KindDead:
		q.Keys = rapid.SliceOfN(drawUser, 0, 3).Draw(t, "keys")
	case q.By != store.ByTime:
		q.Keys = rapid.SliceOfN(drawRecord, 0, 3).Draw(t, "records")
	}
	return q
}

func (p *pair) scanBoth(t *rapid.T) {
	q := drawQuery(t)
	for range 3 { // pages
		page := p.scanOne(q)
		if len(page) == 0 {
			return
		}
		q.After = store.PlaceOf(page[rapid.IntRange(0, len(page)-1).Draw(t, "after")])
	}
}

func (p *pair) scanOne(q store.Query) []ueba.Fact {
	p.Helper()
	want, err := scan(p.tb, p.model, q)
	if err != nil {
		p.Fatal(err)
	}
	got, err := scan(p.tb, p.real, q)
	if err != nil {
		p.Fatal(err)
	}
	p.same(fmt.Sprintf("%+v", q), want, got)
	return want
}

func (p *pair) scanAll() {
	for _, kind := range []ueba.Kind{ueba.KindEvent, ueba.KindReason, ueba.KindRecord, ueba.KindDead} {
		p.scanOne(store.Query{Kind: kind})
	}
}

func (p *pair) changesBoth(t *rapid.T) {
	limit := rapid.IntRange(1, 20).Draw(t, "limit")
	var a, b store.Cursor
	for {
		want, nextA, err := p.model.Changes(p.tb.Context(), a, limit)
		if err != nil {
			t.Fatal(err)
		}
		got, nextB, err := p.real.Changes(p.tb.Context(), b, limit)
		if err != nil {
			t.Fatal(err)
		}
		p.same("changes", want, got)
		if len(want) == 0 {
			return
		}
		a, b = nextA, nextB
	}
}

var drawDoc = rapid.Custom(func(t *rapid.T) store.Doc {
	d := doc("doc", drawID.Draw(t, "id"), rapid.SampledFrom([]string{`{}`, `{"n":1}`}).Draw(t, "body"))
	d.Day = rapid.SampledFrom([]ueba.Day{ueba.NoDay, 20500, 20501, 20502}).Draw(t, "day")
	return d
})

func (p *pair) putBoth(t *rapid.T) {
	d := drawDoc.Draw(t, "doc")
	p.sameErrors("put", p.model.Put(p.tb.Context(), d), p.real.Put(p.tb.Context(), d))
}

func (p *pair) createBoth(t *rapid.T) {
	docs := rapid.SliceOfN(drawDoc, 1, 4).Draw(t, "docs")
	n, errModel := p.model.Create(p.tb.Context(), docs...)
	m, errReal := p.real.Create(p.tb.Context(), docs...)
	p.same("created", n, m)
	p.sameErrors("create", errModel, errReal)
}

func (p *pair) setBoth(t *rapid.T) {
	d := drawDoc.Draw(t, "doc")
	forModel, forReal := d, d
	if rapid.Bool().Draw(t, "with its token") {
		forModel.Token, forReal.Token = p.token(p.model, d.ID), p.token(p.real, d.ID)
	}
	_, errModel := p.model.CompareAndSet(p.tb.Context(), forModel)
	_, errReal := p.real.CompareAndSet(p.tb.Context(), forReal)
	p.sameErrors("compare and set", errModel, errReal)
}

func (p *pair) token(s store.Store, id string) string {
	d, err := s.Get(p.tb.Context(), "doc", id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		p.Fatal(err)
	}
	return d.Token
}

func (p *pair) deleteBoth(t *rapid.T) {
	id := drawID.Draw(t, "id")
	p.sameErrors("delete", p.model.DeleteDoc(p.tb.Context(), "doc", id), p.real.DeleteDoc(p.tb.Context(), "doc", id))
}

func (p *pair) dropBoth(t *rapid.T) {
	kind := rapid.SampledFrom([]ueba.Kind{ueba.KindEvent, ueba.KindReason, ueba.KindDead}).Draw(t, "kind")
	before := drawInstant.Draw(t, "before")
	p.sameErrors("drop days", p.model.DropDays(p.tb.Context(), kind, before), p.real.DropDays(p.tb.Context(), kind, before))
	day := rapid.SampledFrom([]ueba.Day{20500, 20501, 20502}).Draw(t, "day")
	p.sameErrors("drop docs", p.model.DropDocs(p.tb.Context(), "doc", day), p.real.DropDocs(p.tb.Context(), "doc", day))
}

func (p *pair) reopen(t *rapid.T) {
	if p.engine.Reopen == nil {
		t.Skip("the engine keeps nothing past Close")
	}
	p.real = p.engine.Reopen(p.tb, p.real)
}

func (p *pair) listBoth(t *rapid.T) {
	reverse := rapid.Bool().Draw(t, "reverse")
	from, to := drawID.Draw(t, "from"), drawID.Draw(t, "to")
	want, err := list(p.tb, p.model, "doc", from, to, reverse)
	if err != nil {
		t.Fatal(err)
	}
	got, err := list(p.tb, p.real, "doc", from, to, reverse)
	if err != nil {
		t.Fatal(err)
	}
	p.same("list", withoutTokens(want), withoutTokens(got))
}

// withoutTokens leaves out what is each engine's own.
func withoutTokens(docs []store.Doc) []store.Doc {
	for i := range docs {
		docs[i].Token = ""
	}
	return docs
}
