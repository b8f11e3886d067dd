package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

func TestTheSameKeyDoesItOnce(t *testing.T) {
	s := newStage(t)
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	first := s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k 1")
	wantStatus(t, first, 201)
	again := s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k 1")
	if again.status != 201 || again.raw != first.raw || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Content-Type") != "application/json" {
		t.Errorf("the second time it was answered %d %s %v, not %s", again.status, again.raw, again.header, first.raw)
	}
	if again.header.Get("X-Request-Id") == first.header.Get("X-Request-Id") {
		t.Error("two requests have one id")
	}
	other := s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k 2")
	if other.body["key"] == first.body["key"] {
		t.Error("another key led to the same upload")
	}
	body["bytes"] = 6
	wantProblem(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k 1"), 422, "idempotency-key-reused")

	s.ledger.Set(record("j1", job.Dead))
	for range 3 {
		wantStatus(t, s.call(t, "POST", "/v1/jobs/j1/retry", nil, "Idempotency-Key", "r"), 202)
	}
	if sent, _ := s.queue.Sent(); len(sent) != 1 {
		t.Errorf("%d messages were sent", len(sent))
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	s := newStage(t)
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	for _, key := range []string{"emoji 🏃", "tab\there", strings.Repeat("x", 256), "é"} {
		wantProblem(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", key), 400, "malformed")
	}
	// What looks like a path is a name like any other.
	for _, key := range []string{"../../etc/passwd", "<script>alert(1)</script>", strings.Repeat("x", 255)} {
		wantStatus(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", key), 201)
	}
	for _, name := range must(s.notes.ListNotes(t.Context(), "")) {
		if strings.Trim(strings.TrimPrefix(name, "idempotency/"), "0123456789abcdef") != "" {
			t.Errorf("there is a note %q", name)
		}
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	s := newStage(t)
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	s.store.Fail(errors.New("down"))
	wantProblem(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k"), 503, "storage")
	s.store.Fail(nil)
	wantStatus(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k"), 201)
	s.notes.Fail(errors.New("dial tcp secret.internal: refused"))
	wantProblem(t, s.call(t, "POST", "/v1/uploads", body, "Idempotency-Key", "k"), 503, "storage")
	wantStatus(t, s.call(t, "POST", "/v1/uploads", body), 201)
}

func TestTwinsAreNotDoneTwice(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	inside := make(chan answer, 1)
	s.ledger.BeforePut(func() { // the twin comes while the first is being done
		inside <- s.call(t, "POST", "/v1/jobs/j1/cancel", nil, "Idempotency-Key", "k")
	})
	wantStatus(t, s.call(t, "POST", "/v1/jobs/j1/cancel", nil, "Idempotency-Key", "k"), 202)
	twin := <-inside
	wantProblem(t, twin, 409, "in-progress")
	if twin.header.Get("Retry-After") != "1" {
		t.Errorf("headers are %v", twin.header)
	}
}

func TestAnOwnersKeyIsNotAnothers(t *testing.T) {
	s := newStageInBubble(t)
	first := s.doAs(t, "ada", "POST", "/v1/uploads", `{"name":"a.mp4","bytes":5,"type":"video/mp4"}`, "Idempotency-Key", "k")
	other := s.doAs(t, "bob", "POST", "/v1/uploads", `{"name":"a.mp4","bytes":5,"type":"video/mp4"}`, "Idempotency-Key", "k")
	if first.status != 201 || other.status != 201 || first.body["key"] == other.body["key"] {
		t.Errorf("ada was answered %s, bob %s", first.raw, other.raw)
	}
	id := first.body["id"].(string)
	if a := s.doAs(t, "ada", "GET", "/v1/uploads/"+id, ""); a.status != 200 {
		t.Errorf("ada's upload is answered %d to her", a.status)
	}
	s.store.Put("up", first.body["key"].(string), "", []byte("video"))
	if a := s.doAs(t, "bob", "GET", "/v1/uploads/"+id, ""); a.body["state"] == "received" {
		t.Errorf("bob learns of ada's upload: %s", a.raw)
	}
}

// doAs makes a request as whoever authenticates it would find.
func (s *stage) doAs(t *testing.T, owner, method, path, body string, headers ...string) answer {
	t.Helper()
	ctx := api.WithOwner(t.Context(), owner)
	return s.doIn(ctx, t, method, path, body, headers...)
}

func TestKeptAnswersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan bool)
		go func() {
			s.api.Run(ctx)
			close(ended)
		}()
		upload := func() answer {
			return s.do(t, "POST", "/v1/uploads", `{"name":"a.mp4","bytes":5,"type":"video/mp4"}`, "Idempotency-Key", "k")
		}
		first := upload()
		time.Sleep(13 * time.Minute)
		if again := upload(); again.raw != first.raw {
			t.Error("it was forgotten while its URL was good")
		}
		time.Sleep(2 * time.Minute)
		if again := upload(); again.body["key"] == first.body["key"] {
			t.Error("a URL was given that is good no more")
		}
		s.ledger.Set(record("j1", job.Dead))
		for i := range 5 {
			s.do(t, "POST", "/v1/jobs/j1/retry", "", "Idempotency-Key", fmt.Sprint(i))
		}
		time.Sleep(26 * time.Hour)
		if left := must(s.notes.ListNotes(t.Context(), "")); len(left) != 0 {
			t.Errorf("after a day %d notes are left", len(left))
		}
		stop()
		<-ended
	})
}
