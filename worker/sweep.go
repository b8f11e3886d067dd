package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// maxHide is the longest that a message may be hidden, from its receive on.
	maxHide = 12*time.Hour - time.Minute
	// timerAge is when a timer is sent anew, well before its queue drops it;
	// hiding does not renew the retention.
	timerAge = 7 * 24 * time.Hour
	// busyFor is how long a worker counts as busy after a claim.
	busyFor = 10 * time.Second
	// busySweepWait is how long the sweeper of a busy worker waits for timers.
	busySweepWait = time.Second
)

// sweepRound receives the timers that are visible and deals with each, until
// a poll finds none.
func (w *Worker) sweepRound(ctx context.Context) {
	for ctx.Err() == nil {
		timers, err := w.InProgress.Receive(ctx, batchLimit, w.sweepWait())
		if err != nil {
			if ctx.Err() == nil {
				w.Logger.Warn("poll the in-progress queue", keyError, err)
			}
			return
		}
		if len(timers) == 0 {
			return
		}
		w.sweepAll(ctx, timers)
	}
}

// sweepAll deals with each of some timers; those that are of no more use it
// deletes in one request. One that stays is found again, which does no harm.
func (w *Worker) sweepAll(ctx context.Context, timers []job.Message) {
	var done []string
	for _, m := range timers {
		if ctx.Err() != nil {
			break // What is left becomes visible by itself.
		}
		if w.sweep(ctx, m) {
			done = append(done, m.Receipt)
		}
	}
	if len(done) == 0 {
		return
	}
	ctx, cancel := afterStop(ctx)
	defer cancel()
	if err := w.InProgress.Delete(ctx, done...); err != nil {
		w.Logger.Warn("delete timers", keyError, err)
	}
}

// sweepWait is how long the sweeper's poll waits: long in a quiet worker, for
// the price of requests; short in one that claims much, because a queue may
// have to wake every poll that waits whenever a timer is sent.
func (w *Worker) sweepWait() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.claimedAt) >= busyFor {
		return w.PollWait
	}
	return min(w.PollWait, busySweepWait)
}

// sweep deals with one timer and reports whether it is of no more use. What
// fails is tried again after a quarter of a lease, or when the timer becomes
// visible again by itself.
func (w *Worker) sweep(ctx context.Context, m job.Message) (done bool) {
	var timer job.Letter
	if err := json.Unmarshal(m.Body, &timer); err != nil || timer.Type != job.TimerLetter || timer.Job == "" || timer.Source == nil {
		w.setAside(ctx, w.InProgress, m, "not a timer")
		return false
	}
	ctx, cancel := afterStop(ctx)
	defer cancel()
	err := job.Guarded("sweep", func() (err error) {
		done, err = w.sweepTimer(ctx, m, timer)
		return err
	})
	w.tellPanic(err)
	w.tellSweep(done, err)
	if err == nil {
		return done
	}
	w.Logger.Warn("sweep", keyJob, timer.Job, keyFence, timer.Fence, keyError, err)
	if err := w.InProgress.Hide(ctx, m.Receipt, w.Lease/4); err != nil {
		w.Logger.Warn("hide a timer", keyJob, timer.Job, keyError, err)
	}
	return false
}

