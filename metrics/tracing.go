package metrics

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/motionmill/motionmill/job"
)

// tracerName is the instrumentation scope of our spans.
const tracerName = "github.com/motionmill/motionmill"

// Tracer tells of jobs as traces. All attempts at a job, on whichever workers,
// are in one trace, whose id is a pure function of the job's: no message and no
// record has to carry it, and whoever knows the job finds the trace.
//
//	notification     from the event that announced the source to the first claim
//	└ attempt        one for each
//	  ├ claim        the read, the timer and the conditional write
//	  ├ fetch, probe, decode, …: the steps of the manifest
//	  ├ commit       the write that ends it
//	  └ publish      making that known
//
// A call of the API is a span of its own, or of its caller's trace, and the two
// lead to each other: see calls.go. The zero Tracer, and nil, tell nobody and cost nothing.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTracer returns a Tracer that sends spans by OTLP over HTTP to where
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says, or
// nil when neither is set or OTEL_SDK_DISABLED is true. Sampling, batches,
// limits and resource attributes are those of the SDK's own variables.
// Service names the process unless OTEL_SERVICE_NAME does.
func NewTracer(service, version string) (*Tracer, error) {
	client, err := newCollector(os.Getenv)
	if client == nil || err != nil {
		return nil, err
	}
	exporter := otlptrace.NewUnstarted(client)
	return newTracer(service, version, sdktrace.WithBatcher(exporter))
}

// newTracer is NewTracer with any way for spans to leave.
func newTracer(service, version string, to sdktrace.TracerProviderOption) (*Tracer, error) {
	about, err := resource.New(context.Background(),
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv()) // What comes later wins.
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME: %w", err)
	}
	provider := sdktrace.NewTracerProvider(to, sdktrace.WithResource(about), sdktrace.WithIDGenerator(jobIDs{}))
	return &Tracer{provider: provider, tracer: provider.Tracer(tracerName, trace.WithInstrumentationVersion(version))}, nil
}

// Close sends what has not been sent, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error {
	if t.off() {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

func (t *Tracer) off() bool { return t == nil || t.tracer == nil }

// Attempt begins the span of an attempt whose claim was just written, and ends
// that of its claim, which began when its message was received. Announced is
// when the event says that the source came; zero is unknown. The context that
// it returns is that of the attempt's work.
func (t *Tracer) Attempt(ctx context.Context, rec job.Record, worker string, announced, received time.Time) context.Context {
	if t.off() {
		return ctx
	}
	about := []attribute.KeyValue{
		attribute.String("motionmill.job", rec.ID), attribute.String("motionmill.profile", rec.Profile),
		attribute.String("motionmill.source", rec.Source.URI()),
	}
	claimed := time.Now()
	if announced.IsZero() || announced.After(received) { // The store's clock may be ahead.
		announced = received
	}
	// Its ids are those of the job, and its sampling is everybody's. It is told of
	// once, by the first claim: a span that is not ended is not sent.
	_, root := t.tracer.Start(context.WithValue(ctx, jobKey{}, rec.ID), "notification",
		trace.WithNewRoot(), trace.WithTimestamp(announced), trace.WithAttributes(about...), trace.WithSpanKind(trace.SpanKindConsumer))
	if rec.Fence == 1 {
		root.End(trace.WithTimestamp(claimed))
	}
	if rec.Asked != "" {
		about = append(about, askedKey.String(rec.Asked))
	}
	ctx, _ = t.tracer.Start(trace.ContextWithSpan(ctx, root), "attempt", trace.WithTimestamp(received), trace.WithAttributes(append(about,
		attribute.Int64("motionmill.fence", rec.Fence), attribute.Int("motionmill.attempt", rec.Attempt),
		attribute.String("motionmill.worker", worker))...))
	t.Span(ctx, "claim", received, nil)
	return ctx
}

// Span tells of a part of what ctx belongs to that lasted from began until now,
// and of why it failed, nil when it did not.
func (t *Tracer) Span(ctx context.Context, name string, began time.Time, err error) {
	t.span(ctx, name, began, err)
}

// Step is Span for a step of a job, with the frames that went through it.
func (t *Tracer) Step(ctx context.Context, name string, began time.Time, frames int64, err error) {
	t.span(ctx, name, began, err, attribute.Int64("motionmill.frames", frames))
}

func (t *Tracer) span(ctx context.Context, name string, began time.Time, err error, about ...attribute.KeyValue) {
	if t.off() || !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	_, span := t.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(about...))
	if err != nil {
		span.SetAttributes(attribute.String("motionmill.kind", string(job.KindOf(err))))
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// End ends the span that Attempt began: what the attempt led to, as its entry
// in the history says, and why, nil when it did not fail.
func (t *Tracer) End(ctx context.Context, outcome string, failure *job.Failure) {
	if t.off() {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.String("motionmill.outcome", outcome))
	if failure != nil {
		span.SetAttributes(attribute.String("motionmill.kind", string(failure.Kind)))
		span.SetStatus(codes.Error, failure.Message)
	}
	span.End()
}

// TraceID returns the id of the trace of a job, as 32 hexadecimal digits.
func TraceID(jobID string) string {
	id, _ := idsOf(jobID)
	return id.String()
}

// jobKey is the key of the job whose notification a new root span is.
type jobKey struct{}

// jobIDs gives the span of a job's notification the ids that follow from the
// job's, and all others random ones.
type jobIDs struct{}

// NewIDs gives the ids of a span that begins a trace.
func (jobIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if id, ok := ctx.Value(jobKey{}).(string); ok {
		return idsOf(id)
	}
	return randomTraceID(), randomSpanID()
}

// NewSpanID gives the id of a span within a trace.
func (jobIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return randomSpanID() }

// idsOf returns the ids of the trace of a job and of its first span. The job's
// id is no secret and evenly spread; the hash is for the length.
func idsOf(jobID string) (id trace.TraceID, first trace.SpanID) {
	sum := sha256.Sum256([]byte("motionmill trace " + strconv.Quote(jobID)))
	copy(id[:], sum[:])
	copy(first[:], sum[len(id):])
	return id, first
}
