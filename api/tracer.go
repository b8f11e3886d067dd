package api

import (
	"context"
	"net/http"
	"slices"
)

// Tracer tells of calls as spans. Its methods return at once.
type Tracer interface {
	// Request begins the span of a call: the route that its path fits, and the
	// headers, which may say what it is part of. The call gets the context returned.
	Request(ctx context.Context, route, method string, header http.Header) context.Context
	// Concerns tells that a call is about a job.
	Concerns(ctx context.Context, job string)
	// Parent returns what leads from what a call brings back to the call's span,
	// nothing where nobody is told of it.
	Parent(ctx context.Context) string
	// Answered ends the span of a call: the id of the request, and its status.
	Answered(ctx context.Context, request string, status int)
}

// traceMetadata is the name under which an uploaded object keeps what leads to
// the span of the request that asked for it. The worker reads it there.
const traceMetadata = "motionmill-trace"

// untold is the Tracer of an API that has none.
type untold struct{}

func (untold) Request(ctx context.Context, _, _ string, _ http.Header) context.Context { return ctx }
func (untold) Concerns(context.Context, string)                                        {}
func (untold) Parent(context.Context) string                                           { return "" }
func (untold) Answered(context.Context, string, int)                                   {}

// isCall tells whether requests of a route are told of as spans: calls are, but
// not whether the API answers, which is asked all day, nor files and whatever
// else a client may make up.
func isCall(route string) bool {
	return !slices.Contains([]string{routePage, routeStore, routeAbsent, routeHealth}, route)
}
