package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

// This file holds what a worker does when another one, or a person, writes
// between its read and its write. The rival's record is put in place while
// the worker's write is on its way, so that its condition meets it.

// rival puts a record in place ahead of the first write that is one of its kind.
func (s *stage) rival(when func(next job.Record) bool, rec func(next job.Record) job.Record) {
	came := false
	s.ledger.before = func(next job.Record) error {
		if !came && when(next) {
			came = true
			s.ledger.records[next.ID] = rec(next)
		}
		return nil
	}
	s.t.Cleanup(func() {
		if !came {
			s.t.Error("the rival never came: the story is not told")
		}
	})
}

func to(state job.State) func(job.Record) bool {
	return func(next job.Record) bool { return next.State == state && !next.Announced }
}

// held makes each job run until it is stopped.
func held(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// take takes a worker through one batch of the work queue, without its ticks.
func (s *stage) take(ctx context.Context, w *Worker) {
	s.t.Helper()
	messages, err := s.work.Receive(context.Background(), batchLimit, 0)
	if err != nil || len(messages) == 0 {
		s.t.Fatalf("received %d messages (%v)", len(messages), err)
	}
	w.claimBatch(ctx, messages)
}

// look takes a worker through the timers that are visible, without its ticks.
func (s *stage) look(w *Worker) {
	s.t.Helper()
	timers, err := s.inProgress.Receive(context.Background(), batchLimit, 0)
	if err != nil || len(timers) == 0 {
		s.t.Fatalf("received %d timers (%v)", len(timers), err)
	}
	for _, m := range timers {
		w.sweepAll(context.Background(), []job.Message{m})
	}
}

func TestAClaimThatAnotherWorkerMadeFirstIsNotMine(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.rival(to(job.Running), func(next job.Record) job.Record {
			next.Owner = "other"
			return next
		})
		send(t, s.work, event("a"))
		w := s.worker(nil)
		s.take(t.Context(), w)
		if rec := wantState(t, s, "a", job.Running, 1, 1); rec.Owner != "other" || w.runningCount() != 0 || len(s.runner.ran()) != 0 {
			t.Errorf("owner %s, ran %v", rec.Owner, s.runner.ran())
		}
		if now, _ := w.Units().Used(); now != 0 || len(s.work.letters()) != 0 {
			t.Errorf("%d units are held, work messages: %+v", now, s.work.letters())
		}
	})
}

// The job was cancelled and put back, or claimed and released, in between:
// while the timer was sent, or the claim.
func TestAClaimOfAnotherFenceGetsATimerOfItsOwn(t *testing.T) {
	for _, sending := range []bool{true, false} {
		t.Run(fmt.Sprint("while the timer is sent: ", sending), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.runner.do = held
				other := record(job.Queued, 3, func(r *job.Record) { r.Attempt = 0 })
				w := s.worker(func(c *Config) {
					c.InProgress = hookQueue{s.inProgress, func() {
						if sending {
							sending = false
							put(s, other)
						}
					}}
				})
				if !sending {
					s.rival(to(job.Running), func(job.Record) job.Record { return other })
				}
				send(t, s.work, event("a"))
				s.take(t.Context(), w)
				wantState(t, s, "a", job.Running, 4, 1)
				if !slices.ContainsFunc(s.inProgress.letters(), func(l job.Letter) bool { return l.Fence == 4 }) {
					t.Errorf("timers: %+v", s.inProgress.letters())
				}
				w.stopWork(errLost)
				w.attempts.Wait()
			})
		})
	}
}

// hookQueue calls a function ahead of each send.
type hookQueue struct {
	*fakeQueue
	before func()
}

func (q hookQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	q.before()
	return q.fakeQueue.Send(ctx, messages...)
}

// A message finds a job queued, and a person cancels it meanwhile.
func TestACancelBetweenTheClaimsReadAndWriteStands(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		put(s, record(job.Queued, 1, nil))
		s.rival(to(job.Running), func(job.Record) job.Record { return record(job.Cancelled, 1, nil) })
		send(t, s.work, event("a"))
		w := s.worker(nil)
		s.take(t.Context(), w)
		if rec := wantState(t, s, "a", job.Cancelled, 1, 1); !rec.Announced || w.runningCount() != 0 {
			t.Error("the claim did not go back to the read: nobody announces the cancellation")
		}
	})
}

