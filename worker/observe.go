package worker

import (
	"context"
	"errors"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Meter counts what a worker does. Its methods return at once.
type Meter interface {
	// Claimed counts a job that was claimed.
	Claimed()
	// Renewed counts a try to renew a lease: "in_time", "late" (more than half of
	// the lease had passed) or "failed".
	Renewed(outcome string)
	// Settled counts an attempt that ended: what it led to, as its entry in the
	// history says, and the kind of its error, empty for none.
	Settled(outcome string, kind job.Kind)
	// Swept counts a timer that was looked at: "kept", "done" or "failed".
	Swept(outcome string)
}

// Tracer tells of attempts as spans. Its methods return at once.
type Tracer interface {
	// Attempt begins the span of an attempt whose claim was just written. Its
	// message was received then; announced is when the source's event says that it
	// came, zero where that is not known. The work gets the context returned.
	Attempt(ctx context.Context, rec job.Record, worker string, announced, received time.Time) context.Context
	// From tells which request of the API brought the source of an attempt, once
	// that is known, and the traceparent of its span, "" where it has none.
	From(ctx context.Context, request, parent string)
	// Span tells of a part of the attempt that lasted from began until now, and
	// why it failed, nil when it did not.
	Span(ctx context.Context, name string, began time.Time, err error)
	// End ends the span of an attempt: what it led to, and why unless it went well.
	End(ctx context.Context, outcome string, failure *job.Failure)
}

// unseen is the Meter and the Tracer of a worker that has none.
type unseen struct{}

func (unseen) Claimed()                 {}
func (unseen) Renewed(string)           {}
func (unseen) Settled(string, job.Kind) {}
func (unseen) Swept(string)             {}
func (unseen) Attempt(ctx context.Context, _ job.Record, _ string, _, _ time.Time) context.Context {
	return ctx
}
func (unseen) From(context.Context, string, string)           {}
func (unseen) Span(context.Context, string, time.Time, error) {}
func (unseen) End(context.Context, string, *job.Failure)      {}

// ending is what an attempt led to: as the ledger has it, or that it was lost,
// which is also so of one whose last write could not be made.
type ending struct {
	outcome string
	failure *job.Failure
}

// note keeps what the record of an attempt, just written, says of its end.
func (a *attempt) note(written job.Record) {
	if n := len(written.History); n > 0 && written.History[n-1].Outcome != "" {
		a.end = ending{written.History[n-1].Outcome, written.History[n-1].Error}
	}
}

// tellEnd counts the attempt and ends its span.
func (a *attempt) tellEnd() {
	var kind job.Kind
	if a.end.failure != nil {
		kind = a.end.failure.Kind
	}
	a.w.Meter.Settled(a.end.outcome, kind)
	a.w.Tracer.End(a.context, a.end.outcome, a.end.failure)
}

// tellRenewal counts a try to renew a lease that was written for the last time
// age ago. That the job is not held any more is no failure to renew.
func (a *attempt) tellRenewal(age time.Duration, err error) {
	switch {
	case errors.Is(err, errLost), errors.Is(err, errCancelled):
	case err != nil:
		a.w.Meter.Renewed("failed")
	case age > a.w.Lease/2:
		a.w.Meter.Renewed("late")
	default:
		a.w.Meter.Renewed("in_time")
	}
}

// tellSweep counts a timer that was looked at.
func (w *Worker) tellSweep(done bool, err error) {
	switch {
	case err != nil:
		w.Meter.Swept("failed")
	case done:
		w.Meter.Swept("done")
	default:
		w.Meter.Swept("kept")
	}
}
