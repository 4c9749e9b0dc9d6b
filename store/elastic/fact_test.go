package elastic

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func someFacts() []ueba.Fact {
	at := time.Date(2026, 11, 2, 9, 30, 0, 123456789, time.UTC)
	long := strings.Repeat("长", longest)
	return []ueba.Fact{
		{Known: at, Body: &ueba.Event{EventID: "e", Time: at, Service: "crm", User: "li", Action: "view", Record: ueba.EventRecord{IDs: []string{"C1", long}},
			Labels: map[string]string{"fact": "a label", "ecs.version": `,"ecs":{"version":"8.17.0"},`}}},
		{Known: at, Body: &ueba.Event{Time: at, Service: "crm", User: long, Action: "view"}},
		{Known: at, Body: &ueba.Reason{ID: "r", RecordID: "C1", EmployeeID: "E1", Type: "ticket", ValidFrom: at, ValidTo: at.Add(time.Hour)}},
		{Known: at, Body: &ueba.DeadLetter{Time: at, Source: "s", Raw: []byte{0, 255, '"'}}},
	}
}

// TestFactsComeBack encodes facts, as they are and plain, and reads them from what a server
// gives back: the same bytes, or the members in another order and with other blanks.
func TestFactsComeBack(t *testing.T) {
	s := &Store{cfg: Config{Prefix: "p"}}
	rows, err := prepare(s, someFacts())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range someFacts() {
		for _, refused := range []string{"", "mapper_parsing_exception: because"} {
			source := rows[i].encode(refused)
			want.ID = rows[i].id
			for name, given := range map[string][]byte{"as written": source, "rewritten": rewrite(t, source)} {
				got, a, err := decodeFact(want.Body.Kind(), hit{ID: want.ID, Source: given})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
				if a.Hash != rows[i].content || (a.Refused != "") != (refused != "") {
					t.Errorf("%s: hash %s, refused %q", name, a.Hash, a.Refused)
				}
			}
		}
	}
}

func rewrite(t *testing.T, source []byte) []byte {
	t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(string(source)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEventIndices holds that the list of indices means every day and stays short.
func TestEventIndices(t *testing.T) {
	s := &Store{cfg: Config{Prefix: "p"}}
	first := time.Date(2024, 1, 31, 23, 0, 0, 0, time.UTC)
	for days := range 800 {
		last := first.AddDate(0, 0, days)
		names := s.eventIndices(first, last)
		for d := 0; d <= days; d++ {
			day := s.dayIndex(first.AddDate(0, 0, d))
			covered := 0
			for _, n := range names {
				if covers(n, day) {
					covered++
				}
			}
			if covered != 1 {
				t.Fatalf("%s to %s: %s is named %d times", first, last, day, covered)
			}
		}
		if url := strings.Join(names, ","); len(url) > 2500 || covers(names[len(names)-1], s.dayIndex(last.AddDate(0, 0, 1))) {
			t.Fatalf("%d days: %d bytes, %s", days, len(url), url)
		}
	}
}

// TestScoreForKibana pins what users find in a score's document.
func TestScoreForKibana(t *testing.T) {
	score := ueba.RiskScore{Employee: "E1", Day: 20760, R: 61.5, Level: ueba.Medium, State: ueba.Scored, Revision: 2, At: time.Unix(1e9, 0)}
	find := func() map[string]string {
		body, err := json.Marshal(score)
		if err != nil {
			t.Fatal(err)
		}
		d := store.Doc{Kind: "score", ID: "x", Day: score.Day, Body: body}
		source := encodeDoc(d, "op")
		back, err := decodeDoc(hit{Source: source})
		if err != nil || string(back.Body) != string(body) || back.Day != d.Day {
			t.Fatalf("the document comes back as %+v, %v", back, err)
		}
		return flatten(source)
	}
	got := find()
	for path, want := range map[string]string{
		".user.id": "E1", ".user.risk.calculated_score": "61.5", ".user.risk.calculated_level": "Moderate",
		".onlooker.date": score.Day.String(), ".onlooker.revision": "2", ".@timestamp": "2001-09-09T01:46:40Z",
	} {
		if got[path] != want {
			t.Errorf("%s is %q, want %q", path, got[path], want)
		}
	}
	score.State = ueba.Unmonitored
	if risk, there := find()[".user.risk.calculated_score"]; there {
		t.Errorf("an unmonitored employee has the risk %s", risk)
	}
}
