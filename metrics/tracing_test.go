package metrics

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/motionmill/motionmill/job"
)

// traced is a worker of its own process with what it told of.
type traced struct {
	*Tracer
	spans *tracetest.InMemoryExporter
}

func newTraced(t *testing.T) traced {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracer, err := newTracer("motionmill-work", "1.2.3", sdktrace.WithSyncer(spans))
	if err != nil {
		t.Fatal(err)
	}
	return traced{tracer, spans}
}

func (w traced) named(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	var found []tracetest.SpanStub
	for _, s := range w.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are called %q, want one", len(found), name)
	}
	return found[0]
}

// attempt runs an attempt that fails in a step, or succeeds.
func (w traced) attempt(rec job.Record, uploaded, received time.Time, failure error) {
	ctx := w.Attempt(context.Background(), rec, "w-1", uploaded, received)
	w.Step(ctx, "decode", time.Now(), 60, failure)
	if failure != nil {
		w.End(ctx, "failed", &job.Failure{Kind: job.KindOf(failure), Message: failure.Error()})
		return
	}
	w.Span(ctx, "commit", time.Now(), nil)
	w.End(ctx, "succeeded", nil)
}

// TestAllAttemptsAtAJobAreOneTrace has two workers that know nothing of each
// other: the first one's attempt fails.
func TestAllAttemptsAtAJobAreOneTrace(t *testing.T) {
	one, two := newTraced(t), newTraced(t)
	rec := job.Record{ID: "abcdefghij", Profile: "pose", Source: job.Source{Bucket: "uploads", Key: "a.mp4"}, Fence: 1, Attempt: 1}
	received := time.Now().Add(-time.Second)
	uploaded := received.Add(-time.Minute)
	one.attempt(rec, uploaded, received, job.Fail(job.OutOfMemory, "decode", "a.mp4", "killed", "", nil))
	rec.Fence, rec.Attempt = 2, 2
	two.attempt(rec, time.Time{}, time.Now(), nil)

	notification, first, second := one.named(t, "notification"), one.named(t, "attempt"), two.named(t, "attempt")
	if notification.Parent.IsValid() || !notification.StartTime.Equal(uploaded) {
		t.Errorf("the notification has the parent %v and begins at %v, want none and the upload, %v", notification.Parent.SpanID(), notification.StartTime, uploaded)
	}
	if first.Parent.SpanID() != notification.SpanContext.SpanID() || second.Parent.SpanID() != notification.SpanContext.SpanID() {
		t.Error("an attempt does not hang on the notification")
	}
	if len(two.spans.GetSpans()) != 4 { // claim, decode, commit, attempt
		t.Errorf("the second worker told of %d spans, the notification among them?", len(two.spans.GetSpans()))
	}
	for _, s := range append(one.spans.GetSpans(), two.spans.GetSpans()...) {
		if s.SpanContext.TraceID().String() != TraceID(rec.ID) {
			t.Errorf("%s is in the trace %s", s.Name, s.SpanContext.TraceID())
		}
		if s.Resource.String() == "" || !strings.Contains(s.Resource.String(), "service.name=motionmill-work") {
			t.Errorf("%s is of %s", s.Name, s.Resource)
		}
	}
	if claim := one.named(t, "claim"); claim.Parent.SpanID() != first.SpanContext.SpanID() || !claim.StartTime.Equal(received) {
		t.Error("the claim is no part of the attempt, or does not begin with the message")
	}
	if decode := one.named(t, "decode"); decode.Parent.SpanID() != first.SpanContext.SpanID() || decode.Status.Code != codes.Error {
		t.Errorf("the step that failed has the status %v", decode.Status)
	}
	attributes := attribute.NewSet(first.Attributes...)
	for key, want := range map[string]string{
		"motionmill.job": rec.ID, "motionmill.kind": "out_of_memory", "motionmill.outcome": "failed", "motionmill.attempt": "1",
	} {
		if value, _ := attributes.Value(attribute.Key(key)); value.String() != want {
			t.Errorf("the attempt has %s=%q, want %q", key, value.String(), want)
		}
	}
	if TraceID("abcdefghij") == TraceID("abcdefghik") {
		t.Error("two jobs have one trace")
	}
}

