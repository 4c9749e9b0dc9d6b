package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/onlooker-ueba/onlooker/text"
)

// Adapter knows one kind of chat. Apart from NewRequest its methods are pure.
type Adapter interface {
	// Budget is how many messages the chat takes.
	Budget() Budget
	// Render makes the body of a request, within the chat's limit of size.
	Render(m Message) ([]byte, error)
	// NewRequest makes the signed request that carries a rendered body. id is the
	// message's, now the time of signing.
	NewRequest(ctx context.Context, body []byte, id string, now time.Time) (*http.Request, error)
	// Classify judges an answer. The body may be cut.
	Classify(status int, header http.Header, body []byte) Outcome
	// Secrets lists the strings that must never be seen, for the redactor.
	Secrets() []string
}

// Channel is a configured way to people.
type Channel struct {
	Name    string // as configured; part of the ids of deliveries
	Lang    text.Lang
	Adapter Adapter
}

// Budget allows Messages in any span of Per.
type Budget struct {
	Messages int
	Per      time.Duration
}

const (
	// timeout bounds one attempt, from dialling to the end of the answer.
	timeout = 15 * time.Second
	// maxAnswer bounds how much of an answer is read, maxStored how much is kept.
	maxAnswer = 64 << 10
	maxStored = 300
)

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// NewClient makes the one HTTP client for all channels: time-outs, no redirects (they
// could carry a signed message elsewhere), no proxy unless given, and no connections to
// addresses that are nobody's chat, such as a cloud's metadata service. dial may be nil.
func NewClient(proxy *url.URL, dial Dial) *http.Client {
	if dial == nil {
		dial = (&net.Dialer{Timeout: 5 * time.Second, Control: refuseAddress}).DialContext
	}
	t := &http.Transport{
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{
		Transport:     t,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refuseAddress looks at the resolved address, so that a name cannot hide it.
func refuseAddress(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	switch ip := ap.Addr().Unmap(); {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
		return fmt.Errorf("address %s is not allowed", ip)
	}
	return nil
}

// attempt is what came of one request.
type attempt struct {
	Outcome
	answer string // redacted and cut
}

// post sends one message and classifies what comes back. It never fails: a failure is an
// outcome, and whatever it says is free of secrets.
func (ch Channel) post(ctx context.Context, client *http.Client, m Message, now time.Time) attempt {
	body, err := ch.Adapter.Render(m)
	if err != nil {
		return ch.failed(BadConfig, "render", err)
	}
	req, err := ch.Adapter.NewRequest(ctx, body, m.ID, now)
	if err != nil {
		return ch.failed(BadConfig, "make request", err)
	}
	req.Header.Set("User-Agent", "onlooker")
	res, err := client.Do(req)
	if err != nil {
		return ch.failed(Retry, "send", err)
	}
	defer func() { _ = res.Body.Close() }() // only read from
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return ch.failed(Retry, "read answer", err)
	}
	out := attempt{ch.Adapter.Classify(res.StatusCode, res.Header, answer), ch.clean(string(answer))}
	out.Detail = ch.clean(out.Detail)
	return out
}

// failed drops the address that net/http puts around its errors.
func (ch Channel) failed(code Code, doing string, err error) attempt {
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return attempt{Outcome: Outcome{Code: code, Detail: ch.clean(doing + ": " + err.Error())}}
}

// clean makes text from outside fit for logs and documents. It redacts before it cuts, so
// that no half of a secret stays.
func (ch Channel) clean(s string) string {
	return Cut(tidy(redact(s, ch.Adapter.Secrets())), maxStored)
}
