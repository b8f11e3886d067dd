package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Why an attempt's context ends before its work does.
var (
	errLost      = errors.New("another claim holds the job")
	errLeaseOver = errors.New("the lease could not be renewed in time")
	errCancelled = errors.New("the job was cancelled")
)

// attempt is a claimed job while it runs here.
type attempt struct {
	w     *Worker
	id    string
	token string
	log   *slog.Logger
	// request is the id of the request that brought the source, once known.
	request atomic.Pointer[string]
	// context is that of the attempt's span, and ends as the worker's does.
	context context.Context
	end     ending

	mu       sync.Mutex
	rec      job.Record // as this worker last wrote it
	renewed  time.Time  // local time before the last write that succeeded
	tried    time.Time  // When a write that settles it was last begun.
	progress job.Progress
	weight   int
	units    int
	lost     bool // The lease is given up; the work only has to end.
}

// start runs a claimed job. The claim was written after began.
func (w *Worker) start(c *candidate, rec job.Record, began time.Time) {
	a := &attempt{
		w: w, id: rec.ID, token: rec.Owner, rec: rec, renewed: began, progress: rec.Progress, weight: rec.Weight, units: c.units,
		end: ending{outcome: outcomeLost},
	}
	w.Meter.Claimed()
	a.context = w.Tracer.Attempt(w.work, rec, w.Name, c.order.At, c.received)
	a.log = slog.New(tracedLog{w.Logger.Handler(), &a.request}).With(keyJob, rec.ID, keyFence, rec.Fence)
	if rec.Request != "" { // An attempt before this one has read it.
		a.request.Store(&rec.Request)
	}
	w.mu.Lock()
	w.running[rec.ID] = a
	w.claimedAt = time.Now()
	w.mu.Unlock()
	a.log.Info("claimed", "source", rec.Source.URI(), "profile", rec.Profile, "attempt", rec.Attempt, keyAsked, rec.Asked)
	w.attempts.Go(func() {
		w.guarded("attempt", a.run) // A panic of the work itself is its failure: this is one of what comes after.
		w.mu.Lock()
		if w.running[rec.ID] == a {
			delete(w.running, rec.ID)
		}
		w.mu.Unlock()
		w.units.Give(a.units)
	})
}

// run works under the lease, then settles what came of it.
func (a *attempt) run() {
	defer a.tellEnd()
	ctx, cancel := context.WithCancelCause(a.context)
	defer cancel(nil)
	var manifest string
	renewals := a.renewUntil(ctx, cancel)
	err := a.supersededBefore(ctx)
	if err == nil {
		manifest, err = a.execute(ctx)
	}
	renewals()
	a.settle(context.Cause(ctx), manifest, err)
}

// execute calls the runner; a panic ends the attempt, not the process.
func (a *attempt) execute(ctx context.Context) (manifest string, err error) {
	defer job.Catch("run the job", &err)
	hooks := job.Hooks{
		Weigh:  func(units int) error { return a.weigh(ctx, units) },
		Report: a.report,
		Trace:  a.trace,
	}
	return a.w.Runner.Run(ctx, a.record(), hooks)
}

// weigh exchanges the units of the claim for those that the job needs.
func (a *attempt) weigh(ctx context.Context, units int) error {
	a.mu.Lock()
	a.weight = units
	held := a.units
	a.mu.Unlock()
	now, err := a.w.units.Exchange(ctx, held, units)
	a.mu.Lock()
	a.units = now
	a.mu.Unlock()
	return err
}

func (a *attempt) report(p job.Progress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.progress = p
}

func (a *attempt) record() job.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	rec := a.rec
	rec.Weight = a.weight
	if request := a.request.Load(); request != nil {
		rec.Request = *request
	}
	return rec
}

// leaseEnd returns when the lease ends by the ledger's clock.
func (a *attempt) leaseEnd() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rec.LeaseUntil
}

func (a *attempt) gaveUp() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

// holds is the condition of every write of the holder. It does not look at the
// lease: one that ran out and that nobody took may still commit.
func (a *attempt) holds() job.Condition {
	a.mu.Lock()
	defer a.mu.Unlock()
	return job.Condition{Fence: a.rec.Fence, States: []job.State{job.Running}}
}

