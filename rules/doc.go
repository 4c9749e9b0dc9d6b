// Package rules loads, checks, compiles and runs Sigma rules on looks.
//
// A rule file goes through four steps, each with its own types: parse (YAML to what is
// written, with the place of every word), check (keys, ids, references between rules,
// our own keys), compile (fields, modifiers and values to predicates) and run. Load
// reports every problem of every file at once, by file, line and column, and gives a
// Set only if there is none: a set is never half loaded. What Sigma knows and this
// package does not is refused by name and never ignored.
//
// A compiled Set does not change and may be shared. Set.Day takes an employee's whole
// business day, in any order; it is what scores rest on, and what the immediate path runs
// again on the open day whenever that changed, so that both find the same detections by
// the same ids.
//
// A correlation counts looks within one employee's business day; its windows do not
// cross the end of the day. It fires once when a window is full and again only after its
// timespan has passed.
//
// Predicates are compiled at load. Matching a look allocates nothing unless it matches.
package rules
