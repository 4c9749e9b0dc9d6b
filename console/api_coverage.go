package console

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func (h *handler) mountCoverage(api huma.API) {
	add(h, api, get("coverage", "/coverage", "What is and is not monitored; by default of all that is kept"), h.coverage)
}

// maxNamed bounds the lists of accounts and of people that an answer names.
const maxNamed = 1000

func (h *handler) coverage(ctx context.Context, in *Days) (CoverageAnswer, error) {
	from, to, err := in.or(ueba.NoDay, ueba.NoDay)
	if err != nil {
		return CoverageAnswer{}, err
	}
	if from != ueba.NoDay && in.To == "" {
		to = max(from, h.today())
	}
	c, err := h.cfg.Services.Coverage.Coverage(ctx, from, to)
	if err != nil {
		return CoverageAnswer{}, fmt.Errorf("coverage: %w", err)
	}
	unseen := c.Unseen[:min(len(c.Unseen), maxNamed)]
	v, err := h.look(ctx, unseen)
	return CoverageAnswer{
		From: from, To: to,
		Rows:     append([]CoverageRow{}, c.Rows...),
		Unmapped: append([]AccountCount{}, c.Unmapped[:min(len(c.Unmapped), maxNamed)]...),
		Unseen:   mapped(unseen, func(id *string) Person { return v.person(*id) }),
		Silent:   append([]string{}, c.Silent...),

		UnmappedCount: len(c.Unmapped), UnseenCount: len(c.Unseen),
	}, err
}
