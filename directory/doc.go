// Package directory says who people and accounts are, which days are worked and which
// systems exist, as known at a time, and reads the CSV files that tell it so.
//
// Two times decide what holds: when a row is valid from, and when Onlooker came to know
// it. A Book answers for any pair of them, so that a past score can be computed again
// from what was known then. A row that vanishes from a file ends nothing: an employee
// ends with his leave date, a reason with its valid_to.
//
// Readers are strict: every problem of a file (up to a limit) is named with its line and
// column, and a file with a problem yields nothing. Records and reasons may be millions;
// they are read one by one and kept by a store, never here. The package does no I/O of
// its own and reads no clock. A Book may be used by many goroutines at once.
package directory
