package api_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func TestCancel(t *testing.T) {
	for _, state := range job.States() {
		t.Run(string(state), func(t *testing.T) {
			s := newStage(t)
			rec := record("j1", state)
			rec.Owner, rec.LeaseUntil = "token", created.Add(time.Minute)
			rec.History = []job.Attempt{{Fence: 2, Outcome: "failed"}, {Fence: 3, StartedAt: created}}
			s.ledger.Set(rec)
			a := s.call(t, "POST", "/v1/jobs/j1/cancel", nil)
			got, _ := s.ledger.Get(t.Context(), "j1")
			if state.Final() {
				wantProblem(t, a, 409, "already-final")
				if got.State != state || !strings.Contains(a.raw, string(state)) {
					t.Errorf("state is %s, answer %s", got.State, a.raw)
				}
				return
			}
			wantStatus(t, a, 202)
			if got.State != job.Cancelled || got.Fence != 3 || got.Announced || got.Owner != "" || !got.LeaseUntil.IsZero() || !got.UpdatedAt.After(created) {
				t.Errorf("the record is %+v", got)
			}
			if h := got.History; h[0].Outcome != "failed" || h[1].Outcome != "cancelled" || h[1].EndedAt.IsZero() {
				t.Errorf("the history is %+v", h)
			}
			if a.body["state"] != "cancelled" {
				t.Errorf("answered %s", a.raw)
			}
			if bodies, _ := s.queue.Sent(); len(bodies) != 0 {
				t.Errorf("a cancellation sent %v", bodies)
			}
		})
	}
}

func TestCancelReadsAgainAfterAConflict(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Queued))
	s.ledger.BeforePut(func() { // a worker claims in between
		rec := record("j1", job.Running)
		rec.Fence, rec.Attempt = 4, 3
		rec.History = []job.Attempt{{Fence: 4}}
		s.ledger.Set(rec)
	})
	wantStatus(t, s.call(t, "POST", "/v1/jobs/j1/cancel", nil), 202)
	got, _ := s.ledger.Get(t.Context(), "j1")
	if got.State != job.Cancelled || got.Fence != 4 || got.Attempt != 3 || got.History[0].Outcome != "cancelled" {
		t.Errorf("the claim was lost: %+v", got)
	}
}

func TestCancelOfAJobThatEndsMeanwhile(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	s.ledger.BeforePut(func() { s.ledger.Set(record("j1", job.Succeeded)) })
	wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/cancel", nil), 409, "already-final")
	if got, _ := s.ledger.Get(t.Context(), "j1"); got.State != job.Succeeded {
		t.Errorf("state is %s", got.State)
	}
}

func TestCancelGivesUpAgainstEndlessChange(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	fence := int64(3)
	var change func()
	change = func() {
		rec := record("j1", job.Running)
		fence++
		rec.Fence = fence
		s.ledger.Set(rec)
		s.ledger.BeforePut(change)
	}
	s.ledger.BeforePut(change)
	wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/cancel", nil), 409, "busy")
	if fence > 20 {
		t.Errorf("it was tried %d times", fence-3)
	}
}

func TestRetry(t *testing.T) {
	for _, state := range job.States() {
		t.Run(string(state), func(t *testing.T) {
			s := newStage(t)
			s.ledger.Set(record("j1", state))
			a := s.call(t, "POST", "/v1/jobs/j1/retry", nil, "X-Request-Id", "req-1")
			bodies, _ := s.queue.Sent()
			if state != job.Dead && state != job.Cancelled {
				wantProblem(t, a, 409, "not-revivable")
				if len(bodies) != 0 {
					t.Errorf("sent %v", bodies)
				}
				return
			}
			wantStatus(t, a, 202)
			if want := []string{`{"motionmill":"retry","job":"j1","fence":3,"request":"req-1"}`}; !slices.Equal(bodies, want) {
				t.Errorf("sent %v, want %v", bodies, want)
			}
			if got, _ := s.ledger.Get(t.Context(), "j1"); got.State != state {
				t.Errorf("the API itself wrote %s", got.State)
			}
		})
	}
}

func TestRetryWhenTheQueueIsDown(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Dead))
	s.queue.Fail(errors.New("secret"))
	wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/retry", nil), 503, "storage")
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}), 503, "storage")
}

func TestRedriveAll(t *testing.T) {
	s := newStage(t)
	for i := range 123 {
		s.ledger.Set(record(fmt.Sprintf("d%03d", i), job.Dead))
	}
	s.ledger.Set(record("c", job.Cancelled))
	s.ledger.Set(record("r", job.Running))
	a := s.call(t, "POST", "/v1/redrive", map[string]any{"all": true})
	wantStatus(t, a, 202)
	bodies, batches := s.queue.Sent()
	slices.Sort(bodies)
	if a.body["count"] != 123.0 || len(slices.Compact(bodies)) != 123 || slices.Max(batches) > 10 {
		t.Errorf("answered %s, sent %d messages in requests of %v", a.raw, len(bodies), batches)
	}
}

func TestRedriveOfSome(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("d", job.Dead))
	s.ledger.Set(record("c", job.Cancelled))
	s.ledger.Set(record("r", job.Running))
	a := s.call(t, "POST", "/v1/redrive", map[string]any{"jobs": []string{"d", "c", "d"}})
	wantStatus(t, a, 202)
	if a.body["count"] != 2.0 {
		t.Errorf("answered %s", a.raw)
	}
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"jobs": []string{"d", "r"}}), 409, "not-revivable")
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"jobs": []string{"d", "x"}}), 404, "not-found")
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{}), 422, "invalid")
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true, "jobs": []string{"d"}}), 422, "invalid")
	if bodies, _ := s.queue.Sent(); len(bodies) != 2 {
		t.Errorf("a refused redrive sent something: %v", bodies)
	}
}

// TestTryingAgainEmptiesTheDeadLetterQueue finds the letters of jobs that were
// put back gone: an alarm on the queue's length stayed on for as long as it keeps
// messages.
func TestTryingAgainEmptiesTheDeadLetterQueue(t *testing.T) {
	for path, body := range map[string]any{"/v1/jobs/d/retry": nil, "/v1/redrive": map[string]any{"jobs": []string{"d"}}} {
		s := newStage(t)
		s.ledger.Set(record("d", job.Dead)) // at fence 3
		s.ledger.Set(record("e", job.Dead))
		s.dead.Put("older", `{"motionmill":"retry","job":"d","fence":1}`)
		s.dead.Put("this", `{"motionmill":"retry","job":"d","fence":3,"reason":"corrupt"}`)
		s.dead.Put("later", `{"motionmill":"retry","job":"d","fence":5}`)
		s.dead.Put("another job", `{"motionmill":"retry","job":"e","fence":3}`)
		s.dead.Put("unreadable", `{"motionmill":"unreadable","job":"d","body":"?"}`)
		wantStatus(t, s.call(t, "POST", path, body), 202)
		var left []string
		_ = s.dead.Look(t.Context(), func(m job.Message) bool { left = append(left, m.ID); return true })
		if want := []string{"later", "another job", "unreadable"}; !slices.Equal(left, want) {
			t.Errorf("%s left %q, want %q", path, left, want)
		}
		s.dead.Fail(errors.New("the queue is away"))
		wantStatus(t, s.call(t, "POST", path, body), 202)
	}
}
