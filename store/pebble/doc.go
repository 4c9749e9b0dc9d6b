// Package pebble is the embedded store: everything in one data folder, on one machine,
// on top of github.com/cockroachdb/pebble.
//
// It guarantees that what a writing call returned without an error has been fsynced and
// survives a kill and a power loss (given a disk that honours a flush), and that all of
// a call is stored or nothing of it. One goroutine writes; calls that wait for it share
// a batch and an fsync. The queue before it is bounded: when it is full, callers wait.
//
// When the disk refuses a write the store stops acknowledging at once. If the disk is
// full, writing calls return store.ErrFull, reads go on, and the first call that finds
// room again is served; some room is held back so that this state is reached before the
// disk has none at all. After any other failed write or fsync the store is broken:
// writing calls return store.ErrBroken until it is opened again. An fsync that failed is
// never tried again, for the second one lies.
//
// A call that was refused may have left facts behind that come to light when the store
// is opened again; as they were not acknowledged they are sent again, and are duplicates.
//
// It does not guarantee that a Scan and a write that runs beside it see each other, nor
// that two processes may share a data folder: the second is refused with store.ErrLocked.
package pebble
