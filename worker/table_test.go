package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// row is one case of a table of the protocol: what the ledger holds, and what
// must have become of the message and the record afterwards.
type row struct {
	name string
	rec  func(now time.Time) job.Record // its zero value is no record
	// retry makes the work message a retry of this fence; 0 an event.
	retry int64
	// requeue makes the work message a requeue of this fence; 0 an event.
	requeue int64
	// wantState is the state afterwards.
	wantState job.State
	// gone tells whether the message that was looked at is deleted.
	gone bool
	// timers and works count the messages afterwards.
	timers, works int
	// hiddenFor is how long the timer that stays is hidden, roughly.
	hiddenFor time.Duration
}

func record(state job.State, fence int64, change func(*job.Record)) job.Record {
	rec := job.Record{
		ID: idOf("a"), Source: source("a"), Profile: "trainer", State: state, Fence: fence, Attempt: 1, Owner: "other",
		History: []job.Attempt{{Fence: fence, Worker: "w0"}},
	}
	if change != nil {
		change(&rec)
	}
	return rec
}

func put(s *stage, rec job.Record) {
	if rec.State != job.None {
		s.ledger.records[rec.ID] = rec
	}
}

// TestClaimTable holds each row of the claim's table. The runner never ends,
// so that a claim shows as running.
func TestClaimTable(t *testing.T) {
	due := func(rec *job.Record) { rec.Announced = true }
	rows := []row{
		{name: "no record", wantState: job.Running, gone: true, timers: 1},
		{name: "queued", rec: func(time.Time) job.Record { return record(job.Queued, 4, nil) }, wantState: job.Running, gone: true, timers: 1},
		{name: "queued, a requeue of this fence", rec: func(time.Time) job.Record { return record(job.Queued, 4, nil) }, requeue: 4,
			wantState: job.Running, gone: true, timers: 1},
		{name: "queued at a newer fence than the requeue's", rec: func(time.Time) job.Record { return record(job.Queued, 4, nil) }, requeue: 3,
			wantState: job.Queued, gone: true},
		{name: "dead, a retry of this fence", rec: func(time.Time) job.Record { return record(job.Dead, 3, due) }, retry: 3,
			wantState: job.Running, gone: true, timers: 1},
		{name: "cancelled, a retry of this fence", rec: func(time.Time) job.Record { return record(job.Cancelled, 3, due) }, retry: 3,
			wantState: job.Running, gone: true, timers: 1},
		{name: "dead, a retry of an older fence", rec: func(time.Time) job.Record { return record(job.Dead, 5, due) }, retry: 3,
			wantState: job.Dead, gone: true},
		{name: "succeeded, a retry", rec: func(time.Time) job.Record { return record(job.Succeeded, 3, due) }, retry: 3,
			wantState: job.Succeeded, gone: true},
		{name: "final, not announced", rec: func(time.Time) job.Record { return record(job.Succeeded, 2, nil) }, wantState: job.Succeeded, gone: true},
		{name: "final", rec: func(time.Time) job.Record { return record(job.Superseded, 2, due) }, wantState: job.Superseded, gone: true},
		{name: "running, its lease long over: the claim ends no lease", rec: func(now time.Time) job.Record {
			return record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = now.Add(-time.Hour) })
		}, wantState: job.Running, gone: true},
		{name: "failed and due", rec: func(now time.Time) job.Record { return record(job.Failed, 2, nil) }, wantState: job.Failed, gone: true},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { claimRow(t, r) }) })
	}
}

