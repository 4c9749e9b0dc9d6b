package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onlooker-ueba/onlooker/store"
)

// Problem is an error as the API tells it: RFC 9457 with a code for programs. It holds
// nothing of the inside; services return one (see Refuse) where the caller can mend it.
type Problem struct {
	Type   string          `json:"type" doc:"Always about:blank: the code says which error it is"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Code   string          `json:"code" doc:"For programs; stable"`
	Detail string          `json:"detail,omitempty"`
	Errors []ProblemDetail `json:"errors,omitempty"`
}

// ProblemDetail is one of several errors in a request.
type ProblemDetail struct {
	Location string `json:"location,omitempty" doc:"Such as query.limit"`
	Message  string `json:"message"`
}

// Refuse makes the error by which a service tells the caller what to mend. The detail
// reaches the caller as it is.
func Refuse(status int, code, detail string) error { return refusal(status, code, detail) }

func refusal(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Code
	}
	return p.Code + ": " + p.Detail
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem turns any error into what the caller may see of it.
func (h *handler) problem(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	status, code, detail := http.StatusInternalServerError, "internal", "see the daemon's log"
	switch {
	case errors.Is(err, store.ErrNotFound):
		status, code, detail = http.StatusNotFound, "not_found", "there is no such thing"
	case errors.Is(err, store.ErrConflict):
		status, code, detail = http.StatusConflict, "conflict", "somebody else changed it meanwhile"
	case errors.Is(err, store.ErrFull):
		status, code, detail = http.StatusServiceUnavailable, "store_full", "the store has no room"
	case errors.Is(err, store.ErrBroken):
		status, code, detail = http.StatusServiceUnavailable, "store_broken", "the store takes no writes until the daemon is started again"
	case ctx.Err() != nil:
		status, code, detail = http.StatusServiceUnavailable, "cancelled", "the request ended before the answer"
	default:
		h.cfg.Log.WithError(err).Error("answer a request")
	}
	return refusal(status, code, detail)
}

// asProblem gives the errors that huma itself makes (validation, content type) our shape.
// Values are left out: they may be record ids, and problems end up in logs.
func asProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := refusal(m.Status, codeOf(m.Status), m.Detail)
	for _, d := range m.Errors {
		if d != nil {
			p.Errors = append(p.Errors, ProblemDetail{Location: d.Location, Message: d.Message})
		}
	}
	return p, nil
}

func codeOf(status int) string {
	switch status {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return "invalid"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "media_type"
	case http.StatusRequestTimeout:
		return "timeout"
	}
	return "refused"
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has gone: nobody is left to tell
}
