package console

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// mountDead is for the operator: raw lines hold names.
func (h *handler) mountDead(api huma.API) {
	add(h, api, get("dead", "/dead", "What could not be parsed, newest first"), h.dead)
	add(h, api, get("dead-letter", "/dead/{id}", "One dead letter with its raw bytes"), h.deadLetter)
	add(h, api, post("dead-replay", "/dead/replay", "Parse dead letters again"), h.replay)
}

type deadInput struct {
	Source   string `query:"source" maxLength:"256"`
	Resolved bool   `query:"resolved" doc:"With those that a replay resolved"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	After    string `query:"after" maxLength:"1024"`
}

func (h *handler) dead(ctx context.Context, in *deadInput) (Page[DeadLetter], error) {
	found, next, err := h.cfg.Services.Dead.List(ctx, DeadQuery{Source: in.Source, Resolved: in.Resolved, Limit: in.Limit, After: in.After})
	if err != nil {
		return Page[DeadLetter]{}, fmt.Errorf("dead letters: %w", err)
	}
	return Page[DeadLetter]{Items: append([]DeadLetter{}, found...), Next: next}, nil
}

func (h *handler) deadLetter(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"512"`
}) (DeadLetter, error) {
	d, err := h.cfg.Services.Dead.Get(ctx, in.ID)
	if err != nil {
		return d, fmt.Errorf("dead letter: %w", err)
	}
	return d, nil
}

func (h *handler) replay(ctx context.Context, in *struct{ Body ReplayRequest }) (ReplaySummary, error) {
	s, err := h.cfg.Services.Dead.Replay(ctx, in.Body)
	if err != nil {
		return s, fmt.Errorf("replay: %w", err)
	}
	return s, nil
}