// A timer finds a failed job that is due, and a person cancels it meanwhile.
func TestACancelBetweenTheSweepersReadAndWriteStands(t *testing.T) {
	for name, attempt := range map[string]int{"due": 1, "used up": 3} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				w := s.worker(nil)
				put(s, record(job.Failed, 2, func(r *job.Record) { r.Attempt = attempt }))
				s.rival(func(job.Record) bool { return true }, func(next job.Record) job.Record {
					return record(job.Cancelled, 2, func(r *job.Record) { r.Attempt = attempt })
				})
				send(t, s.inProgress, w.timer(record(job.Failed, 2, nil), 2))
				after(time.Minute)
				s.look(w)
				if rec := wantState(t, s, "a", job.Cancelled, 2, attempt); !rec.Announced {
					t.Error("the sweep did not go back to the read: nobody announces the cancellation")
				}
				if n := len(s.work.letters()) + len(s.inProgress.letters()) + len(s.dead.letters()); n != 0 {
					t.Errorf("%d messages: work %+v", n, s.work.letters())
				}
			})
		})
	}
}

// A job is dead; while it is announced a retry brings it back to life.
func TestTheMarkMissesARevivedJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		dead := record(job.Dead, 2, nil)
		put(s, dead)
		w := s.worker(func(c *Config) { c.DeadLetter = hookQueue{s.dead, func() { put(s, revived(dead)) }} })
		if err := w.announce(t.Context(), dead); err != nil {
			t.Error(err)
		}
		wantState(t, s, "a", job.Queued, 3, 0)
		send(t, s.work, event("a")) // The retry's message; the stage must not be left without.
	})
}

// The job is cancelled in the instant in which it is through.
func TestNothingIsPublishedThatIsNotCommitted(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.rival(to(job.Succeeded), func(next job.Record) job.Record {
			next.State, next.Owner, next.Manifest = job.Cancelled, "", ""
			return next
		})
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(3 * time.Minute)
		stop()
		wantState(t, s, "a", job.Cancelled, 1, 1)
		if n := s.runner.announced[idOf("a")+"/succeeded"]; n != 0 {
			t.Errorf("the success that was refused was announced %d times", n)
		}
	})
}

// The reply of the commit is lost; the holder knows itself again by its token,
// and announces what it made at once, not a lease later.
func TestACommitWhoseReplyWasLostIsAnnouncedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		lost := false
		s.ledger.after = func(next job.Record) error {
			if next.State == job.Succeeded && !lost {
				lost = true
				return errors.New("connection reset")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(10 * time.Second)
		stop()
		if rec := wantState(t, s, "a", job.Succeeded, 1, 1); !rec.Announced || !lost {
			t.Errorf("announced %t", rec.Announced)
		}
	})
}

// The record of a release is refused: the job was cancelled. No message may
// bring it back.
func TestAReleaseThatIsRefusedSendsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = held
		s.rival(to(job.Queued), func(next job.Record) job.Record {
			next.State, next.Owner, next.Attempt = job.Cancelled, "", 1
			return next
		})
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Grace = 0 }))
		after(8 * time.Second)
		stop()
		wantState(t, s, "a", job.Cancelled, 1, 1)
		if works := s.work.letters(); len(works) != 0 {
			t.Errorf("work messages: %+v", works)
		}
	})
}

// A retry is a job like any other: its success is announced, too.
func TestWhatARetryComesToIsAnnounced(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		put(s, record(job.Dead, 3, func(r *job.Record) { r.Announced = true }))
		send(t, s.work, job.Outgoing{Body: job.Letter{Type: job.RetryLetter, Job: idOf("a"), Fence: 3}.Encode()},
			job.Outgoing{Body: job.Letter{Type: job.RetryLetter, Job: idOf("nobody"), Fence: 1}.Encode()})
		stop := s.start(s.worker(nil))
		after(3 * time.Minute)
		stop()
		if wantState(t, s, "a", job.Succeeded, 5, 1); s.runner.announced[idOf("a")+"/succeeded"] != 1 {
			t.Errorf("announced: %v", s.runner.announced)
		}
		if dead := s.dead.letters(); len(dead) != 1 || dead[0].Type != job.UnreadableLetter || dead[0].Reason == "" {
			t.Errorf("a retry of a job that nobody knows: %+v", dead)
		}
		if rec, known := s.ledger.records[idOf("nobody")]; known {
			t.Errorf("it was claimed: %+v", rec)
		}
	})
}

// The ledger cannot be read when a message comes: the message must stay.
func TestAMessageWhoseRecordCannotBeReadStays(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		l := &slowLedger{fakeLedger: s.ledger}
		l.hang.Store(true)
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Ledger = deafLedger{l} }))
		after(30 * time.Second)
		l.hang.Store(false)
		after(3 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

// The second message of a job in a batch finds what the first one wrote.
func TestTheSameJobTwiceInABatchSendsOneTimer(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = held
		send(t, s.work, event("a"), event("b"), event("a"))
		w := s.worker(func(c *Config) { c.Capacity = 4 })
		s.take(t.Context(), w)
		if works, timers := s.work.letters(), s.inProgress.letters(); len(works) != 0 || len(timers) != 2 {
			t.Errorf("two jobs have %d messages and %d timers", len(works), len(timers))
		}
		w.stopWork(errLost)
		w.attempts.Wait()
	})
}

