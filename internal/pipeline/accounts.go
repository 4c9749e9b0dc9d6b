package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const kindAccount = "account"

// accounts is the ledger of every account that was ever heard from: how many events,
// first and last. It is written together with the cursor, and counts a batch only once
// that is done: a batch that is followed again is not counted twice.
type accounts struct {
	mu          sync.Mutex
	byKey       map[string]*Account
	first, last time.Time // of all
}

func (a *accounts) load(ctx context.Context, docs store.Docs) error {
	a.byKey = map[string]*Account{}
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

// heard widens the time of which anything was heard; hearing it again changes nothing.
func (a *accounts) heard(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.extend(t)
}

// counted returns the accounts that the facts come from as they are with these counted.
func (a *accounts) counted(facts []ueba.Fact) map[string]*Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]*Account{}
	for _, f := range facts {
		e, ok := f.Body.(*ueba.Event)
		if !ok {
			continue
		}
		key := e.Key()
		if out[key] == nil {
			out[key] = &Account{Service: e.Service, User: e.User, First: e.Time, Last: e.Time}
			if old := a.byKey[key]; old != nil {
				*out[key] = *old
			}
		}
		out[key].add(e.Time)
	}
	return out
}

func (a *Account) add(t time.Time) {
	a.Events++
	a.Last = later(a.Last, t)
	if t.Before(a.First) {
		a.First = t
	}
}

// take makes what counted returned the ledger's.
func (a *accounts) take(counted map[string]*Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(a.byKey, counted)
}

func accountDocs(counted map[string]*Account) []store.Doc {
	docs := make([]store.Doc, 0, len(counted))
	for _, key := range slices.Sorted(maps.Keys(counted)) {
		docs = append(docs, store.Doc{Kind: kindAccount, ID: key, Day: ueba.NoDay, Body: mustJSON(counted[key])})
	}
	return docs
}

// days are the first and the last day of which anything was heard.
func (a *accounts) days(b ueba.Business) (first, last ueba.Day, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return b.DayOf(a.first), b.DayOf(a.last), !a.first.IsZero()
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
