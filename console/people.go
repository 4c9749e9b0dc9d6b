package console

import (
	"context"
	"errors"
	"fmt"

	"github.com/onlooker-ueba/onlooker/store"
)

// view is one answer's eyes: how the people in it are named.
type view struct {
	operator bool
	names    map[string]string
}

// look gets the pseudonyms of everybody whom an answer names, in one call.
func (h *handler) look(ctx context.Context, ids []string) (view, error) {
	v := view{operator: h.cfg.Operator}
	known := make([]string, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if id != "" && !seen[id] {
			seen[id] = true
			known = append(known, id)
		}
	}
	if len(known) == 0 {
		return v, nil
	}
	names, err := h.cfg.Services.People.Pseudonyms(ctx, known)
	if err != nil {
		return v, fmt.Errorf("pseudonyms: %w", err)
	}
	for _, id := range known {
		if names[id] == "" {
			return v, errors.New("pseudonyms: somebody has none")
		}
	}
	v.names = names
	return v, nil
}

func (v view) person(id string) Person {
	p := Person{Pseudonym: v.names[id]}
	if v.operator {
		p.EmployeeID = id
	}
	return p
}

// idsOf collects the employee of each item.
func idsOf[T any](items []T, of func(*T) string) []string {
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = of(&items[i])
	}
	return ids
}

// mapped turns each item into its row.
func mapped[T, R any](items []T, row func(*T) R) []R {
	rows := make([]R, len(items))
	for i := range items {
		rows[i] = row(&items[i])
	}
	return rows
}

// employee finds out who is meant: a pseudonym, or for the operator also an employee id.
// On the page an id is as unknown as any other word, so that nobody can try ids.
func (h *handler) employee(ctx context.Context, who string) (string, error) {
	if who == "" {
		return "", nil
	}
	id, err := h.cfg.Services.People.Unmask(ctx, who)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return id, err
	}
	if h.cfg.Operator {
		e, err := h.cfg.Services.People.Employee(ctx, who)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return e.ID, err
		}
	}
	return "", Refuse(404, "unknown_employee", "nobody is known under that name")
}
