package console

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// mountStatus serves what machines ask for. The two probes answer one word, so that they
// can be open to every load balancer; the reasons are in /api/v1/status.
func (h *handler) mountStatus(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { word(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.cfg.Metrics, promhttp.HandlerOpts{}))
}

func (h *handler) readyz(w http.ResponseWriter, r *http.Request) {
	if h.cfg.Services.Status.Health(r.Context()).Ready {
		word(w, http.StatusOK, "ready")
		return
	}
	word(w, http.StatusServiceUnavailable, "not ready")
}

func word(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, s+"\n") // a probe that hung up needs no answer
}
