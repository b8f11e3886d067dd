package metrics

import (
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/motionmill/motionmill/job"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

// wantAttributes checks what a span says of itself.
func wantAttributes(t *testing.T, s tracetest.SpanStub, want map[attribute.Key]string) {
	t.Helper()
	got := attribute.NewSet(s.Attributes...)
	for key, value := range want {
		if found, _ := got.Value(key); found.String() != value {
			t.Errorf("%s has %s=%q, want %q", s.Name, key, found.String(), value)
		}
	}
}

// TestACallIsPartOfItsCallersTrace has one with a traceparent, and one without.
func TestACallIsPartOfItsCallersTrace(t *testing.T) {
	for parent, want := range map[string]string{
		"00-" + callersTrace + "-" + callersSpan + "-01": callersTrace, "": "", "00-made-up": "",
	} {
		api := newTraced(t)
		ctx := api.Request(t.Context(), "/v1/jobs/{id}", http.MethodGet, http.Header{"Traceparent": {parent}})
		api.Concerns(ctx, "abc")
		api.Answered(ctx, "r-1", http.StatusServiceUnavailable)
		call := api.named(t, "GET /v1/jobs/{id}")
		if want == "" && call.Parent.IsValid() || want != "" && call.SpanContext.TraceID().String() != want {
			t.Errorf("the parent %q makes the trace %s with the parent %s", parent, call.SpanContext.TraceID(), call.Parent.TraceID())
		}
		wantAttributes(t, call, map[attribute.Key]string{
			"http.request.method": "GET", "http.route": "/v1/jobs/{id}", "http.response.status_code": "503", "motionmill.request": "r-1",
		})
		if call.SpanKind != trace.SpanKindServer || call.Status.Code != codes.Error {
			t.Errorf("it is a %s span of status %s", call.SpanKind, call.Status.Code)
		}
		if len(call.Links) != 1 || call.Links[0].SpanContext.TraceID().String() != TraceID("abc") {
			t.Errorf("its links are %v, want one to the trace of the job", call.Links)
		}
	}
	api := newTraced(t)
	api.Answered(api.Request(t.Context(), "/v1/jobs/{id}", http.MethodGet, nil), "r-2", http.StatusNotFound)
	if call := api.named(t, "GET /v1/jobs/{id}"); call.Status.Code != codes.Unset {
		t.Errorf("a mistake of the client's is the status %s", call.Status.Code)
	}
}

// TestAnAttemptLeadsToTheCallThatBroughtIt goes from the API's process to a
// worker's, and on to the retry of another call.
func TestAnAttemptLeadsToTheCallThatBroughtIt(t *testing.T) {
	api, worker := newTraced(t), newTraced(t)
	call := api.Request(t.Context(), "/v1/uploads", http.MethodPost, nil)
	parent := api.Parent(call)
	api.Answered(call, "r-1", http.StatusCreated)

	ctx := worker.Attempt(t.Context(), job.Record{ID: "abc", Fence: 2, Asked: "r-9"}, "w-1", time.Time{}, time.Now())
	worker.From(ctx, "r-1", parent)
	worker.End(ctx, "succeeded", nil)
	attempt := worker.named(t, "attempt")
	wantAttributes(t, attempt, map[attribute.Key]string{"motionmill.request": "r-1", "motionmill.asked": "r-9"})
	from := api.named(t, "POST /v1/uploads").SpanContext
	if len(attempt.Links) != 1 || attempt.Links[0].SpanContext.SpanID() != from.SpanID() || attempt.Links[0].SpanContext.TraceID() != from.TraceID() {
		t.Errorf("the attempt leads to %v, want %v", attempt.Links, from)
	}
	if id := attempt.SpanContext.TraceID().String(); id != TraceID("abc") {
		t.Errorf("the attempt is in the trace %s, not in that of its job", id)
	}

	// Whoever uploads may write what they like.
	other := newTraced(t)
	ctx = other.Attempt(t.Context(), job.Record{ID: "abd", Fence: 1}, "w-1", time.Time{}, time.Now())
	for _, junk := range []string{"", "00-", "00-00000000000000000000000000000000-0000000000000000-01", "\x00"} {
		other.From(ctx, "r-1", junk)
	}
	other.End(ctx, "succeeded", nil)
	if links := other.named(t, "attempt").Links; len(links) != 0 {
		t.Errorf("the links are %v", links)
	}
}

// TestACallThatIsNotSampledIsNotLedTo asks the SDK to tell of none.
func TestACallThatIsNotSampledIsNotLedTo(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	api := newTraced(t)
	for _, tracer := range []*Tracer{api.Tracer, nil} {
		ctx := tracer.Request(t.Context(), "/v1/uploads", http.MethodPost, nil)
		tracer.Concerns(ctx, "abc")
		if parent := tracer.Parent(ctx); parent != "" {
			t.Errorf("the parent is %q", parent)
		}
		tracer.From(ctx, "r", "")
		tracer.Answered(ctx, "r", http.StatusOK)
	}
	if spans := api.spans.GetSpans(); len(spans) != 0 {
		t.Errorf("told of %v", spans)
	}
}
