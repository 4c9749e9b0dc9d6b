package esclient

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Error is a request that had no good answer.
type Error struct {
	Operation string // what was asked, such as "write"
	Status    int    // of the answer; 0 without one
	Type      string // the server's name of the error, such as index_not_found_exception
	Reason    string // its words
	Maybe     bool   // the server may have done what it was asked to, and may still do it
	cause     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("elasticsearch: %s: %v", e.Operation, e.cause)
	}
	said := strings.TrimSuffix(fmt.Sprintf("%s: %s", e.Type, e.Reason), ": ")
	if hint := e.hint(); hint != "" {
		return fmt.Sprintf("elasticsearch: %s: %s (the server says %d %s)", e.Operation, hint, e.Status, said)
	}
	return fmt.Sprintf("elasticsearch: %s: the server says %d %s", e.Operation, e.Status, said)
}

// Unwrap implements errors.
func (e *Error) Unwrap() error { return e.cause }

// hint says what to mend, where that is known.
func (e *Error) hint() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "wrong password or API key: check store.elastic.username and password, or api_key"
	case e.Status == http.StatusForbidden && e.Type == "security_exception":
		return "the user lacks a privilege: give it the role of docs/elasticsearch.md"
	case e.Full():
		return "the index is blocked, most often because a disk is nearly full: make room; Elasticsearch lifts the block by itself"
	}
	return ""
}

// Busy reports whether the server asks to come again later, or with less.
func (e *Error) Busy() bool { return e.Status == http.StatusTooManyRequests && !e.Full() }

// TooLarge reports whether the request was larger than the server takes.
func (e *Error) TooLarge() bool { return e.Status == http.StatusRequestEntityTooLarge }

// Full reports whether writes are blocked, as they are when a disk is nearly full.
func (e *Error) Full() bool { return Blocked(e.Type, e.Reason) }

// Blocked reports whether the server's words mean that an index takes no writes.
func Blocked(kind, reason string) bool {
	return kind == "cluster_block_exception" &&
		(strings.Contains(reason, "read-only-allow-delete") || strings.Contains(reason, "FORBIDDEN/"))
}

// Temporary reports whether the same request may succeed later without anybody's doing.
func (e *Error) Temporary() bool {
	switch e.Status {
	case 0:
		return !errors.Is(e.cause, ErrProduct) && !untrusted(e.cause)
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	}
	return e.Status >= 500
}

// NotFound reports whether what was asked for is not there.
func (e *Error) NotFound() bool { return e.Status == http.StatusNotFound }

// refused makes an error of a bad answer.
func refused(operation string, status int, body []byte) *Error {
	e := &Error{Operation: operation, Status: status}
	// 502 and 504 come from something in between; the server may be at it still.
	e.Maybe = status == http.StatusBadGateway || status == http.StatusGatewayTimeout || status == http.StatusInternalServerError
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	var detail struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	switch {
	case json.Unmarshal(body, &said) == nil && json.Unmarshal(said.Error, &detail) == nil:
		e.Type, e.Reason = detail.Type, detail.Reason
	case len(said.Error) > 0:
		e.Reason = strings.Trim(string(said.Error), `"`)
	default:
		e.Reason = http.StatusText(status)
	}
	return e
}

// unanswered makes an error of a request without an answer.
func (c *Client) unanswered(operation string, err error) *Error {
	e := &Error{Operation: operation, cause: err, Maybe: !neverSent(err)}
	where := strings.Join(c.config.Addresses, ", ")
	if c.config.CloudID != "" {
		where = "the deployment of store.elastic.cloud_id"
	}
	switch {
	case untrusted(err):
		e.cause = fmt.Errorf("the certificate of %s is not to be trusted: %w; check store.elastic.ca_file or ca_fingerprint, and whether it has expired", where, err)
	case !e.Maybe && !errors.Is(err, ErrProduct):
		e.cause = fmt.Errorf("nothing answers at %s: %w; check store.elastic.addresses and whether the server runs", where, err)
	}
	return e
}

// neverSent reports whether the request cannot have reached the server.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var name *net.DNSError
	return errors.As(err, &name) || untrusted(err) || errors.Is(err, ErrProduct)
}

// untrusted reports whether the server's certificate was refused, by us, or ours by it.
func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host) ||
		errors.As(err, &record) || errors.As(err, &alert) || (err != nil && strings.Contains(err.Error(), "ca_fingerprint"))
}
