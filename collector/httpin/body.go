package httpin

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// maxRatio is how much longer a body may become when gzip is undone, once it
	// is longer than ratioFrom. Real logs stay below 50; a bomb reaches 1,000.
	maxRatio  = 200
	ratioFrom = 1 << 20

	firstBuffer = 64 << 10
	// kept is the greatest buffer that waits for the next request.
	kept = 4 << 20
)

var (
	errTooLarge = errors.New("body over the limit")
	errNoMemory = errors.New("too many bytes in flight")
)

// bodies reads request bodies into memory that all requests share.
type bodies struct {
	maxBody   int64
	maxMemory int64
	inFlight  atomic.Int64
	pool      sync.Pool // of *body
}

// body is a request's body, read whole. Its bytes are valid until release.
type body struct {
	of    *bodies
	data  []byte
	taken int64 // bytes booked in of.inFlight
	gzip  gzip.Reader
}

// read returns the body with its encoding undone, or the refusal. A body that breaks off
// is refused: nothing of it may be stored.
func (bs *bodies) read(r *http.Request) (*body, *refusal) {
	if r.ContentLength > bs.maxBody {
		return nil, bs.refusal(errTooLarge)
	}
	b, ok := bs.pool.Get().(*body)
	if !ok {
		b = &body{of: bs}
	}
	if err := b.fill(r); err != nil {
		b.release()
		return nil, bs.refusal(err)
	}
	return b, nil
}

var errEncoding = errors.New("content encoding")

func (b *body) fill(r *http.Request) error {
	if err := b.book(int64(cap(b.data))); err != nil {
		return err
	}
	raw := &counted{r: io.LimitReader(r.Body, b.of.maxBody+1)}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		b.reserve(r.ContentLength)
		return b.readAll(raw, nil)
	case "gzip", "x-gzip":
		if err := b.gzip.Reset(raw); err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		return b.readAll(&b.gzip, raw)
	}
	return errEncoding
}

// reserve makes room for a body of known length; a length is a claim, so that not all of
// it is believed.
func (b *body) reserve(length int64) {
	if want := min(length+1, kept); want > int64(cap(b.data)) && b.book(want-int64(cap(b.data))) == nil {
		b.data = make([]byte, 0, want)
	}
}

// readAll reads r to its end. raw is what gzip is undone of, nil without.
func (b *body) readAll(r io.Reader, raw *counted) error {
	for {
		if err := b.grow(); err != nil {
			return err
		}
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if size := int64(len(b.data)); size > b.of.maxBody || raw != nil && size > ratioFrom && size > maxRatio*raw.n {
			return errTooLarge
		}
		if err != nil && raw != nil && raw.n > b.of.maxBody {
			return errTooLarge // the limit broke it off
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow makes room for at least one more byte.
func (b *body) grow() error {
	if len(b.data) < cap(b.data) {
		return nil
	}
	size := int(min(max(2*int64(cap(b.data)), firstBuffer), b.of.maxBody+1)) // the one shows that it is over
	if err := b.book(int64(size - cap(b.data))); err != nil {
		return err
	}
	b.data = append(make([]byte, 0, size), b.data...)
	return nil
}

// book takes n bytes of the memory that all requests share.
func (b *body) book(n int64) error {
	if b.of.inFlight.Add(n) > b.of.maxMemory {
		b.of.inFlight.Add(-n)
		return errNoMemory
	}
	b.taken += n
	return nil
}

// release gives the memory back. The bytes may be used by the next request at once.
func (b *body) release() {
	b.of.inFlight.Add(-b.taken)
	b.taken = 0
	if cap(b.data) > kept {
		b.data = nil
	}
	b.data = b.data[:0]
	b.of.pool.Put(b)
}

// text is the body without a byte order mark, which some editors write.
func (b *body) text() []byte { return bytes.TrimPrefix(b.data, []byte("\xef\xbb\xbf")) }

func (bs *bodies) refusal(err error) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too_large",
			fmt.Sprintf("a request may have %d bytes, gzip undone; nothing of this one was stored", bs.maxBody))
	case errors.Is(err, errNoMemory):
		return retryLater(http.StatusTooManyRequests, "busy", "too many bytes in flight", 1)
	case errors.Is(err, errEncoding):
		return refuse(http.StatusUnsupportedMediaType, "encoding", "want Content-Encoding gzip, or none")
	}
	return refuse(http.StatusBadRequest, "broken_body", "the body broke off or is not what its encoding says; nothing of it was stored")
}

// counted counts what was read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
