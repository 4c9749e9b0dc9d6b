package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const kindAccount = "account"

// accounts is the ledger of every account that was ever heard from: how many events,
// first and last. It is written together with the cursor.
type accounts struct {
	mu          sync.Mutex
	byKey       map[string]*Account
	changed     map[string]bool
	first, last time.Time // of all
}

func (a *accounts) load(ctx context.Context, docs store.Docs) error {
	a.byKey, a.changed = map[string]*Account{}, map[string]bool{}
	for doc, err := range docs.List(ctx, kindAccount, "", "", false) {
		if err != nil {
			return fmt.Errorf("read the ledger of accounts: %w", err)
		}
		acct := &Account{}
		if err := json.Unmarshal(doc.Body, acct); err != nil {
			return fmt.Errorf("read the ledger of accounts: %w", err)
		}
		a.byKey[doc.ID] = acct
		a.extend(acct.First)
		a.extend(acct.Last)
	}
	return nil
}

func (a *accounts) extend(t time.Time) {
	if a.first.IsZero() || t.Before(a.first) {
		a.first = t
	}
	a.last = later(a.last, t)
}

func (a *accounts) count(acct ueba.Account, t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := acct.Key()
	seen := a.byKey[key]
	if seen == nil {
		seen = &Account{Service: acct.Service, User: acct.User, First: t, Last: t}
		a.byKey[key] = seen
	}
	seen.Events++
	if t.Before(seen.First) {
		seen.First = t
	}
	if t.After(seen.Last) {
		seen.Last = t
	}
	a.changed[key] = true
	a.extend(t)
}

// takeChanged returns the documents of the accounts counted since the last call.
func (a *accounts) takeChanged() []store.Doc {
	a.mu.Lock()
	defer a.mu.Unlock()
	docs := make([]store.Doc, 0, len(a.changed))
	for key := range a.changed {
		docs = append(docs, store.Doc{Kind: kindAccount, ID: key, Day: ueba.NoDay, Body: mustJSON(a.byKey[key])})
	}
	clear(a.changed)
	sort.Slice(docs, func(i, j int) bool { return docs[i].ID < docs[j].ID })
	return docs
}

// days are the first and the last day of which anything was heard.
func (a *accounts) days(b ueba.Business) (first, last ueba.Day, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return b.DayOf(a.first), b.DayOf(a.last), len(a.byKey) > 0
}

func (a *accounts) all() []Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Account, 0, len(a.byKey))
	for _, acct := range a.byKey {
		out = append(out, *acct)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Service != out[j].Service {
			return out[i].Service < out[j].Service
		}
		return out[i].User < out[j].User
	})
	return out
}

// Accounts lists every account that was ever heard from, by service and user.
func (p *Pipeline) Accounts() []Account { return p.accounts.all() }
