package mapping_test

import (
	"github.com/onlooker-ueba/onlooker/collector/mapping"
	"github.com/onlooker-ueba/onlooker/collector/parse"
	"testing"
)

func readSQL(text, dialect string) map[string]any {
	s := parse.ReadStatement(text, dialect)
	out := map[string]any{"conditional": s.Conditional}
	if s.Action != "" {
		out["action"] = string(s.Action)
		out["table"] = s.Table
	}
	if len(s.IDs) > 0 {
		ids := make([]any, len(s.IDs))
		for i, id := range s.IDs {
			ids[i] = id
		}
		out["ids"] = ids
	}
	if s.Purpose.ID != "" {
		out["ticket"] = s.Purpose.ID
	}
	if s.Purpose.Kind != "" {
		out["purpose"] = s.Purpose.Kind
	}
	return out
}
func TestQuick(t *testing.T) {
	s, err := mapping.Load(readSQL)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(s.Tests())
}
