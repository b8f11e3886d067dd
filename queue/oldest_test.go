package queue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// TestOldestIsTheMessageThatWaitsLongest counts from when a message became
// visible, not from when it was sent.
func TestOldestIsTheMessageThatWaitsLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, q := t.Context(), newQueue(t)
		want := func(when string, want time.Duration) {
			t.Helper()
			if got, err := q.Oldest(ctx); err != nil || got != want {
				t.Errorf("%s: %s, %v, want %s", when, got, err, want)
			}
		}
		want("an empty queue", 0)
		if err := q.Send(ctx, job.Outgoing{Body: []byte("later"), Delay: time.Minute}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		want("a message that is delayed", 0)
		time.Sleep(20 * time.Second)
		want("ten seconds after its delay", 10*time.Second)
		if err := q.Send(ctx, text("new")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		want("with a newer one behind it", 15*time.Second)
		receiveOne(t, q)
		want("when it is received", 5*time.Second)
		receiveOne(t, q)
		want("when all are", 0)
	})
}
