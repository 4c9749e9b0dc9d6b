package httpin

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// maxID bounds a document's _id, as Elasticsearch does.
const maxID = 512

// action is what stands before a document in a bulk request.
type action struct {
	op    string // index, create, update, delete
	index string
	id    string // empty without, and where it could not be an event's id
	item  []byte // what is answered
}

// meta is what an action says of its document; the rest is of no use here.
type meta struct {
	Index string          `json:"_index"`
	ID    json.RawMessage `json:"_id"`
}

var actionStatus = map[string]int{"index": 201, "create": 201, "update": 200, "delete": 404}

// readAction reads an action line: an object of one member, named by what is to be done.
func readAction(line []byte, index string) (action, bool) {
	if !mayBeAction(line) {
		return action{}, false
	}
	var said map[string]*meta
	if json.Unmarshal(line, &said) != nil || len(said) != 1 {
		return action{}, false
	}
	for op, m := range said {
		if m == nil || actionStatus[op] == 0 {
			return action{}, false
		}
		a := action{op: op, index: m.Index, id: documentID(m.ID)}
		if a.index == "" {
			a.index = index
		}
		a.item = item(op, a.index)
		return a, true
	}
	return action{}, false
}

// mayBeAction is quick to say no of a document.
func mayBeAction(line []byte) bool {
	rest := bytes.TrimLeft(bytes.TrimPrefix(line, []byte("{")), blank)
	if len(rest) < 8 || rest[0] != '"' {
		return false
	}
	name, _, ok := bytes.Cut(rest[1:min(len(rest), 10)], []byte(`"`))
	return ok && actionStatus[string(name)] != 0
}

// documentID is the _id as an event's id; empty where it cannot be one.
func documentID(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		if len(raw) > 0 && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9') {
			return string(raw)
		}
		return ""
	}
	var id string
	if json.Unmarshal(raw, &id) != nil || len(id) > maxID || strings.ContainsFunc(id, isControl) {
		return ""
	}
	return strings.TrimSpace(id)
}

func isControl(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 || r == '\ufffd' }

// documentOnly is the action of a document that stands without one.
func documentOnly(index string) action {
	return action{op: "index", index: index, item: item("index", index)}
}

func item(op, index string) []byte {
	name, err := json.Marshal(index)
	if err != nil {
		name = []byte(`""`) // a text always becomes JSON
	}
	out := append([]byte(`{"`), op...)
	out = append(append(out, `":{"_index":`...), name...)
	out = append(append(out, `,"status":`...), strconv.Itoa(actionStatus[op])...)
	return append(out, "}}"...)
}
