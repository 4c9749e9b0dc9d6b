package directory

import (
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Claimants lists by ascending id everybody who ever had the account, whoever it belongs
// to at one time or another.
func (b *Book) Claimants(acct ueba.Account) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ids := slices.Concat(b.claims[ueba.Account{Service: Fold(acct.Service), User: Fold(acct.User)}], b.claims[ueba.Account{User: Fold(acct.User)}])
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Known returns when the newest version became known, of those known at the instant, on
// which it rests who the person is on the day: of everybody who ever had one of his
// accounts, and of the calendar around the day.
func (b *Book) Known(id string, day ueba.Day, at time.Time) time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	newest := b.people.known(id, at)
	for _, v := range b.people[id] {
		for _, acct := range v.body.accounts {
			for _, other := range slices.Concat(b.claims[acct], b.claims[ueba.Account{User: acct.User}]) {
				newest = later(newest, b.people.known(other, at))
			}
		}
	}
	for d := day - 1; d <= day+1; d++ { // night shifts reach over midnight
		newest = later(newest, b.dates.known(d, at))
	}
	return newest
}

// known returns when the newest version of the key became known, of those known at at.
func (t timeline[K, T]) known(key K, at time.Time) (newest time.Time) {
	for _, v := range t[key] {
		if at.IsZero() || !v.known.After(at) {
			newest = later(newest, v.known)
		}
	}
	return newest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
