package notice

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// killedStory is what an endpoint does in a run of the matrix.
type killedStory struct {
	name   string
	answer func() func(*http.Request) (int, error)
	// dead tells that the delivery is to end among the dead, else delivered.
	dead bool
	// again has it redelivered once it is dead.
	again bool
}

func killedStories() []killedStory {
	fails := func(n int64) func() func(*http.Request) (int, error) {
		return func() func(*http.Request) (int, error) {
			var count atomic.Int64
			return func(*http.Request) (int, error) {
				if count.Add(1) <= n {
					return 500, nil
				}
				return 200, nil
			}
		}
	}
	gone := func() func(*http.Request) (int, error) { return always(410) }
	goneOnce := func() func(*http.Request) (int, error) {
		var count atomic.Int64
		return func(*http.Request) (int, error) {
			if count.Add(1) == 1 {
				return 410, nil
			}
			return 200, nil
		}
	}
	return []killedStory{
		{name: "taken", answer: fails(0)},
		{name: "failed, then taken", answer: fails(2)},
		{name: "gone", answer: gone, dead: true},
		{name: "gone, redelivered", answer: goneOnce, again: true},
	}
}

// The process that announces and the one that delivers are killed before and
// after each of their steps; whoever comes after them finishes what they began.
func TestKilledAtEveryStep(t *testing.T) {
	for _, story := range killedStories() {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/after=%v", story.name, after), func(t *testing.T) {
				steps := 0
				for survived := false; !survived; {
					steps++
					if steps > 40 {
						t.Fatal("it never ends by itself")
					}
					synctest.Test(t, func(t *testing.T) { survived = killAt(t, story, steps, after) })
				}
				if steps < 6 {
					t.Errorf("only %d steps were tried", steps)
				}
			})
		}
	}
}

// killAt tells a story with a process that is killed at a step, and then with
// one that lives. It reports whether the first one came to its end alive.
func killAt(t *testing.T, story killedStory, at int, after bool) (survived bool) {
	box, e := newMemory(), &endpoint{answer: story.answer()}
	first := &mortal{Box: box, RoundTripper: e, left: at, after: after}
	rec := finished("one", job.Dead)
	if Post(t.Context(), first, rec) != nil {
		post(t, box, rec) // It was not marked announced, so it is announced again.
	}
	// It works as long as it lives; then nobody works, until another process comes.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	d := deliverer(t, first, first, hook)
	d.Run(ctx)
	cancel()
	redeliver(t, story, box, first)
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Minute)
	d.Run(ctx)
	cancel()
	for range 2 { // Somebody asks for it once more, where they see that it is dead.
		during(t, deliverer(t, box, e, hook), 10*time.Minute)
		redeliver(t, story, box, box)
	}
	during(t, deliverer(t, box, e, hook), 10*time.Minute)

	got, taken := e.requests(), 0
	for _, r := range got {
		if r.delivery != got[0].delivery {
			t.Errorf("killed at %d: the ids are %s and %s", at, got[0].delivery, r.delivery)
		}
		taken++
	}
	left := listed(t, box, "")
	switch {
	case taken == 0:
		t.Errorf("killed at %d: it was lost; left is %q", at, box.names())
	case story.dead && (len(left) != 1 || !left[0].Dead):
		t.Errorf("killed at %d: it is not among the dead: %+v", at, left)
	case !story.dead && len(box.names()) != 0:
		t.Errorf("killed at %d: the box still holds %q", at, box.names())
	case taken > 6:
		t.Errorf("killed at %d: it was sent %d times", at, taken)
	}
	return !first.dead
}

// redeliver asks by way of a process that may be killed in it.
func redeliver(t *testing.T, story killedStory, box Box, by Box) {
	t.Helper()
	if !story.again {
		return
	}
	for _, d := range listed(t, box, "") {
		if d.Dead {
			_, _ = Undelivered{by}.Redeliver(t.Context(), d.ID) // Whoever asked sees that it failed.
		}
	}
}
