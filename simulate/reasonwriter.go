package simulate

import (
	"cmp"
	"encoding/csv"
	"slices"
	"time"
)

// reasonWriter writes reasons.csv as days go by, and loses some.
type reasonWriter struct {
	*file
	w     *csv.Writer
	zone  *time.Location
	loss  float64
	d     draws
	count int
	cells []string
}

func newReasonWriter(dir string, cfg Config) (*reasonWriter, error) {
	f, err := create(dir, "reasons.csv")
	if err != nil {
		return nil, err
	}
	w := &reasonWriter{file: f, w: csv.NewWriter(f), zone: cfg.Zone, loss: cfg.ReasonLoss, d: stream(cfg.Seed, topicLoss)}
	_ = w.w.Write(reasonColumns)
	return w, nil
}

// write puts the rows in the order in which their systems made them.
func (w *reasonWriter) write(rows []reasonRow) {
	slices.SortFunc(rows, func(a, b reasonRow) int { return cmp.Or(cmp.Compare(a.made, b.made), cmp.Compare(a.id, b.id)) })
	for i := range rows {
		if w.d.chance(w.loss) {
			continue
		}
		w.count++
		w.row(&rows[i])
	}
}

func (w *reasonWriter) row(r *reasonRow) {
	record := ""
	if r.record >= 0 {
		record = recordID(r.record)
	}
	w.cells = append(w.cells[:0], r.id, record, r.employee, reasonsOf[r.kind].name, w.instant(r.from), w.instant(r.to), w.instant(r.made), r.maker)
	_ = w.w.Write(w.cells) // the error stays in the file
}

func (w *reasonWriter) instant(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).In(w.zone).Format(time.RFC3339)
}

func (w *reasonWriter) close() error {
	w.w.Flush()
	return w.file.close()
}