// TestSamplingIsOfWholeJobs takes none of the traces: then no attempt either.
func TestSamplingIsOfWholeJobs(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
	counts := map[int]int{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		w := newTraced(t)
		w.attempt(job.Record{ID: id, Fence: 1}, time.Time{}, time.Now(), nil)
		again := newTraced(t)
		again.attempt(job.Record{ID: id, Fence: 2}, time.Time{}, time.Now(), nil)
		got := len(w.spans.GetSpans())
		if other := len(again.spans.GetSpans()); (got > 0) != (other > 0) {
			t.Errorf("job %s: %d spans of one attempt, %d of the other", id, got, other)
		}
		counts[got]++
	}
	if counts[0] == 0 || counts[5] == 0 || len(counts) != 2 {
		t.Errorf("spans of eight jobs: %v, want none of some and five of others", counts)
	}
}

// TestNobodyIsToldUnlessAsked leaves the SDK's variables empty.
func TestNobodyIsToldUnlessAsked(t *testing.T) {
	for _, name := range []string{"ENDPOINT", "TRACES_ENDPOINT"} {
		t.Setenv(otlpVariable+name, "")
	}
	tracer, err := NewTracer("motionmill-work", "1")
	if tracer != nil || err != nil {
		t.Fatalf("%v, %v, want none", tracer, err)
	}
	ctx := tracer.Attempt(t.Context(), job.Record{ID: "a"}, "w", time.Time{}, time.Now())
	tracer.Span(ctx, "commit", time.Now(), nil)
	tracer.End(ctx, "succeeded", nil)
	if err := tracer.Close(t.Context()); err != nil || ctx != t.Context() {
		t.Errorf("a tracer that is off does something: %v", err)
	}
}

// receiver takes OTLP over HTTP as a collector does.
type receiver struct {
	mu      sync.Mutex
	refuse  int // so many times first, with 503
	spans   []*tracepb.Span
	headers http.Header
	path    string
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse > 0 {
		c.refuse--
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = zipped
	}
	raw, err := io.ReadAll(body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(raw, &data)
	}
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	for _, resource := range data.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	c.headers, c.path = r.Header, r.URL.Path
}

// TestTracesReachACollector sends to a receiver of OTLP over HTTP, as the SDK's
// own variables say.
func TestTracesReachACollector(t *testing.T) {
	collector := &receiver{}
	server := httptest.NewServer(collector)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20secret, team=moves")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	tracer, err := NewTracer("motionmill-work", "1")
	if err != nil || tracer == nil {
		t.Fatal(err)
	}
	traced{Tracer: tracer}.attempt(job.Record{ID: "abc", Fence: 1}, time.Time{}, time.Now(), nil)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(collector.spans) != 5 || collector.path != "/v1/traces" {
		t.Errorf("%d spans came to %s, want 5 to /v1/traces", len(collector.spans), collector.path)
	}
	if collector.headers.Get("Api-Key") != "a secret" || collector.headers.Get("Team") != "moves" {
		t.Errorf("the headers are %v", collector.headers)
	}
}

// TestACollectorThatIsBusyIsAskedAgain counts the tries.
func TestACollectorThatIsBusyIsAskedAgain(t *testing.T) {
	for refuse, want := range map[int]bool{collectTries - 1: true, collectTries: false} {
		server := &receiver{refuse: refuse}
		to := httptest.NewServer(server)
		settings := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": to.URL + "/here"}
		c, err := newCollector(func(name string) string { return settings[name] })
		if err != nil {
			t.Fatal(err)
		}
		c.pause = func(context.Context, time.Duration) error { return nil }
		err = c.UploadTraces(t.Context(), []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "x"}}}}}})
		if (err == nil) != want || want && (server.path != "/here" || len(server.spans) != 1) {
			t.Errorf("after %d refusals: %v, %d spans at %q", refuse, err, len(server.spans), server.path)
		}
		to.Close()
	}
}

func TestSettingsOfTracesThatCannotBe(t *testing.T) {
	for name, value := range map[string]string{
		"ENDPOINT": "127.0.0.1:4318", "PROTOCOL": "grpc", "COMPRESSION": "brotli", "TIMEOUT": "10s", "HEADERS": "planted-secret",
	} {
		settings := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
		settings[otlpVariable+name] = value
		c, err := newCollector(func(name string) string { return settings[name] })
		if err == nil || !strings.Contains(err.Error(), otlpVariable+name) || strings.Contains(err.Error(), "planted-secret") {
			t.Errorf("%s=%s: %v, %v", name, value, c, err)
		}
	}
	off := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}
	if c, err := newCollector(func(name string) string { return off[name] }); c != nil || err != nil {
		t.Errorf("an SDK that is disabled: %v, %v", c, err)
	}
}
