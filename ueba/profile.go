package ueba

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Feature is one number of an employee's day. Features are counts and extremes,
// never shares, so that further ordinary looks cannot dilute them.
type Feature uint8

// The features. Their names, not their numbers, are stored: order may change.
const (
	FeatureLooks                Feature = iota // looks (a counted look counts once)
	FeatureRecords                             // distinct records
	FeatureSearches                            // searches and lists
	FeatureExports                             // exports, downloads, prints, copies
	FeatureRows                                // records in counted looks (exports of n rows)
	FeatureUnmasks                             // records unmasked, each time anew; how many fields says little
	FeatureViewMinutes                         // minutes on the screen, by the values of the view times
	FeatureBand0                               // looks in 00–06 local time
	FeatureBand1                               // looks in 06–12
	FeatureBand2                               // looks in 12–18
	FeatureBand3                               // looks in 18–24
	FeatureFirstHour                           // hours from the day's begin to the first event of any kind; only with events
	FeatureLastHour                            // … to the last event
	FeatureOffHours                            // looks outside the employee's shift, or on his free days
	FeatureExplained                           // explained looks
	FeatureAssigned                            // distinct records that reasons not made by himself gave him today (a covariate, never evidence)
	FeatureUnexplained                         // unexplained looks
	FeatureUnexplainedRecords                  // distinct records with an unexplained look, for which nobody else made a reason today
	FeatureUnexplainedNew                      // … that he had not looked at in the 28 days before
	FeatureUnexplainedOutside                  // … of another region than his, or in the charge of a colleague
	FeatureUnexplainedShort                    // unexplained looks of under ten seconds
	FeatureUnexplainedLong                     // unexplained looks of over two minutes
	FeatureUnexplainedOffHours                 // unexplained looks outside the shift
	FeatureUnexplainedUnmasks                  // unexplained unmasks
	FeatureUnexplainedExports                  // unexplained exports, downloads, prints, copies
	FeatureUnexplainedRows                     // records in unexplained counted looks
	FeatureUnexplainedC3                       // unexplained looks of class C3
	FeatureVIP                                 // distinct VIP records looked at
	FeatureColleague                           // distinct records of colleagues
	FeatureSelf                                // looks at the own record
	FeatureFamily                              // distinct records of relatives
	FeatureDeceased                            // distinct records of deceased customers
	FeatureDormant                             // distinct dormant records
	FeatureUnexplainedVIP                      // distinct VIP records without an explained look
	FeatureUnexplainedColleague                // distinct records of colleagues without an explained look
	FeatureUnexplainedFamily                   // distinct records of relatives without an explained look
	FeatureUnexplainedTagged                   // distinct deceased or dormant records without an explained look
	FeatureUnexplainedRun                      // unexplained looks at the record numbered next after that of the look before
	FeatureUnexplainedAgain                    // the most earlier days, of 28, with an unexplained look at one of today's unexplained records
	FeatureUnexplainedForeign                  // unexplained looks in systems in which few of his looks were before
	FeatureUnexplainedStrange                  // unexplained looks from computers from which few of his looks were before
	FeatureCount                               // how many there are
)

var featureNames = [FeatureCount]string{
	"looks", "records", "searches", "exports", "rows", "unmasks", "view_minutes",
	"band_00", "band_06", "band_12", "band_18", "first_hour", "last_hour", "off_hours",
	"explained", "assigned",
	"unexplained", "unexplained_records", "unexplained_new", "unexplained_outside",
	"unexplained_short", "unexplained_long", "unexplained_off_hours", "unexplained_unmasks",
	"unexplained_exports", "unexplained_rows", "unexplained_c3",
	"vip", "colleague", "self", "family", "deceased", "dormant",
	"unexplained_vip", "unexplained_colleague", "unexplained_family", "unexplained_tagged",
	"unexplained_run", "unexplained_again", "unexplained_foreign", "unexplained_strange",
}

func (f Feature) String() string {
	if f < FeatureCount {
		return featureNames[f]
	}
	return fmt.Sprintf("feature %d", uint8(f))
}

// ParseFeature is the inverse of Feature.String.
func ParseFeature(name string) (Feature, bool) {
	f, ok := featuresByName[name]
	return f, ok
}

// featuresByName is made once and never changes.
var featuresByName = func() map[string]Feature {
	m := make(map[string]Feature, FeatureCount)
	for i, n := range featureNames {
		m[n] = Feature(i)
	}
	return m
}()

// Features holds one number for each feature.
type Features [FeatureCount]float64

