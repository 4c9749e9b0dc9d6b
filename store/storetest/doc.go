// Package storetest says what a store must do, as tests that run on any engine, and
// holds Memory, the plainest store that passes them.
//
// The suite asks for nothing that only an embedded engine could give: it calls Sync
// before it scans, never compares tokens or cursors of two engines, and leaves out
// what an engine may do in its own way (its files, its locks, its faults).
package storetest
