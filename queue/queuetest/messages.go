package queuetest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func deliver(t *testing.T, q Queue) {
	send(t, q, text("hello"))
	m := one(t, q, short)
	if string(m.Body) != "hello" || m.Received != 1 {
		t.Errorf("got %q, received %d times; want hello, once", m.Body, m.Received)
	}
	if err := q.Delete(t.Context(), m.Receipt); err != nil {
		t.Fatalf("delete: %v", err)
	}
	none(t, q, Visibility+time.Second)
	if err := q.Delete(t.Context(), m.Receipt); err != nil {
		t.Errorf("a second delete failed: %v", err)
	}
}

func batch(t *testing.T, q Queue) {
	const n = 25
	messages := make([]job.Outgoing, n)
	for i := range messages {
		messages[i] = text(fmt.Sprintf("message %d", i))
	}
	send(t, q, messages...)
	seen := drain(t, q, n)
	for i := range n {
		if seen[fmt.Sprintf("message %d", i)] == 0 {
			t.Errorf("message %d did not arrive", i)
		}
	}
	send(t, q) // Sending nothing is allowed.
	if err := q.Delete(t.Context()); err != nil {
		t.Errorf("deleting nothing failed: %v", err)
	}
}

func tenAtMost(t *testing.T, q Queue) {
	messages := make([]job.Outgoing, 14)
	for i := range messages {
		messages[i] = text(fmt.Sprint(i))
	}
	send(t, q, messages...)
	if got := receive(t, q, 3, short); len(got) < 1 || len(got) > 3 {
		t.Errorf("a receive of up to 3 gave %d", len(got))
	}
	if got := receive(t, q, 10, short); len(got) < 1 || len(got) > 10 {
		t.Errorf("a receive of up to 10 gave %d", len(got))
	}
}

func bodies(t *testing.T, q Queue) {
	for name, body := range map[string]string{
		"UTF-8":     "schöne Grüße, 人が踊る, 🕺🏽 e\u0301\ttab\nline",
		"JSON":      `{"key":"a+b%20c \"quoted\" \\ <&>\u0000"}`,
		"100 KB":    strings.Repeat("0123456789", 10_240),
		"one space": " ",
	} {
		send(t, q, text(body))
		m := one(t, q, short)
		if !bytes.Equal(m.Body, []byte(body)) {
			t.Errorf("%s: %d bytes came back as %d: %q", name, len(body), len(m.Body), clip(m.Body))
		}
		if err := q.Delete(t.Context(), m.Receipt); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
}

func emptyPoll(t *testing.T, q Queue) {
	start := time.Now()
	none(t, q, 0)
	between(t, "a poll without a wait", start, 0, 0)
	start = time.Now()
	none(t, q, time.Second)
	between(t, "a poll with a wait of 1 s", start, time.Second, time.Second)
}

func redeliver(t *testing.T, q Queue) {
	send(t, q, text("again"))
	first := one(t, q, short)
	start := time.Now()
	second := one(t, q, Visibility+short)
	between(t, "redelivery", start, Visibility, Visibility+time.Second)
	if second.Received != 2 || second.ID != first.ID || second.Receipt == first.Receipt {
		t.Errorf("redelivered as %+v after %+v: want the same id, another receipt and count 2", second, first)
	}
}

func hideLonger(t *testing.T, q Queue) {
	send(t, q, text("later"))
	m := one(t, q, short)
	start := time.Now()
	if err := q.Hide(t.Context(), m.Receipt, Visibility+2*time.Second); err != nil {
		t.Fatalf("hide: %v", err)
	}
	none(t, q, Visibility+time.Second)
	again := one(t, q, short)
	between(t, "redelivery", start, Visibility+2*time.Second, Visibility+3*time.Second)
	if again.Received != 2 {
		t.Errorf("received %d times, want 2", again.Received)
	}
	// The first receipt was that of another delivery; this one still counts.
	if err := q.Delete(t.Context(), again.Receipt); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func hideZero(t *testing.T, q Queue) {
	send(t, q, text("back"))
	m := one(t, q, short)
	start := time.Now()
	if err := q.Hide(t.Context(), m.Receipt, 0); err != nil {
		t.Fatalf("hide: %v", err)
	}
	again := one(t, q, short)
	between(t, "giving back", start, 0, 0)
	if again.Received != 2 {
		t.Errorf("received %d times, want 2", again.Received)
	}
}

func delay(t *testing.T, q Queue) {
	start := time.Now()
	send(t, q, job.Outgoing{Body: []byte("slow"), Delay: 2 * time.Second}, text("quick"))
	if m := one(t, q, short); string(m.Body) != "quick" {
		t.Fatalf("the first message is %q, want the one without a delay", m.Body)
	} else if err := q.Delete(t.Context(), m.Receipt); err != nil {
		t.Fatalf("delete: %v", err)
	}
	m := one(t, q, short)
	between(t, "the delay", start, 2*time.Second, 3*time.Second)
	if string(m.Body) != "slow" || m.Received != 1 {
		t.Errorf("got %q, received %d times; want slow, once", m.Body, m.Received)
	}
}

func staleDelete(t *testing.T, q Queue) {
	send(t, q, text("kept"))
	first := one(t, q, short)
	if err := q.Hide(t.Context(), first.Receipt, 0); err != nil {
		t.Fatalf("hide: %v", err)
	}
	second := one(t, q, short)
	if err := q.Delete(t.Context(), first.Receipt); err != nil {
		t.Logf("deleting with a stale receipt is an error here: %v", err)
	}
	// SQS may delete all the same ("succeeds and may do nothing"), which the
	// protocol bears: a timer exists. What it must not do is to fail the
	// holder of the newer receipt.
	if err := q.Delete(t.Context(), second.Receipt); err != nil {
		t.Errorf("deleting with the receipt of the last receive failed: %v", err)
	}
	none(t, q, Visibility+time.Second)
}

func staleHide(t *testing.T, q Queue) {
	send(t, q, text("held"))
	first := one(t, q, short)
	if err := q.Hide(t.Context(), first.Receipt, 0); err != nil {
		t.Fatalf("hide: %v", err)
	}
	second := one(t, q, short)
	if err := q.Delete(t.Context(), second.Receipt); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if err := q.Hide(t.Context(), first.Receipt, 0); err != nil {
		t.Logf("hiding with a stale receipt is an error here: %v", err)
	}
	none(t, q, Visibility+time.Second) // Nothing brings a deleted message back.
}

func limits(t *testing.T, q Queue) {
	ctx := t.Context()
	send(t, q, text("one"))
	m := one(t, q, short)
	for what, err := range map[string]error{
		"a delay over 15 minutes": q.Send(ctx, job.Outgoing{Body: []byte("x"), Delay: 15*time.Minute + time.Second}),
		"an empty body":           q.Send(ctx, text("")),
		"hiding over 12 hours":    q.Hide(ctx, m.Receipt, 12*time.Hour+time.Minute),
		"a receipt of nothing":    q.Hide(ctx, "nonsense", time.Second),
	} {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	for what, ask := range map[string]struct {
		limit int
		wait  time.Duration
	}{"no message": {0, 0}, "eleven messages": {11, 0}, "a wait over 20 s": {1, 21 * time.Second}} {
		if _, err := q.Receive(ctx, ask.limit, ask.wait); err == nil {
			t.Errorf("a receive of %s was accepted", what)
		}
	}
}
