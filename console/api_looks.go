package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func (h *handler) mountLooks(api huma.API) {
	add(h, api, get("looks", "/looks", "Looks, newest first; with record= everybody who looked at it"), h.looks)

	op := get("looks-stream", "/looks/stream", "The same looks, all of them, one JSON object a line")
	describeProblems(api, &op)
	op.Responses["200"] = ndjson("A look a line; a last line with an error when it breaks off")
	huma.Register(api, op, h.streamLooks)
}

func ndjson(description string) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/x-ndjson": {}}}
}

// LookFilter says which looks; it is exported because huma reads no other embedded struct.
type LookFilter struct {
	Employee string `query:"employee" maxLength:"256"`
	Record   string `query:"record" maxLength:"512"`
	Service  string `query:"service" maxLength:"256"`
	Verdict  string `query:"verdict" enum:"explained,unexplained"`
	From     string `query:"from" maxLength:"40" doc:"A business day, or a time with its zone"`
	To       string `query:"to" maxLength:"40" doc:"A business day, included, or a time, excluded"`
}

type looksInput struct {
	LookFilter
	Limit int    `query:"limit" minimum:"1" maximum:"5000" default:"200"`
	After string `query:"after" maxLength:"1024"`
}

func (h *handler) lookQuery(ctx context.Context, f LookFilter) (LookQuery, error) {
	q := LookQuery{Record: f.Record, Service: f.Service, Verdict: ueba.Verdict(f.Verdict)}
	var err error
	if q.Employee, err = h.employee(ctx, f.Employee); err != nil {
		return q, err
	}
	if q.From, err = h.instant(f.From, false); err != nil {
		return q, err
	}
	if q.To, err = h.instant(f.To, true); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, Refuse(http.StatusUnprocessableEntity, "invalid_range", "want from before to")
	}
	return q, nil
}

func (h *handler) looks(ctx context.Context, in *looksInput) (Page[LookRow], error) {
	q, err := h.lookQuery(ctx, in.LookFilter)
	if err != nil {
		return Page[LookRow]{}, err
	}
	q.Limit, q.After = in.Limit, in.After
	return h.lookPage(ctx, q)
}

func (h *handler) lookPage(ctx context.Context, q LookQuery) (Page[LookRow], error) {
	found, next, err := h.cfg.Services.Looks.Looks(ctx, q)
	if err != nil {
		return Page[LookRow]{}, fmt.Errorf("looks: %w", err)
	}
	v, err := h.look(ctx, idsOf(found, func(l *ueba.Look) string { return l.Employee }))
	return Page[LookRow]{Items: mapped(found, v.lookRow), Next: next}, err
}

const streamPage = 1000

func (h *handler) streamLooks(ctx context.Context, in *LookFilter) (*huma.StreamResponse, error) {
	q, err := h.lookQuery(ctx, *in)
	if err != nil {
		return nil, h.problem(ctx, err)
	}
	q.Limit = streamPage
	page, err := h.lookPage(ctx, q) // while a status can still say that it failed
	if err != nil {
		return nil, h.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/x-ndjson")
		enc := json.NewEncoder(hc.BodyWriter())
		h.writeLooks(ctx, enc, q, page)
	}}, nil
}

func (h *handler) writeLooks(ctx context.Context, enc *json.Encoder, q LookQuery, page Page[LookRow]) {
	for {
		for i := range page.Items {
			if enc.Encode(&page.Items[i]) != nil {
				return // the reader has gone
			}
		}
		if q.After = page.Next; q.After == "" {
			return
		}
		var err error
		if page, err = h.lookPage(ctx, q); err != nil {
			_ = enc.Encode(Line[LookRow]{Error: h.problem(ctx, err)}) // says that the list is not whole
			return
		}
	}
}
