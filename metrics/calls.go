package metrics

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// requestKey is the attribute with the id of a request to the API: of the
// request's span, and of the attempts at what it brought.
const requestKey = attribute.Key("motionmill.request")

// askedKey is the attribute with the id of the request that had a job tried
// again: of the attempts that follow.
const askedKey = attribute.Key("motionmill.asked")

// traceparent is the header of W3C Trace Context.
const traceparent = "traceparent"

// Request begins the span of a call of the API: the route that its path fits,
// such as "/v1/jobs/{id}", and the headers, which may name (traceparent,
// tracestate) the trace that it is part of. The call gets the context returned.
func (t *Tracer) Request(ctx context.Context, route, method string, header http.Header) context.Context {
	if t.off() {
		return ctx
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	ctx, _ = t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route)))
	return ctx
}

// Concerns links the call that ctx belongs to with the trace of a job.
func (t *Tracer) Concerns(ctx context.Context, jobID string) {
	if t.off() {
		return
	}
	id, first := idsOf(jobID)
	trace.SpanFromContext(ctx).AddLink(trace.Link{
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: first, TraceFlags: trace.FlagsSampled, Remote: true}),
		Attributes:  []attribute.KeyValue{attribute.String("motionmill.job", jobID)},
	})
}

// Parent returns what the span of ctx is called in another process, as the
// value of a traceparent; nothing where there is none that is told of.
func (t *Tracer) Parent(ctx context.Context) string {
	if t.off() || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// Answered ends the span that Request began: the id of the request, and the
// status that it was answered with.
func (t *Tracer) Answered(ctx context.Context, request string, status int) {
	if t.off() {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(requestKey.String(request), attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
	span.End()
}

// From links the attempt that ctx belongs to with the call of the API that
// brought its source: by the id of the request, and by what Parent gave for it,
// which is nothing where the API told of none. Whoever uploads may have written
// anything there; what is no traceparent is passed over.
func (t *Tracer) From(ctx context.Context, request, parent string) {
	if t.off() {
		return
	}
	span := trace.SpanFromContext(ctx)
	if request != "" {
		span.SetAttributes(requestKey.String(request))
	}
	told := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{traceparent: parent})
	if from := trace.SpanContextFromContext(told); from.IsValid() {
		span.AddLink(trace.Link{SpanContext: from, Attributes: []attribute.KeyValue{requestKey.String(request)}})
	}
}
