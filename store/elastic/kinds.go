package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// DocKinds implements store.KindLister. Each kind has an index of its own, which may be
// empty; the documents themselves say which kind it is.
func (s *Store) DocKinds(ctx context.Context) ([]string, error) {
	kinds, err := s.docKinds(ctx)
	if err != nil {
		return nil, fmt.Errorf("list kinds: %w", err)
	}
	return kinds, nil
}

func (s *Store) docKinds(ctx context.Context) ([]string, error) {
	if err := s.refreshOwn(ctx, []string{s.allDocs()}); err != nil {
		return nil, err
	}
	var indices map[string]json.RawMessage
	err := s.client.Into(ctx, "list kinds", esapi.IndicesGetSettingsRequest{
		Index: []string{s.allDocs()}, Name: []string{"index.uuid"}, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
	}, &indices)
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(indices)) {
		hits, err := s.search(ctx, "list kinds", []string{name}, object{"size": 1, "_source": onlyDoc})
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			d, err := decodeDoc(h)
			if err != nil {
				return nil, err
			}
			kinds = append(kinds, d.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds, nil
}