// renewUntil renews the lease at every beat, and looks at the record in
// between, until ctx ends or the returned function is called, which waits for a
// renewal under way.
func (a *attempt) renewUntil(ctx context.Context, cancel context.CancelCauseFunc) (stop func()) {
	beats, halt := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		due := time.Now().Add(a.w.Beat - a.sinceRenewal()) // At once after a claim whose reply came late.
		for job.Pause(beats, min(time.Until(due), a.w.Look)) == nil {
			early, age := time.Now().Before(due), a.sinceRenewal()
			err := a.lookOrRenew(beats, early)
			if !early && beats.Err() == nil {
				a.tellRenewal(age, err)
			}
			switch {
			case err == nil && !early:
				due = time.Now().Add(a.w.Beat)
			case err == nil:
			case beats.Err() != nil:
				return
			case errors.Is(err, errLost), errors.Is(err, errCancelled), a.sinceRenewal() >= a.w.Lease:
				if !errors.Is(err, errLost) && !errors.Is(err, errCancelled) {
					err = fmt.Errorf("%w: %w", errLeaseOver, err)
				}
				a.mu.Lock()
				a.lost = true
				a.mu.Unlock()
				cancel(err)
				return
			default:
				a.log.Warn("renew", keyError, err)
				due = time.Now().Add(min(a.w.Lease/12, max(a.w.Lease-a.sinceRenewal(), time.Millisecond)))
			}
		}
	}()
	return func() {
		halt()
		<-done
	}
}

func (a *attempt) sinceRenewal() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.renewed)
}

// trying notes that a write which settles the attempt is about to be tried:
// however long the ledger is away, this is no attempt that hangs.
func (a *attempt) trying() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried = time.Now()
}

// sinceTry returns for how long the attempt has neither renewed its lease nor
// tried to settle.
func (a *attempt) sinceTry() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(time.Since(a.renewed), time.Since(a.tried))
}

// lookOrRenew is one beat. A panic of it is a renewal that failed.
func (a *attempt) lookOrRenew(ctx context.Context, early bool) (err error) {
	defer func() { a.w.tellPanic(err) }()
	defer job.Catch("renew the lease", &err)
	if early {
		return a.look(ctx)
	}
	return a.renew(ctx)
}

// look reads the record between renewals and returns errCancelled or errLost,
// as a renewal does. A read that fails tells nothing: the renewal will.
func (a *attempt) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.w.Look)
	defer cancel()
	rec, err := a.w.read(ctx, a.id)
	if err != nil || a.holds().Met(rec) {
		return nil
	}
	return a.verdict(rec)
}

// renew writes the lease and the progress. It learns of a cancellation and of
// a lost fence, which it returns as errCancelled and errLost.
func (a *attempt) renew(ctx context.Context) error {
	limit := max(a.w.Lease-a.sinceRenewal(), a.w.Lease/12)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	rec := a.record()
	a.mu.Lock()
	next := renewed(rec, a.progress, a.w.clock.now(), a.w.Lease)
	a.mu.Unlock()
	when := a.holds()

	err := a.w.Ledger.Put(ctx, next, when)
	if errors.Is(err, job.ErrConflict) {
		return a.whyLost(ctx)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.rec, a.renewed = next, began
	a.mu.Unlock()
	return nil
}

// whyLost reads what became of a job whose holder's write met a conflict.
func (a *attempt) whyLost(ctx context.Context) error {
	rec, err := a.w.read(ctx, a.id)
	if err != nil {
		return err
	}
	return a.verdict(rec)
}

// verdict tells what a record that is not the holder's any more means to it.
func (a *attempt) verdict(rec job.Record) error {
	if rec.State == job.Cancelled && rec.Fence == a.record().Fence {
		return fmt.Errorf("%w (request %q)", errCancelled, rec.Asked)
	}
	return fmt.Errorf("%w: fence %d, state %s", errLost, rec.Fence, rec.State)
}

// supersededBefore notes the source as a version of its key, and fails when a
// newer one is known already.
func (a *attempt) supersededBefore(ctx context.Context) error {
	source := a.record().Source
	var newest job.HighWater
	err := persist(ctx, func() (err error) {
		newest, err = a.w.Ledger.RaiseHighWater(ctx, source, a.id)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the version of %s: %w", source.URI(), err)
	}
	// Without a sequencer nobody can tell which is newer: it is noted all the
	// same, for those who ask for the job of a key.
	if source.Sequencer != "" && job.CompareSequencers(source.Sequencer, newest.Sequencer) < 0 {
		return &supersededError{by: newest}
	}
	return nil
}

// supersededError ends an attempt whose source is no longer the newest.
type supersededError struct{ by job.HighWater }

func (e *supersededError) Error() string {
	return fmt.Sprintf("a newer object came under the same key (job %s); nothing is to be done", e.by.Job)
}
