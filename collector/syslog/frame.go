package syslog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/onlooker-ueba/onlooker/collector"
)

// readAhead is the buffer of a connection.
const readAhead = 256 << 10

var (
	errCompressed = errors.New("the sender compresses its stream (as rsyslog's compression.mode=stream does); switch that off")
	errHello      = errors.New("the sender speaks TLS; listen with network: tls, or switch it off at the sender")
	errBrokeOff   = errors.New("syslog: the connection broke off within a message")
)

// framer cuts a connection into messages, each by what it begins with: a number and a
// blank before "<" count its octets, anything else ends at the line's end.
type framer struct {
	r   *bufio.Reader
	max int
	buf []byte
}

func newFramer(r io.Reader, max int) *framer {
	return &framer{r: bufio.NewReaderSize(r, readAhead), max: max}
}

// next gives the next message; Raw is valid until the next call. A record with Err is no
// message. io.EOF ends a connection that the sender closed between two messages; of one
// that breaks off within a message that is given first.
func (f *framer) next() (collector.Record, error) {
	first, err := f.begin()
	if err != nil {
		return collector.Record{}, err
	}
	switch {
	case '1' <= first && first <= '9':
		if n, skip := f.count(); skip > 0 {
			_, _ = f.r.Discard(skip) // they were peeked at
			return f.counted(n)
		}
	case first == 'x':
		if head, _ := f.r.Peek(2); len(head) == 2 && bytes.IndexByte([]byte{0x01, 0x5e, 0x9c, 0xda}, head[1]) >= 0 {
			return collector.Record{}, errCompressed
		}
	case first == 0x16:
		if head, _ := f.r.Peek(2); len(head) == 2 && head[1] == 0x03 {
			return collector.Record{}, errHello
		}
	}
	return f.line()
}

// begin passes over what may stand between messages and shows the first byte of the next.
func (f *framer) begin() (byte, error) {
	for {
		head, err := f.r.Peek(1)
		if err != nil {
			return 0, err
		}
		if head[0] != '\n' && head[0] != '\r' && head[0] != 0 {
			return head[0], nil
		}
		_, _ = f.r.Discard(1)
	}
}

// maxDigits bounds an octet count, which is below a gigabyte.
const maxDigits = 9

// count reads an octet count without waiting for more than the message's first byte, and
// says how many bytes stand before it; 0: it is none.
func (f *framer) count() (n, skip int) {
	for i := 0; ; i++ {
		head, err := f.r.Peek(i + 1)
		if err != nil {
			return 0, 0
		}
		switch c := head[i]; {
		case '0' <= c && c <= '9' && i < maxDigits:
			n = 10*n + int(c-'0')
		case c == ' ':
			head, err := f.r.Peek(i + 2)
			if err != nil || head[i+1] != '<' {
				return 0, 0
			}
			return n, i + 1
		default:
			return 0, 0
		}
	}
}

func (f *framer) counted(n int) (collector.Record, error) {
	keep := n
	if n > f.max {
		keep = min(n, collector.CutTo)
	}
	if cap(f.buf) < keep {
		f.buf = make([]byte, keep)
	}
	f.buf = f.buf[:keep]
	got, err := io.ReadFull(f.r, f.buf)
	if err != nil {
		return f.brokeOff(f.buf[:got], got, err)
	}
	if keep == n {
		return collector.Record{Raw: trimEnd(f.buf), Size: n}, nil
	}
	more, err := f.r.Discard(n - keep)
	if err != nil {
		return f.brokeOff(f.buf, keep+more, err)
	}
	return collector.Record{Raw: f.buf, Size: n, Err: fmt.Errorf("%w: %d bytes, the limit is %d", collector.ErrTooLong, n, f.max)}, nil
}

// brokeOff is a message whose end did not come. The reader gives the error again.
func (f *framer) brokeOff(raw []byte, size int, err error) (collector.Record, error) {
	if size == 0 {
		return collector.Record{}, err
	}
	return collector.Record{Raw: raw[:min(len(raw), collector.CutTo)], Size: size, Err: errBrokeOff}, nil
}

// line reads to the line's end. What is too long is cut, and passed over to its end.
func (f *framer) line() (collector.Record, error) {
	f.buf = f.buf[:0]
	size := 0
	for {
		part, err := f.r.ReadSlice('\n')
		size += len(part)
		if size > f.max+1 {
			part = part[:min(len(part), max(0, collector.CutTo-len(f.buf)))]
		} else if len(f.buf) == 0 && err == nil {
			return collector.Record{Raw: trimEnd(part), Size: size}, nil
		}
		f.buf = append(f.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return f.brokeOff(f.buf, size, err)
		case err != nil && size == 0:
			return collector.Record{}, err
		case size > f.max+1:
			return collector.Record{Raw: f.buf[:min(len(f.buf), collector.CutTo)], Size: size,
				Err: fmt.Errorf("%w: %d bytes, the limit is %d", collector.ErrTooLong, size, f.max)}, nil
		}
		return collector.Record{Raw: trimEnd(f.buf), Size: size}, nil
	}
}

func trimEnd(b []byte) []byte { return bytes.TrimRight(b, "\r\n\x00") }
