package worker

import (
	"context"
	"time"

	"github.com/motionmill/motionmill/job"
)

// guardParts has each part that panics fail instead: what an error of it
// leads to, the protocol says already, and units, messages and leases stay right.
// The work of a job is guarded by its attempt.
func (w *Worker) guardParts() {
	for _, q := range []*Queue{&w.Work, &w.InProgress, &w.DeadLetter} {
		*q = guardedQueue{*q, w}
	}
	w.Ledger, w.Runner, w.Reader = guardedLedger{w.Ledger, w}, guardedRunner{w.Runner, w}, guardedReader{w.Reader, w}
}

// guard calls a part.
func guard[T any](w *Worker, what string, call func() (T, error)) (got T, err error) {
	err = job.Guarded(what, func() (err error) {
		got, err = call()
		return err
	})
	if w.tellPanic(err) {
		err = &toldPanic{err}
	}
	return got, err
}

// toldPanic is the panic of a part, which has been told of.
type toldPanic struct{ error }

// Unwrap returns the panic.
func (p *toldPanic) Unwrap() error { return p.error }

// guardDo is guard of a call without a result.
func guardDo(w *Worker, what string, call func() error) error {
	_, err := guard(w, what, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

type guardedQueue struct {
	Queue
	w *Worker
}

// Send adds messages.
func (q guardedQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	return guardDo(q.w, "send messages", func() error { return q.Queue.Send(ctx, messages...) })
}

// Receive gives messages.
func (q guardedQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	return guard(q.w, "receive messages", func() ([]job.Message, error) { return q.Queue.Receive(ctx, limit, wait) })
}

// Delete removes deliveries.
func (q guardedQueue) Delete(ctx context.Context, receipts ...string) error {
	return guardDo(q.w, "delete messages", func() error { return q.Queue.Delete(ctx, receipts...) })
}

// Hide hides a delivery.
func (q guardedQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	return guardDo(q.w, "hide a message", func() error { return q.Queue.Hide(ctx, receipt, d) })
}

type guardedLedger struct {
	Ledger
	w *Worker
}

// Get reads a record.
func (l guardedLedger) Get(ctx context.Context, id string) (job.Record, error) {
	return guard(l.w, "read a job", func() (job.Record, error) { return l.Ledger.Get(ctx, id) })
}

// Put writes a record under a condition.
func (l guardedLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	return guardDo(l.w, "write a job", func() error { return l.Ledger.Put(ctx, next, when) })
}

// RaiseHighWater notes a version of a key.
func (l guardedLedger) RaiseHighWater(ctx context.Context, source job.Source, id string) (job.HighWater, error) {
	return guard(l.w, "note a version", func() (job.HighWater, error) { return l.Ledger.RaiseHighWater(ctx, source, id) })
}

type guardedRunner struct {
	Runner
	w *Worker
}

// Announce makes a final state known.
func (r guardedRunner) Announce(ctx context.Context, rec job.Record) error {
	return guardDo(r.w, "announce a job", func() error { return r.Runner.Announce(ctx, rec) })
}

type guardedReader struct {
	Reader
	w *Worker
}

// Read reads a message. One that it panics at cannot be read.
func (r guardedReader) Read(body []byte) (job.Notice, error) {
	return guard(r.w, "read a message", func() (job.Notice, error) { return r.Reader.Read(body) })
}
