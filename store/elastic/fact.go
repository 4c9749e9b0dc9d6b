package elastic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// meta of a fact, the first member of its document. See factFields.
type about struct {
	Seq      int64     `json:"seq"`
	US       int64     `json:"us"`
	Tie      string    `json:"tie"`
	Key      *string   `json:"key,omitempty"`
	Employee *string   `json:"employee,omitempty"`
	Long     []string  `json:"long,omitempty"`
	Until    *int64    `json:"until,omitempty"`
	Known    time.Time `json:"known"`
	Hash     string    `json:"hash"`
	Body     string    `json:"body,omitempty"`
	Refused  string    `json:"refused,omitempty"`
}

// ecsVersion is the version of ECS whose names events use.
const ecsVersion = "8.17.0"

// encode makes the document of a fact. An event's is its canonical JSON, which is ECS, with
// what the store keeps in front; another fact's body is kept as text, which nothing on the
// way can rewrite. So is a plain one's: an event that was refused for the reason given.
func (r *row) encode(refused string) []byte {
	a, body := r.about, r.body
	a.Seq, a.Known, a.Hash, a.Refused = r.seq, r.known, r.content, refused
	a.US, a.Tie = micros(r.happened), tie(r.happened, r.doc)
	if r.kind != ueba.KindEvent || refused != "" {
		a.Body = string(body)
		doc := object{"fact": a}
		if r.kind == ueba.KindEvent {
			doc["@timestamp"] = r.happened
			doc["record"] = object{"id": r.records}
		}
		return encode(doc).Bytes()
	}
	out := append([]byte(`{"fact":`), bytes.TrimRight(encode(a).Bytes(), "\n")...)
	out = append(out, `,"ecs":{"version":"`+ecsVersion+`"},`...)
	return append(out, body[1:]...)
}

// index sets what finds the fact beside its time.
func (a *about) index(b ueba.Body) {
	a.Key = a.exact(b.Key())
	if r, ok := b.(*ueba.Reason); ok {
		a.Employee = a.exact(r.EmployeeID)
		if !r.ValidTo.IsZero() {
			until := micros(r.ValidTo)
			a.Until = &until
		}
	}
	for _, id := range store.KeysOf(b, store.ByRecord) {
		if len(id) > longest {
			a.Long = append(a.Long, longToken(id))
		}
	}
}

// exact returns the text to index, or indexes its hash when it is too long.
func (a *about) exact(text string) *string {
	if len(text) > longest {
		a.Long = append(a.Long, longToken(text))
		return nil
	}
	return &text
}

func longToken(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// micros returns microseconds since 1970, rounded down; years 0 to 9999 fit.
func micros(t time.Time) int64 { return t.Unix()*1e6 + int64(t.Nanosecond()/1000) }

// tie orders what happened within one microsecond: by the rest of the time, then by id.
func tie(t time.Time, id string) string { return fmt.Sprintf("%03d%s", t.Nanosecond()%1000, id) }

// decodeAbout reads only what the store keeps.
func decodeAbout(source []byte) (about, error) {
	var doc struct {
		Fact about `json:"fact"`
	}
	err := json.Unmarshal(source, &doc)
	return doc.Fact, err
}

// decodeFact reads a fact from its document.
func decodeFact(kind ueba.Kind, h hit) (ueba.Fact, about, error) {
	a, body, err := split(h.Source)
	if err != nil {
		return ueba.Fact{}, a, fmt.Errorf("read %s/%s: %w", h.Index, h.ID, err)
	}
	b, err := ueba.DecodeBody(kind, body)
	if err != nil {
		return ueba.Fact{}, a, fmt.Errorf("read %s/%s: %w", h.Index, h.ID, err)
	}
	return ueba.Fact{ID: h.ID, Known: a.Known.UTC(), Body: b}, a, nil
}

var (
	head = []byte(`{"fact":`)
	neck = []byte(`,"ecs":{"version":"` + ecsVersion + `"},`)
)

// split parts a document into what the store keeps and the body. The server gives documents
// back as they were written; one that somebody rewrote is read member by member.
func split(source []byte) (a about, body []byte, err error) {
	if bytes.HasPrefix(source, head) {
		if cut := bytes.Index(source, neck); cut > 0 {
			if err := json.Unmarshal(source[len(head):cut], &a); err == nil {
				return a, append([]byte{'{'}, source[cut+len(neck):]...), nil
			}
		} else if a, err = decodeAbout(source); err == nil && a.Body != "" {
			return a, []byte(a.Body), nil
		}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(source, &members); err != nil {
		return a, nil, err
	}
	if err := json.Unmarshal(members["fact"], &a); err != nil {
		return a, nil, err
	}
	if a.Body != "" {
		return a, []byte(a.Body), nil
	}
	delete(members, "fact")
	delete(members, "ecs")
	body = []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(append(append(body, bytes.TrimRight(encode(name).Bytes(), "\n")...), ':'), members[name]...)
	}
	return a, append(body, '}'), nil
}
