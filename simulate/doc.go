// Package simulate makes up a company: its people, its customers, what everybody did in
// the business systems day by day, the reasons for it, a few insiders whose days are
// labelled, and innocent oddities that merely look like insiders.
//
// It guarantees that a Config gives the same bytes every time, that what insiders and
// oddities do is drawn, timed, damaged and written by the very code that draws ordinary
// work, and that memory does not grow with the number of days. It does not claim that a
// detector which finds its insiders finds real ones: its numbers are after published
// ones, not after any customer's.
package simulate
