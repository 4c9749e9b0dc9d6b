// Package mapping turns raw records into events by rules that are written in YAML: how a
// record is decoded, what is kept and dropped, which field becomes which. One file is one
// format; builtin/*.yml are embedded.
//
// It guarantees: a mapping is compiled and its own tests are run when it is loaded, and
// one with a fault (an unknown key or target, an expression that does not compile, a test
// that fails) is refused with file, line and column; Set.Reload takes all files or none.
// Regular expressions are RE2. Expressions have no loops but one pass over a list, no
// clock, no randomness and no order of maps, and the texts they make are bounded, so that
// a record costs time in proportion to its size. A record that does not fit is an error
// that names the rule; what is dropped on purpose names the rule too. Events pass the same
// checks as native ones (ueba.DecodeEvent).
//
// It does not guarantee that a record makes one event: fan-out makes several, bounded by
// its cap, with the number of the rest in one more. Decimal numbers are read as float64;
// whole numbers keep all their digits.
package mapping
