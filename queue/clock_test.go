package queue_test

import (
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/queue/queuetest"
)

// TestAClockThatIsSetBackHidesNoMessage sends at nine in the morning and
// receives at midnight, as a machine does whose clock is put right: new
// messages, delayed ones and those that were in flight came nine hours later.
func TestAClockThatIsSetBackHidesNoMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.db")
	synctest.Test(t, func(t *testing.T) {
		ctx, q := t.Context(), openQueue(t, openFile(t, path), queue.EmbeddedConfig{Visibility: queuetest.Visibility})
		time.Sleep(9 * time.Hour)
		if err := q.Send(ctx, text("in flight")); err != nil {
			t.Fatal(err)
		}
		receiveOne(t, q)
		if err := q.Send(ctx, text("new"), job.Outgoing{Body: []byte("delayed"), Delay: time.Minute}); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, q := t.Context(), openQueue(t, openFile(t, path), queue.EmbeddedConfig{Visibility: queuetest.Visibility})
		if err := q.Send(ctx, job.Outgoing{Body: []byte("of now"), Delay: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(got) < 3 {
			messages, err := q.Receive(ctx, 10, time.Second)
			if err != nil || len(messages) == 0 {
				t.Fatalf("got %q, then nothing: %v", got, err)
			}
			for _, m := range messages {
				got = append(got, string(m.Body))
				if err := q.Hide(ctx, m.Receipt, time.Minute); err != nil {
					t.Errorf("hide %s: %v", m.Body, err)
				}
			}
		}
		slices.Sort(got)
		if want := []string{"delayed", "in flight", "new"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if messages, err := q.Receive(ctx, 10, time.Second); err != nil || len(messages) > 0 {
			t.Errorf("got %v besides, %v", messages, err)
		}
	})
}
