package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func wake(t *testing.T, q Queue) {
	sent, failed := make(chan time.Time, 1), make(chan error, 1)
	timer := time.AfterFunc(time.Second, func() {
		sent <- time.Now()
		failed <- q.Send(t.Context(), text("wake"))
	})
	defer timer.Stop()
	m := one(t, q, 20*time.Second)
	latency := time.Since(<-sent)
	if err := <-failed; err != nil { // Its answer may come after the message.
		t.Errorf("send: %v", err)
	}
	t.Logf("the long poll returned %s after the send began", latency)
	if string(m.Body) != "wake" || latency > slack+time.Second {
		t.Errorf("got %q %s after its send", m.Body, latency)
	}
}

func wakeVisible(t *testing.T, q Queue) {
	send(t, q, job.Outgoing{Body: []byte("due"), Delay: time.Second})
	start := time.Now()
	one(t, q, 20*time.Second)
	took := time.Since(start)
	t.Logf("the long poll returned %s after the message became visible", took-time.Second)
	between(t, "the long poll", start, time.Second, 2*time.Second)
}

func cancelled(t *testing.T, q Queue) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan time.Time, 1)
	timer := time.AfterFunc(time.Second, func() { ended <- time.Now(); cancel() })
	defer timer.Stop()
	messages, err := q.Receive(ctx, 1, 20*time.Second)
	if !errors.Is(err, context.Canceled) || len(messages) > 0 {
		t.Fatalf("got %d messages and error %v, want context.Canceled", len(messages), err)
	}
	between(t, "returning", <-ended, 0, 0)
	if _, err := q.Receive(ctx, 1, 20*time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("a receive under an ended context gave %v, want context.Canceled", err)
	}
}

// cancelLosesNothing cancels receives while messages arrive: each message is
// delivered, to a cancelled receive or to a later one.
func cancelLosesNothing(t *testing.T, q Queue) {
	const n = 20
	seen := map[string]bool{}
	for i := range n {
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			if err := q.Send(t.Context(), text(fmt.Sprint(i))); err != nil {
				t.Errorf("send: %v", err)
			}
			cancel()
		})
		messages, err := q.Receive(ctx, 10, 20*time.Second)
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("receive: %v", err)
		}
		wait.Wait()
		cancel()
		deleteAll(t, q, messages, seen)
	}
	for len(seen) < n {
		// A server may have hidden messages whose answer nobody read; they come
		// back after their visibility timeout.
		messages := receive(t, q, 10, Visibility+short)
		if len(messages) == 0 {
			t.Fatalf("%d of %d messages arrived", len(seen), n)
		}
		deleteAll(t, q, messages, seen)
	}
}

func deleteAll(t *testing.T, q Queue, messages []job.Message, seen map[string]bool) {
	t.Helper()
	for _, m := range messages {
		seen[string(m.Body)] = true
		if err := q.Delete(t.Context(), m.Receipt); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
}

// exclusive lets several receivers compete. What one of them received and
// never gave back may come again, but not within its visibility timeout.
func exclusive(t *testing.T, q Queue) {
	const n, receivers = 60, 4
	for i := range n {
		send(t, q, text(fmt.Sprint(i)))
	}
	var (
		mu   sync.Mutex
		last = map[string]time.Time{}
		wait sync.WaitGroup
	)
	deadline := time.Now().Add(short)
	for range receivers {
		wait.Go(func() {
			for time.Now().Before(deadline) {
				began := time.Now()
				messages, err := q.Receive(t.Context(), 3, time.Second)
				if err != nil {
					t.Errorf("receive: %v", err)
					return
				}
				mu.Lock()
				for _, m := range messages {
					if before, ok := last[m.ID]; ok && time.Since(before) < Visibility-slack {
						t.Errorf("message %s was delivered twice within %s", m.Body, time.Since(before))
					}
					last[m.ID] = began
				}
				enough := len(last) == n
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wait.Wait()
	if len(last) != n {
		t.Errorf("%d of %d messages arrived", len(last), n)
	}
}
