// Package rules loads, checks, compiles and runs Sigma rules on looks.
//
// A rule file goes through four steps, each with its own types: parse (YAML to what is
// written, with the place of every word), check (keys, ids, references between rules,
// our own keys), compile (fields, modifiers and values to predicates) and run. Load
// reports every problem of every file at once, by file, line and column, and gives a
// Set only if there is none: a set is never half loaded. What Sigma knows and this
// package does not is refused by name and never ignored.
//
// A compiled Set does not change and may be shared. It runs in two ways that find the
// same detections. Set.Day takes an employee's whole business day; it is what scores
// rest on. A Stream takes looks one by one for the immediate path. Looks of a day may
// reach a Stream in any order: once it has seen them all it has given exactly the ids
// that Day finds, and at no time an id that Day would not find. Three things weaken
// "exactly" and never the other half: a look whose verdict changes after it was
// observed, a window that outgrew its bound, and an employee-day that was forgotten for
// others (both bounds are constants of this package). What a Stream misses Day finds.
//
// A correlation counts looks within one employee's business day; its windows do not
// cross the end of the day. It fires once when a window is full and again only after its
// timespan has passed.
//
// Predicates are compiled at load. Matching a look allocates nothing unless it matches.
package rules
