package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// dropPage is how many documents are deleted at once.
const dropPage = 2000

// DropDays implements store.Facts. Days of events go as whole indices, after their
// identities; facts of other kinds one by one.
func (s *Store) DropDays(ctx context.Context, kind ueba.Kind, before time.Time) error {
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	defer s.calls.Done()
	end := midnight(before)
	var err error
	if kind == ueba.KindEvent {
		err = s.dropEvents(ctx, end)
	} else {
		query := object{"range": object{"fact.us": object{"lt": micros(end)}}}
		err = s.dropFound(ctx, s.kindIndex(kind), query, "fact.seq")
	}
	if err != nil {
		return fmt.Errorf("drop days: %w", err)
	}
	s.ring.forget(kind, end)
	return nil
}

func (s *Store) dropEvents(ctx context.Context, end time.Time) error {
	var found map[string]json.RawMessage
	err := s.client.Into(ctx, "list days", esapi.IndicesGetSettingsRequest{
		Index: []string{s.allEvents()}, Name: []string{"index.uuid"}, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
	}, &found)
	if err != nil {
		return err
	}
	for name := range found {
		day, err := time.Parse("2006.01.02", strings.TrimPrefix(name, s.cfg.Prefix+"-events-"))
		if err != nil || !day.Before(end) {
			continue // the day stays, or it is none of ours
		}
		if err := s.dropIdentities(ctx, name); err != nil {
			return err
		}
		if _, err := s.client.Do(ctx, "delete "+name, esapi.IndicesDeleteRequest{Index: []string{name}, IgnoreUnavailable: &yes}); err != nil {
			return err
		}
	}
	return nil
}

// dropIdentities forgets the identities of a day's events, so that what was dropped may come
// again.
func (s *Store) dropIdentities(ctx context.Context, index string) error {
	if err := s.refresh(ctx, []string{index}); err != nil {
		return err
	}
	query := object{"size": dropPage, "_source": false, "sort": []any{order("fact.us", "long", false), order("fact.tie", "keyword", false)}}
	for {
		hits, err := s.search(ctx, "drop identities", []string{index}, query)
		if err != nil || len(hits) == 0 {
			return err
		}
		items := make([]*item, len(hits))
		for i, h := range hits {
			items[i] = &item{action: "delete", index: s.idsIndex(), id: h.ID}
			query["search_after"] = h.Sort
		}
		if err := s.bulk(ctx, "drop identities", items); err != nil {
			return err
		}
	}
}

// dropFound deletes what a query finds, page by page, in the order of a field. What was
// written again since it was found stays.
func (s *Store) dropFound(ctx context.Context, index string, query object, field string) error {
	if err := s.refresh(ctx, []string{index}); err != nil {
		return err
	}
	kind := "long"
	if field == "doc.id" {
		kind = "keyword"
	}
	page := object{"size": dropPage, "_source": false, "seq_no_primary_term": true, "query": query, "sort": []any{order(field, kind, false)}}
	for {
		hits, err := s.search(ctx, "drop", []string{index}, page)
		if err != nil || len(hits) == 0 {
			return err
		}
		items := make([]*item, len(hits))
		for i, h := range hits {
			items[i] = &item{action: "delete", index: h.Index, id: h.ID, unchanged: &version{h.Seq, h.Term}}
			page["search_after"] = h.Sort
		}
		if err := s.bulk(ctx, "drop", items); err != nil {
			return err
		}
	}
}

// DropDocs implements store.Remover.
func (s *Store) DropDocs(ctx context.Context, kind string, before ueba.Day) error {
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("drop docs: %w", err)
	}
	defer s.calls.Done()
	if err := s.dropFound(ctx, s.docsIndex(kind), object{"range": object{"doc.day": object{"lt": int64(before)}}}, "doc.id"); err != nil {
		return fmt.Errorf("drop docs: %w", err)
	}
	return nil
}

// DeleteDoc implements store.Remover.
func (s *Store) DeleteDoc(ctx context.Context, kind string, ids ...string) error {
	if err := s.begin(ctx); err != nil {
		return fmt.Errorf("delete doc: %w", err)
	}
	defer s.calls.Done()
	items := make([]*item, len(ids))
	for i, id := range ids {
		items[i] = &item{action: "delete", index: s.docsIndex(kind), id: docID(id)}
	}
	if err := s.bulk(ctx, "delete doc", items); err != nil {
		return fmt.Errorf("delete doc: %w", err)
	}
	return nil
}
