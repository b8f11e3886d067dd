package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

func TestEqualSchedulesBothTick(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.ClaimSchedule = "*/5 * * * * *"; c.SweepSchedule = "*/5 * * * * *" }))
		after(10 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

func TestDefaults(t *testing.T) {
	w, err := New(Config{PollWait: time.Minute, Lease: 4 * time.Second, Margin: time.Minute, Beat: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if w.MaxAttempts != 3 || w.PollWait != 20*time.Second || w.Margin != time.Second || w.Beat != w.Lease/3 {
		t.Errorf("attempts %d, poll %v, margin %v, beat %v", w.MaxAttempts, w.PollWait, w.Margin, w.Beat)
	}
	if _, err := New(Config{ClaimSchedule: "now and then"}); err == nil {
		t.Error("a schedule that is none was taken")
	}
}

func TestACancelThatClearsTheOwnerIsAnnouncedWithinABeat(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		var log bytes.Buffer
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }))
		after(8 * time.Second)
		rec := s.ledger.get(idOf("a"))
		rec.State, rec.Owner, rec.LeaseUntil = job.Cancelled, "", time.Time{}
		if err := s.ledger.Put(context.Background(), rec, job.Condition{Fence: 1, States: []job.State{job.Running}}); err != nil {
			t.Fatal(err)
		}
		after(21 * time.Second)
		if !s.ledger.get(idOf("a")).Announced {
			t.Errorf("not announced within a beat\n%s", log.String())
		}
		stop()
	})
}

// In an outage of reads, a stop must let running jobs be released in time.
func TestStoppingIsInTimeWhileTheLedgerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, time.Hour)
		}
		send(t, s.work, event("a"))
		slow := &slowLedger{fakeLedger: s.ledger}
		w := s.worker(func(c *Config) { c.Ledger = slow })
		stop := s.start(w)
		after(8 * time.Second)
		for i := range 10 {
			send(t, s.inProgress, job.Outgoing{Body: w.timer(record(job.Running, 1, func(r *job.Record) { r.ID = fmt.Sprint("x", i) }), 1).Body})
		}
		slow.hang.Store(true)
		after(8 * time.Second)
		for i := range 10 {
			send(t, s.inProgress, job.Outgoing{Body: w.timer(record(job.Running, 1, func(r *job.Record) { r.ID = fmt.Sprint("y", i) }), 1).Body})
		}
		began := time.Now()
		stop()
		if took := time.Since(began); took > w.Grace+20*time.Second {
			t.Errorf("the supervisor kills after grace+20 s; stopping took %v", took)
		}
	})
}

type slowLedger struct {
	*fakeLedger
	hang atomic.Bool
}

func (l *slowLedger) Get(ctx context.Context, id string) (job.Record, error) {
	if l.hang.Load() {
		<-ctx.Done()
		return job.Record{}, ctx.Err()
	}
	return l.fakeLedger.Get(ctx, id)
}

// The commit is throttled for over a lease; nobody else is there.
func TestAWorkersOwnSweeperLeavesItsCommitAlone(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		throttled := true
		time.AfterFunc(7*time.Minute, func() { s.ledger.mu.Lock(); throttled = false; s.ledger.mu.Unlock() })
		s.ledger.before = func(next job.Record) error {
			if throttled && next.State == job.Succeeded {
				return errors.New("throttled")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(20 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

func TestAReplyThatLayAboutTellsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		l := &frozenLedger{fakeLedger: s.ledger}
		w := s.worker(func(c *Config) { c.Ledger = l })
		l.freeze = 5 * time.Minute
		if _, err := w.read(context.Background(), "x"); err != nil {
			t.Fatal(err)
		}
		if lag := time.Since(w.clock.now()); lag > w.Margin {
			t.Errorf("the ledger's clock is thought %v behind: claims and renewals write leases that are over", lag)
		}
	})
}

type frozenLedger struct {
	*fakeLedger
	freeze time.Duration
}

func (l *frozenLedger) Get(ctx context.Context, id string) (job.Record, error) {
	rec, err := l.fakeLedger.Get(ctx, id)
	<-time.After(l.freeze) // The process is stopped with the reply in its socket.
	return rec, err
}

// One announcement that hangs must not keep the worker from claiming.
func TestAHangingAnnouncementDoesNotStopTheClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		put(s, record(job.Succeeded, 2, func(r *job.Record) { r.ID, r.Source = idOf("a"), source("a") }))
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Runner = hangingRunner{s.runner, idOf("a")}; c.Capacity = 4 }))
		after(10 * time.Second)
		send(t, s.work, event("b"))
		after(5 * time.Minute)
		wantState(t, s, "b", job.Succeeded, 1, 1)
		stop()
	})
}

