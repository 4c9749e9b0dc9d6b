// Package collector takes raw records from sources to the store.
//
// A source (collector/httpin, collector/file, …) cuts its bytes into raw records and
// hands them to a Stream; the Stream's parser turns them into events and reasons, fills
// in what only the daemon knows (the authenticated source, an id where the sender gave
// none, when an import became known), and gathers a Batch. Intake.Append makes the batch
// durable and only then counts it.
//
// It guarantees: what Append returned without an error is in the store; a record that
// does not parse, or is too long, becomes a dead letter in the same append and is never
// dropped in silence; the same record delivered again gets the same id, so that the store
// knows it as a duplicate; memory is bounded by the caller's batches, for nothing is
// queued here. When the store refuses, so does Append: the source keeps its batch and
// stops acknowledging.
//
// It does not guarantee that the counts of the last second survive a kill: they are
// written each second and at the end. Events are never lost with them.
package collector
