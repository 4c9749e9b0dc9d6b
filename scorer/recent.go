package scorer

import "github.com/onlooker-ueba/onlooker/ueba"

// recent is what a seal remembers of the last days: how −ln p of each feature and h were
// distributed. Counts are whole numbers, so that days leave exactly as they came.
type recent struct {
	days  [window]*recentDay
	logs  []uint32 // by feature and bin
	raw   []uint32 // h before the shift, by bin
	total int      // employee-days ever
}

type recentDay struct {
	day  ueba.Day
	logs []uint32
	raw  []uint32
	seen []seen
}

// seen is one person's h on one day, shifted.
type seen struct {
	place int32
	bin   int16
}

func newRecent(specs int) *recent {
	return &recent{logs: make([]uint32, specs*logBins), raw: make([]uint32, hBins)}
}

// begin opens a day, forgetting what is older than the window.
func (r *recent) begin(day ueba.Day) *recentDay {
	for i, d := range r.days {
		if d != nil && d.day <= day-window {
			r.leave(d)
			r.days[i] = nil
		}
	}
	d := &recentDay{day: day, logs: make([]uint32, len(r.logs)), raw: make([]uint32, hBins)}
	r.days[ringPlace(day)] = d
	return d
}

func (r *recent) leave(d *recentDay) {
	for i, n := range d.logs {
		r.logs[i] -= n
	}
	for i, n := range d.raw {
		r.raw[i] -= n
	}
}

// end takes the day into the totals.
func (r *recent) end(d *recentDay) {
	for i, n := range d.logs {
		r.logs[i] += n
	}
	for i, n := range d.raw {
		r.raw[i] += n
	}
}

// note counts one employee's day.
func (d *recentDay) note(place int, read *reading, h float64) {
	for i := range read.features {
		if e := &read.features[i]; !e.absent {
			d.logs[i*logBins+min(max(int(e.log/logStep), 0), logBins-1)]++
		}
	}
	d.raw[hBin(read.h)]++
	d.seen = append(d.seen, seen{place: int32(place), bin: int16(hBin(h))})
}

// weights gives h's histogram with one weight for each person, those left out missing.
func (r *recent) weights(people int, out func(place int) bool) (bins []float64, persons int) {
	days := make([]int32, people)
	for _, d := range r.days {
		if d == nil {
			continue
		}
		for _, s := range d.seen {
			days[s.place]++
		}
	}
	bins = make([]float64, hBins)
	counts := make(map[int32][]uint32) // by days of the person: whole numbers until the last
	for _, d := range r.days {
		if d == nil {
			continue
		}
		for _, s := range d.seen {
			if out(int(s.place)) {
				continue
			}
			n := days[s.place]
			if counts[n] == nil {
				counts[n] = make([]uint32, hBins)
			}
			counts[n][s.bin]++
		}
	}
	for n := int32(1); n <= window; n++ {
		for i, c := range counts[n] {
			bins[i] += float64(c) / float64(n)
		}
	}
	for i, n := range days {
		if n > 0 && !out(i) {
			persons++
		}
	}
	return bins, persons
}
