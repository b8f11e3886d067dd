package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds what leases and delays are measured by, and their limits.

// The ledger's clock is far from the machine's: it alone counts.
func TestLeasesAreOfTheLedgersClock(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.ledger.skew = skew
				s.runner.do = lasting(5 * time.Minute)
				send(t, s.work, event("a"))
				lost := record(job.Running, 2, func(r *job.Record) {
					r.ID, r.Source, r.LeaseUntil = idOf("lost"), source("lost"), time.Now().Add(skew+30*time.Second)
				})
				put(s, lost)
				w := s.worker(func(c *Config) { c.Capacity = 4 })
				send(t, s.inProgress, job.Outgoing{Body: w.timer(lost, 2).Body})
				stop := s.start(w)
				after(20 * time.Second)
				rec := wantState(t, s, "a", job.Running, 1, 1)
				if left := rec.LeaseUntil.Sub(rec.ReadAt); left < 30*time.Second || left > w.Lease+time.Second {
					t.Errorf("by the ledger's clock the lease is good for %v", left)
				}
				wantState(t, s, "lost", job.Running, 2, 1) // Its lease is live.
				after(30*time.Second + w.Margin)
				wantState(t, s, "lost", job.Running, 3, 2)
				after(10 * time.Minute)
				stop()
				wantState(t, s, "a", job.Succeeded, 1, 1)
			})
		})
	}
}

// After a long outage the claim is written with a lease that has just begun.
func TestAClaimThatIsTriedAgainHasAWholeLease(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = held
		began, left := time.Now(), time.Duration(0)
		s.ledger.before = func(next job.Record) error {
			if time.Since(began) < 10*time.Minute {
				return errors.New("throttled")
			}
			if left == 0 {
				left = time.Until(next.LeaseUntil)
			}
			return nil
		}
		send(t, s.work, event("a"))
		w := s.worker(func(c *Config) { c.Grace = 0 })
		stop := s.start(w)
		after(11 * time.Minute)
		stop()
		if left < w.Lease-time.Second {
			t.Errorf("the lease had %v left when it was written", left)
		}
	})
}

// lateLedger delays the replies of writes, and refuses all writes when down.
type lateLedger struct {
	*fakeLedger
	slow func(next job.Record) time.Duration
	cut  func(next job.Record) bool
	last time.Time // When the last write of a lease was begun.
}

func (l *lateLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	if l.cut(next) {
		return errThrottled
	}
	if next.State == job.Running {
		l.last = time.Now()
	}
	err := l.fakeLedger.Put(ctx, next, when)
	_ = job.Pause(ctx, l.slow(next))
	return err
}

// The sweeper counts a lease from its write. Its holder must not count it from
// a reply that came much later.
func TestTheWorkEndsALeaseAfterItsLastWriteBegan(t *testing.T) {
	const lag = 19 * time.Second
	for name, writes := range map[string]int{"the claim": 1, "a renewal": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				var ended time.Time
				s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
					<-ctx.Done()
					ended = time.Now()
					return "", ctx.Err()
				}
				made := 0
				l := &lateLedger{fakeLedger: s.ledger, cut: func(job.Record) bool { return made >= writes }}
				l.slow = func(job.Record) time.Duration { made++; return lag }
				send(t, s.work, event("a"))
				w := s.worker(func(c *Config) { c.Ledger, c.Capacity = l, 1 })
				stop := s.start(w)
				after(3 * time.Minute)
				stop()
				if took := ended.Sub(l.last); ended.IsZero() || took > w.Lease+w.Margin {
					t.Errorf("the work ended %v after the write began; the lease is %v", took, w.Lease)
				}
			})
		})
	}
}

// An attempt that does not even notice that it was stopped is no holder: its
// own worker's sweeper gives the job to the next attempt.
func TestAnAttemptThatHangsLosesItsJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		woken := make(chan struct{})
		s.runner.do = func(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if rec.Fence == 1 {
				<-woken
			}
			return fmt.Sprint("m", rec.Fence), nil
		}
		s.ledger.before = func(next job.Record) error {
			if next.Fence == 1 && next.State == job.Running && len(next.History) > 0 && time.Since(next.History[0].StartedAt) > 5*time.Second {
				return errThrottled
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(5 * time.Minute)
		wantState(t, s, "a", job.Succeeded, 2, 2)
		close(woken)
		after(time.Minute)
		stop()
		if rec := wantState(t, s, "a", job.Succeeded, 2, 2); rec.Manifest != "m2" {
			t.Errorf("the manifest is %q", rec.Manifest)
		}
	})
}

