package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds what becomes of jobs when a worker loses its queues or its
// ledger for ten minutes, ten times its lease; bench/outage_test.go has the
// same with the clients of SQS and DynamoDB.

var errAway = errors.New("connection refused")

// awayQueue is a queue that cannot be reached while down.
type awayQueue struct {
	*fakeQueue
	down *atomic.Bool
}

func (q awayQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	if q.down.Load() {
		return errAway
	}
	return q.fakeQueue.Send(ctx, messages...)
}

func (q awayQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	if q.down.Load() {
		return nil, errAway
	}
	return q.fakeQueue.Receive(ctx, limit, wait)
}

func (q awayQueue) Delete(ctx context.Context, receipts ...string) error {
	if q.down.Load() {
		return errAway
	}
	return q.fakeQueue.Delete(ctx, receipts...)
}

func (q awayQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	if q.down.Load() {
		return errAway
	}
	return q.fakeQueue.Hide(ctx, receipt, d)
}

// awayLedger is a ledger that cannot be reached while down. It counts commits.
type awayLedger struct {
	*fakeLedger
	down    *atomic.Bool
	commits *atomic.Int32
}

func (l awayLedger) Get(ctx context.Context, id string) (job.Record, error) {
	if l.down.Load() {
		return job.Record{}, errAway
	}
	return l.fakeLedger.Get(ctx, id)
}

func (l awayLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	if l.down.Load() {
		return errAway
	}
	err := l.fakeLedger.Put(ctx, next, when)
	if err == nil && next.State == job.Succeeded && !next.Announced {
		l.commits.Add(1)
	}
	return err
}

func (l awayLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (job.HighWater, error) {
	if l.down.Load() {
		return job.HighWater{}, errAway
	}
	return l.fakeLedger.RaiseHighWater(ctx, s, id)
}

// cutOff is what one worker may lose of a stage.
type cutOff struct{ queues, ledger atomic.Bool }

// worker makes a worker that sees the stage through what is cut off.
func (c *cutOff) worker(s *stage, name string, commits *atomic.Int32) *Worker {
	return s.worker(func(cfg *Config) {
		cfg.Name = name
		cfg.Work, cfg.InProgress, cfg.DeadLetter = awayQueue{s.work, &c.queues}, awayQueue{s.inProgress, &c.queues}, awayQueue{s.dead, &c.queues}
		cfg.Ledger = awayLedger{s.ledger, &c.ledger, commits}
	})
}

// Another worker still has the ledger: it takes the job when the lease is over,
// and the one that comes back finds that out, whether it was still at work or
// had a result to commit.
func TestAWorkerWithoutALedgerLeavesItsJobToAnother(t *testing.T) {
	for name, takes := range map[string]time.Duration{"it was at work": 5 * time.Minute, "it had a result": 40 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				ended := map[int64]time.Time{}
				s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
					err := job.Pause(ctx, takes)
					s.runner.mu.Lock()
					defer s.runner.mu.Unlock()
					ended[rec.Fence] = time.Now()
					return fmt.Sprint("m", rec.Fence), err
				}
				var lost, kept cutOff
				var commits atomic.Int32
				send(t, s.work, event("a"))
				stopLost := s.start(lost.worker(s, "lost", &commits))
				after(8 * time.Second)
				wantState(t, s, "a", job.Running, 1, 1)
				lost.ledger.Store(true)
				cut := time.Now()
				stopKept := s.start(kept.worker(s, "kept", &commits))
				after(10 * time.Minute)
				lost.ledger.Store(false)
				rec := wantState(t, s, "a", job.Succeeded, 2, 2)
				if rec.Manifest != "m2" || rec.History[0].Outcome != outcomeLost {
					t.Errorf("the manifest is %q, the history %+v", rec.Manifest, rec.History)
				}
				s.runner.mu.Lock()
				if took := ended[1].Sub(cut); took > time.Minute {
					t.Errorf("its work went on for %v without a lease", took)
				}
				s.runner.mu.Unlock()
				send(t, s.work, event("b"), event("c"))
				after(10 * time.Minute)
				stopLost()
				stopKept()
				wantState(t, s, "a", job.Succeeded, 2, 2)
				wantState(t, s, "b", job.Succeeded, 1, 1)
				wantState(t, s, "c", job.Succeeded, 1, 1)
				if commits.Load() != 3 {
					t.Errorf("three jobs were committed %d times", commits.Load())
				}
			})
		})
	}
}

// A result that was made within the lease is committed when the ledger is back
// after it, for nobody else has taken the job.
func TestAResultOutlastsAnOutageOfTheLedger(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(40 * time.Second)
		var cut cutOff
		var commits atomic.Int32
		send(t, s.work, event("a"))
		stop := s.start(cut.worker(s, "w", &commits))
		after(30 * time.Second)
		cut.ledger.Store(true)
		after(4 * time.Minute) // Four times the lease.
		wantState(t, s, "a", job.Running, 1, 1)
		cut.ledger.Store(false)
		after(10 * time.Second)
		wantState(t, s, "a", job.Succeeded, 1, 1)
		after(5 * time.Minute)
		stop()
		if n := len(s.inProgress.letters()) + len(s.work.letters()); n != 0 || commits.Load() != 1 {
			t.Errorf("%d messages are left of %d commits", n, commits.Load())
		}
	})
}

// Without queues, what ends is written: only its announcement, where that takes
// a message, waits for the timer.
func TestJobsEndWithoutQueues(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if err := job.Pause(ctx, 3*time.Minute); err != nil {
				return "", err
			}
			if rec.Source.Key == "bad" {
				return "", job.Fail(job.NotAVideo, "probe", rec.Source.Key, "it is a text", "", nil)
			}
			return "m", nil
		}
		var cut cutOff
		var commits atomic.Int32
		send(t, s.work, event("good"), event("bad"))
		stop := s.start(cut.worker(s, "w", &commits))
		after(time.Minute)
		cut.queues.Store(true)
		after(10*time.Minute - time.Second)
		if rec := wantState(t, s, "good", job.Succeeded, 1, 1); !rec.Announced {
			t.Error("its success was not announced")
		}
		if rec := wantState(t, s, "bad", job.Dead, 1, 1); rec.Announced || len(s.dead.letters()) != 0 {
			t.Errorf("its death is announced (%v), with %d dead letters", rec.Announced, len(s.dead.letters()))
		}
		cut.queues.Store(false)
		after(5 * time.Minute)
		stop()
		if rec := wantState(t, s, "bad", job.Dead, 1, 1); !rec.Announced || len(s.dead.letters()) != 1 {
			t.Errorf("its death is announced (%v), with %d dead letters", rec.Announced, len(s.dead.letters()))
		}
		if n := len(s.inProgress.letters()) + len(s.work.letters()); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// A worker that is told to stop in an outage does so in time, and what it could
// not give back is done by the next one.
func TestStoppingInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.runner.do = lasting(5 * time.Minute)
		var cut, back cutOff
		var commits atomic.Int32
		send(t, s.work, event("a"))
		w := cut.worker(s, "w1", &commits)
		stop := s.start(w)
		after(8 * time.Second)
		cut.ledger.Store(true)
		cut.queues.Store(true)
		began := time.Now()
		stop()
		if took := time.Since(began); took > w.Grace+20*time.Second {
			t.Errorf("stopping took %v", took)
		}
		stop = s.start(back.worker(s, "w2", &commits))
		after(10 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 2, 2)
		if commits.Load() != 1 {
			t.Errorf("it was committed %d times", commits.Load())
		}
	})
}
