package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
)

// Remove deletes the indices and templates of a configuration.
func Remove(c Config) error {
	client, err := esclient.New(c.Config)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := context.Background()
	var found map[string]json.RawMessage
	err = client.Into(ctx, "list", esapi.IndicesGetSettingsRequest{Index: []string{c.Prefix + "-*"}, Name: []string{"index.uuid"}}, &found)
	if err != nil {
		return err
	}
	var errs []error
	for names := range slices.Chunk(slices.Sorted(maps.Keys(found)), 40) {
		_, err := client.Do(ctx, "delete", esapi.IndicesDeleteRequest{Index: names})
		errs = append(errs, err)
	}
	for _, t := range templates(client.Flavour()) {
		_, err := client.Do(ctx, "delete", esapi.IndicesDeleteIndexTemplateRequest{Name: c.Prefix + "-" + t.name})
		if e := (*esclient.Error)(nil); errors.As(err, &e) && e.NotFound() {
			err = nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Whole reports whether so many nodes are there and every copy of every index is.
func Whole(ctx context.Context, s *Store, nodes int) bool {
	var health struct {
		Status string `json:"status"`
		Nodes  int    `json:"number_of_nodes"`
	}
	err := s.client.Into(ctx, "health", esapi.ClusterHealthRequest{}, &health)
	return err == nil && health.Nodes == nodes && health.Status == "green"
}

// Do puts any request to the server, for what only tests do.
func (s *Store) Do(ctx context.Context, r esapi.Request) error {
	_, err := s.client.Do(ctx, "test", r)
	return err
}
