package scorer

import (
	"encoding/json"
	"math"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Seal is what comes from everybody, fixed when a business day closes from the facts
// known until then. A nil Seal is that of the day before the first: it knows nothing.
type Seal struct {
	Day     ueba.Day `json:"date"`
	Version string   `json:"version"`
	Config  string   `json:"config"`
	Before  string   `json:"before"` // hash of the seal before
	People  int      `json:"people"` // employed on the day and ever seen
	Days    int      `json:"days"`   // employee-days with events so far

	Company Table `json:"company"`
	// Groups are the peer groups' tables, by name.
	Groups map[string]*Table `json:"groups"`
	// Powers sharpen each feature's p-values; Cap bounds their −ln.
	Powers []float64 `json:"powers"`
	Cap    float64   `json:"cap"`
	// Shift is added to the fused −ln p, so that a tenth of recent days exceed ln 10.
	Shift float64 `json:"shift"`
	// Calibration tells the place of h among recent days.
	Calibration Calibration `json:"calibration"`

	Hash string `json:"hash"` // of all of the above
}

// Table is what one peer group (or the company) contributes.
type Table struct {
	People   int       `json:"people"`
	Priors   []prior   `json:"priors"`            // two for each feature: all or working days, free days
	Assigned float64   `json:"assigned"`          // records assigned on a day, on average
	Effects  []float64 `json:"effects,omitempty"` // the day's own effect by feature, ≥ 1
}

// MarshalJSON writes a prior as [mean, strength, spread]: there are thousands of them.
func (p prior) MarshalJSON() ([]byte, error) {
	return json.Marshal([3]float64{p.Mean, p.Strength, p.Spread})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (p *prior) UnmarshalJSON(b []byte) error {
	var v [3]float64
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = prior{v[0], v[1], v[2]}
	return nil
}

// table returns the peer group's table, the company's for a group never seen.
func (s *Seal) table(group string) *Table {
	if t, ok := s.Groups[group]; ok {
		return t
	}
	return &s.Company
}

// bound sharpens and caps a feature's −ln p.
func (s *Seal) bound(i int, f *spec, log float64) (float64, bool) {
	limit := s.Cap
	if f.Cap > 0 {
		limit = math.Min(limit, f.Cap)
	}
	if v := log * s.Powers[i]; v <= limit {
		return v, false
	}
	return limit, true
}

// seal closes the seal with its hash.
func (s *Seal) seal() *Seal {
	s.Hash = ""
	s.Hash = hashOf(s)
	return s
}

// capOf bounds −ln p of a feature a little under ln of the person-days seen: no law is trusted
// further than there were days to prove it.
func capOf(days int) float64 {
	return math.Min(math.Max(math.Log(float64(days)), 4), 9)
}

// round6 keeps six significant digits, so that what is stored is exactly what is used.
func round6(x float64) float64 {
	if math.Abs(x) < 1e-300 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}
