package api_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// unreadable is what a worker makes of a message that it cannot read.
func unreadable(reason, body string) string {
	return string(job.Letter{Type: job.UnreadableLetter, Reason: reason, Body: body}.Encode())
}

// dead is the letter of a dead job.
func dead(id string) string {
	return string(job.Letter{Type: job.RetryLetter, Job: id, Fence: 3, Reason: "corrupt: x"}.Encode())
}

func TestUnreadableMessagesAreCountedWithTheirReasons(t *testing.T) {
	s := newStage(t)
	a := s.call(t, "GET", "/v1/unreadable", nil)
	wantStatus(t, a, 200)
	if a.body["count"] != 0.0 || !strings.Contains(a.raw, `"messages":[]`) {
		t.Errorf("with none of them it answers %s", a.raw)
	}
	s.dead.Put("m0", dead("j0"))
	s.dead.Put("m1", unreadable("not JSON", "what is this?"))
	s.dead.Put("m2", "somebody's own message")
	for i := range 150 {
		s.dead.Put(fmt.Sprintf("n%d", i), unreadable("too strange", strings.Repeat("é", 5000)))
	}
	a = s.call(t, "GET", "/v1/unreadable", nil)
	wantStatus(t, a, 200)
	messages := a.body["messages"].([]any)
	if a.body["count"] != 152.0 || len(messages) != 100 || len(a.raw) > 300<<10 {
		t.Fatalf("it counts %v and shows %d in %d bytes", a.body["count"], len(messages), len(a.raw))
	}
	for i, want := range []string{"not JSON what is this?", "it is no dead letter of this service somebody's own message"} {
		m := messages[i].(map[string]any)
		if got := fmt.Sprint(m["reason"], " ", m["body"]); got != want {
			t.Errorf("number %d is %q, want %q", i, got, want)
		}
	}
	s.dead.Fail(errors.New("secret"))
	wantProblem(t, s.call(t, "GET", "/v1/unreadable", nil), 503, "storage")
}

func TestDiscardThrowsNoDeadJobAway(t *testing.T) {
	s := newStage(t)
	s.dead.Put("m0", dead("j0"))
	s.dead.Put("m1", unreadable("not JSON", "1"))
	s.dead.Put("m2", unreadable("not JSON", "2"))
	a := s.call(t, "POST", "/v1/unreadable/discard", map[string]any{"messages": []string{"m0", "m1", "nobody"}})
	wantStatus(t, a, 200)
	if a.body["count"] != 1.0 {
		t.Errorf("it answers %s", a.raw)
	}
	var left []string
	if err := s.dead.Look(t.Context(), func(m job.Message) bool { left = append(left, m.ID); return true }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(left, " "); got != "m0 m2" {
		t.Errorf("%s are left", got)
	}
	wantProblem(t, s.call(t, "POST", "/v1/unreadable/discard", map[string]any{"messages": []string{}}), 422, "invalid")
	s.dead.Fail(errors.New("secret"))
	wantProblem(t, s.call(t, "POST", "/v1/unreadable/discard", map[string]any{"messages": []string{"m2"}}), 503, "storage")
}
