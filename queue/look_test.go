package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

func TestLookChangesNothingAndRemoveTakesTheNamed(t *testing.T) {
	db := openFile(t, t.TempDir()+"/state.db")
	q := openQueue(t, db, queue.EmbeddedConfig{Visibility: time.Minute})
	other, err := queue.NewEmbedded(db, "other", queue.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Send(t.Context(), text("elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := q.Send(t.Context(), text("received")); err != nil {
		t.Fatal(err)
	}
	if got, err := q.Receive(t.Context(), 1, 0); err != nil || len(got) != 1 {
		t.Fatalf("received %v, %v", got, err)
	}
	if err := q.Send(t.Context(), text("visible"), job.Outgoing{Body: []byte("delayed"), Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
	look := func(limit int) (bodies, ids []string) {
		t.Helper()
		err := q.Look(t.Context(), func(m job.Message) bool {
			bodies, ids = append(bodies, string(m.Body)), append(ids, m.ID)
			return len(bodies) < limit
		})
		if err != nil {
			t.Fatal(err)
		}
		return bodies, ids
	}
	bodies, ids := look(10)
	if want := []string{"received", "visible", "delayed"}; !slices.Equal(bodies, want) {
		t.Errorf("it shows %q, want %q", bodies, want)
	}
	if bodies, _ := look(2); len(bodies) != 2 {
		t.Errorf("told to stop after two, it shows %q", bodies)
	}
	if depth, err := q.Depth(t.Context()); err != nil || depth != (queue.Depth{Visible: 1, Hidden: 1, Delayed: 1}) {
		t.Errorf("the queue then has %+v, %v", depth, err)
	}
	if n, err := q.Remove(t.Context(), ids[0], ids[2], "nobody", ids[0]); err != nil || n != 2 {
		t.Errorf("removed %d, %v", n, err)
	}
	if bodies, _ := look(10); !slices.Equal(bodies, []string{"visible"}) {
		t.Errorf("it then shows %q", bodies)
	}
	if depth, err := other.Depth(t.Context()); err != nil || depth.Visible != 1 {
		t.Errorf("the other queue has %+v, %v", depth, err)
	}
}
