package ueba

import "time"

// RiskLevel is a band of R, or the gravity of a rule.
type RiskLevel string

// The levels, in rising order.
const (
	Low      RiskLevel = "low"
	Medium   RiskLevel = "medium"
	High     RiskLevel = "high"
	Critical RiskLevel = "critical"
)

// Rank orders levels: low 0 … critical 3; anything else is -1.
func (l RiskLevel) Rank() int {
	for i, k := range [...]RiskLevel{Low, Medium, High, Critical} {
		if k == l {
			return i
		}
	}
	return -1
}

// ScoreState says how far a score can be trusted.
type ScoreState string

// The states.
const (
	Scored      ScoreState = "scored"
	Learning    ScoreState = "learning"    // not enough known of him yet
	Partial     ScoreState = "partial"     // an input is missing
	Unmonitored ScoreState = "unmonitored" // nothing is received of him: no score, never 0
)

// RiskScore is what one revision says of one employee on one day.
type RiskScore struct {
	Employee string     `json:"employee_id"`
	Group    string     `json:"group,omitempty"` // the peer group he was compared with
	Day      Day        `json:"date"`
	Revision int        `json:"revision"` // 1 for the first
	At       time.Time  `json:"at"`       // computed from the facts known until then
	State    ScoreState `json:"state"`
	Open     bool       `json:"open,omitempty"` // the day is not closed: provisional

	R        float64   `json:"r"` // 0–100
	A        float64   `json:"a"` // accumulated evidence; R = 100·(1 − e^(−A/8))
	Level    RiskLevel `json:"level"`
	Held     string    `json:"held,omitempty"` // the grave detection whose open alert holds the level
	H        float64   `json:"h"`              // the day's fused −ln p
	P        float64   `json:"p"`              // its place in the sealed past, shown to people
	Evidence float64   `json:"evidence"`       // what the day added to A
	Priority float64   `json:"priority"`       // h + 0.3·A, orders the queue

	Parts  []Part  `json:"parts,omitempty"`  // A's parts, largest first; they add up to A, their R to R
	Causes []Cause `json:"causes,omitempty"` // what moved R since the day before; they add up to the change

	Missing  []string `json:"missing,omitempty"`
	Verdicts int      `json:"verdicts,omitempty"` // reviews of him that were known
	Version  string   `json:"version"`            // of the model
	Config   string   `json:"config"`             // hash of the scoring configuration
	Seal     string   `json:"seal"`               // hash of the seal it was scored with
	Hash     string   `json:"hash"`               // of all of the above but Revision and At
}

// Part is one (day, sub-model or rule, feature) share of A.
type Part struct {
	Day     Day     `json:"date"`
	Model   string  `json:"model"`             // volume, timing, purpose, target, rule …
	Feature string  `json:"feature,omitempty"` // or the rule's id
	A       float64 `json:"a"`
	R       float64 `json:"r"` // rounded to 0.01 so that the parts add up to R rounded

	P      float64 `json:"p,omitempty"`      // the feature's own p-value
	Value  float64 `json:"value,omitempty"`  // what was seen
	Usual  float64 `json:"usual,omitempty"`  // his expectation
	Low    float64 `json:"low,omitempty"`    // his usual range …
	High   float64 `json:"high,omitempty"`   // … 90 %
	Peers  float64 `json:"peers,omitempty"`  // the peer group's expectation
	Capped bool    `json:"capped,omitempty"` // the p-value says more than the cap lets it
	Detail string  `json:"detail,omitempty"` // the detection's id, for a rule
}

// Cause is one named reason why R moved; R of all causes adds up to the change.
type Cause struct {
	Kind    string  `json:"kind"` // evidence, decay, group_day, late_fact, verdict, reseal, configuration
	Model   string  `json:"model,omitempty"`
	Feature string  `json:"feature,omitempty"`
	Day     Day     `json:"date"`
	R       float64 `json:"r"`
}

// Review is a reviewer's verdict on an employee's days.
type Review struct {
	EmployeeID string        `json:"employee_id"`
	From       Day           `json:"from"`
	To         Day           `json:"to"`
	Outcome    ReviewOutcome `json:"outcome"`
	Feature    string        `json:"feature,omitempty"` // model/feature; empty: the whole days
	Note       string        `json:"note"`
	By         string        `json:"by"`
	Time       time.Time     `json:"time"`
}

// ReviewOutcome is what the reviewer found.
type ReviewOutcome string

// The outcomes.
const (
	Confirmed  ReviewOutcome = "confirmed"
	Expected   ReviewOutcome = "expected"
	FalseAlarm ReviewOutcome = "false_alarm"
)

// Kind implements Body.
func (r *Review) Kind() Kind { return KindReview }

// Happened implements Body.
func (r *Review) Happened() time.Time { return r.Time }

// Key implements Body: the employee id.
func (r *Review) Key() string { return r.EmployeeID }