// sweepTimer is the sweeper's table; the first row that fits is taken. Rows
// that write go back to the read, for only the table deletes messages: at once
// behind a message that takes the timer's place, else with others (done).
func (w *Worker) sweepTimer(ctx context.Context, m job.Message, timer job.Letter) (done bool, err error) {
	if until, mine := w.leaseHere(timer); mine {
		return false, w.hide(ctx, m, timer, until.Sub(w.clock.now()))
	}
	for {
		rec, err := w.read(ctx, timer.Job)
		if err != nil {
			return false, err
		}
		leaseOver := rec.LeaseUntil.Add(w.Margin)
		switch {
		case rec.Fence > timer.Fence:
			return true, nil
		case !rec.State.Final() && rec.Fence < timer.Fence: // The claim is not made yet.
			return false, w.hide(ctx, m, timer, w.Lease)
		case rec.State == job.Running && rec.ReadAt.Before(leaseOver):
			return false, w.hide(ctx, m, timer, leaseOver.Sub(rec.ReadAt))
		case rec.State == job.Running:
			err = w.endLease(ctx, rec)
		case rec.State == job.Failed && rec.Attempt >= w.MaxAttempts:
			err = w.put(ctx, buried(rec), rec)
		case rec.State == job.Failed && rec.ReadAt.Before(rec.DueAt):
			return false, w.hide(ctx, m, timer, rec.DueAt.Sub(rec.ReadAt))
		case rec.State == job.Failed:
			if err = w.put(ctx, requeued(rec), rec); err == nil {
				return false, w.sendBack(ctx, m, rec)
			}
		case rec.State == job.Queued:
			return false, w.sendBack(ctx, m, rec)
		case rec.State.Final() && !rec.Announced:
			if err := w.announce(ctx, rec); err != nil {
				return false, err
			}
			return true, nil
		default: // Final and announced.
			return true, nil
		}
		if err != nil && !errors.Is(err, job.ErrConflict) {
			return false, err
		}
	}
}

// put writes next if the record is still in the fence and state of was.
func (w *Worker) put(ctx context.Context, next, was job.Record) error {
	return w.Ledger.Put(ctx, next, job.Condition{Fence: was.Fence, States: []job.State{was.State}})
}

// endLease records that a holder stopped renewing. The condition names the
// lease that was read, so that a renewal in between wins.
func (w *Worker) endLease(ctx context.Context, rec job.Record) error {
	holder := "its worker"
	if n := len(rec.History); n > 0 {
		holder = "worker " + rec.History[n-1].Worker
	}
	f := job.Failure{Kind: job.Crashed, Message: fmt.Sprintf("%s stopped renewing the lease, which ended %s",
		holder, rec.LeaseUntil.UTC().Format(time.RFC3339))}
	when := job.Condition{Fence: rec.Fence, States: []job.State{job.Running}, LeaseUntil: rec.LeaseUntil}
	err := w.Ledger.Put(ctx, expired(rec, f, rec.ReadAt), when)
	if err == nil {
		w.Logger.Warn("ended a lease", keyJob, rec.ID, keyFence, rec.Fence, "holder", holder)
		w.tellFailure(rec, f, rec.Attempt >= w.MaxAttempts)
	}
	return err
}

// sendBack sends the work message of a queued job, then deletes the timer.
func (w *Worker) sendBack(ctx context.Context, m job.Message, rec job.Record) error {
	if err := w.Work.Send(ctx, job.Outgoing{Body: requeueLetter(rec).Encode()}); err != nil {
		return fmt.Errorf("send job %s back: %w", rec.ID, err)
	}
	w.drop(ctx, w.InProgress, m)
	return nil
}

// hide puts a timer off by d, clamped to what a queue allows. An old one is
// sent anew first, so that its queue's retention cannot end it.
func (w *Worker) hide(ctx context.Context, m job.Message, timer job.Letter, d time.Duration) error {
	d = min(max(d, time.Second), maxHide)
	if timer.SentAt.IsZero() || w.clock.now().Sub(timer.SentAt) < timerAge {
		return w.InProgress.Hide(ctx, m.Receipt, d)
	}
	timer.SentAt = w.clock.now()
	if err := w.InProgress.Send(ctx, job.Outgoing{Body: timer.Encode(), Delay: min(d, maxDelay)}); err != nil {
		return fmt.Errorf("send timer of job %s anew: %w", timer.Job, err)
	}
	w.drop(ctx, w.InProgress, m)
	return nil
}

// leaseHere tells until when this very process holds the timer's claim, so
// that its timers need no read.
func (w *Worker) leaseHere(timer job.Letter) (until time.Time, mine bool) {
	w.mu.Lock()
	a := w.running[timer.Job]
	w.mu.Unlock()
	if a == nil || a.record().Fence != timer.Fence {
		return time.Time{}, false
	}
	until = a.leaseEnd()
	if now := w.clock.now(); until.Before(now) { // It tries to renew or to commit: nobody here takes the job from it.
		until = now.Add(w.Lease / 3)
	}
	return until, !a.gaveUp() && a.sinceTry() < 5*w.Lease // An attempt that hangs is no holder.
}
