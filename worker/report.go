package worker

import (
	"errors"

	"github.com/motionmill/motionmill/job"
)

// guarded does what goes on beside the jobs. A panic ends that, not the
// process: what it left half done is found again, as after a crash.
func (w *Worker) guarded(where string, f func()) {
	w.tellPanic(job.Guarded(where, func() error { f(); return nil }))
}

// tellPanic reports an error that is a panic and has not been told of yet, and
// says whether it is; any other is the caller's.
func (w *Worker) tellPanic(err error) bool {
	var p *job.Panic
	var told *toldPanic
	if !errors.As(err, &p) || errors.As(err, &told) {
		return false
	}
	w.Logger.Error("panic", "where", p.Where, keyError, p.Value, "stack", p.Stack)
	r := job.ReportPanic(p)
	r.Worker = w.Name
	w.tell(r)
	return true
}

// tellFailure reports why an attempt at a job ended, as the ledger now has it.
func (w *Worker) tellFailure(rec job.Record, f job.Failure, final bool) {
	r := job.Report{
		Failure: f, Panic: f.Stack != "", Final: final, Job: rec.ID, Key: rec.Source.Key, Attempt: rec.Attempt, Request: rec.Request,
	}
	if n := len(rec.History); n > 0 {
		r.Worker = rec.History[n-1].Worker
	}
	w.tell(r)
}

func (w *Worker) tell(r job.Report) {
	if w.Report != nil {
		w.Report(r)
	}
}
