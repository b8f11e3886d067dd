package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// onlooker remembers what a worker told of itself, as a Meter and as a Tracer.
type onlooker struct {
	mu     sync.Mutex
	counts map[string]int
	spans  []string
}

type attemptKey struct{}

func (w *onlooker) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts == nil {
		w.counts = map[string]int{}
	}
	w.counts[what]++
}

func (w *onlooker) span(ctx context.Context, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = append(w.spans, fmt.Sprint(ctx.Value(attemptKey{}))+" "+fmt.Sprintf(format, args...))
}

func (w *onlooker) Claimed()               { w.count("claimed") }
func (w *onlooker) Renewed(outcome string) { w.count("renewed " + outcome) }
func (w *onlooker) Settled(outcome string, k job.Kind) {
	w.count(strings.TrimSpace("settled " + outcome + " " + string(k)))
}
func (w *onlooker) Swept(outcome string) { w.count("swept " + outcome) }

func (w *onlooker) Attempt(ctx context.Context, rec job.Record, worker string, _, received time.Time) context.Context {
	ctx = context.WithValue(ctx, attemptKey{}, fmt.Sprintf("%s/%d", rec.Source.Key, rec.Fence))
	w.span(ctx, "began on %s, received %t", worker, !received.IsZero() && !received.After(time.Now()))
	return ctx
}

func (w *onlooker) From(ctx context.Context, request, parent string) {
	w.span(ctx, "from %s %s", request, parent)
}

func (w *onlooker) Span(ctx context.Context, name string, _ time.Time, err error) {
	w.span(ctx, "%s %v", name, err)
}

func (w *onlooker) End(ctx context.Context, outcome string, failure *job.Failure) {
	w.span(ctx, "ended %s %t", outcome, failure != nil)
}

func (w *onlooker) seen(prefix string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := maps.Clone(w.counts)
	maps.DeleteFunc(found, func(what string, _ int) bool { return !strings.HasPrefix(what, prefix) })
	return found
}

func (w *onlooker) watches(c *Config) { c.Meter, c.Tracer = w, w }

// TestAnAttemptIsToldAsItIsWritten runs one that fails and then succeeds: what
// is counted is what the history says, and the runner has the attempt's context.
func TestAnAttemptIsToldAsItIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var w onlooker
		s.runner.do = func(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
			hooks.Trace("r-1", "00-parent")
			w.span(ctx, "ran")
			if rec.Fence == 1 {
				return "", job.Fail(job.Storage, "store", "video.mp4", "refused", "", nil)
			}
			return "m", nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(w.watches))
		after(5 * time.Minute)
		stop()
		if got, want := w.seen("settled"), map[string]int{"settled failed storage": 1, "settled succeeded": 1}; !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
		if n := w.seen("claimed")["claimed"]; n != 2 {
			t.Errorf("counted %d claims, want 2", n)
		}
		want := []string{
			"a/1 began on w1, received true", "a/1 from r-1 00-parent", "a/1 ran", "a/1 commit <nil>", "a/1 ended failed true",
			"a/2 began on w1, received true", "a/2 from r-1 00-parent", "a/2 ran", "a/2 commit <nil>", "a/2 publish <nil>", "a/2 ended succeeded false",
		}
		if !slices.Equal(w.spans, want) {
			t.Errorf("told of\n%s\nwant\n%s", strings.Join(w.spans, "\n"), strings.Join(want, "\n"))
		}
		if swept := w.seen("swept"); swept["swept done"] == 0 || swept["swept failed"] != 0 {
			t.Errorf("counted %v, want timers that are done", swept)
		}
	})
}

// TestEndsAreCountedOnce has an attempt end in each other way.
func TestEndsAreCountedOnce(t *testing.T) {
	until := func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	for want, story := range map[string]func(*stage){
		"settled dead corrupt": func(s *stage) {
			s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
				return "", job.Fail(job.Corrupt, "decode", "a", "no frames", "", nil)
			}
		},
		"settled failed internal": func(s *stage) {
			s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) { panic("planted") }
		},
		"settled cancelled": func(s *stage) {
			s.runner.do = until
			time.AfterFunc(10*time.Second, func() {
				rec := s.ledger.get(idOf("a"))
				when := job.Condition{Fence: rec.Fence, States: []job.State{rec.State}}
				rec.State = job.Cancelled
				_ = s.ledger.Put(context.Background(), rec, when) // Its absence fails the test.
			})
		},
		"settled released": func(s *stage) { s.runner.do = until },
		"settled lost": func(s *stage) {
			s.runner.do = until
			time.AfterFunc(10*time.Second, func() {
				s.ledger.mu.Lock()
				defer s.ledger.mu.Unlock()
				rec := s.ledger.records[idOf("a")]
				rec.Fence++
				s.ledger.records[rec.ID] = rec
			})
		},
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				var w onlooker
				story(s)
				send(t, s.work, event("a"))
				stop := s.start(s.worker(func(c *Config) { w.watches(c); c.Grace, c.BackoffBase, c.BackoffLimit = 0, time.Hour, time.Hour }))
				after(20 * time.Second)
				stop()
				if got := w.seen("settled"); got[want] != 1 || len(got) != 1 {
					t.Errorf("counted %v, want %s once", got, want)
				}
				if want == "settled lost" { // The bubble asks for what the thief would have sent.
					send(t, s.work, event("a"))
				}
			})
		})
	}
}

// TestRenewalsThatAreLateAreCounted has the ledger refuse writes for most of a lease.
func TestRenewalsThatAreLateAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var w onlooker
		s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
			<-time.After(2 * time.Minute)
			return "m", nil
		}
		began := time.Now()
		s.ledger.before = func(next job.Record) error {
			if since := time.Since(began); next.State == job.Running && 15*time.Second < since && since < 45*time.Second {
				return errors.New("throttled")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(w.watches))
		after(3 * time.Minute)
		stop()
		got := w.seen("renewed")
		if got["renewed late"] != 1 || got["renewed failed"] == 0 || got["renewed in_time"] == 0 {
			t.Errorf("counted %v, want one that was late after some that failed, and others in time", got)
		}
	})
}
