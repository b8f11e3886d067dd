package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// otherMethod stands for every method that HTTP does not name: a client may
// make up as many as it likes, and each would be a series.
const otherMethod = "other"

func knownMethods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

// API is what the API counts and measures.
type API struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	methods  []string
}

// API adds the measures of the API. It may be called once.
func (m *Metrics) API() *API {
	a := &API{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "http_requests_total", Help: "Requests that were answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "http_request_seconds", Help: "How long answers took, in seconds, by route. Event streams last as long as they are watched.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}, []string{"route"}),
		methods: knownMethods(),
	}
	m.registry.MustRegister(a.requests, a.seconds)
	return a
}

// Answered counts a request that was answered. Route is the pattern that its
// path fits, such as "/v1/jobs/{id}", of which there is a fixed number.
func (a *API) Answered(route, method string, status int, took time.Duration) {
	if !slices.Contains(a.methods, method) {
		method = otherMethod
	}
	a.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	a.seconds.WithLabelValues(route).Observe(took.Seconds())
}
