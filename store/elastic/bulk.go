package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
)

// A bulk request holds up to so much; less when the server asks for less.
const (
	bulkItems = 1000
	bulkBytes = 4 << 20
)

// item is one write of a bulk request and what became of it.
type item struct {
	action    string // create, index or delete
	index     string
	id        string
	source    []byte
	unchanged *version // compare and set

	status       int // 0: not known
	kind, reason string
	version      version
	maybe        bool // an attempt got no answer: the server may have done it
}

// version is the place of a document in the history of its shard.
type version struct{ seq, term int64 }

func (i *item) done() bool  { return i.status >= 200 && i.status < 300 }
func (i *item) taken() bool { return i.status == 409 }
func (i *item) refused() bool {
	return i.status >= 400 && i.status < 500 && i.status != 409 && i.status != 429 && !(i.action == "delete" && i.status == 404)
}

// errUnsettled: the server may have written some of the items and may still do so.
var errUnsettled = errors.New("no answer")

// bulk writes the items in order and judges each by itself. It tries again what the server
// was too busy or unable to do, with pauses that grow and requests that shrink, for as long
// as patience and ctx last. On return without an error every item has its status; an error
// wraps errUnsettled when some item's fate is not known.
func (s *Store) bulk(ctx context.Context, operation string, items []*item) error {
	p := pause{until: time.Now().Add(s.cfg.Patience), seed: s.ops.Add(1), forever: s.cfg.Patience == endless}
	return s.bulkUntil(ctx, operation, items, &p)
}

// endless is the patience of what must be settled.
const endless = time.Duration(1<<63 - 1)

func (s *Store) bulkUntil(ctx context.Context, operation string, items []*item, p *pause) error {
	open, size := items, bulkItems
	for len(open) > 0 {
		n, err := s.send(ctx, operation, open, &size)
		if err == nil {
			open = unfinished(open, n)
			if len(open) == 0 || open[0].status == 0 {
				p.reset()
				continue
			}
			err = itemError(operation, open[0])
		}
		var e *esclient.Error
		if errors.As(err, &e) && e.TooLarge() && n > 1 {
			continue // send has halved the size
		}
		if err := s.wait(ctx, p, err); err != nil {
			return unsettled(err, items)
		}
	}
	return nil
}

// unsettled tells whether some item's fate is unknown.
func unsettled(err error, items []*item) error {
	for _, i := range items {
		if i.maybe && !i.done() && !i.taken() && !i.refused() {
			return errors.Join(err, errUnsettled)
		}
	}
	return err
}

// unfinished returns what is still to be written, in order.
func unfinished(open []*item, sent int) []*item {
	var left []*item
	for _, i := range open[:sent] {
		if i.status == 0 || i.status == 429 || i.status >= 500 || esclient.Blocked(i.kind, i.reason) {
			left = append(left, i)
		}
	}
	return append(left, open[sent:]...)
}

func itemError(operation string, i *item) error {
	return &esclient.Error{Operation: operation, Status: i.status, Type: i.kind, Reason: i.reason, Maybe: i.status >= 500}
}

// send writes as many of the items as fit into one request and returns how many that were.
func (s *Store) send(ctx context.Context, operation string, open []*item, size *int) (int, error) {
	var body bytes.Buffer
	n := 0
	for _, i := range open {
		if n == *size || n > 0 && body.Len()+len(i.source) > bulkBytes {
			break
		}
		i.write(&body)
		n++
	}
	began := time.Now()
	answer, err := s.client.Do(ctx, operation, esapi.BulkRequest{
		Body:       &body,
		FilterPath: []string{"items.*.status", "items.*._seq_no", "items.*._primary_term", "items.*.error.type", "items.*.error.reason"},
	})
	if err == nil {
		err = judge(operation, open[:n], answer)
	}
	s.counts.bulk(n, time.Since(began), err)
	var e *esclient.Error
	if !errors.As(err, &e) {
		for _, i := range open[:n] {
			s.dirty.wrote(i.index)
		}
		return n, err
	}
	if e.Maybe {
		for _, i := range open[:n] {
			i.maybe = true
		}
	}
	switch {
	case e.TooLarge() && n == 1:
		open[0].status, open[0].kind, open[0].reason = e.Status, "too_large", "the document is larger than the server takes"
		return n, nil
	case e.TooLarge(), e.Busy():
		*size = max(1, n/2)
	}
	return n, err
}

func (i *item) write(b *bytes.Buffer) {
	head := struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
		Seq   *int64 `json:"if_seq_no,omitempty"`
		Term  *int64 `json:"if_primary_term,omitempty"`
	}{Index: i.index, ID: i.id}
	if i.unchanged != nil {
		head.Seq, head.Term = &i.unchanged.seq, &i.unchanged.term
	}
	fmt.Fprintf(b, `{"%s":%s}`, i.action, bytes.TrimRight(encode(head).Bytes(), "\n"))
	b.WriteByte('\n')
	if i.action != "delete" {
		b.Write(bytes.TrimRight(i.source, "\n"))
		b.WriteByte('\n')
	}
}

// judge gives each item its answer.
func judge(operation string, items []*item, answer []byte) error {
	type result struct {
		Status int   `json:"status"`
		Seq    int64 `json:"_seq_no"`
		Term   int64 `json:"_primary_term"`
		Error  struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"error"`
	}
	var all struct {
		Items []map[string]result `json:"items"`
	}
	if err := json.Unmarshal(answer, &all); err != nil || len(all.Items) != len(items) {
		return &esclient.Error{Operation: operation, Status: 500, Type: "bad_answer", Maybe: true,
			Reason: fmt.Sprintf("the answer tells of %d items, %d were sent", len(all.Items), len(items))}
	}
	for n, i := range items {
		for _, r := range all.Items[n] {
			i.status, i.kind, i.reason, i.version = r.Status, r.Error.Type, r.Error.Reason, version{r.Seq, r.Term}
		}
		if i.status >= 500 {
			i.maybe = true
		}
	}
	return nil
}

// pause is how long to wait before the next try: twice as long each time, up to a bound, less
// a part that differs from caller to caller.
type pause struct {
	until   time.Time
	forever bool
	tries   int
	seed    uint64
}

const (
	shortest = 50 * time.Millisecond
	longestP = 5 * time.Second
)

func (p *pause) reset() { p.tries = 0 }

func (p *pause) next() time.Duration {
	d := min(shortest<<min(p.tries, 10), longestP)
	p.tries++
	h := fnv.New64a()
	fmt.Fprint(h, p.seed, p.tries)
	return d/2 + time.Duration(h.Sum64()%uint64(d/2+1))
}

// fullTries is how often a blocked index is tried before the caller hears of it.
const fullTries = 3

// wait pauses before the next try, or returns why there is none.
func (s *Store) wait(ctx context.Context, p *pause, err error) error {
	var e *esclient.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Full() && p.tries >= fullTries && !p.forever {
		return errors.Join(store.ErrFull, err)
	}
	d := p.next()
	if !e.Temporary() && !e.Full() || !p.forever && time.Now().Add(d).After(p.until) {
		return err
	}
	s.counts.retried()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return errors.Join(ctx.Err(), err)
	case <-s.closing:
		return errors.Join(errClosed, err)
	}
}