// Reads fail while a job runs; its renewals, which are writes, do not.
func TestAnOutageOfReadsEndsNoRun(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(6 * time.Minute)
		l := &slowLedger{fakeLedger: s.ledger}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Ledger = deafLedger{l}; c.Capacity = 1 }))
		after(8 * time.Second)
		l.hang.Store(true)
		for range 60 {
			after(5 * time.Second)
			if left := time.Until(s.ledger.get(idOf("a")).LeaseUntil); left < 35*time.Second {
				t.Errorf("the lease has %v left: its renewal waits for the reads", left)
			}
		}
		l.hang.Store(false)
		after(5 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

// Whenever it comes between two renewals, a cancellation is learnt of by the
// next look at the record.
func TestACancelIsLearntOfWheneverItComes(t *testing.T) {
	for _, phase := range []time.Duration{1, 5, 9, 13, 17, 19} {
		t.Run(fmt.Sprint(phase*time.Second), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				var ended time.Time
				s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
					<-ctx.Done()
					ended = time.Now()
					return "", ctx.Err()
				}
				send(t, s.work, event("a"))
				w := s.worker(nil)
				stop := s.start(w)
				defer stop()
				after(65*time.Second + phase*time.Second)
				began := time.Now()
				rec := ended0(s.ledger.get(idOf("a")))
				s.ledger.mu.Lock()
				put(s, rec)
				s.ledger.mu.Unlock()
				after(10 * time.Second)
				if took := ended.Sub(began); took < 0 || took > w.Look {
					t.Errorf("the work ended %v after the cancellation", took)
				}
			})
		})
	}
}

// deafLedger fails reads at once where a slowLedger hangs.
type deafLedger struct{ *slowLedger }

func (l deafLedger) Get(ctx context.Context, id string) (job.Record, error) {
	if l.hang.Load() {
		return job.Record{}, errThrottled
	}
	return l.slowLedger.Get(ctx, id)
}

// The queues of SQS delay by 15 minutes and hide for 12 hours at most, and so
// do the fakes; longer leases and delays are split.
func TestLongLeasesAndDelaysAreWithinTheQueuesLimits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		tries := 0
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			if tries++; tries == 1 {
				return "", job.Fail(job.Storage, "fetch", "a", "the store is down", "", nil)
			}
			return "m", job.Pause(ctx, 3*time.Hour)
		}
		put(s, record(job.Failed, 2, func(r *job.Record) {
			r.ID, r.Source, r.DueAt = idOf("late"), source("late"), time.Now().Add(30*time.Hour)
		}))
		send(t, s.work, event("a"))
		w := s.worker(func(c *Config) { c.Lease, c.BackoffBase, c.BackoffLimit = time.Hour, time.Minute, time.Minute })
		send(t, s.inProgress, job.Outgoing{Body: w.timer(s.ledger.get(idOf("late")), 2).Body})
		stop := s.start(w)
		after(11 * time.Hour)
		wantState(t, s, "a", job.Succeeded, 2, 2)
		wantState(t, s, "late", job.Failed, 2, 1)
		s.inProgress.mu.Lock()
		for _, m := range s.inProgress.messages {
			if hidden := time.Until(m.visible); hidden < 10*time.Minute {
				t.Errorf("the timer of a job that is due in 19 hours is hidden for another %v", hidden)
			}
		}
		s.inProgress.mu.Unlock()
		after(30 * time.Hour)
		stop()
		wantState(t, s, "late", job.Succeeded, 3, 2)
	})
}

func TestTheDelayOfAReleaseGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for _, c := range []struct {
			outcomes                []string
			ago, lease, least, most time.Duration
		}{
			{[]string{outcomeReleased}, 0, time.Minute, time.Second, 2 * time.Second},
			{[]string{outcomeReleased, outcomeReleased, outcomeReleased}, 10 * time.Second, time.Minute, 4 * time.Second, 8 * time.Second},
			{[]string{outcomeReleased, outcomeLost, outcomeReleased}, 10 * time.Second, time.Minute, time.Second, 2 * time.Second},
			{[]string{outcomeReleased, outcomeReleased, outcomeReleased}, 5 * time.Minute, time.Minute, time.Second, 2 * time.Second},
			{slices.Repeat([]string{outcomeReleased}, 40), 10 * time.Second, time.Minute, 30 * time.Second, time.Minute},
			{slices.Repeat([]string{outcomeReleased}, 40), 10 * time.Second, 24 * time.Hour, maxDelay / 2, maxDelay},
		} {
			w := s.worker(func(cfg *Config) { cfg.Lease = c.lease })
			var rec job.Record
			for _, outcome := range c.outcomes {
				rec.History = append(rec.History, job.Attempt{Outcome: outcome, StartedAt: time.Now().Add(-c.ago)})
			}
			seen := map[time.Duration]bool{}
			for range 100 {
				d := w.releaseDelay(rec)
				seen[d] = true
				if d < c.least || d > c.most {
					t.Fatalf("%d outcomes, %v ago, lease %v: the delay is %v, not within %v and %v", len(c.outcomes), c.ago, c.lease, d, c.least, c.most)
				}
			}
			if len(seen) < 2 {
				t.Errorf("a hundred delays are all %v: workers that stop together come back together", seen)
			}
		}
	})
}

func TestFullJitter(t *testing.T) {
	const base, limit = time.Second, time.Minute
	for attempt, ceiling := range map[int]time.Duration{1: base, 2: 2 * base, 4: 8 * base, 7: limit, 40: limit, 1000: limit} {
		var least, most time.Duration = limit, 0
		for range 1000 {
			d := fullJitter(base, limit, attempt)
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most > ceiling || least > ceiling/4 || most < ceiling/4*3 {
			t.Errorf("attempt %d: delays from %v to %v, from 0 to %v are meant", attempt, least, most, ceiling)
		}
	}
}

// What is kept of a failure: when it is tried again, and why it failed.
func TestAFailureIsRecordedWithItsReasonsAndWhenItIsDue(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
			err := job.Fail(job.Crashed, "decode", "a", "ffmpeg was killed", "", nil)
			err.Stderr = []string{"moov atom not found"}
			return "", err
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.BackoffBase, c.BackoffLimit = 1000*time.Hour, 1000*time.Hour }))
		after(8 * time.Second)
		stop()
		rec := wantState(t, s, "a", job.Failed, 1, 1)
		if rec.Error == nil || rec.Error.Kind != job.Crashed || len(rec.Error.Stderr) != 1 || rec.History[0].Error == nil {
			t.Errorf("the record keeps %+v", rec.Error)
		}
		if wait := time.Until(rec.DueAt); wait < time.Minute {
			t.Errorf("it is due in %v, of 1000 hours at most", wait)
		}
	})
}

// Whenever a message comes, an idle worker takes it up at once: it is always
// inside a poll. One with little room receives no more than it has room for.
func TestAnIdleWorkerIsAlwaysInsideAPoll(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		stop := s.start(s.worker(nil))
		after(10 * time.Second)
		for i := range 40 {
			after(7 * time.Second)
			send(t, s.work, event(fmt.Sprint(i)))
			after(50 * time.Millisecond)
			wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
		}
		stop()
	})
}

func TestNoMoreIsReceivedThanThereIsRoomFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(2 * time.Minute)
		for i := range 9 {
			send(t, s.work, event(fmt.Sprint(i)))
		}
		m := newMeter(s, 3)
		stop := s.start(m.Worker)
		after(time.Minute)
		if got := m.work.sofar(); len(got.receives) != 1 || got.receives[0] != 3 || len(got.hides) != 0 {
			t.Errorf("received %v, gave %d back", got.receives, len(got.hides))
		}
		after(10 * time.Minute)
		stop()
	})
}
