package ueba

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestFeaturesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in, out Features
		for f := range in {
			in[f] = rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e9)).Draw(t, Feature(f).String())
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var plain map[string]float64
		if err := json.Unmarshal(b, &plain); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &out); err != nil || out != in {
			t.Fatalf("%s became %v, %v", b, out, err)
		}
		for f, v := range in {
			if plain[Feature(f).String()] != v {
				t.Fatalf("%s: %v in %s", Feature(f), v, b)
			}
		}
	})
}

func TestFeaturesAreReadHoweverTheyAreWritten(t *testing.T) {
	for text, want := range map[string]float64{
		`{}`:                                   0,
		` { "looks" : 12 , "unheard_of": 3 } `: 12,
		`{"unheard_of":1e3,"looks":1.5e1}`:     15,
	} {
		fs := Features{FeatureRecords: 9}
		if err := json.Unmarshal([]byte(text), &fs); err != nil || fs[FeatureLooks] != want || fs[FeatureRecords] != 0 {
			t.Errorf("%s: %v, %v", text, fs[FeatureLooks], err)
		}
	}
	for _, text := range []string{`[]`, `7`, `{"looks":"many"}`, `{"looks":{"a":1}}`, `{"looks":null}`} {
		if err := json.Unmarshal([]byte(text), &Features{}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
