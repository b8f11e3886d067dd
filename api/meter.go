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
)

// measured answers a request by next and tells the meter.
func (a *API) measured(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	if a.cfg.Meter == nil {
		next(w, r)
		return
	}
	began, told := time.Now(), &statusWriter{ResponseWriter: w}
	defer func() { a.cfg.Meter.Answered(a.routeOf(r), r.Method, told.status(), time.Since(began)) }()
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
