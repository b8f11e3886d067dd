package api_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
)

// tally counts answers by what a series would be of.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func (m *tally) Answered(route, method string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]int{}
	}
	m.seen[fmt.Sprintf("%s %s %d %t", method, route, status, took >= 0)]++
}

// TestAnswersAreMeasuredByRoute tries every kind of path.
func TestAnswersAreMeasuredByRoute(t *testing.T) {
	var m tally
	s := newStageInBubble(t, func(c *api.Config) {
		c.Meter = &m
		c.StarterNotice = func() string { panic("planted") }
		c.ObjectProxy = http.NotFoundHandler()
	})
	for want, ask := range map[string][2]string{
		"GET /v1/jobs/{id} 404 true":                 {http.MethodGet, "/v1/jobs/abc"},
		"GET /v1/jobs/{id}/files/{path...} 404 true": {http.MethodGet, "/v1/jobs/abc/files/hls/720p/seg-1.m4s"},
		"POST /v1/jobs/{id}/cancel 404 true":         {http.MethodPost, "/v1/jobs/abc/cancel"},
		"GET /healthz 200 true":                      {http.MethodGet, "/healthz"},
		"GET page 200 true":                          {http.MethodGet, "/"},
		"GET /v1/stage 500 true":                     {http.MethodGet, "/v1/stage"}, // It panics.
		"GET /s3/ 404 true":                          {http.MethodGet, "/s3/uploads/a.mp4"},
		"DELETE absent 405 true":                     {http.MethodDelete, "/v1/jobs/abc"},
		"GET absent 404 true":                        {http.MethodGet, "/made/up"},
	} {
		s.do(t, ask[0], ask[1], "")
		if m.seen[want] != 1 {
			t.Errorf("%s %s is measured as %v, want %s", ask[0], ask[1], m.seen, want)
		}
	}
}

// TestPathsThatAreMadeUpAreOneSeries has a client try what it likes.
func TestPathsThatAreMadeUpAreOneSeries(t *testing.T) {
	var m tally
	s := newStageInBubble(t, func(c *api.Config) { c.Meter = &m })
	for i := range 100 {
		s.do(t, http.MethodGet, fmt.Sprintf("/v1/jobs/%d", i), "")
		s.do(t, http.MethodGet, fmt.Sprintf("/wp-%d.php", i), "")
		s.do(t, http.MethodGet, fmt.Sprintf("/v1/%d/../../%d", i, i), "")
	}
	if len(m.seen) > 5 {
		t.Errorf("300 requests are %d series: %v", len(m.seen), m.seen)
	}
}

// TestNothingPrivateIsPublic looks on the public port for what the private one has.
func TestNothingPrivateIsPublic(t *testing.T) {
	s := newStageInBubble(t)
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "//metrics", "/v1/../metrics"} {
		if a := s.do(t, http.MethodGet, path, ""); a.status == http.StatusOK {
			t.Errorf("%s: %d %.200s", path, a.status, a.raw)
		}
	}
}
