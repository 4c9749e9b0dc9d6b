// Package syslog listens for syslog messages, RFC 5424 and RFC 3164, over UDP, TCP and
// TLS, and gives what they carry to a format's parser.
//
// It guarantees: frames are told apart one by one, by octet counts with or without a line
// end in them and by line ends, however a connection mixes them; what is no message, is
// too long or broke off becomes a dead letter; memory is bounded for each connection and
// connections are bounded; while the store refuses, nothing is read, so that senders over
// TCP wait. Gaps are counted where a sender numbers its messages (meta sequenceId), where
// the system dropped datagrams, and where a connection spoke something else.
//
// It does not guarantee that what was sent arrives: plain syslog has no acknowledgement. A
// sender takes a message for delivered once it is in its own system's buffers, and what is
// on the way when either end stops is lost, at most a few hundred kilobytes a connection.
// Datagrams are lost besides whenever a network or a buffer is full. Evidence travels
// better over OTLP, the bulk protocol or /v1/events, which are acknowledged.
package syslog
