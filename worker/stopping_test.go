package worker

import (
	"context"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// besides starts a worker of two units with a job that holds one of them for
// ever and another that waits for both, and returns the worker's end.
func besides(t *testing.T, s *stage, change func(*Config)) (stop func()) {
	t.Helper()
	s.runner.do = func(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
		if rec.Source.Key == "heavy" {
			if err := hooks.Weigh(2); err != nil {
				return "", err
			}
			t.Error("the heavy job got its weight")
		}
		<-ctx.Done()
		return "", ctx.Err()
	}
	send(t, s.work, event("light"))
	stop = s.start(s.worker(change))
	after(10 * time.Second)
	send(t, s.work, event("heavy"))
	after(10 * time.Second)
	wantState(t, s, "heavy", job.Running, 1, 1)
	return stop
}

func TestStoppingReleasesAJobThatWaitsForItsWeight(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		stop := besides(t, s, nil)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("stopping took %v; the grace is 10 s", took)
		}
		for _, key := range []string{"light", "heavy"} {
			if rec := wantState(t, s, key, job.Queued, 1, 0); rec.History[0].Outcome != outcomeReleased {
				t.Errorf("the history of %s is %+v", key, rec.History)
			}
		}
	})
}

func TestCancelOfAJobThatWaitsForItsWeight(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		stop := besides(t, s, func(c *Config) { c.Beat = 2 * time.Second })
		defer stop()
		rec := s.ledger.get(idOf("heavy"))
		if err := s.ledger.Put(t.Context(), ended0(rec), job.Condition{Fence: 1, States: []job.State{job.Running}}); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		if rec := wantState(t, s, "heavy", job.Cancelled, 1, 1); !rec.Announced {
			t.Error("the cancellation is not announced")
		}
		wantState(t, s, "light", job.Running, 1, 1)
		send(t, s.work, event("next")) // The unit that it held while it waited is free again.
		after(5 * time.Second)
		wantState(t, s, "next", job.Running, 1, 1)
	})
}

// TestACancelIsLearntOfSoonWithoutWrites has a job of default settings, whose
// lease is renewed every 8 s, cancelled in the middle of a beat.
func TestACancelIsLearntOfSoonWithoutWrites(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var began, ended time.Time
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			<-ctx.Done()
			ended = time.Now()
			return "", ctx.Err()
		}
		send(t, s.work, event("a"))
		m := newMeter(s, 1)
		stop := s.start(m.Worker)
		defer stop()
		after(10*time.Minute + 3*time.Second)
		if most := 5 + 10*60/8; m.writes() > most {
			t.Errorf("in ten minutes there were %d ledger writes, at most %d are allowed", m.writes(), most)
		}
		rec := s.ledger.get(idOf("a"))
		began = time.Now()
		if err := s.ledger.Put(t.Context(), ended0(rec), job.Condition{Fence: 1, States: []job.State{job.Running}}); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Second)
		if took := ended.Sub(began); took <= 0 || took > 4*time.Second {
			t.Errorf("the work ended %v after the cancellation", took)
		}
		if rec := wantState(t, s, "a", job.Cancelled, 1, 1); !rec.Announced {
			t.Error("the cancellation is not announced")
		}
	})
}

// TestALostFenceIsLearntOfSoon has another worker take the job over in the
// middle of a beat.
func TestALostFenceIsLearntOfSoon(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		ended := make(chan time.Time, 1)
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			<-ctx.Done()
			ended <- time.Now()
			return "", ctx.Err()
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		defer stop()
		after(22 * time.Second)
		rec := s.ledger.get(idOf("a"))
		rec.Fence++
		s.ledger.mu.Lock()
		s.ledger.records[rec.ID] = rec
		s.ledger.mu.Unlock()
		send(t, s.inProgress, job.Outgoing{Body: job.Letter{Type: job.TimerLetter, Job: rec.ID, Source: &rec.Source, Fence: rec.Fence}.Encode(), Delay: 10 * time.Minute})
		began := time.Now()
		if took := (<-ended).Sub(began); took > 4*time.Second {
			t.Errorf("the work ended %v after the job was lost", took)
		}
	})
}

// TestHurryEndsTheGrace ends a grace of an hour.
func TestHurryEndsTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, 24*time.Hour)
		}
		send(t, s.work, event("a"))
		w := s.worker(func(c *Config) { c.Grace = time.Hour })
		stop := s.start(w)
		after(30 * time.Second)
		began := time.Now()
		time.AfterFunc(time.Minute, w.Hurry)
		stop()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("stopping took %v; it was hurried after a minute", took)
		}
		if rec := wantState(t, s, "a", job.Queued, 1, 0); rec.History[0].Outcome != outcomeReleased {
			t.Errorf("history is %+v", rec.History)
		}
	})
}