type hangingRunner struct {
	*fakeRunner
	id string
}

func (r hangingRunner) Announce(ctx context.Context, rec job.Record) error {
	if rec.ID == r.id {
		<-ctx.Done()
		return ctx.Err()
	}
	return r.fakeRunner.Announce(ctx, rec)
}

func TestAThrottledReadDoesNotDecideBetweenDeadAndSuperseded(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		l := &highLedger{fakeLedger: s.ledger}
		s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
			s.ledger.mu.Lock()
			s.ledger.marks["uploads/b"] = job.HighWater{Sequencer: "99"}
			s.ledger.mu.Unlock()
			l.refuse.Store(1)
			return "", job.Fail(job.SourceReplaced, "fetch", "b", "412", "", nil)
		}
		send(t, s.work, event("b"))
		stop := s.start(s.worker(func(c *Config) { c.Ledger = l }))
		after(2 * time.Minute)
		stop()
		wantState(t, s, "b", job.Superseded, 1, 1)
	})
}

type highLedger struct {
	*fakeLedger
	refuse atomic.Int32
}

func (l *highLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (job.HighWater, error) {
	if l.refuse.Add(-1) >= 0 {
		return job.HighWater{}, errors.New("throttled")
	}
	return l.fakeLedger.RaiseHighWater(ctx, s, id)
}

// A message given back with a receipt that is no longer good.
func TestGivingBackWithAStaleReceiptMultipliesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := s.worker(nil)
		send(t, s.work, event("a"))
		s.work.messages[0].received = renewReceives
		for range 8 {
			m, _ := s.work.Receive(context.Background(), 10, time.Minute)
			after(2 * time.Minute)                             // Whatever was done with it took longer than the visibility.
			_, _ = s.work.Receive(context.Background(), 10, 0) // Another worker received it since.
			for _, m := range m {
				w.giveBack(context.Background(), m, time.Second)
			}
			after(2 * time.Minute)
		}
		if n := len(s.work.letters()); n > 2 {
			t.Errorf("one message became %d", n)
		}
	})
}

// The reply of the claim is lost, and so is the first answer of the read after it.
func TestALostClaimReplyAndAFailedReadChargeNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		l := &flakyLedger{fakeLedger: s.ledger}
		s.ledger.after = func(next job.Record) error {
			if next.State == job.Running && !l.lost {
				l.lost = true
				return errors.New("connection reset")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Ledger = l }))
		after(5 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

type flakyLedger struct {
	*fakeLedger
	lost  bool // Guarded by the ledger's lock in Put; the claim reads alone.
	reads int
}

func (l *flakyLedger) Get(ctx context.Context, id string) (job.Record, error) {
	if l.reads++; l.reads == 2 { // The first is step 3.
		return job.Record{}, errors.New("throttled")
	}
	return l.fakeLedger.Get(ctx, id)
}

// The worker stops while its claim is under way; the write arrives all the same.
func TestStoppedInTheMiddleOfAClaim(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, time.Hour)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Ledger = &delayedLedger{s.ledger} }))
		after(8 * time.Second)
		stop()
		wantState(t, s, "a", job.Queued, 1, 0)
	})
}

type delayedLedger struct{ *fakeLedger }

func (l *delayedLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	_ = job.Pause(ctx, 5*time.Second)
	err := l.fakeLedger.Put(ctx, next, when)
	if ctx.Err() != nil {
		return ctx.Err() // The reply came to nobody.
	}
	return err
}

// pickyQueue refuses for ever what holds a word, as a queue does with bodies
// that it has no way to carry.
type pickyQueue struct {
	*fakeQueue
	word string
}

func (q pickyQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	for _, m := range messages {
		if bytes.Contains(m.Body, []byte(q.word)) {
			return job.Fail(job.Unsupported, "send", q.word, "the queue cannot carry it", "", nil)
		}
	}
	return q.fakeQueue.Send(ctx, messages...)
}

func TestAJobThatNoQueueCarriesIsSetAsideAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		send(t, s.work, event("bad"), event("good"))
		stop := s.start(s.worker(func(c *Config) { c.InProgress = pickyQueue{s.inProgress, "bad"} }))
		after(time.Minute)
		stop()
		wantState(t, s, "good", job.Succeeded, 1, 1)
		if dead := s.dead.letters(); len(dead) != 1 || dead[0].Reason == "" || len(s.work.letters()) != 0 {
			t.Errorf("dead letters %+v, work messages %+v", dead, s.work.letters())
		}
	})
}
