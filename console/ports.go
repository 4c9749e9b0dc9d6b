package console

import (
	"context"
	"io"
	"time"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Services is what others serve and the console shows. Jobs and Dead are needed by the
// operator's handler only.
type Services struct {
	Scores    Scores
	Live      Live
	Looks     Looks
	Alerts    Alerts
	Coverage  CoverageLedger
	Dead      Dead
	Jobs      Jobs
	Explainer Explainer
	People    People
	Status    Status
}

// Scores gives the newest revision of scores. All methods take and give employee ids.
type Scores interface {
	// Span returns the first and the last day that has scores, NoDay twice if none has.
	Span(ctx context.Context) (first, last ueba.Day, err error)
	// Scores gives from…to, both included, by day, then falling priority, then employee.
	Scores(ctx context.Context, from, to ueba.Day) ([]ueba.RiskScore, error)
	// Score returns store.ErrNotFound when that day was not scored.
	Score(ctx context.Context, employee string, day ueba.Day) (ueba.RiskScore, error)
	// History gives one employee's scores from…to, both included, by day.
	History(ctx context.Context, employee string, from, to ueba.Day) ([]ueba.RiskScore, error)
}

// Live knows the open day as it is now, without a scoring run.
type Live interface {
	// Today gives one employee's open day, or with "" everybody's who acted, by employee.
	Today(ctx context.Context, employee string) ([]LiveDay, error)
}

// LiveDay is what is known of an employee's open day.
type LiveDay struct {
	Employee    string
	Day         ueba.Day
	Looks       int
	Records     int // distinct
	View        time.Duration
	Unexplained int       // looks without a reason, until now
	Flagged     int       // looks with any flag
	Updated     time.Time // when the newest event became known
}

// Looks finds looks.
type Looks interface {
	// Looks gives one page, newest first, and where the next one begins ("" at the end).
	Looks(ctx context.Context, q LookQuery) (looks []ueba.Look, next string, err error)
}

// LookQuery says which looks; an empty field asks nothing.
type LookQuery struct {
	Employee string
	Record   string
	Service  string
	Verdict  ueba.Verdict
	From, To time.Time // From ≤ t < To
	Limit    int
	After    string
}

// Alerts lists alerts and takes what people do with them.
type Alerts interface {
	// List gives one page, newest first, and where the next one begins.
	List(ctx context.Context, q AlertQuery) (alerts []ueba.Alert, next string, err error)
	// Step stores the step and returns the alert after it.
	Step(ctx context.Context, s ueba.Step) (ueba.Alert, error)
	// Deliveries says for each channel how the sending stands.
	Deliveries(ctx context.Context, alertID string) ([]Delivery, error)
	// Resend sends what is not delivered once more.
	Resend(ctx context.Context, alertID string) error
	// Test sends a test message and waits for the channel's answer.
	Test(ctx context.Context, channel string) (ChannelAnswer, error)
}

// AlertQuery says which alerts; an empty field (NoDay for days) asks nothing.
type AlertQuery struct {
	State    ueba.AlertState
	Employee string
	From, To ueba.Day // both included
	Limit    int
	After    string
}

// Delivery is how the sending of an alert to a channel stands.
type Delivery struct {
	Channel  string    `json:"channel"`
	State    string    `json:"state" doc:"pending, delivered, failed"`
	Attempts int       `json:"attempts"`
	Answer   string    `json:"answer,omitempty" doc:"What the channel answered last, redacted and cut"`
	Next     time.Time `json:"next,omitzero" doc:"When it is tried again"`
}

// ChannelAnswer is what came of a test message.
type ChannelAnswer struct {
	Outcome string `json:"outcome" doc:"delivered, or why not"`
	Detail  string `json:"detail,omitempty" doc:"The channel's answer, redacted and cut"`
}

// CoverageLedger knows what is and is not monitored.
type CoverageLedger interface {
	// Coverage tells of the business days from…to, both included; NoDay is an open end.
	Coverage(ctx context.Context, from, to ueba.Day) (Coverage, error)
}

// Coverage is the ledger for some days.
type Coverage struct {
	Rows     []CoverageRow
	Unmapped []AccountCount // accounts that belong to nobody known, by falling number of events
	Unseen   []string       // employee ids of whom nothing was ever received
	Silent   []string       // systems that ought to send and do not
}

// CoverageRow is one system's line from one source. Received and Skipped count lines, the
// others events.
type CoverageRow struct {
	System     string `json:"system"`
	Source     string `json:"source"`
	Expected   *int64 `json:"expected,omitempty" doc:"Absent where the directory expects nothing"`
	Received   int64  `json:"received"`
	Skipped    int64  `json:"skipped"`
	Parsed     int64  `json:"parsed"`
	Dead       int64  `json:"dead"`
	Duplicate  int64  `json:"duplicate"`
	Attributed int64  `json:"attributed"`
	Scored     int64  `json:"scored"`
	State      string `json:"state" doc:"ok, silent, late, unregistered"`
}

// AccountCount is an account and how many events came from it.
type AccountCount struct {
	Account string    `json:"account" doc:"service:user"`
	Events  int64     `json:"events"`
	Last    time.Time `json:"last,omitzero"`
}

// Dead keeps what could not be parsed.
type Dead interface {
	// List gives one page, newest first, without the raw bytes.
	List(ctx context.Context, q DeadQuery) (letters []DeadLetter, next string, err error)
	// Get returns store.ErrNotFound when there is none.
	Get(ctx context.Context, id string) (DeadLetter, error)
	// Replay parses them again; what then succeeds is stored and resolved.
	Replay(ctx context.Context, r ReplayRequest) (ReplaySummary, error)
}

// DeadQuery says which dead letters. Resolved ones are left out unless asked for.
type DeadQuery struct {
	Source   string
	Resolved bool
	Limit    int
	After    string
}

// DeadLetter is a dead letter with its id.
type DeadLetter struct {
	ID       string    `json:"id"`
	Time     time.Time `json:"time"`
	Source   string    `json:"source"`
	Format   string    `json:"format"`
	Place    string    `json:"place,omitempty"`
	Reason   string    `json:"reason"`
	Size     int       `json:"size" doc:"Bytes before the cut"`
	Raw      []byte    `json:"raw,omitempty" doc:"Base64, cut to a limit"`
	Resolved bool      `json:"resolved"`
}

// ReplayRequest says what to parse again: these ids, or all of a source, or all.
type ReplayRequest struct {
	IDs    []string `json:"ids,omitempty" maxItems:"10000"`
	Source string   `json:"source,omitempty" maxLength:"256"`
	Format string   `json:"format,omitempty" maxLength:"64" doc:"Another format than the one that failed"`
}

// ReplaySummary says what came of it.
type ReplaySummary struct {
	Tried    int `json:"tried"`
	Resolved int `json:"resolved"`
	Dead     int `json:"dead"`
}

// Jobs does what takes long. Both methods return when the work is done, call progress
// from the calling goroutine, and stop when the context ends.
type Jobs interface {
	Import(ctx context.Context, r ImportRequest, body io.Reader, progress func(Progress)) (ImportSummary, error)
	Score(ctx context.Context, r ScoreRequest, progress func(Progress)) (ScoreSummary, error)
}

// ImportRequest says how the lines of an import are to be read.
type ImportRequest struct {
	Format     string // a parser's name; "" is the native one
	Source     string
	Zone       string // IANA name, for lines without one
	KnownAtNow bool   // known from now on, not from the time of the event itself
	NoScore    bool
}

// ScoreRequest says which days to score. NoDay and the zero time leave it to the daemon.
type ScoreRequest struct {
	At       time.Time // from the facts known until then; zero: all
	From, To ueba.Day
	DryRun   bool // store nothing, report the difference
}

// Progress says how far a job is. Total is 0 while nobody knows.
type Progress struct {
	Stage string   `json:"stage" doc:"read, score …"`
	Done  int64    `json:"done"`
	Total int64    `json:"total,omitempty"`
	Day   ueba.Day `json:"date" doc:"Empty where the stage has no day"` // NoDay where the stage has none
}

// ImportSummary says what an import brought.
type ImportSummary struct {
	Received  int64         `json:"received" doc:"Lines"`
	Skipped   int64         `json:"skipped" doc:"Lines that are nobody's look"`
	Parsed    int64         `json:"parsed"`
	Stored    int64         `json:"stored"`
	Duplicate int64         `json:"duplicate"`
	Collision int64         `json:"collision" doc:"Same identity, other content: both kept"`
	Dead      int64         `json:"dead"`
	Scored    *ScoreSummary `json:"scored,omitempty"`
}

// ScoreSummary says what a scoring run did.
type ScoreSummary struct {
	From      ueba.Day      `json:"from"`
	To        ueba.Day      `json:"to"`
	Eligible  int           `json:"eligible" doc:"Employees and Days between hire and leave"`
	Scored    int           `json:"scored"`
	Revisions int           `json:"revisions" doc:"Newly stored, or in a dry run: that would be"`
	Alerts    int           `json:"alerts"`
	Changes   []ScoreChange `json:"changes,omitempty" doc:"Against what is stored; in a dry run only"`
}

// ScoreChange is one difference between a computed and a stored score.
type ScoreChange struct {
	Employee string   `json:"employee_id"`
	Day      ueba.Day `json:"date"`
	Stored   *float64 `json:"stored,omitempty" doc:"Absent: nothing is stored"`
	Computed *float64 `json:"computed,omitempty" doc:"Absent: not scored"`
}

// Explainer makes sentences of a score.
type Explainer interface {
	Explain(s ueba.RiskScore, lang text.Lang) Explanation
}

// Explanation is a score in words. It names the employee nowhere.
type Explanation struct {
	Headline string   `json:"headline"`
	Points   []Point  `json:"points" doc:"One for each part, largest first; their r add up to the score"`
	Notes    []string `json:"notes,omitempty"`
}

// Point is the sentence of one part.
type Point struct {
	Text    string   `json:"text"`
	R       float64  `json:"r"`
	Day     ueba.Day `json:"date"`
	Model   string   `json:"model"`
	Feature string   `json:"feature,omitempty"`
}

// People knows who is behind a pseudonym. A pseudonym is stable and random.
type People interface {
	// Pseudonyms returns one for each id, also for ids that nobody knows.
	Pseudonyms(ctx context.Context, ids []string) (map[string]string, error)
	// Unmask returns the employee id, or store.ErrNotFound.
	Unmask(ctx context.Context, pseudonym string) (string, error)
	// Employee returns what the directory says now, or store.ErrNotFound.
	Employee(ctx context.Context, id string) (ueba.Employee, error)
}

// Status knows how the daemon fares.
type Status interface {
	Health(ctx context.Context) Health
}

// Health says whether the daemon can do its work. It names no person and no record.
type Health struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Check is one thing that must be well.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}
