package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/text"
)

// liveTexts writes an employee's numbers of today; who did nothing yet has dashes.
func (h *handler) liveTexts(lang text.Lang, l *LiveDay) map[string]string {
	if l == nil {
		return map[string]string{"looks": "–", "records": "–", "view": "–", "unexplained": "–", "flagged": "–"}
	}
	n := func(i int) string { return text.Number(float64(i)) }
	view := text.Duration(lang, l.View)
	if l.View == 0 {
		view = "–" // not known is not zero
	}
	return map[string]string{
		"looks": n(l.Looks), "records": n(l.Records), "view": view,
		"unexplained": n(l.Unexplained), "flagged": n(l.Flagged),
	}
}

func (h *handler) liveTotals(lang text.Lang, lives []LiveDay) map[string]string {
	var sum LiveDay
	for i := range lives {
		sum.Looks += lives[i].Looks
		sum.View += lives[i].View
		sum.Unexplained += lives[i].Unexplained
		sum.Flagged += lives[i].Flagged
	}
	m := h.liveTexts(lang, &sum)
	delete(m, "records") // the same record counts for several people
	m["active"] = text.Number(float64(len(lives)))
	m["at"] = h.cfg.Business.Local(h.cfg.Now()).Format(time.TimeOnly)
	return m
}

// maxLiveNames bounds what one page may ask for.
const maxLiveNames = rankedMost

// liveValues gives the page's own script the numbers of today, already written in the
// page's language: {"total.looks": "5,120", "P-7K3MQ.looks": "31"}.
func (h *handler) liveValues(w http.ResponseWriter, r *http.Request) {
	values, err := h.liveMap(r, h.language(w, r))
	if err != nil {
		writeProblem(w, h.problem(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(values) // the page has gone: nobody is left to tell
}

func (h *handler) liveMap(r *http.Request, lang text.Lang) (map[string]string, error) {
	lives, err := h.cfg.Services.Live.Today(r.Context(), "")
	if err != nil {
		return nil, fmt.Errorf("today: %w", err)
	}
	values := map[string]string{}
	put := func(of string, m map[string]string) {
		for k, s := range m {
			values[of+"."+k] = s
		}
	}
	put("total", h.liveTotals(lang, lives))
	of := byEmployee(lives)
	for i, name := range strings.Split(r.URL.Query().Get("of"), ",") {
		if name == "" || i >= maxLiveNames {
			break
		}
		id, err := h.employee(r.Context(), name)
		if err != nil {
			return nil, err
		}
		put(name, h.liveTexts(lang, of[id]))
	}
	return values, nil
}
