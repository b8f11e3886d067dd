package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/metrics"
)

// spans is a collector of OTLP over HTTP.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range data.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.all = append(s.all, scope.Spans...)
		}
	}
}

// named returns the spans of a name.
func (s *spans) named(name string) []*tracepb.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.all), func(span *tracepb.Span) bool { return span.Name != name })
}

// TestAJobIsATrace has a real worker do a job, and looks at what it told a
// collector and its own measures of it.
func TestAJobIsATrace(t *testing.T) {
	collector := &spans{}
	server := httptest.NewServer(collector)
	defer server.Close()
	s := newSite(t)
	s.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}
	id := s.upload("profile=pose/demo.mp4")
	w := s.worker("--listen-private", "127.0.0.1:0")
	w.until("the attempt is told of", func() bool { return len(collector.named("attempt")) > 0 })

	attempt := collector.named("attempt")[0]
	for _, name := range []string{"claim", "fetch", "probe", "decode", "analyse", "store", "commit", "publish"} {
		found := collector.named(name)
		if len(found) != 1 || string(found[0].ParentSpanId) != string(attempt.SpanId) || found[0].EndTimeUnixNano < found[0].StartTimeUnixNano {
			t.Errorf("%s is there %d times, or is no part of the attempt: %v", name, len(found), found)
		}
	}
	root := collector.named("notification")
	if len(root) != 1 {
		t.Fatalf("there are %d notifications", len(root))
	}
	if string(attempt.ParentSpanId) != string(root[0].SpanId) || root[0].StartTimeUnixNano > attempt.StartTimeUnixNano {
		t.Errorf("the attempt does not follow the notification: %v", root)
	}
	for _, span := range []*tracepb.Span{attempt, root[0]} {
		if got, want := hex.EncodeToString(span.TraceId), metrics.TraceID(id); got != want {
			t.Errorf("%s is in the trace %s, want that of the job, %s", span.Name, got, want)
		}
	}
	_, page := get(t, w.private()+"/metrics")
	for _, line := range []string{
		`motionmill_attempts_total{kind="",outcome="succeeded"} 1`, "motionmill_claims_total 1", `motionmill_step_seconds_count{step="analyse"} 1`,
		`motionmill_frames_total{step="decode"} `, "motionmill_units_used 0",
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("/metrics does not hold %q:\n%s", line, page)
		}
	}
}

// calling sends a traceparent with each request to the API, as callers do that
// have traces of their own.
type calling struct{ parent string }

func (c calling) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		r = r.Clone(r.Context())
		r.Header.Set("Traceparent", c.parent)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestACallLeadsToItsJob uploads to a stage of real processes what is no video,
// has it tried again, and follows the spans from one to the other.
func TestACallLeadsToItsJob(t *testing.T) {
	needParts(t)
	collector := &spans{}
	server := httptest.NewServer(collector)
	defer server.Close()
	s := startLocalWith(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}, t.TempDir())
	const callers = "0af7651916cd43dd8448eb211c80319c"
	var err error
	s.client, err = client.New(client.Config{URL: s.page, HTTP: &http.Client{Transport: calling{"00-" + callers + "-b7ad6b7169203331-01"}}})
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "notes.mp4")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a video\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	id := s.upload(text)
	s.await(id, func(j client.Job) bool { return j.State == "dead" })
	if _, err := s.client.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	await := func(name string, count int) []*tracepb.Span {
		t.Helper()
		if !poll(time.Minute, func() bool { return len(collector.named(name)) >= count }) {
			t.Fatalf("%d spans are called %q, want %d\n%s", len(collector.named(name)), name, count, s.log)
		}
		return collector.named(name)
	}
	attempts, upload, retry := await("attempt", 2), await("POST /v1/uploads", 1)[0], await("POST /v1/jobs/{id}/retry", 1)[0]
	for _, span := range []*tracepb.Span{upload, retry} {
		if trace := hex.EncodeToString(span.TraceId); trace != callers || attributeOf(span, "motionmill.request") == "" {
			t.Errorf("%s of request %q is in the trace %s, want its caller's", span.Name, attributeOf(span, "motionmill.request"), trace)
		}
	}
	for _, attempt := range attempts {
		if attributeOf(attempt, "motionmill.request") != attributeOf(upload, "motionmill.request") || !leads(attempt, upload.TraceId, upload.SpanId) {
			t.Errorf("the attempt does not lead to the upload: %v", attempt)
		}
	}
	if asked := attributeOf(attempts[1], "motionmill.asked"); asked != attributeOf(retry, "motionmill.request") {
		t.Errorf("the second attempt was asked for by %q", asked)
	}
	if root := await("notification", 1)[0]; !leads(retry, root.TraceId, root.SpanId) || hex.EncodeToString(root.TraceId) != metrics.TraceID(id) {
		t.Errorf("the retry does not lead to the trace of the job: %v", retry)
	}
	for _, name := range []string{"GET /healthz", "GET page", "GET absent"} {
		if found := collector.named(name); len(found) > 0 {
			t.Errorf("%s is told of %d times", name, len(found))
		}
	}
}

// attributeOf returns a text that a span says of itself.
func attributeOf(span *tracepb.Span, key string) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// leads tells whether a span has a link to another.
func leads(span *tracepb.Span, trace, id []byte) bool {
	return slices.ContainsFunc(span.Links, func(l *tracepb.Span_Link) bool {
		return string(l.TraceId) == string(trace) && string(l.SpanId) == string(id)
	})
}
