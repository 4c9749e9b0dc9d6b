// Package notify keeps alerts and brings them to chats.
//
// Alerts raises alerts, records the steps that people take with them and answers for
// them. Raising is idempotent: an alert's place in the outbox is one document and the
// alert itself another, created in this order; raising again after a crash completes
// what is missing, and raising an alert that is there does nothing.
//
// Outbox sends. It guarantees that an alert which was raised is delivered to every
// channel at least once, or shows as failed with its last answer after a day of trying;
// a restart loses none. Success is what the channel's adapter reads in the body of the
// answer, never the status alone. Before every attempt the record of the delivery is
// read again and claimed, so that two daemons on one store do not both send; a crash
// between an answer and its record is the one way to a duplicate.
//
// Each channel has a budget of messages. When more alerts wait than it allows they are
// merged into one digest and never dropped; so are alerts of the past, such as an import
// raises. A channel that asks to wait is left alone for so long, restarts included.
//
// Messages carry pseudonyms only. Addresses and keys of channels are Secrets: they stand
// in no log, error or document, nor do they come back in the stored answers.
package notify
