package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store"
)

// oldest is the oldest version of each flavour that has what the store needs.
var oldest = map[string][2]int{esclient.Elasticsearch: {8, 0}, esclient.OpenSearch: {2, 4}}

var yes, no = true, false

// install brings the server to what this version needs. It may be done by any number of
// processes at once and again.
func (s *Store) install(ctx context.Context) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	upgrade, err := s.checkIndices(ctx)
	if err != nil {
		return err
	}
	for _, t := range templates(s.client.Flavour()) {
		if err := s.installTemplate(ctx, t); err != nil {
			return err
		}
	}
	for _, name := range upgrade {
		if err := s.upgradeIndex(ctx, name); err != nil {
			return err
		}
	}
	return s.mark(ctx)
}

// checkVersion refuses a server that is too old. Some answer only one of the two questions.
func (s *Store) checkVersion(ctx context.Context) error {
	var info struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	var e *esclient.Error
	err := s.client.Into(ctx, "find the server", esapi.InfoRequest{}, &info)
	if errors.As(err, &e) && e.Status == 405 {
		info.Version.Number, err = s.nodeVersion(ctx)
	}
	if err != nil {
		return err
	}
	return versionError(s.client.Flavour(), info.Version.Number)
}

func (s *Store) nodeVersion(ctx context.Context) (string, error) {
	var nodes struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	err := s.client.Into(ctx, "find the server", esapi.NodesInfoRequest{NodeID: []string{"_local"}, FilterPath: []string{"nodes.*.version"}}, &nodes)
	for _, n := range nodes.Nodes {
		return n.Version, err
	}
	return "", err
}

func versionError(flavour, version string) error {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return fmt.Errorf("the server gives %q as its version", version)
	}
	if want := oldest[flavour]; a < want[0] || a == want[0] && b < want[1] {
		return fmt.Errorf("the server is %s %s: too old, want %d.%d or newer", flavour, version, want[0], want[1])
	}
	return nil
}

// checkIndices refuses what a newer version or somebody else made under our names, and
// returns the indices that an older version made.
func (s *Store) checkIndices(ctx context.Context) (older []string, err error) {
	ours := []string{s.allEvents(), s.allFacts(), s.allDocs(), s.idsIndex(), s.metaIndex()}
	var names map[string]json.RawMessage
	err = s.client.Into(ctx, "list indices", esapi.IndicesGetSettingsRequest{
		Index: ours, Name: []string{"index.uuid"}, IgnoreUnavailable: &yes, AllowNoIndices: &yes,
	}, &names)
	if err != nil {
		return nil, err
	}
	marks := map[string]struct {
		Mappings struct {
			Meta meta `json:"_meta"`
		} `json:"mappings"`
	}{}
	err = s.client.Into(ctx, "read mappings", esapi.IndicesGetMappingRequest{
		Index: ours, IgnoreUnavailable: &yes, AllowNoIndices: &yes, FilterPath: []string{"*.mappings._meta"},
	}, &marks)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		switch found := marks[name].Mappings.Meta.Onlooker.Format; {
		case found == 0:
			return nil, fmt.Errorf("the index %s is not one of Onlooker's: remove it, or set store.elastic.prefix to other names", name)
		case found > format:
			return nil, fmt.Errorf("the index %s has format %d, this version knows %d: %w; start the version that wrote it, or a newer one",
				name, found, format, store.ErrNewer)
		case found < format:
			older = append(older, name)
		}
	}
	return older, nil
}

// meta is what we write into _meta of templates and mappings.
type meta struct {
	Onlooker struct {
		Format int `json:"format"`
	} `json:"onlooker"`
}

