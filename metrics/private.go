package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// headersWithin is how long the head of a request to the private port may take.
const headersWithin = 5 * time.Second

// Handler serves what the private port has: /metrics; /healthz, which tells
// that the process answers; /readyz, which tells by 503 that ready found
// something; and the profiles of net/http/pprof, without the command line, in
// which a secret may stand. Log learns of measures that
// could not be read; the others are served all the same.
func (m *Metrics) Handler(ready func(context.Context) error, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{log}, ErrorHandling: promhttp.ContinueOnError, Registry: m.registry,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, "ready")
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// NewServer returns a server for the private port, without an address. Answers
// may take as long as a profile does.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headersWithin, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // Who asked has gone.
}

// scrapeLog is the log of what could not be read for a scrape.
type scrapeLog struct{ log *slog.Logger }

// Println logs one failure.
func (l scrapeLog) Println(v ...any) { l.log.Warn("read metrics", "error", fmt.Sprint(v...)) }
