package console

import (
	"math"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Person names an employee. The id is there for the operator only.
type Person struct {
	EmployeeID string `json:"employee_id,omitempty"`
	Pseudonym  string `json:"pseudonym,omitempty"`
}

// ScoreRow is a score as a list shows it.
type ScoreRow struct {
	Day ueba.Day `json:"date"`
	Person
	Score    *float64        `json:"score" doc:"0 to 100, two decimals; null when not scored"`
	Level    ueba.RiskLevel  `json:"level"`
	State    ueba.ScoreState `json:"state"`
	Priority float64         `json:"priority"`
	Open     bool            `json:"open,omitempty" doc:"The day is not closed: provisional"`
	Held     bool            `json:"held,omitempty" doc:"A grave rule's open alert holds the level"`
	Revision int             `json:"revision"`
	At       time.Time       `json:"at" doc:"Computed from the facts known until then"`
}

// ScoreDetail is a score with all that explains it.
type ScoreDetail struct {
	ScoreRow
	A           float64       `json:"a" doc:"Accumulated evidence"`
	H           float64       `json:"h" doc:"The day's fused -ln p"`
	P           float64       `json:"p" doc:"Its place in the sealed past"`
	Evidence    float64       `json:"evidence" doc:"What the day added to a"`
	Parts       []ueba.Part   `json:"parts"`
	Causes      []ueba.Cause  `json:"causes"`
	Missing     []string      `json:"missing,omitempty"`
	Version     string        `json:"version"`
	Config      string        `json:"config"`
	Seal        string        `json:"seal"`
	Hash        string        `json:"hash,omitempty" doc:"For the operator only: it can be guessed back to the employee"`
	HeldBy      string        `json:"held_by,omitempty" doc:"For the operator only"`
	Explanation Explanation   `json:"explanation"`
	Employee    *EmployeeInfo `json:"employee,omitempty" doc:"For the operator only"`
}

// EmployeeInfo is what the directory says, for the operator.
type EmployeeInfo struct {
	Name       string `json:"name,omitempty"`
	Department string `json:"department,omitempty"`
	Role       string `json:"role,omitempty"`
}

// LiveRow is an employee's open day as it is now.
type LiveRow struct {
	Day ueba.Day `json:"date"`
	Person
	Looks       int       `json:"looks"`
	Records     int       `json:"records"`
	ViewMS      int64     `json:"view_ms"`
	Unexplained int       `json:"unexplained"`
	Flagged     int       `json:"flagged"`
	Updated     time.Time `json:"updated,omitzero"`
}

// LookRow is a look. Outside the operator's socket the account is there only while it
// belongs to nobody known.
type LookRow struct {
	Time     time.Time `json:"time"`
	RecordID string    `json:"record_id"`
	Person
	Account    string       `json:"account,omitempty" doc:"service:user"`
	Service    string       `json:"service"`
	Action     ueba.Action  `json:"action"`
	ViewMS     *int64       `json:"view_ms" doc:"null when only bounds are known"`
	ViewLowMS  int64        `json:"view_low_ms"`
	ViewHighMS *int64       `json:"view_high_ms" doc:"null: no upper bound"`
	Method     ueba.Method  `json:"method"`
	Verdict    ueba.Verdict `json:"verdict"`
	ReasonID   string       `json:"reason_id,omitempty"`
	Flags      []string     `json:"flags"`
	Count      int64        `json:"count" doc:"Records: 1, or how many where ids are not given"`
	Class      string       `json:"class,omitempty"`
	Tags       []string     `json:"tags,omitempty"`
	OffHours   bool         `json:"off_hours,omitempty"`
	Event      string       `json:"event,omitempty" doc:"For the operator only"`
}

// AlertRow is an alert.
type AlertRow struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	Day  ueba.Day  `json:"date"`
	Person
	Level    ueba.RiskLevel  `json:"level"`
	Rule     string          `json:"rule"`
	State    ueba.AlertState `json:"state"`
	Outcome  string          `json:"outcome,omitempty"`
	Title    string          `json:"title,omitempty"`
	Score    float64         `json:"score" doc:"When it was raised"`
	Previous ueba.RiskLevel  `json:"previous,omitempty"`
	Count    int             `json:"count" doc:"Looks behind it"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Give it as after= for the next page; absent at the end"`
}

