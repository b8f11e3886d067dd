package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// diary keeps what an API told of its calls.
type diary struct {
	mu   sync.Mutex
	told []string
}

func (d *diary) note(ctx context.Context, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, fmt.Sprint(ctx.Value(callKey{}))+" "+fmt.Sprintf(format, args...))
}

type callKey struct{}

func (d *diary) Request(ctx context.Context, route, method string, header http.Header) context.Context {
	return context.WithValue(ctx, callKey{}, method+" "+route+header.Get("Traceparent"))
}

func (d *diary) Concerns(ctx context.Context, job string) {
	d.note(ctx, "concerns %s", job)
}

func (d *diary) Parent(ctx context.Context) string {
	return fmt.Sprint("parent of ", ctx.Value(callKey{}))
}

func (d *diary) Answered(ctx context.Context, request string, status int) {
	d.note(ctx, "%s %d", request, status)
}

// TestCallsAreToldOfByRoute tries every kind of path.
func TestCallsAreToldOfByRoute(t *testing.T) {
	for name, test := range map[string]struct {
		method, path string
		want         []string
	}{
		"job":      {"GET", "/v1/jobs/j1", []string{"GET /v1/jobs/{id} concerns j1", "GET /v1/jobs/{id} r 200"}},
		"no job":   {"GET", "/v1/jobs/planted", []string{"GET /v1/jobs/{id} r 404"}},
		"retry":    {"POST", "/v1/jobs/j1/retry", []string{"POST /v1/jobs/{id}/retry concerns j1", "POST /v1/jobs/{id}/retry r 202"}},
		"panic":    {"GET", "/v1/stage", []string{"GET /v1/stage r 500"}},
		"refused":  {"GET", "/v1/jobs?limit=planted", []string{"GET /v1/jobs r 422"}},
		"healthz":  {"GET", "/healthz", nil},
		"page":     {"GET", "/", nil},
		"store":    {"GET", "/s3/planted", nil},
		"made up":  {"GET", "/planted", nil},
		"method":   {"DELETE", "/v1/jobs/planted", nil},
		"cleaned":  {"GET", "/v1/jobs/../planted", nil},
		"all dead": {"POST", "/v1/redrive", []string{"POST /v1/redrive r 422"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{}
			s := newStageInBubble(t, func(c *api.Config) {
				c.Tracer = d
				c.StarterNotice = func() string { panic("planned") }
				c.ObjectProxy = http.NotFoundHandler()
			})
			s.ledger.Set(record("j1", job.Dead))
			s.do(t, test.method, test.path, "{}", api.RequestHeader, "r")
			if !slices.Equal(d.told, test.want) {
				t.Errorf("told of %q, want %q", d.told, test.want)
			}
		})
	}
}

// TestAnUploadKeepsWhatLeadsToItsCall looks at the metadata that is signed.
func TestAnUploadKeepsWhatLeadsToItsCall(t *testing.T) {
	s := newStageInBubble(t, func(c *api.Config) { c.Tracer = &diary{} })
	const body = `{"name":"a.mp4","bytes":5,"type":"video/mp4","metadata":{"trainer":%q}}`
	headers := func(value string) map[string]any {
		a := s.do(t, http.MethodPost, "/v1/uploads", fmt.Sprintf(body, value), "Traceparent", " of 42")
		wantStatus(t, a, http.StatusCreated)
		return a.body["headers"].(map[string]any)
	}
	if got := headers("Eve")["X-Amz-Meta-Motionmill-Trace"]; got != "parent of POST /v1/uploads of 42" {
		t.Errorf("the upload is led to by %q", got)
	}
	if got, full := headers(strings.Repeat("x", 2000))["X-Amz-Meta-Motionmill-Trace"]; full {
		t.Errorf("there is no room, and yet %q", got)
	}
	untraced := newStageInBubble(t)
	a := untraced.do(t, http.MethodPost, "/v1/uploads", fmt.Sprintf(body, "Eve"))
	if strings.Contains(strings.ToLower(a.raw), "motionmill-trace") {
		t.Errorf("without traces: %s", a.raw)
	}
}
