package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/onlooker-ueba/onlooker/directory"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	kindPseudonym = "pseudonym" // employee id → pseudonym
	kindMasked    = "masked"    // pseudonym → employee id
)

// alphabet leaves out what people misread: 0 O, 1 I L, U V.
const alphabet = "23456789ABCDEFGHJKMNPQRSTWXYZ"

// pseudonyms gives each employee a random name that stays. Random, because a hash of a
// staff id can be guessed from the staff list.
type pseudonyms struct {
	docs store.Docs
	book *directory.Book

	mu     sync.RWMutex
	byID   map[string]string
	byName map[string]string
}

type pseudonymDoc struct {
	Name string `json:"pseudonym"`
	ID   string `json:"employee_id"`
}

func loadPseudonyms(ctx context.Context, docs store.Docs, book *directory.Book) (*pseudonyms, error) {
	p := &pseudonyms{docs: docs, book: book, byID: map[string]string{}, byName: map[string]string{}}
	for doc, err := range docs.List(ctx, kindPseudonym, "", "", false) {
		if err != nil {
			return nil, fmt.Errorf("read pseudonyms: %w", err)
		}
		var d pseudonymDoc
		if err := json.Unmarshal(doc.Body, &d); err != nil {
			return nil, fmt.Errorf("read pseudonyms: %w", err)
		}
		p.byID[d.ID], p.byName[d.Name] = d.Name, d.ID
	}
	return p, nil
}

// Pseudonyms implements console.People.
func (p *pseudonyms) Pseudonyms(ctx context.Context, ids []string) (map[string]string, error) {
	out := make(map[string]string, len(ids))
	for _, id := range ids {
		name, err := p.name(ctx, id)
		if err != nil {
			return nil, err
		}
		out[id] = name
	}
	return out, nil
}

func (p *pseudonyms) name(ctx context.Context, id string) (string, error) {
	p.mu.RLock()
	name, ok := p.byID[id]
	p.mu.RUnlock()
	if ok || id == "" {
		return name, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if name, ok := p.byID[id]; ok {
		return name, nil
	}
	for {
		d := pseudonymDoc{Name: random(), ID: id}
		if err := p.claim(ctx, d); errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return "", err
		}
		return p.byID[id], nil
	}
}

// claim makes a name the employee's: first the name, so that it cannot be two people's,
// then the person, where another process may have been faster.
func (p *pseudonyms) claim(ctx context.Context, d pseudonymDoc) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("claim a pseudonym: %w", err)
	}
	if _, err := p.docs.Create(ctx, store.Doc{Kind: kindMasked, ID: d.Name, Day: ueba.NoDay, Body: body}); err != nil {
		return fmt.Errorf("claim a pseudonym: %w", err)
	}
	_, err = p.docs.Create(ctx, store.Doc{Kind: kindPseudonym, ID: d.ID, Day: ueba.NoDay, Body: body})
	if errors.Is(err, store.ErrConflict) {
		doc, err := p.docs.Get(ctx, kindPseudonym, d.ID)
		if err != nil {
			return fmt.Errorf("read a pseudonym: %w", err)
		}
		if err := json.Unmarshal(doc.Body, &d); err != nil {
			return fmt.Errorf("read a pseudonym: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("claim a pseudonym: %w", err)
	}
	p.byID[d.ID], p.byName[d.Name] = d.Name, d.ID
	return nil
}

func random() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	for i, x := range b {
		b[i] = alphabet[int(x)%len(alphabet)]
	}
	return "P-" + string(b)
}

// Unmask implements console.People.
func (p *pseudonyms) Unmask(_ context.Context, name string) (string, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if id, ok := p.byName[name]; ok {
		return id, nil
	}
	return "", fmt.Errorf("pseudonym %s: %w", name, store.ErrNotFound)
}

// Employee implements console.People.
func (p *pseudonyms) Employee(_ context.Context, id string) (ueba.Employee, error) {
	now := farFuture
	if e, ok := p.book.Employee(id, now, now); ok {
		return *e, nil
	}
	return ueba.Employee{}, fmt.Errorf("employee %s: %w", id, store.ErrNotFound)
}