func claimRow(t *testing.T, r row) {
	s := newStage(t)
	s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	w := s.worker(nil)
	w.work, w.stopWork = context.WithCancelCause(context.Background())
	var before job.Record
	if r.rec != nil {
		before = r.rec(time.Now())
		put(s, before)
	}
	message := event("a")
	if r.requeue > 0 {
		message = job.Outgoing{Body: requeueLetter(record(job.Queued, r.requeue, nil)).Encode()}
	}
	if r.retry > 0 {
		message = job.Outgoing{Body: job.Letter{Type: job.RetryLetter, Job: idOf("a"), Fence: r.retry}.Encode()}
	}
	send(t, s.work, message)
	messages, err := s.work.Receive(context.Background(), 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.claimBatch(context.Background(), messages)
	synctest.Wait()
	rec := s.ledger.get(idOf("a"))
	if rec.State != r.wantState {
		t.Errorf("the state is %s, want %s", rec.State, r.wantState)
	}
	if rec.State == job.Running && before.State != job.Running && rec.Fence <= before.Fence {
		t.Errorf("the fence went from %d to %d", before.Fence, rec.Fence)
	}
	if r.retry > 0 && rec.State == job.Running && rec.Attempt != 1 {
		t.Errorf("a retry starts at attempt %d", rec.Attempt)
	}
	if rec.State.Final() && !rec.Announced {
		t.Error("not announced")
	}
	for _, timer := range s.inProgress.letters() {
		if timer.Fence != rec.Fence || timer.Source == nil {
			t.Errorf("the timer is %+v; the claim has fence %d", timer, rec.Fence)
		}
	}
	if got := len(s.work.letters()); (got == 0) != r.gone {
		t.Errorf("%d work messages are left", got)
	}
	if got := len(s.inProgress.letters()); got != r.timers {
		t.Errorf("%d timers, want %d", got, r.timers)
	}
	w.stopWork(errLost)
	w.attempts.Wait()
}

// TestSweepTable holds each row of the sweeper's table, for a timer of fence 2.
func TestSweepTable(t *testing.T) {
	rows := []row{
		{name: "a newer fence", rec: func(time.Time) job.Record { return record(job.Running, 3, nil) }, wantState: job.Running, gone: true},
		{name: "no record: the claim is not made yet", timers: 1, hiddenFor: time.Minute},
		{name: "queued at an older fence: the claim is not made yet", rec: func(time.Time) job.Record { return record(job.Queued, 1, nil) },
			wantState: job.Queued, timers: 1, hiddenFor: time.Minute},
		{name: "running, lease live", rec: func(now time.Time) job.Record {
			return record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = now.Add(30 * time.Second) })
		}, wantState: job.Running, timers: 1, hiddenFor: 32 * time.Second},
		{name: "running, lease over within the margin", rec: func(now time.Time) job.Record {
			return record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = now.Add(-time.Second) })
		}, wantState: job.Running, timers: 1, hiddenFor: time.Second},
		{name: "running, lease over", rec: func(now time.Time) job.Record {
			return record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = now.Add(-time.Minute) })
		}, wantState: job.Queued, gone: true, works: 1},
		{name: "running, lease over, attempts used up", rec: func(now time.Time) job.Record {
			return record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = now.Add(-time.Minute); r.Attempt = 3 })
		}, wantState: job.Dead, gone: true},
		{name: "failed, attempts used up", rec: func(now time.Time) job.Record {
			return record(job.Failed, 2, func(r *job.Record) { r.Attempt = 3; r.DueAt = now.Add(time.Hour) })
		}, wantState: job.Dead, gone: true},
		{name: "failed, many fences but few charged attempts", rec: func(time.Time) job.Record {
			return record(job.Failed, 2, func(r *job.Record) { r.Attempt = 2 })
		}, wantState: job.Queued, gone: true, works: 1},
		{name: "failed, not due", rec: func(now time.Time) job.Record {
			return record(job.Failed, 2, func(r *job.Record) { r.DueAt = now.Add(90 * time.Second) })
		}, wantState: job.Failed, timers: 1, hiddenFor: 90 * time.Second},
		{name: "failed and due", rec: func(time.Time) job.Record { return record(job.Failed, 2, nil) }, wantState: job.Queued, gone: true, works: 1},
		{name: "queued", rec: func(time.Time) job.Record { return record(job.Queued, 2, nil) }, wantState: job.Queued, gone: true, works: 1},
		{name: "final, not announced", rec: func(time.Time) job.Record { return record(job.Dead, 2, nil) }, wantState: job.Dead, gone: true},
		{name: "final at an older fence, not announced", rec: func(time.Time) job.Record { return record(job.Cancelled, 1, nil) },
			wantState: job.Cancelled, gone: true},
		{name: "final", rec: func(time.Time) job.Record {
			return record(job.Succeeded, 2, func(r *job.Record) { r.Announced = true })
		}, wantState: job.Succeeded, gone: true},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { sweepRow(t, r) }) })
	}
}

