package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/motionmill/motionmill/job"
)

// settle ends an attempt: with err nil it commits, when the worker is to stop
// or has no room it releases, else it records the failure. An attempt that
// lost its job writes nothing.
func (a *attempt) settle(cause error, manifest string, err error) {
	ctx := context.WithoutCancel(a.context)
	var newer *supersededError
	switch {
	case errors.Is(cause, errCancelled):
		a.end.outcome = string(job.Cancelled)
		a.log.Info("stopped: the job was cancelled", keyReason, cause)
		a.announceSettled(ctx)
	case errors.Is(cause, errLost), errors.Is(cause, errLeaseOver):
		a.log.Warn("stopped: the claim is lost", keyReason, cause)
	case err == nil:
		a.commit(ctx, manifest)
	case errors.Is(cause, errStopping):
		a.release(ctx, cause)
	case errors.Is(err, job.ErrNoRoom):
		a.release(ctx, err)
	case errors.As(err, &newer):
		a.finish(ctx, job.Superseded, failureOf(err))
	default:
		a.fail(ctx, err)
	}
}

// commit makes the attempt's manifest the job's result, then announces it.
func (a *attempt) commit(ctx context.Context, manifest string) {
	next := committed(a.record(), manifest, a.w.clock.now())
	if !a.write(ctx, next) {
		return
	}
	a.log.Info("succeeded", "manifest", manifest)
	a.announceSettled(ctx)
}

// finish writes a final state that a failure led to, then announces it.
func (a *attempt) finish(ctx context.Context, state job.State, f job.Failure) {
	rec := a.record()
	if !a.write(ctx, finished(rec, state, f, a.w.clock.now())) {
		return
	}
	if state == job.Dead {
		a.w.tellFailure(rec, f, true)
	}
	a.log.Error("ended for good", keyState, string(state), keyError, f.Message, "kind", f.Kind)
	a.announceSettled(ctx)
}

// fail records a failure. A permanent one is dead at once; for any other the
// timer of the claim finds the record, so no message is sent.
func (a *attempt) fail(ctx context.Context, err error) {
	f := failureOf(err)
	rec := a.record()
	if f.Kind == job.SourceReplaced && a.newerKnown(ctx, rec) {
		a.finish(ctx, job.Superseded, f)
		return
	}
	if f.Kind.Permanent() {
		a.finish(ctx, job.Dead, f)
		return
	}
	now := a.w.clock.now()
	due := now.Add(fullJitter(a.w.BackoffBase, a.w.BackoffLimit, rec.Attempt))
	if a.write(ctx, failed(rec, f, due, now)) {
		a.log.Warn("failed", keyError, f.Message, "kind", f.Kind, "attempt", rec.Attempt, "due", due)
		a.w.tellFailure(rec, f, rec.Attempt >= a.w.MaxAttempts)
	}
}

// newerKnown tells whether a newer version of the source's key was announced.
func (a *attempt) newerKnown(ctx context.Context, rec job.Record) bool {
	ctx, cancel := a.whileNobodyTakes(ctx)
	defer cancel()
	var newest job.HighWater
	err := persist(ctx, func() (err error) {
		newest, err = a.w.Ledger.RaiseHighWater(ctx, rec.Source, rec.ID)
		return err
	})
	if err != nil {
		a.log.Warn("read the newest version", keyError, err)
		return false
	}
	return job.CompareSequencers(rec.Source.Sequencer, newest.Sequencer) < 0
}

// release gives the job back, uncharged: first the record, then the message.
// A message that cannot be sent is sent by the timer's sweep.
func (a *attempt) release(ctx context.Context, reason error) {
	rec := released(a.record(), a.w.clock.now())
	if !a.write(ctx, rec) {
		return
	}
	delay := a.w.releaseDelay(rec)
	ctx, cancel := afterStop(ctx)
	defer cancel()
	if err := a.w.Work.Send(ctx, job.Outgoing{Body: requeueLetter(rec).Encode(), Delay: delay}); err != nil {
		a.log.Warn("released, but its message waits for the timer", keyError, err)
		return
	}
	a.log.Info("released", keyReason, reason, "delay", delay)
}

// releaseDelay returns how long the message of a released job stays hidden: a
// second or two, and twice as long for each release before it in the last
// lease, at most a lease. Every claim leaves a timer behind for a lease, and a
// job that no worker has room for is not to gather them.
func (w *Worker) releaseDelay(rec job.Record) time.Duration {
	recent := 0
	for i := len(rec.History) - 1; i >= 0; i-- {
		a := rec.History[i]
		if a.Outcome != outcomeReleased || w.clock.now().Sub(a.StartedAt) > w.Lease {
			break
		}
		recent++
	}
	ceiling := min(2*time.Second<<min(max(recent-1, 0), 10), w.Lease, maxDelay)
	return ceiling/2 + rand.N(ceiling/2+1)
}

// write makes one of the holder's conditional writes and reports whether the
// record is now as it says. It is tried again, through outages as well, for as
// long as nobody else could have taken the job: a conflict ends it. When the
// worker stops it is bounded.
func (a *attempt) write(ctx context.Context, next job.Record) bool {
	ctx, cancel := a.whileNobodyTakes(ctx)
	defer cancel()
	when, began := a.holds(), time.Now()
	err := persist(ctx, func() error {
		a.trying()
		return a.w.Ledger.Put(ctx, next, when)
	})
	if errors.Is(err, job.ErrConflict) {
		var stored job.Record
		if stored, err = a.w.read(ctx, next.ID); err == nil {
			err = errLost
			if stored.State == next.State && stored.Fence == next.Fence && stored.Owner == a.token {
				err = nil // The reply was lost, not the write.
			}
		}
	}
	a.w.Tracer.Span(ctx, "commit", began, err)
	if err != nil {
		a.log.Warn("settle", "wanted", string(next.State), keyError, err)
		return false
	}
	a.note(next)
	return true
}

// whileNobodyTakes returns a context that ends some time after the worker is
// to stop.
func (a *attempt) whileNobodyTakes(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(a.w.work, func() {
		_ = job.Pause(ctx, settleTimeout)
		cancel()
	})
	return ctx, func() { stop(); cancel() }
}

// announceSettled announces the final state that was just written, as the
// ledger has it. What fails here is done again by the timer's sweep.
func (a *attempt) announceSettled(ctx context.Context) {
	ctx, cancel := afterStop(ctx)
	defer cancel()
	began := time.Now()
	rec, err := a.w.read(ctx, a.id)
	if err == nil && rec.State.Final() && !rec.Announced {
		err = a.w.announce(ctx, rec)
	}
	a.w.Tracer.Span(ctx, "publish", began, err)
	if err != nil {
		a.log.Warn("announce", keyError, err)
	}
}

// failureOf turns an error into what the ledger keeps of it.
func failureOf(err error) job.Failure {
	f := job.Failure{Kind: job.KindOf(err), Message: err.Error()}
	var typed *job.Error
	if errors.As(err, &typed) {
		f.Stderr = typed.Stderr
	}
	var newer *supersededError
	if errors.As(err, &newer) {
		f.Kind = job.SourceReplaced
	}
	var panicked *job.Panic
	if errors.As(err, &panicked) {
		f.Kind, f.Stack = job.Internal, panicked.Stack
	}
	return f
}
