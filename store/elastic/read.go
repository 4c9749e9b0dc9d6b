package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
)

// ref names a document.
type ref struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
}

// hit is a document as the server gives it.
type hit struct {
	Index  string            `json:"_index"`
	ID     string            `json:"_id"`
	Found  bool              `json:"found"`
	Seq    int64             `json:"_seq_no"`
	Term   int64             `json:"_primary_term"`
	Source json.RawMessage   `json:"_source"`
	Sort   []json.RawMessage `json:"sort"`
	Error  *struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"error"`
}

const mgetItems = 1000

// mget reads documents by id as they are now, in the order of the refs; those that are not
// there have Found false. Only the named fields are read, or all.
func (s *Store) mget(ctx context.Context, operation string, refs []ref, only []string) ([]hit, error) {
	out := make([]hit, 0, len(refs))
	for len(refs) > 0 {
		n := min(len(refs), mgetItems)
		var answer struct {
			Docs []hit `json:"docs"`
		}
		err := s.again(ctx, func() error {
			answer.Docs = nil
			return s.client.Into(ctx, operation, esapi.MgetRequest{Body: encode(object{"docs": refs[:n]}), SourceIncludes: only}, &answer)
		})
		if err == nil && len(answer.Docs) != n {
			err = fmt.Errorf("%s: the answer has %d documents, asked were %d", operation, len(answer.Docs), n)
		}
		if err != nil {
			return nil, err
		}
		for _, h := range answer.Docs {
			if h.Error != nil && h.Error.Type != "index_not_found_exception" {
				return nil, &esclient.Error{Operation: operation, Status: 500, Type: h.Error.Type, Reason: h.Error.Reason}
			}
		}
		out, refs = append(out, answer.Docs...), refs[n:]
	}
	return out, nil
}

// again repeats a read while the server is away or busy, as long as patience lasts.
func (s *Store) again(ctx context.Context, read func() error) error {
	p := pause{until: time.Now().Add(s.cfg.Patience), seed: s.ops.Add(1)}
	for {
		err := read()
		var e *esclient.Error
		if err == nil || !errors.As(err, &e) {
			return err
		}
		if err := s.wait(ctx, &p, err); err != nil {
			return err
		}
	}
}

// search reads one page. What some shard could not answer is an error, never a shorter page.
func (s *Store) search(ctx context.Context, operation string, indices []string, query object) ([]hit, error) {
	var answer struct {
		TimedOut bool `json:"timed_out"`
		Shards   struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Hits []hit `json:"hits"`
		} `json:"hits"`
	}
	query["track_total_hits"] = false
	err := s.again(ctx, func() error {
		answer.Hits.Hits = nil
		err := s.client.Into(ctx, operation, esapi.SearchRequest{
			Index: indices, Body: encode(query), IgnoreUnavailable: &yes, AllowNoIndices: &yes, AllowPartialSearchResults: &no,
		}, &answer)
		if err == nil && (answer.TimedOut || answer.Shards.Failed > 0) {
			err = &esclient.Error{Operation: operation, Status: 503, Type: "partial", Reason: fmt.Sprintf("%d shards gave no answer", answer.Shards.Failed)}
		}
		return err
	})
	s.counts.searched()
	return answer.Hits.Hits, err
}

// refresh makes searches of the indices see what was written before.
func (s *Store) refresh(ctx context.Context, indices []string) error {
	names, upTo := s.dirty.among(indices)
	err := s.again(ctx, func() error {
		_, err := s.client.Do(ctx, "refresh", esapi.IndicesRefreshRequest{Index: indices, IgnoreUnavailable: &yes, AllowNoIndices: &yes})
		return err
	})
	if err == nil {
		s.dirty.refreshed(names, upTo)
	}
	return err
}

// refreshOwn does so for what this process wrote.
func (s *Store) refreshOwn(ctx context.Context, indices []string) error {
	names, _ := s.dirty.among(indices)
	if len(names) == 0 {
		return nil
	}
	const atOnce = 50 // names in one URL
	for len(names) > 0 {
		n := min(len(names), atOnce)
		if err := s.refresh(ctx, names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}
