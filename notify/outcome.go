package notify

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Code says what an answer means for the delivery.
type Code string

// The codes.
const (
	Delivered  Code = "delivered"   // the body says so
	Accepted   Code = "accepted"    // taken, but not proven to arrive (HTTP 202)
	RetryAfter Code = "retry_after" // the channel wants to be left alone
	Retry      Code = "retry"       // try again
	Shrink     Code = "shrink"      // try again with a smaller message
	BadConfig  Code = "bad_config"  // an operator has to act; tried again seldom
	Unknown    Code = "unknown"     // not understood; never taken for success
)

// Outcome is a classified answer.
type Outcome struct {
	Code   Code
	After  time.Duration // with RetryAfter
	Detail string        // what the channel said, for operators
}

// Arrived reports whether the delivery is over and done.
func (o Outcome) Arrived() bool { return o.Code == Delivered || o.Code == Accepted }

func (o Outcome) String() string {
	s := string(o.Code)
	if o.Code == RetryAfter {
		s += " " + o.After.String()
	}
	if o.Detail != "" {
		s += ": " + o.Detail
	}
	return s
}

// ClassifyStatus judges the statuses that mean the same for every channel, which are all
// but 2xx. The second result is false when the body has to decide.
func ClassifyStatus(status int, header http.Header) (Outcome, bool) {
	o := Outcome{Detail: fmt.Sprintf("HTTP %d", status)}
	switch {
	case status >= 200 && status <= 299:
		return Outcome{}, false
	case status == http.StatusRequestEntityTooLarge:
		o.Code = Shrink
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable ||
		status == http.StatusBadGateway || status == http.StatusGatewayTimeout:
		o.Code, o.After = throttled(header)
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		o.Code = Retry
	default: // redirects, which are never followed, and what is wrong with the address or key
		o.Code = BadConfig
	}
	return o, true
}

// maxAfter bounds what a Retry-After may ask for.
const maxAfter = 24 * time.Hour

// throttled honours Retry-After in seconds, or as a date measured by the answer's own Date.
func throttled(header http.Header) (Code, time.Duration) {
	wish := header.Get("Retry-After")
	if n, err := strconv.Atoi(wish); err == nil && n >= 0 {
		return RetryAfter, min(time.Duration(min(n, 86400))*time.Second, maxAfter)
	}
	until, err := http.ParseTime(wish)
	now, err2 := http.ParseTime(header.Get("Date"))
	if err != nil || err2 != nil || until.Before(now) {
		return Retry, 0
	}
	return RetryAfter, min(until.Sub(now), maxAfter)
}
