package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// mountJobs is for the operator. A job's answer is NDJSON: lines of progress while it
// runs, then one line with the result or the error. Closing the connection stops it.
func (h *handler) mountJobs(api huma.API) {
	imp := post("import", "/import", "Take in raw lines, and score the closed Days they touch")
	describeProblems(api, &imp)
	imp.RequestBody = &huma.RequestBody{
		Description: "Raw lines, of any length, gzip allowed", Required: true,
		Content: map[string]*huma.MediaType{"application/octet-stream": {}},
	}
	imp.Responses["200"] = ndjson("Progress, then the result")
	huma.Register(api, imp, h.importLines)

	score := post("score", "/score", "Score now, or for past days, or only show what would change")
	describeProblems(api, &score)
	score.Responses["200"] = ndjson("Progress, then the result")
	huma.Register(api, score, h.scoreDaysNow)
}

type importInput struct {
	Format     string `query:"format" maxLength:"64" doc:"A parser's name; the native one when absent"`
	Source     string `query:"source" maxLength:"256"`
	Zone       string `query:"zone" maxLength:"64" doc:"IANA name of the zone of times without one"`
	KnownAtNow bool   `query:"known_at_now" doc:"Known from now on, instead of from the time of the event"`
	NoScore    bool   `query:"no_score"`
}

func (h *handler) importLines(_ context.Context, in *importInput) (*huma.StreamResponse, error) {
	if in.Zone != "" {
		if _, err := time.LoadLocation(in.Zone); err != nil {
			return nil, Refuse(http.StatusUnprocessableEntity, "invalid", "zone: no such IANA zone")
		}
	}
	req := ImportRequest{Format: in.Format, Source: in.Source, Zone: in.Zone, KnownAtNow: in.KnownAtNow, NoScore: in.NoScore}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, _ := humago.Unwrap(hc)
		runJob(h, hc, func(progress func(Progress)) (ImportSummary, error) {
			return h.cfg.Services.Jobs.Import(r.Context(), req, r.Body, progress)
		})
	}}, nil
}

type scoreInput struct {
	Days
	At     string `query:"at" maxLength:"40" doc:"From the facts known until then: a business day's end, or a time with its zone"`
	DryRun bool   `query:"dry_run" doc:"Store nothing, report the difference to what is stored"`
}

func (h *handler) scoreDaysNow(ctx context.Context, in *scoreInput) (*huma.StreamResponse, error) {
	at, err := h.instant(in.At, true)
	if err != nil {
		return nil, h.problem(ctx, err)
	}
	from, to, err := in.or(ueba.NoDay, ueba.NoDay)
	if err != nil {
		return nil, h.problem(ctx, err)
	}
	req := ScoreRequest{At: at, From: from, To: to, DryRun: in.DryRun}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		runJob(h, hc, func(progress func(Progress)) (ScoreSummary, error) {
			return h.cfg.Services.Jobs.Score(hc.Context(), req, progress)
		})
	}}, nil
}

// runJob streams a job. It reads the request while it writes the answer and lifts the
// server's time limits, which are made for short answers.
func runJob[T any](h *handler, hc huma.Context, job func(func(Progress)) (T, error)) {
	r, w := humago.Unwrap(hc)
	rc := http.NewResponseController(w)
	// Not every writer can do these (a test's recorder cannot); the job runs without.
	_ = rc.EnableFullDuplex()
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
	hc.SetHeader("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	send := func(l Line[T]) {
		_ = enc.Encode(l) // when the client has gone, the context stops the job
		_ = rc.Flush()
	}
	result, err := job(func(p Progress) { send(Line[T]{Progress: &p}) })
	if err != nil {
		send(Line[T]{Error: h.problem(r.Context(), err)})
		return
	}
	send(Line[T]{Result: &result})
}