// CoverageAnswer is the ledger on the wire.
type CoverageAnswer struct {
	From     ueba.Day       `json:"from" doc:"Empty: since ever"`
	To       ueba.Day       `json:"to" doc:"Empty: until now"`
	Rows     []CoverageRow  `json:"rows"`
	Unmapped []AccountCount `json:"unmapped" doc:"Accounts that belong to nobody known; the first thousand"`
	Unseen   []Person       `json:"unseen" doc:"Employees of whom nothing was ever received; the first thousand"`
	Silent   []string       `json:"silent" doc:"Systems that ought to send and do not"`

	UnmappedCount int `json:"unmapped_count" doc:"Of all"`
	UnseenCount   int `json:"unseen_count" doc:"Of all"`
}

// StatusAnswer is how the daemon fares.
type StatusAnswer struct {
	Health
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Today   ueba.Day  `json:"today" doc:"The open business day"`
	First   ueba.Day  `json:"first,omitempty" doc:"The first day with scores"`
	Last    ueba.Day  `json:"last,omitempty" doc:"The newest day with scores"`
}

// Line is one line of a job's answer: progress, and at the end a result or an error.
type Line[T any] struct {
	Progress *Progress `json:"progress,omitempty"`
	Result   *T        `json:"result,omitempty"`
	Error    *Problem  `json:"error,omitempty"`
}

func (v view) scoreRow(s *ueba.RiskScore) ScoreRow {
	return ScoreRow{
		Day: s.Day, Person: v.person(s.Employee), Score: shownScore(s), Level: s.Level, State: s.State,
		Priority: s.Priority, Open: s.Open, Held: s.Held != "", Revision: s.Revision, At: s.At,
	}
}

// shownScore is nil for who is not monitored: that is a state, never a score of 0.
func shownScore(s *ueba.RiskScore) *float64 {
	if s.State == ueba.Unmonitored {
		return nil
	}
	r := math.Round(s.R*100) / 100
	return &r
}

func (v view) scoreDetail(s *ueba.RiskScore, e Explanation) ScoreDetail {
	d := ScoreDetail{
		ScoreRow: v.scoreRow(s), A: s.A, H: s.H, P: s.P, Evidence: s.Evidence,
		Parts: append([]ueba.Part{}, s.Parts...), Causes: append([]ueba.Cause{}, s.Causes...),
		Missing: s.Missing, Version: s.Version, Config: s.Config, Seal: s.Seal, Explanation: e,
	}
	if d.Explanation.Points == nil {
		d.Explanation.Points = []Point{}
	}
	if v.operator {
		d.Hash, d.HeldBy = s.Hash, s.Held
		return d
	}
	for i := range d.Parts {
		d.Parts[i].Detail = "" // a detection's id is made from the employee's
	}
	return d
}

func (v view) liveRow(l *LiveDay) LiveRow {
	return LiveRow{
		Day: l.Day, Person: v.person(l.Employee), Looks: l.Looks, Records: l.Records, ViewMS: l.View.Milliseconds(),
		Unexplained: l.Unexplained, Flagged: l.Flagged, Updated: l.Updated,
	}
}

func (v view) lookRow(l *ueba.Look) LookRow {
	row := LookRow{
		RecordID: l.RecordID, Person: v.person(l.Employee), Method: l.View.Method, ViewLowMS: l.View.Low.Milliseconds(),
		Verdict: l.Verdict, ReasonID: l.ReasonID, Flags: append([]string{}, l.Flags.Names()...),
		Count: l.Count, Class: l.Class, Tags: l.Tags, OffHours: l.OffHours,
	}
	if l.View.Method != ueba.MethodNone {
		row.ViewMS = millis(l.View.Value)
	}
	if l.View.High >= 0 {
		row.ViewHighMS = millis(l.View.High)
	}
	if v.operator {
		row.Event = l.EventRef
	} else {
		row.RecordID, row.ReasonID = mask(l.RecordID, l), mask(l.ReasonID, l)
	}
	if e := l.Event; e != nil {
		row.Time, row.Service, row.Action = e.Time, e.Service, e.Action
		if v.operator || l.Employee == "" {
			row.Account = e.Account().String()
		}
	}
	return row
}

func millis(d time.Duration) *int64 {
	ms := d.Milliseconds()
	return &ms
}

func (v view) alertRow(a *ueba.Alert) AlertRow {
	return AlertRow{
		ID: a.ID, Time: a.Time, Day: a.Day, Person: v.person(a.Employee), Level: a.Level, Rule: a.Rule, State: a.State,
		Outcome: a.Outcome, Title: a.Title, Score: a.Score, Previous: a.Previous, Count: a.Count,
	}
}
