package fakees

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// action is the first line of an item of a bulk request.
type action struct {
	Index string `json:"_index"`
	ID    string `json:"_id"`
	Seq   *int64 `json:"if_seq_no"`
	Term  *int64 `json:"if_primary_term"`
}

// bulk does the items one by one, each judged by itself.
func (s *Server) bulk(body []byte, f *Fault) (any, *refusal) {
	if len(body) > 0 && body[len(body)-1] != '\n' {
		return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
	}
	items, failed := []any{}, false
	for n := 0; len(body) > 0; n++ {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte{'\n'})
		var head map[string]action
		if err := json.Unmarshal(line, &head); err != nil || len(head) != 1 {
			return nil, refuse(http.StatusBadRequest, "illegal_argument_exception", "Malformed action/metadata line [%d]: %v", n, err)
		}
		for name, a := range head {
			var source []byte
			if name != "delete" {
				source, body, _ = bytes.Cut(body, []byte{'\n'})
			}
			result, bad := s.item(n, name, a, source, f)
			items, failed = append(items, object{name: result}), failed || bad
		}
	}
	return object{"took": 1, "errors": failed, "items": items}, nil
}

func (s *Server) item(n int, name string, a action, source []byte, f *Fault) (result object, failed bool) {
	var lie *refusal
	if f != nil && f.Item != nil {
		if status, kind, reason := f.Item(n, name, a.Index, a.ID); status != 0 {
			lie = refuse(status, kind, "%s", reason)
		}
	}
	out := object{"_index": a.Index, "_id": a.ID}
	var no *refusal
	if lie == nil || f.Apply {
		var status int
		var d doc
		if status, d, no = s.write(name, a, source); no == nil {
			out["status"], out["_seq_no"], out["_primary_term"] = status, d.seq, d.term
		}
	}
	if lie != nil {
		no = lie
	}
	if no == nil {
		return out, false
	}
	return object{"_index": a.Index, "_id": a.ID, "status": no.status, "error": object{"type": no.kind, "reason": no.reason}}, true
}

// write does one item.
func (s *Server) write(name string, a action, source []byte) (int, doc, *refusal) {
	if a.ID == "" || len(a.ID) > maxID {
		return 0, doc{}, refuse(http.StatusBadRequest, "illegal_argument_exception", "if _id is specified it must not be empty nor longer than %d bytes", maxID)
	}
	if s.blocked && name != "delete" {
		return 0, doc{}, refuse(http.StatusTooManyRequests, "cluster_block_exception",
			"index [%s] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];", a.Index)
	}
	i := s.cluster.indices[a.Index]
	if i == nil {
		if name == "delete" {
			return 0, doc{}, noIndex(a.Index)
		}
		var no *refusal
		if i, no = s.open(a.Index); no != nil {
			return 0, doc{}, no
		}
	}
	old, there := i.docs[a.ID]
	if no := conflict(name, a, old, there); no != nil {
		return 0, doc{}, no
	}
	d := doc{source: bytes.Clone(source), seq: i.seq, term: s.cluster.term}
	if name != "delete" {
		var no *refusal
		if d.value, no = i.parse(a.ID, source); no != nil {
			return 0, doc{}, no
		}
	}
	i.seq++
	if name == "delete" {
		delete(i.docs, a.ID)
	} else {
		i.docs[a.ID] = d
	}
	switch {
	case name == "delete" && !there:
		return http.StatusNotFound, d, nil
	case name == "delete" || there:
		return http.StatusOK, d, nil
	}
	return http.StatusCreated, d, nil
}

func conflict(name string, a action, old doc, there bool) *refusal {
	const kind = "version_conflict_engine_exception"
	switch {
	case name == "create" && there:
		return refuse(http.StatusConflict, kind, "[%s]: version conflict, document already exists", a.ID)
	case a.Seq != nil && a.Term != nil && (!there || *a.Seq != old.seq || *a.Term != old.term):
		return refuse(http.StatusConflict, kind, "[%s]: version conflict, required seqNo [%d], primary term [%d]", a.ID, *a.Seq, *a.Term)
	case name != "create" && name != "index" && name != "delete":
		return refuse(http.StatusBadRequest, "illegal_argument_exception", "Malformed action/metadata line, found [%s]", name)
	}
	return nil
}

// mget reads documents as they are now, refreshed or not.
func (s *Server) mget(body []byte, includes string) (any, *refusal) {
	var asked struct {
		Docs []action `json:"docs"`
	}
	if err := json.Unmarshal(body, &asked); err != nil || len(asked.Docs) == 0 {
		return nil, refuse(http.StatusBadRequest, "action_request_validation_exception", "no documents to get")
	}
	docs := []any{}
	for _, a := range asked.Docs {
		out := object{"_index": a.Index, "_id": a.ID}
		i := s.cluster.indices[a.Index]
		if i == nil {
			no := noIndex(a.Index)
			out["error"] = object{"type": no.kind, "reason": no.reason}
			docs = append(docs, out)
			continue
		}
		d, found := i.docs[a.ID]
		out["found"] = found
		if found {
			out["_seq_no"], out["_primary_term"], out["_source"] = d.seq, d.term, d.only(splitList(includes))
		}
		docs = append(docs, out)
	}
	return object{"docs": docs}, nil
}