// The first claim of a batch takes long: the others of the batch are as much
// in this worker's hands, and no other is to send timers for them as well.
func TestABatchIsKeptHiddenWhileItsFirstClaimTakesLong(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var refuse atomic.Bool
		refuse.Store(true)
		outage := readOnlyLedger{s.ledger, &refuse}
		for i := range 4 {
			send(t, s.work, event(fmt.Sprint(i)))
		}
		stop := s.start(s.worker(func(c *Config) { c.Capacity, c.Ledger = 4, outage }))
		after(10 * time.Second)
		idle := &countingQueue{fakeQueue: s.work}
		stop2 := s.start(s.worker(func(c *Config) { c.Name, c.Work, c.Ledger = "idle", idle, outage }))
		after(20 * time.Minute)
		if got := slices.DeleteFunc(idle.sofar().receives, func(n int) bool { return n == 0 }); len(got) != 0 || len(s.inProgress.letters()) != 4 {
			t.Errorf("the idle worker received %v; there are %d timers of 4 jobs", got, len(s.inProgress.letters()))
		}
		refuse.Store(false)
		after(5 * time.Minute)
		stop()
		stop2()
		for i := range 4 {
			wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
		}
	})
}

// What a worker writes into a message, the reader of the work queue gives back.
func TestARequeueIsReadAsItWasWritten(t *testing.T) {
	rec := record(job.Queued, 7, func(r *job.Record) { r.Weight = 3 })
	notice, err := queue.NewReader(queue.ReaderConfig{}).Read(requeueLetter(rec).Encode())
	want := job.Order{Source: rec.Source, Profile: rec.Profile, Weight: 3, Fence: 7}
	if err != nil || !slices.Equal(notice.Orders, []job.Order{want}) {
		t.Errorf("it is read as %+v (%v), want %+v", notice, err, want)
	}
	dead := job.Letter{Type: job.RetryLetter, Job: rec.ID, Fence: 7, Reason: "crashed"}
	if notice, err = queue.NewReader(queue.ReaderConfig{}).Read(dead.Encode()); err != nil || notice.Retry == nil || *notice.Retry != dead {
		t.Errorf("a dead letter is read as %+v (%v)", notice.Retry, err)
	}
}

// Writes are refused while the worker stops: what was not claimed is still
// there, and soon visible.
func TestStoppingInAnOutageOfWritesLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		down := true
		s.ledger.before = func(job.Record) error {
			if down {
				return errors.New("throttled")
			}
			return nil
		}
		for i := range 3 {
			send(t, s.work, event(fmt.Sprint(i)))
		}
		stop := s.start(s.worker(func(c *Config) { c.Capacity = 4 }))
		after(30 * time.Second)
		stop()
		after(5 * time.Second)
		s.work.mu.Lock()
		if n := len(s.work.messages); n != 3 {
			t.Errorf("%d of 3 work messages are left", n)
		}
		for _, m := range s.work.messages {
			if m.visible.After(time.Now()) {
				t.Errorf("message %s is hidden for another %v", m.id, time.Until(m.visible))
			}
		}
		s.work.mu.Unlock()
		s.ledger.mu.Lock()
		down = false
		s.ledger.mu.Unlock()
		stop = s.start(s.worker(func(c *Config) { c.Capacity = 4 }))
		after(10 * time.Minute)
		stop()
		for i := range 3 {
			wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
		}
	})
}

// The polls stop when a batch has been received, and when its timers are sent.
func TestNothingIsClaimedOnceThePollsHaveStopped(t *testing.T) {
	for name, stopped := range map[string]bool{"received": true, "timers sent": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if stopped {
					cancel()
				}
				w := s.worker(func(c *Config) { c.InProgress = hookQueue{s.inProgress, cancel} })
				send(t, s.work, event("a"), event("b"))
				s.take(ctx, w)
				if n := len(s.ledger.records); n != 0 || len(s.work.letters()) != 2 {
					t.Errorf("%d jobs were claimed, %d messages are left", n, len(s.work.letters()))
				}
				after(time.Second)
				if again, err := s.work.Receive(t.Context(), batchLimit, 0); err != nil || len(again) != 2 {
					t.Errorf("a second later %d messages are visible (%v)", len(again), err)
				}
			})
		})
	}
}