func sweepRow(t *testing.T, r row) {
	s := newStage(t)
	w := s.worker(nil)
	send(t, s.inProgress, w.timer(job.Record{ID: idOf("a"), Source: source("a"), Profile: "trainer"}, 2))
	after(time.Minute)
	if r.rec != nil {
		put(s, r.rec(time.Now()))
	}
	timers, err := s.inProgress.Receive(context.Background(), 10, 0)
	if err != nil || len(timers) != 1 {
		t.Fatalf("received %d timers (%v)", len(timers), err)
	}
	w.sweepAll(context.Background(), timers)
	rec := s.ledger.get(idOf("a"))
	if rec.State != r.wantState {
		t.Errorf("the state is %q, want %q", rec.State, r.wantState)
	}
	if rec.State.Final() && !rec.Announced {
		t.Error("not announced")
	}
	if got := len(s.inProgress.letters()); got != r.timers || r.gone == (got > 0) {
		t.Errorf("%d timers, want %d", got, r.timers)
	}
	works := s.work.letters()
	if len(works) != r.works {
		t.Errorf("%d work messages, want %d", len(works), r.works)
	}
	for _, l := range works {
		if l.Source == nil || job.ID(*l.Source, l.Profile) != idOf("a") {
			t.Errorf("the work message asks for another job: %+v", l)
		}
	}
	if dead := s.dead.letters(); rec.State == job.Dead && (len(dead) != 1 || dead[0].Fence != rec.Fence) {
		t.Errorf("dead letters: %+v", dead)
	}
	if r.hiddenFor > 0 {
		hidden := time.Until(s.inProgress.messages[0].visible)
		if hidden < r.hiddenFor-time.Second || hidden > r.hiddenFor+time.Second {
			t.Errorf("the timer is hidden for %v, want %v", hidden, r.hiddenFor)
		}
	}
}

func TestASweepThatFailsIsTriedAgainInAQuarterOfALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := s.worker(nil)
		put(s, record(job.Failed, 2, nil))
		s.ledger.before = func(job.Record) error { return errors.New("throttled") }
		send(t, s.inProgress, w.timer(record(job.Failed, 2, nil), 2))
		after(time.Minute)
		timers, _ := s.inProgress.Receive(context.Background(), 10, 0)
		w.sweepAll(context.Background(), timers)
		if hidden := time.Until(s.inProgress.messages[0].visible); len(timers) != 1 || hidden != w.Lease/4 {
			t.Errorf("%d timers; the one whose sweep failed is hidden for %v, want %v", len(timers), hidden, w.Lease/4)
		}
	})
}

func TestARenewalInBetweenWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := s.worker(nil)
		put(s, record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = time.Now().Add(-time.Minute) }))
		renewing := true
		s.ledger.before = func(next job.Record) error {
			if renewing && next.State == job.Failed { // The holder renews between the sweeper's read and write.
				renewing = false
				put(s, record(job.Running, 2, func(r *job.Record) { r.LeaseUntil = time.Now().Add(time.Minute) }))
			}
			return nil
		}
		send(t, s.inProgress, w.timer(record(job.Running, 2, nil), 2))
		after(time.Minute)
		timers, _ := s.inProgress.Receive(context.Background(), 10, 0)
		w.sweepAll(context.Background(), timers)
		if rec := s.ledger.get(idOf("a")); rec.State != job.Running || renewing {
			t.Errorf("the state is %s", rec.State)
		}
	})
}

func TestAnOldTimerIsSentAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		w := s.worker(nil)
		put(s, record(job.Failed, 2, func(r *job.Record) { r.DueAt = time.Now().Add(9 * 24 * time.Hour) }))
		send(t, s.inProgress, w.timer(record(job.Failed, 2, nil), 2))
		after(8 * 24 * time.Hour)
		timers, _ := s.inProgress.Receive(context.Background(), 10, 0)
		w.sweepAll(context.Background(), timers)
		letters := s.inProgress.letters()
		if len(letters) != 1 || time.Since(letters[0].SentAt) > time.Minute || letters[0].Fence != 2 {
			t.Errorf("timers: %+v", letters)
		}
	})
}
