package profile

import (
	"slices"
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Looks shorter and longer than these are features of their own.
const (
	shortLook = 10 * time.Second
	longLook  = 2 * time.Minute
)

func (f *folding) profile(looks []ueba.Look) ueba.Profile {
	p := ueba.Profile{Employee: f.employee(), Day: f.day.Day, Type: f.day.Type, Missing: slices.Clone(f.day.Missing)}
	if f.day.Employee != nil {
		p.Group = f.day.Employee.PeerGroup()
	}
	f.countActs(&p, looks)
	f.countLooks(&p, looks)
	p.Strays = f.countRecords(&p.Features, looks)
	p.Uses = usesOf(looks)
	p.Features[ueba.FeatureUnexplainedRun] = float64(countRun(looks))
	p.Features[ueba.FeatureAssigned] = float64(f.reasons.assigned())
	p.Known = newest(p.Known, f.reasons.used)
	slices.Sort(p.Missing)
	p.Missing = slices.Compact(p.Missing)
	return p
}

// countActs counts what belongs to events and not to their single looks. looks are in
// the order of the acts.
func (f *folding) countActs(p *ueba.Profile, looks []ueba.Look) {
	acts := f.today()
	p.Events = len(acts)
	for i := range acts {
		a := &acts[i]
		p.Known = newest(p.Known, a.known)
		if !slices.Contains(p.Services, a.Service) {
			p.Services = append(p.Services, a.Service)
		}
		p.ViewValue += a.view.Value * time.Duration(a.looks)
		p.ViewLow += a.view.Low * time.Duration(a.looks)
		p.ViewHigh += a.highest * time.Duration(a.looks)
		unexplained := 0
		for _, look := range looks[:a.looks] {
			if look.Verdict == ueba.Unexplained {
				unexplained++
			}
		}
		looks = looks[a.looks:]
		countAct(&p.Features, a, unexplained)
	}
	slices.Sort(p.Services)
	p.Features[ueba.FeatureViewMinutes] = p.ViewValue.Minutes()
	if len(acts) > 0 {
		p.Features[ueba.FeatureFirstHour] = acts[0].Time.Sub(f.begin).Hours()
		p.Features[ueba.FeatureLastHour] = acts[len(acts)-1].Time.Sub(f.begin).Hours()
	}
}

func countAct(fs *ueba.Features, a *act, unexplained int) {
	if a.Outcome == "failure" {
		return
	}
	switch a.Action {
	case ueba.ActionSearch, ueba.ActionList:
		fs[ueba.FeatureSearches]++
	case ueba.ActionExport, ueba.ActionDownload, ueba.ActionPrint, ueba.ActionCopy:
		fs[ueba.FeatureExports]++
		if unexplained > 0 {
			fs[ueba.FeatureUnexplainedExports]++
		}
	case ueba.ActionUnmask:
		fs[ueba.FeatureUnmasks] += float64(a.looks)
		fs[ueba.FeatureUnexplainedUnmasks] += float64(unexplained)
	}
}

func (f *folding) countLooks(p *ueba.Profile, looks []ueba.Look) {
	fs := &p.Features
	measured := len(looks) == 0
	for i := range looks {
		look := &looks[i]
		fs[ueba.FeatureLooks]++
		fs[ueba.FeatureBand0+ueba.Feature(f.settings.Business.Local(look.Event.Time).Hour()/6)]++
		add(fs, ueba.FeatureOffHours, look.OffHours)
		add(fs, ueba.FeatureSelf, look.Flags.Has(ueba.FlagSelf))
		if look.RecordID == "" {
			fs[ueba.FeatureRows] += float64(look.Count)
		}
		if look.Flags != 0 {
			p.Flagged++
		}
		if look.Verdict == ueba.Explained {
			fs[ueba.FeatureExplained]++
		} else {
			countUnexplained(fs, look)
		}
		measured = measured || look.View.Method != ueba.MethodNone
	}
	if !measured {
		p.Missing = append(p.Missing, "view_time")
	}
}

func countUnexplained(fs *ueba.Features, look *ueba.Look) {
	fs[ueba.FeatureUnexplained]++
	add(fs, ueba.FeatureUnexplainedOffHours, look.OffHours)
	add(fs, ueba.FeatureUnexplainedC3, look.Class == "C3")
	if look.RecordID == "" {
		fs[ueba.FeatureUnexplainedRows] += float64(look.Count)
	}
	// Only what the bounds prove: a gap that was capped is a pause as likely as a long look.
	add(fs, ueba.FeatureUnexplainedShort, look.View.High >= 0 && look.View.High < shortLook)
	add(fs, ueba.FeatureUnexplainedLong, look.View.Low > longLook)
}

func add(fs *ueba.Features, f ueba.Feature, holds bool) {
	if holds {
		fs[f]++
	}
}

// countRecords counts distinct records and lists those that nothing accounts for.
func (f *folding) countRecords(fs *ueba.Features, looks []ueba.Look) []string {
	flags := make(map[string]ueba.Flags, len(looks))
	unexplained := make(map[string]bool, len(looks))
	for i := range looks {
		if id := looks[i].RecordID; id != "" {
			flags[id] |= looks[i].Flags
			unexplained[id] = unexplained[id] || looks[i].Verdict == ueba.Unexplained
		}
	}
	var strays []string
	for id, flag := range flags {
		fs[ueba.FeatureRecords]++
		add(fs, ueba.FeatureVIP, flag.Has(ueba.FlagVIP))
		add(fs, ueba.FeatureColleague, flag.Has(ueba.FlagColleague))
		add(fs, ueba.FeatureFamily, flag.Has(ueba.FlagFamily))
		add(fs, ueba.FeatureDeceased, flag.Has(ueba.FlagDeceased))
		add(fs, ueba.FeatureDormant, flag.Has(ueba.FlagDormant))
		if unexplained[id] && !f.reasons.accounts(id) {
			f.countUnaccounted(fs, id, flag)
			strays = append(strays, id)
		}
	}
	slices.Sort(strays)
	return strays[:min(len(strays), ueba.MaxStrays)]
}

func (f *folding) countUnaccounted(fs *ueba.Features, id string, flag ueba.Flags) {
	fs[ueba.FeatureUnexplainedRecords]++
	add(fs, ueba.FeatureUnexplainedNew, !f.dir.Seen(id))
	add(fs, ueba.FeatureUnexplainedOutside, f.outside(id))
	add(fs, ueba.FeatureUnexplainedVIP, flag.Has(ueba.FlagVIP))
	add(fs, ueba.FeatureUnexplainedColleague, flag.Has(ueba.FlagColleague))
	add(fs, ueba.FeatureUnexplainedFamily, flag.Has(ueba.FlagFamily))
	add(fs, ueba.FeatureUnexplainedTagged, flag&(ueba.FlagDeceased|ueba.FlagDormant) != 0)
}

// outside reports whether a record belongs to another region than the employee's, or is
// in the charge of somebody else.
func (f *folding) outside(id string) bool {
	rec, e := f.dir.Record(id), f.day.Employee
	if rec == nil || e == nil {
		return false
	}
	return rec.Region != "" && e.Location != "" && rec.Region != e.Location ||
		rec.Owner != "" && rec.Owner != e.ID
}
