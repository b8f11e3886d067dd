package api

import (
	"net/http"
	"strings"
	"time"
)

// Meter measures what is answered. Its method returns at once.
type Meter interface {
	// Answered tells of a request that was answered: the route that its path
	// fits, of which there is a fixed number, and how long the answer took.
	Answered(route, method string, status int, took time.Duration)
}

// Routes of requests that are no calls of the API.
const (
	routePage   = "page"   // a file of the page
	routeStore  = "/s3/"   // the embedded object store
	routeAbsent = "absent" // whatever else a client may make up
	routeHealth = "/healthz"
)

// seen answers a request by next, and tells the meter and the tracer.
func (a *API) seen(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	began, told, route := time.Now(), &statusWriter{ResponseWriter: w}, a.routeOf(r)
	if isCall(route) {
		r = r.WithContext(a.cfg.Tracer.Request(r.Context(), route, r.Method, r.Header))
		defer func() { a.cfg.Tracer.Answered(r.Context(), w.Header().Get(RequestHeader), told.status()) }()
	}
	if a.cfg.Meter != nil {
		defer func() { a.cfg.Meter.Answered(route, r.Method, told.status(), time.Since(began)) }()
	}
	next(told, r)
}

// routeOf returns the path of the call that a request fits, as the description
// of the API has it: never anything that a client wrote.
func (a *API) routeOf(r *http.Request) string {
	if a.cfg.ObjectProxy != nil && strings.HasPrefix(r.URL.EscapedPath(), routeStore) {
		return routeStore
	}
	handler, pattern := a.mux.Handler(r)
	if handler == http.Handler(a.page) {
		return routePage
	}
	if _, path, found := strings.Cut(pattern, " "); found {
		pattern = path
	}
	if pattern == "" {
		return routeAbsent
	}
	return strings.TrimSuffix(pattern, "{$}")
}
