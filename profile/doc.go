// Package profile folds one employee's events of one business day into looks and features.
//
// Fold is pure: the same facts give the same profile and the same looks, whatever the
// order in which the events and reasons come and however often. It reads no clock and
// keeps nothing; the live numbers of the open day and the profile of the closed one are
// the same function of the facts known by then. What it needs of records, people and
// calendars it asks of a Directory that the caller has filled.
//
// A look has a view time (a value between two bounds, with the method that gave it), a
// verdict and flags, which do not depend on each other. Features are counts and extremes:
// a further look never lowers one, those of the view time and the first hour excepted.
package profile
