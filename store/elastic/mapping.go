package elastic

import (
	"maps"

	"github.com/onlooker-ueba/onlooker/internal/esclient"
)

// format is the version of the indices: of their names, mappings and documents.
const format = 1

// object is a JSON object.
type object = map[string]any

// longest is up to how many bytes a text is indexed as it is; longer ones are found by hash.
const longest = 1024

func keyword() object { return object{"type": "keyword", "ignore_above": longest} }

// hidden is kept and given back, and never looked at by the server.
func hidden() object { return object{"type": "object", "enabled": false} }

func fields(pairs ...any) object {
	out := object{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return object{"properties": out}
}

// factFields is what the store itself keeps of a fact.
func factFields() object {
	exact := object{"type": "keyword", "doc_values": false}
	return fields(
		"seq", object{"type": "long"}, // writer and number, see writer.go
		"us", object{"type": "long"}, // when it happened, in microseconds
		"tie", object{"type": "keyword"}, // the rest of the order: nanoseconds and id
		"key", exact, "employee", exact, "long", exact,
		"until", object{"type": "long"}, // of a reason: its end
		"known", object{"type": "date"},
		"hash", hidden(), "body", hidden(),
		"refused", keyword(),
	)
}

// eventFields are ECS's, and ours where ECS has none.
func eventFields(flavour string) object {
	labels := object{"type": "flattened", "ignore_above": longest}
	if flavour == esclient.OpenSearch {
		labels = object{"type": "flat_object"}
	}
	return fields(
		"@timestamp", object{"type": "date"},
		"ecs", fields("version", keyword()),
		"fact", factFields(),
		"event", fields("id", keyword(), "kind", keyword(), "action", keyword(), "outcome", keyword(),
			"duration", object{"type": "long"}),
		"user", fields("id", keyword()),
		"service", fields("name", keyword()),
		"session", fields("id", keyword()),
		"source", fields("ip", object{"type": "ip", "ignore_malformed": true}),
		"host", fields("name", keyword()),
		"record", fields("type", keyword(), "id", keyword(), "class", keyword(), "fields", keyword(),
			"count", object{"type": "long"}),
		"purpose", fields("id", keyword(), "kind", keyword()),
		"labels", labels,
		"onlooker", fields("source", keyword()),
	)
}

// docFields are those of a derived document, with what Kibana users look for in scores.
func docFields() object {
	return fields(
		"@timestamp", object{"type": "date"},
		"ecs", fields("version", keyword()),
		"event", fields("kind", keyword(), "dataset", keyword()),
		"doc", fields("id", object{"type": "keyword"}, "day", object{"type": "long"},
			"op", hidden(), "kind", keyword(), "body", hidden(), "raw", hidden()),
		"user", fields("id", keyword(), "risk", fields(
			"calculated_score", object{"type": "float"}, "calculated_score_norm", object{"type": "float"},
			"calculated_level", keyword())),
		"onlooker", fields("date", object{"type": "date"}, "level", keyword(), "state", keyword(), "revision", object{"type": "long"},
			"priority", object{"type": "float"}, "evidence", object{"type": "float"}, "group", keyword(), "open", object{"type": "boolean"}),
	)
}

// template is one index template.
type template struct {
	name    string // after the prefix
	pattern string
	shards  int
	fields  object
}

func templates(flavour string) []template {
	return []template{
		{"events", "events-*", 1, eventFields(flavour)},
		{"facts", "facts-*", 1, fields("fact", factFields())},
		{"ids", "ids", 2, fields()},
		{"docs", "docs-*", 1, docFields()},
		{"meta", "meta", 1, fields()},
	}
}

// mapping is what the template gives an index. Fields that it does not name are kept and
// not indexed: nothing that a sender makes up can be refused or blow the mapping up.
func (t template) mapping() object {
	m := object{"dynamic": false, "_meta": object{"onlooker": object{"format": format}}}
	maps.Copy(m, t.fields)
	return m
}

func (t template) body(prefix string) object {
	return object{
		"index_patterns": []any{prefix + "-" + t.pattern},
		"priority":       500,
		"version":        format,
		"_meta":          object{"onlooker": object{"format": format}},
		"template": object{
			"settings": object{"index": object{
				"number_of_shards":     t.shards,
				"auto_expand_replicas": "0-1",
				"refresh_interval":     "5s",
				"translog":             object{"durability": "request"},
			}},
			"mappings": t.mapping(),
		},
	}
}
