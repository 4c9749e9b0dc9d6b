// Package httpin takes events over HTTP: POST /v1/events with NDJSON or a JSON array.
//
// It guarantees: an answer 200 is given after what the request says is durable, and says
// line by line what did not parse; every other answer means that nothing of the request
// was stored, and so does a request that broke off. Bad data never make a 5xx. Memory is
// bounded: a request has a limit, all requests together have another, and beyond them
// senders get 413 and 429.
//
// A token may append under one source's name and do nothing else. Without tokens only
// loopback may listen, and requests from web pages of other sites are refused.
package httpin
