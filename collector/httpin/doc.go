// Package httpin takes events over HTTP in four protocols, which share tokens and limits:
// POST /v1/events with NDJSON or a JSON array; OpenTelemetry's logs (OTLP) over HTTP and
// gRPC; Elasticsearch's bulk protocol.
//
// It guarantees: an answer that says done is given after what the request says is durable.
// To /v1/events it says line by line what did not parse; to shippers, which drop what they
// are told was refused or send all of it again for ever, it says done of those too, and
// keeps them as dead letters. Every other answer of /v1/events and OTLP means that nothing
// of the request was stored. A bulk request of which something could not be stored gets no
// answer: its connection is closed, and what was stored of it is known when it comes
// again. A request that broke off is not acknowledged. Bad data never make a 5xx. Memory
// is bounded: a request has a limit, all requests together have another, and beyond them
// senders get 413 and 429; a bulk request may be of any length, for it is stored as it is
// read, and waits for its turn for a while.
//
// It does not guarantee that shippers come again; docs/sources.md says which settings they
// need.
//
// A token may append under one source's name and do nothing else. Without tokens only
// loopback may listen, and requests from web pages of other sites are refused.
package httpin
