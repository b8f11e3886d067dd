package api

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/motionmill/motionmill/job"
)

const (
	// heartbeatEvery keeps proxies from closing a quiet stream.
	heartbeatEvery = 15 * time.Second
	// sendWithin is how long one event may take to be written to a client.
	sendWithin = 10 * time.Second
)

func (a *API) registerEvents() {
	data := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Job](), true, "Job")
	event := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"event", "data"},
		Properties: map[string]*huma.Schema{
			"event": {Type: huma.TypeString, Enum: []any{"job"}},
			"data": {Type: huma.TypeString, Description: "The job as JSON.", Extensions: map[string]any{
				"contentMediaType": "application/json", "contentSchema": data,
			}},
		},
	}
	huma.Register(a.huma, huma.Operation{
		OperationID: "job-events", Method: http.MethodGet, Path: "/v1/jobs/{id}/events", Tags: []string{"jobs"},
		Summary: "State and progress as they change, as server-sent events",
		Description: "Each event is named `job` and its data is the whole job as JSON, without outputs; the first comes at once. " +
			"The stream ends after a final state. A client that was cut off begins anew: no event builds on an earlier one.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream of events.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: event}},
		}},
	}, a.jobEvents)
}

func (a *API) jobEvents(ctx context.Context, in *JobPath) (*huma.StreamResponse, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	payer := payerFrom(ctx)
	if p := a.streams.enter(payer); p != nil {
		return nil, huma.ErrorWithHeaders(p, http.Header{"Retry-After": {"5"}})
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer a.streams.leave(payer)
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		if hc.Method() == http.MethodHead { // nothing follows
			return
		}
		s := &stream{w: w, control: http.NewResponseController(w)}
		a.watch(ctx, rec, s)
	}}, nil
}

// watch sends rec and then every change of it until it is final, the client
// has gone, or the API is closed. A client that has gone shows as a cancelled
// context or a write that fails.
func (a *API) watch(ctx context.Context, rec job.Record, s *stream) {
	now, err := snapshotOf(rec)
	if err != nil {
		a.log.ErrorContext(ctx, "event stream ended", "error", err)
		return
	}
	if s.write([]byte("retry: 2000\n\n")) != nil || s.job(now) != nil || now.final {
		return
	}
	changes, done := a.streams.listen(rec.ID)
	defer done()
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	for !now.final {
		select {
		case <-ctx.Done():
			return
		case <-a.closing:
			return
		case <-heartbeat.C:
			if s.write([]byte(": still here\n\n")) != nil {
				return
			}
		case next, ok := <-changes:
			if !ok {
				a.log.WarnContext(ctx, "event stream ended: the job cannot be read", "job", rec.ID)
				return
			}
			if now = next; s.job(now) != nil {
				return
			}
		}
	}
}

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    []byte
}

// job sends the job unless it is as it was sent last.
func (s *stream) job(now snapshot) error {
	if bytes.Equal(now.data, s.last) {
		return nil
	}
	s.last = now.data
	return s.write(fmt.Appendf(nil, "event: job\ndata: %s\n\n", now.data))
}

func (s *stream) write(event []byte) error {
	// Writers without deadlines (in tests) are bounded by their context alone.
	_ = s.control.SetWriteDeadline(time.Now().Add(sendWithin))
	if _, err := s.w.Write(event); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	return nil
}