// installTemplate puts the template unless it is there as it should be.
func (s *Store) installTemplate(ctx context.Context, t template) error {
	name, body := s.cfg.Prefix+"-"+t.name, t.body(s.cfg.Prefix)
	there, err := s.getTemplate(ctx, name)
	if err != nil {
		return err
	}
	if there != nil {
		var mark struct {
			Meta meta `json:"_meta"`
		}
		if err := json.Unmarshal(there, &mark); err != nil {
			return fmt.Errorf("read template %s: %w", name, err)
		}
		switch found := mark.Meta.Onlooker.Format; {
		case found == 0:
			return fmt.Errorf("the index template %s is not one of Onlooker's: remove it, or set store.elastic.prefix to other names", name)
		case found > format:
			return fmt.Errorf("the index template %s has format %d, this version knows %d: %w", name, found, format, store.ErrNewer)
		case found == format && sameTemplate(there, body):
			return nil
		case found == format:
			s.opts.Warn(fmt.Sprintf("the index template %s was changed by hand: it is put back; indices made in between keep what it said", name))
		}
	}
	_, err = s.client.Do(ctx, "put template "+name, esapi.IndicesPutIndexTemplateRequest{Name: name, Body: encode(body)})
	return err
}

// getTemplate returns nil when there is none.
func (s *Store) getTemplate(ctx context.Context, name string) (json.RawMessage, error) {
	var found struct {
		Templates []struct {
			Name     string          `json:"name"`
			Template json.RawMessage `json:"index_template"`
		} `json:"index_templates"`
	}
	var e *esclient.Error
	err := s.client.Into(ctx, "read template "+name, esapi.IndicesGetIndexTemplateRequest{Name: name}, &found)
	if errors.As(err, &e) && e.NotFound() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, t := range found.Templates {
		if t.Name == name {
			return t.Template, nil
		}
	}
	return nil, nil
}

// sameTemplate compares what the server gives back, where numbers have become texts and
// defaults may have been added, with what we would put: all of ours must be there, and no
// field or setting beside it.
func sameTemplate(there json.RawMessage, body object) bool {
	text, err := json.Marshal(body)
	if err != nil {
		return false
	}
	return maps.Equal(flatten(there), flatten(text))
}

// flatten returns the leaves of a JSON text by their paths.
func flatten(text []byte) map[string]string {
	out := map[string]string{}
	var value any
	if json.Unmarshal(text, &value) == nil {
		flattenInto(out, "", value)
	}
	return out
}

func flattenInto(out map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			flattenInto(out, path+"."+name, inner)
		}
	case []any:
		for i, inner := range v {
			flattenInto(out, fmt.Sprintf("%s.%d", path, i), inner)
		}
	default:
		out[path] = fmt.Sprint(v)
	}
}

// upgradeIndex gives an index of an older format the fields of this one. Formats so far only
// add fields.
func (s *Store) upgradeIndex(ctx context.Context, name string) error {
	for _, t := range templates(s.client.Flavour()) {
		if covers(s.cfg.Prefix+"-"+t.pattern, name) {
			_, err := s.client.Do(ctx, "upgrade "+name, esapi.IndicesPutMappingRequest{Index: []string{name}, Body: encode(t.mapping())})
			return err
		}
	}
	return nil
}

// mark creates the document that tells these data from all others, or reads it.
func (s *Store) mark(ctx context.Context) error {
	type mark struct {
		UUID   string `json:"uuid"`
		Format int    `json:"format"`
	}
	mine := &item{action: "create", index: s.metaIndex(), id: "data", source: encode(mark{s.nonce, format}).Bytes()}
	if err := s.bulk(ctx, "install", []*item{mine}); err != nil {
		return err
	}
	if mine.refused() {
		return itemError("install", mine)
	}
	found, err := s.mget(ctx, "install", []ref{{s.metaIndex(), "data"}}, nil)
	if err != nil {
		return err
	}
	var m mark
	if err := json.Unmarshal(found[0].Source, &m); err != nil || m.UUID == "" {
		return fmt.Errorf("the index %s holds no mark of Onlooker: remove it, or set store.elastic.prefix to other names", s.metaIndex())
	}
	s.uuid = m.UUID[:12]
	return nil
}

// encode turns what can always be encoded into JSON.
func encode(v any) *bytes.Buffer {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // only our own plain types come here
	}
	return &b
}
