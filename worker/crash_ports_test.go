package worker_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker"
)

// caller tells which part of the worker makes a call: the claim and the sweep
// are what the two rounds do, all else is the run of an attempt.
func caller() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasSuffix(frame.Function, "(*Worker).claimRound"), strings.Contains(frame.Function, "(*Worker).claimAll."):
			return "claim" // The claims of a batch are made by goroutines of claimAll.
		case strings.HasSuffix(frame.Function, "(*Worker).sweepRound"):
			return "sweep"
		case !more:
			return "run"
		}
	}
}

// tracedQueue is a real queue whose calls are steps: "claim work send".
type tracedQueue struct {
	lane  *lane
	name  string
	inner worker.Queue
}

func (q *tracedQueue) step(call string, do func() error) (err error) {
	q.lane.step(caller()+" "+q.name+" "+call, false, func() bool {
		err = q.lane.gated(do)
		return err == nil
	})
	return err
}

func (q *tracedQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	return q.step("send", func() error { return q.inner.Send(ctx, messages...) })
}

func (q *tracedQueue) Delete(ctx context.Context, receipts ...string) error {
	defer q.lane.hasDeleted(q.name)
	return q.step("delete", func() error { return q.inner.Delete(ctx, receipts...) })
}

func (q *tracedQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	return q.step("hide", func() error { return q.inner.Hide(ctx, receipt, d) })
}

func (q *tracedQueue) Receive(ctx context.Context, limit int, wait time.Duration) (got []job.Message, err error) {
	part := caller()
	if part == "claim" {
		q.lane.awaitSweep(ctx)
	}
	q.lane.step(part+" "+q.name+" receive", true, func() bool {
		if !q.lane.locks() {
			got, err = q.inner.Receive(ctx, limit, wait)
			return len(got) > 0
		}
		for until := time.Now().Add(wait); ; { // In short polls, so that the gate is never held for long.
			err = q.lane.gated(func() (err error) {
				got, err = q.inner.Receive(ctx, limit, 50*time.Millisecond)
				return err
			})
			if err != nil || len(got) > 0 || time.Now().After(until) {
				return len(got) > 0
			}
		}
	})
	return got, err
}

// locks tells whether the process may be stopped, and then must not hold a lock
// of a database. A server knows of no such thing.
func (p *process) locks() bool { return p.Action == byStop && p.Servers == nil }

// gated makes a call that the process is not stopped in.
func (p *process) gated(do func() error) error {
	if p.locks() {
		p.gate.RLock()
		defer p.gate.RUnlock()
	}
	return do()
}

// tracedLedger is the real ledger; a write is the step of the state that it
// writes ("claim put running"), or "put announced".
type tracedLedger struct {
	lane  *lane
	inner worker.Ledger
}

func (t *tracedLedger) Get(ctx context.Context, id string) (rec job.Record, err error) {
	t.lane.step(caller()+" get", false, func() bool {
		err = t.lane.gated(func() error { rec, err = t.inner.Get(ctx, id); return err })
		return err == nil
	})
	return rec, err
}

func (t *tracedLedger) Put(ctx context.Context, next job.Record, when job.Condition) (err error) {
	what, part := string(next.State), caller()
	if next.Announced {
		what = "announced"
	}
	if part == "claim" { // One after the other, so that the second of a batch is made when the first is.
		t.lane.turn.Lock()
		defer t.lane.turn.Unlock()
	}
	t.lane.step(part+" put "+what, false, func() bool {
		err = t.lane.gated(func() error { return t.inner.Put(ctx, next, when) })
		switch {
		case err == nil && part == "claim" && next.State == job.Running:
			t.lane.note(t.lane.name, "claim", next.ID, next.Fence)
		case err == nil && what == string(job.Succeeded):
			t.lane.note(t.lane.name, "commit", next.ID, next.Fence)
		case errors.Is(err, job.ErrConflict):
			t.lane.note(t.lane.name, "refused-"+what, next.ID, next.Fence)
		case errors.Is(err, context.Canceled): // A worker that was told to stop has ten seconds for it.
			t.lane.note(t.lane.name, "too-late-"+what, next.ID, next.Fence)
		}
		return err == nil
	})
	return err
}

func (t *tracedLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (mark job.HighWater, err error) {
	t.lane.awaitDelete(ctx)
	t.lane.step(caller()+" high-water", false, func() bool {
		err = t.lane.gated(func() error { mark, err = t.inner.RaiseHighWater(ctx, s, id); return err })
		return err == nil
	})
	return mark, err
}

// tracedRunner is the runner; both of its calls are steps.
type tracedRunner struct {
	lane  *lane
	inner *fileRunner
}

func (r *tracedRunner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (manifest string, err error) {
	r.lane.step(caller()+" work", true, func() bool {
		manifest, err = r.inner.Run(ctx, rec, hooks)
		return err == nil
	})
	return manifest, err
}

func (r *tracedRunner) Announce(ctx context.Context, rec job.Record) (err error) {
	r.lane.step(caller()+" announce", true, func() bool {
		err = r.inner.Announce(ctx, rec)
		return err == nil
	})
	return err
}
