package console

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// mountAPI registers every endpoint. What only the operator may do is not there at all on
// TCP, nor in its OpenAPI description at /api/openapi.json.
func (h *handler) mountAPI(mux *http.ServeMux) {
	api := humago.New(mux, h.apiConfig())
	h.mountScores(api)
	h.mountLooks(api)
	h.mountAlerts(api)
	h.mountCoverage(api)
	if h.cfg.Operator {
		h.mountDelivery(api)
		h.mountDead(api)
		h.mountJobs(api)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, refusal(http.StatusNotFound, "no_endpoint", "see /api/openapi.json"))
	})
}

func (h *handler) apiConfig() huma.Config {
	c := huma.DefaultConfig("Onlooker", h.cfg.Version)
	c.OpenAPIPath = "/api/openapi"
	c.DocsPath = ""     // its page loads scripts from elsewhere
	c.SchemasPath = ""  // the schemas are in the description
	c.CreateHooks = nil // no $schema in every answer
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{asProblem}
	c.Info.Description = "Which employee looked at which customer's record, for how long, and why. " +
		"Lists come in pages: give the next of one as after= for the following. Days are business days."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"pageToken": {Type: "http", Scheme: "bearer", Description: "The token of the link that the daemon prints; not asked for on the socket"},
	}
	c.Security = []map[string][]string{{"pageToken": {}}}
	return c
}

// answer is the shape that huma wants of an output.
type answer[T any] struct{ Body T }

// add registers an endpoint whose errors become problems.
func add[I, O any](h *handler, api huma.API, op huma.Operation, f func(context.Context, *I) (O, error)) {
	describeProblems(api, &op)
	huma.Register(api, op, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, h.problem(ctx, err)
		}
		return &answer[O]{out}, nil
	})
}

func describeProblems(api huma.API, op *huma.Operation) {
	schema := api.OpenAPI().Components.Schemas.Schema(typeFor[Problem](), true, "Problem")
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}}
}

func get(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/api/v1" + path, Summary: summary}
}

func post(id, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodPost, Path: "/api/v1" + path, Summary: summary}
}

// Days are the bounds that many lists share; exported because huma reads no other
// embedded struct.
type Days struct {
	From string `query:"from" format:"date" doc:"First business day"`
	To   string `query:"to" format:"date" doc:"Last business day, included"`
}

// maxDays is more than any retention by default and keeps a typing error from asking for
// a millennium.
const maxDays = 1100

// or reads the bounds; what is not given is taken from the defaults.
func (d Days) or(from, to ueba.Day) (ueba.Day, ueba.Day, error) {
	var err error
	if d.To != "" {
		if to, err = ueba.ParseDay(d.To); err != nil {
			return 0, 0, Refuse(http.StatusUnprocessableEntity, "invalid", err.Error())
		}
		from = min(from, to)
	}
	if d.From != "" {
		if from, err = ueba.ParseDay(d.From); err != nil {
			return 0, 0, Refuse(http.StatusUnprocessableEntity, "invalid", err.Error())
		}
		if d.To == "" && to != ueba.NoDay {
			to = max(from, to)
		}
	}
	if from == ueba.NoDay || to == ueba.NoDay {
		return from, to, nil
	}
	if from > to || to-from >= maxDays {
		return 0, 0, Refuse(http.StatusUnprocessableEntity, "invalid_range", "want from ≤ to and at most 1,100 days")
	}
	return from, to, nil
}

// instant reads a time, or a business day as its first instant; with after its end.
func (h *handler) instant(s string, after bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := ueba.ParseDay(s); err == nil {
		if after {
			return h.cfg.Business.End(d), nil
		}
		return h.cfg.Business.Begin(d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, Refuse(http.StatusUnprocessableEntity, "invalid", "want YYYY-MM-DD or a time with its zone such as 2026-11-02T09:30:00+08:00")
	}
	return t, nil
}

func (h *handler) today() ueba.Day { return h.cfg.Business.DayOf(h.cfg.Now()) }
