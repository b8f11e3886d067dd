package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// RequestHeader carries the id of a request: the client's, where it sends one,
// else one that the API makes. The answer has it too.
const RequestHeader = "X-Request-Id"

// requestMetadata is the name under which an uploaded object keeps the id of
// the request that asked for it. The worker reads it there for its log.
const requestMetadata = "motionmill-request"

const (
	requestPrefix = "urn:motionmill:request:"
	maxRequestID  = 64
	requestSigns  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
)

type requestKey struct{}

// RequestFrom returns the id of the request that a context belongs to, or nothing.
func RequestFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// identify gives a request its id. One that the client made up is kept if it is
// short and plain: it goes into logs and into the metadata of objects.
func identify(w http.ResponseWriter, r *http.Request) *http.Request {
	id := r.Header.Get(RequestHeader)
	if id == "" || len(id) > maxRequestID || strings.Trim(id, requestSigns) != "" {
		id = newToken()
	}
	w.Header().Set(RequestHeader, id)
	return r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
}

// requestLog adds the id of the request to every record that belongs to one.
type requestLog struct{ slog.Handler }

// Handle adds the id to one record.
func (h requestLog) Handle(ctx context.Context, record slog.Record) error {
	if id := RequestFrom(ctx); id != "" {
		record.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the id with what is derived.
func (h requestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the id with what is derived.
func (h requestLog) WithGroup(name string) slog.Handler { return requestLog{h.Handler.WithGroup(name)} }

// logged notes every request: those that change something at level info.
func (a *API) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, told := time.Now(), &statusWriter{ResponseWriter: w}
		next.ServeHTTP(told, r)
		level := slog.LevelInfo
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
			level = slog.LevelDebug
		}
		a.log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path, "status", told.status(),
			"seconds", time.Since(began).Seconds(), "payer", a.payer(r))
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// WriteHeader remembers the status, and writes it.
func (w *statusWriter) WriteHeader(code int) {
	if w.code == 0 && code >= http.StatusOK { // Early hints are no answer.
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach what the wrapped writer can do.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
