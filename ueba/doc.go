// Package ueba holds Onlooker's nouns: events, looks, records, reasons, employees,
// profiles, scores and alerts, as plain data with methods.
//
// It guarantees that a noun's identity and encoding depend on its content alone.
// It does no I/O, reads no clock and imports nothing outside the standard library;
// every other package of the module may import it.
package ueba
