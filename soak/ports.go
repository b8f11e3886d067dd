package soak

import (
	"context"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Queue is a queue as workers use it.
type Queue interface {
	Send(ctx context.Context, messages ...job.Outgoing) error
	Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error)
	Delete(ctx context.Context, receipts ...string) error
	Hide(ctx context.Context, receipt string, d time.Duration) error
}

// Ledger is a ledger as workers use it.
type Ledger interface {
	Get(ctx context.Context, id string) (job.Record, error)
	Put(ctx context.Context, next job.Record, when job.Condition) error
	RaiseHighWater(ctx context.Context, source job.Source, id string) (job.HighWater, error)
}

// BadQueue is a queue behind a bad network.
type BadQueue struct {
	Queue
	Dice *Dice
}

// Send sends messages, unless a fault prevents it or hides that it happened.
func (q BadQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	return q.Dice.call(ctx, "send", func() error { return q.Queue.Send(ctx, messages...) })
}

// Receive receives. Messages whose delivery is lost stay hidden for the queue's
// visibility timeout.
func (q BadQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	var got []job.Message
	err := q.Dice.call(ctx, "receive", func() (err error) {
		got, err = q.Queue.Receive(ctx, limit, wait)
		return err
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

// Delete deletes, unless a fault prevents it or hides that it happened.
func (q BadQueue) Delete(ctx context.Context, receipts ...string) error {
	return q.Dice.call(ctx, "delete", func() error { return q.Queue.Delete(ctx, receipts...) })
}

// Hide hides, unless a fault prevents it or hides that it happened.
func (q BadQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	return q.Dice.call(ctx, "hide", func() error { return q.Queue.Hide(ctx, receipt, d) })
}

// BadLedger is a ledger behind a bad network.
type BadLedger struct {
	Ledger
	Dice *Dice
}

// Get reads, unless a fault prevents it.
func (l BadLedger) Get(ctx context.Context, id string) (job.Record, error) {
	var rec job.Record
	err := l.Dice.call(ctx, "get", func() (err error) {
		rec, err = l.Ledger.Get(ctx, id)
		return err
	})
	if err != nil {
		return job.Record{}, err
	}
	return rec, nil
}

// Put writes, unless a fault prevents it or hides whether it happened.
func (l BadLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	return l.Dice.call(ctx, "put", func() error { return l.Ledger.Put(ctx, next, when) })
}

// RaiseHighWater raises, unless a fault prevents it or hides that it happened.
func (l BadLedger) RaiseHighWater(ctx context.Context, source job.Source, id string) (job.HighWater, error) {
	var mark job.HighWater
	err := l.Dice.call(ctx, "raise high water", func() (err error) {
		mark, err = l.Ledger.RaiseHighWater(ctx, source, id)
		return err
	})
	if err != nil {
		return job.HighWater{}, err
	}
	return mark, nil
}

// call makes a call over the bad network. A reply that is lost says nothing of
// whether the call succeeded, nor how.
func (d *Dice) call(ctx context.Context, op string, do func() error) error {
	fault, delay := d.Throw()
	lost := job.Fail(job.Storage, op, "", "a fault of the soak: "+string(fault), "", nil)
	switch fault {
	case Healthy:
		return do()
	case Delayed:
		if err := job.Pause(ctx, delay); err != nil {
			return err
		}
		return do()
	case BrokenLate, CutReply, LostReply:
		_ = do() // Nobody hears of it.
		return lost
	default:
		return lost
	}
}