// MarshalJSON writes the features that are not zero, by name, in their fixed order.
func (fs Features) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, v := range fs {
		if v == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, featureNames[i]...)
		b = append(b, '"', ':')
		n, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("feature %s: %w", featureNames[i], err)
		}
		b = append(b, n...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON is the inverse of MarshalJSON; names it does not know are left out. It
// reads what encoding/json has already found to be valid, by hand, because a scoring run
// reads every profile of the last months.
func (fs *Features) UnmarshalJSON(b []byte) error {
	*fs = Features{}
	rest := bytes.TrimSpace(b)
	if len(rest) == 0 || rest[0] != '{' {
		return errors.New("features: want an object")
	}
	for {
		open := bytes.IndexByte(rest, '"')
		if open < 0 {
			return nil
		}
		rest = rest[open+1:]
		end := bytes.IndexByte(rest, '"')
		colon := bytes.IndexByte(rest, ':')
		if end < 0 || colon < end {
			return errors.New("features: want names and numbers")
		}
		name := rest[:end]
		rest = rest[colon+1:]
		stop := bytes.IndexAny(rest, ",}")
		if stop < 0 {
			return fmt.Errorf("feature %s: want a number", name)
		}
		v, err := strconv.ParseFloat(string(bytes.TrimSpace(rest[:stop])), 64)
		if err != nil {
			return fmt.Errorf("feature %s: want a number", name)
		}
		if f, ok := featuresByName[string(name)]; ok {
			fs[f] = v
		}
		rest = rest[stop:]
	}
}

// DayType says whether a day is one of the employee's working days.
type DayType string

// The day types.
const (
	Workday DayType = "workday"
	FreeDay DayType = "freeday"
)

// Profile is one employee's features on one business day.
type Profile struct {
	Employee string    `json:"employee_id"`
	Day      Day       `json:"day"`
	Type     DayType   `json:"type"`
	Group    string    `json:"group"`
	Known    time.Time `json:"known,omitzero"` // when the newest of its facts became known
	Events   int       `json:"events"`         // events attributed to him, looks or not
	Features Features  `json:"features"`

	ViewValue time.Duration `json:"view_ns"` // sum of the view times' values …
	ViewLow   time.Duration `json:"view_low_ns"`
	ViewHigh  time.Duration `json:"view_high_ns"` // … and bounds; an unbounded look counts the idle cap

	// Flagged counts the looks that carry any flag.
	Flagged int `json:"flagged"`
	// Services are the systems in which he acted, sorted.
	Services []string `json:"services,omitempty"`
	// Uses are the systems and computers of his looks, by kind and name: what is usual among
	// them is known to who sees the days before. They give the features
	// unexplained_foreign and unexplained_strange, which are 0 here.
	Uses []Use `json:"uses,omitempty"`
	// Strays are records with an unexplained look, for which nobody else made a reason
	// today, ascending, at most MaxStrays. They give the feature unexplained_again, which
	// is 0 here.
	Strays []string `json:"strays,omitempty"`
	// Missing names the inputs without which some features say nothing, sorted:
	// "reasons", "records", "view_time".
	Missing []string `json:"missing,omitempty"`
	// Detections are what the rules found in the whole sorted day, by (rule, time, id).
	Detections []Detection `json:"detections,omitempty"`
}

// MaxStrays bounds Profile.Strays: who looks at more without a reason is seen by that.
const MaxStrays = 64

// Use is how often he looked through one system, or from one computer.
type Use struct {
	Kind        UseKind `json:"kind"`
	Name        string  `json:"name"`
	Looks       int     `json:"looks"`
	Unexplained int     `json:"unexplained,omitempty"`
}

// UseKind is what is used.
type UseKind string

// The kinds of use.
const (
	UseService UseKind = "service"
	UseHost    UseKind = "host" // or the address, where no host is named
)

// Detection says that a rule matched.
type Detection struct {
	ID       string    `json:"id"` // deterministic: the same day gives the same ids
	Rule     string    `json:"rule"`
	Title    string    `json:"title,omitempty"` // the rule's title, as written in it
	Level    RiskLevel `json:"level"`
	Employee string    `json:"employee_id"`
	Day      Day       `json:"day"`
	Time     time.Time `json:"time"`            // of the look that completed it
	Looks    []string  `json:"looks,omitempty"` // event refs, the first few
	Count    int       `json:"count"`
	Evidence float64   `json:"evidence"`        // what it adds to the day's evidence before the cap
	Grave    bool      `json:"grave,omitempty"` // holds the level up while its alert is open
}
