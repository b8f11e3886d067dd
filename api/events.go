package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/motionmill/motionmill/job"
)

const (
	// watchEvery is how often the ledger is read while a client listens.
	watchEvery = 500 * time.Millisecond
	// heartbeatEvery keeps proxies from closing a quiet stream.
	heartbeatEvery = 15 * time.Second
	// sendWithin is how long one event may take to be written to a client.
	sendWithin = 10 * time.Second
	// watchFailures is how many reads in a row may fail before the stream ends.
	watchFailures = 10
)

func (a *API) registerEvents() {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Job](), true, "Job")
	huma.Register(a.huma, huma.Operation{
		OperationID: "job-events", Method: http.MethodGet, Path: "/v1/jobs/{id}/events", Tags: []string{"jobs"},
		Summary: "State and progress as they change, as server-sent events",
		Description: "Each event is named `job` and its data is the whole job as JSON, without outputs; the first comes at once. " +
			"The stream ends after a final state. A client that was cut off begins anew: no event builds on an earlier one.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The stream of events.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: schema}},
		}},
	}, a.jobEvents)
}

func (a *API) jobEvents(ctx context.Context, in *JobPath) (*huma.StreamResponse, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no")
		w.WriteHeader(http.StatusOK)
		s := &stream{w: w, control: http.NewResponseController(w)}
		a.watch(ctx, rec, s)
	}}, nil
}

// watch sends rec and then every change of it until it is final, the client
// has gone, or the API is closed. A client that has gone shows as a cancelled
// context or a write that fails.
func (a *API) watch(ctx context.Context, rec job.Record, s *stream) {
	if s.write([]byte("retry: 2000\n\n")) != nil || s.job(rec) != nil {
		return
	}
	poll := time.NewTicker(watchEvery)
	defer poll.Stop()
	heartbeat := time.NewTicker(heartbeatEvery)
	defer heartbeat.Stop()
	failures := 0
	for !rec.State.Final() {
		select {
		case <-ctx.Done():
			return
		case <-a.closing:
			return
		case <-heartbeat.C:
			if s.write([]byte(": still here\n\n")) != nil {
				return
			}
		case <-poll.C:
			next, err := a.cfg.Ledger.Get(ctx, rec.ID)
			if err != nil || next.State == job.None {
				if failures++; failures == watchFailures {
					if ctx.Err() == nil {
						a.log.WarnContext(ctx, "event stream ended: the job cannot be read", "job", rec.ID, "error", err)
					}
					return
				}
				continue
			}
			failures, rec = 0, next
			if s.job(rec) != nil {
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

// job sends the record unless it is as it was sent last.
func (s *stream) job(rec job.Record) error {
	data, err := json.Marshal(view(rec))
	if err != nil {
		return fmt.Errorf("encode job %s: %w", rec.ID, err)
	}
	if bytes.Equal(data, s.last) {
		return nil
	}
	s.last = data
	return s.write(fmt.Appendf(nil, "event: job\ndata: %s\n\n", data))
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
