package collector

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// DefaultBatch is the number of facts in one append of a bulk load.
const DefaultBatch = 5000

// batchBytes bounds a batch of records that make few facts.
const batchBytes = 8 << 20

// ImportOptions say how a file is imported.
type ImportOptions struct {
	Delivery
	Batch     int // facts an append; 0 means DefaultBatch
	MaxRecord int // 0 means DefaultMaxRecord
	// Progress is told after each append what was done so far; nil for none.
	Progress func(Summary)
}

// Summary is what an import did.
type Summary struct {
	Result
	Bytes       int64     // read, before gzip is undone
	First, Last time.Time // the oldest and the newest time of its events
}

// Import reads a whole file, gzipped or not, through the format's parser. The next batch
// is parsed while the one before is appended. When it fails, what the summary counts is
// stored; importing the file again stores the rest.
func (in *Intake) Import(ctx context.Context, r io.Reader, f Format, o ImportOptions) (Summary, error) {
	counter := &countingReader{r: r}
	text, err := Gunzip(counter)
	if err != nil {
		return Summary{}, fmt.Errorf("import: %w", err)
	}
	parsing, cancel := context.WithCancel(ctx)
	defer cancel()
	parsed := make(chan parsedBatch, 1)
	go func() {
		defer close(parsed)
		im := importer{ctx: parsing, out: parsed, read: counter, stream: in.NewStream(f, o.Delivery), limit: orDefault(o.Batch, DefaultBatch)}
		im.run(NewRecords(text, f.Split(), o.MaxRecord, 0))
	}()
	var sum Summary
	for p := range parsed {
		if err == nil {
			err = in.appendParsed(ctx, p, &sum, o.Progress)
		}
		if err != nil {
			cancel() // and drain, so that the parser ends before its reader is closed
		}
	}
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return sum, fmt.Errorf("import: %w", err)
	}
	return sum, nil
}

func (in *Intake) appendParsed(ctx context.Context, p parsedBatch, sum *Summary, progress func(Summary)) error {
	if p.batch != nil {
		result, err := in.Append(ctx, p.batch)
		if err != nil {
			return err
		}
		sum.Add(result)
		sum.Bytes = p.bytes
		sum.extend(p.batch)
		if progress != nil {
			progress(*sum)
		}
	}
	return p.err
}

func (s *Summary) extend(b *Batch) {
	for _, f := range b.facts {
		if e, ok := f.Body.(*ueba.Event); ok {
			if s.First.IsZero() || e.Time.Before(s.First) {
				s.First = e.Time
			}
			s.Last = later(s.Last, e.Time)
		}
	}
}

// parsedBatch is a batch, or why there are no more.
type parsedBatch struct {
	batch *Batch
	bytes int64
	err   error
}

type importer struct {
	ctx    context.Context
	out    chan<- parsedBatch
	read   *countingReader
	stream *Stream
	limit  int
}

func (im *importer) run(records *Records) {
	for rec, err := range records.Rest() {
		if err != nil {
			im.send(parsedBatch{batch: im.stream.Cut(), bytes: im.read.n, err: err})
			return
		}
		// The error is in the dead letter.
		_ = im.stream.Take(rec, Place{Line: rec.Line})
		if im.stream.Len() >= im.limit || im.stream.Bytes() >= batchBytes {
			if !im.send(parsedBatch{batch: im.stream.Cut(), bytes: im.read.n}) {
				return
			}
		}
	}
	im.stream.Flush()
	im.send(parsedBatch{batch: im.stream.Cut(), bytes: im.read.n})
}

func (im *importer) send(p parsedBatch) bool {
	select {
	case im.out <- p:
		return true
	case <-im.ctx.Done():
		return false
	}
}

// Gunzip undoes gzip if r begins with its magic number.
func Gunzip(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, firstBuffer)
	head, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	return gzip.NewReader(b)
}

// countingReader counts what was read; only the reading goroutine may ask it.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
