// Package spool is a bounded durable queue before a remote store, so that an outage of
// the remote costs nothing that was acknowledged.
//
// Append returns when the facts are durable in the spool, which is kept as documents of a
// local store (the embedded one, in a folder of its own), and a background drain appends
// them to the remote in the order of their acknowledgement, with back-off, for ever. What
// the spool accepted survives a kill and a power loss as the local store's documents do.
// A zero Known is stamped when a fact is spooled and never falls, so that an outage does
// not change when anything became known.
//
// What Append says of a fact: while the drain keeps up, Append waits for the remote's
// judgement, and outcomes, ids and times of becoming known are the remote's. While the
// remote is away, slow (Options.Patience) or still being caught up with, Append says
// Stored, the body's own identity and the stamped Known of every fact; the remote, which
// alone knows, judges when the fact arrives. Where it then finds a duplicate or a
// collision, nothing is stored twice and the count corrected_total of Stats rises.
// Deliveries that are repeated after a kill, or because the remote's answer was lost, are
// counted there too.
//
// The spool is bounded: when it holds Options.MaxBytes, Append returns store.ErrFull and
// stores nothing until the drain has made room. Nothing is dropped to make room.
//
// Reads go to the remote and see what has been drained; Sync waits for the drain.
// Documents are derived and can be computed again, so their writes go straight to the
// remote and its errors come back. Deleting days waits for the drain first.
//
// An error of the remote's Append is taken to be an outage: the batch is tried again, in
// halves. A remote that refuses single facts for good has to keep them aside by itself,
// or the drain stands still at the first of them; LastError says so. An entry of the
// spool that cannot be read any more is kept aside in the local store and counted.
package spool
