package worker

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// trace notes the request that brought the source. From then on every record
// of the attempt's log carries its id, as the log of the API does.
func (a *attempt) trace(request, parent string) {
	a.request.Store(&request)
	a.w.Tracer.From(a.context, request, parent)
	a.log.Info("traced")
}

// tracedLog adds the id of a request to every record, once it is known.
type tracedLog struct {
	slog.Handler
	request *atomic.Pointer[string]
}

// Handle adds the id to one record.
func (h tracedLog) Handle(ctx context.Context, record slog.Record) error {
	if request := h.request.Load(); request != nil {
		record = record.Clone()
		record.AddAttrs(slog.String("request", *request))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the id with what is derived.
func (h tracedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedLog{h.Handler.WithAttrs(attrs), h.request}
}

// WithGroup keeps the id with what is derived.
func (h tracedLog) WithGroup(name string) slog.Handler {
	return tracedLog{h.Handler.WithGroup(name), h.request}
}
