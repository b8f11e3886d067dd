package worker

import (
	"context"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Queue is a queue with the meaning of SQS.
type Queue interface {
	// Send adds messages. Those it could not add are an error; some of the
	// others may have been added.
	Send(ctx context.Context, messages ...job.Outgoing) error
	// Receive returns 1 to limit visible messages (at most 10) and hides them for
	// the queue's visibility timeout, or none after waiting in vain.
	Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error)
	// Delete removes deliveries by receipt; a stale receipt is no error.
	Delete(ctx context.Context, receipts ...string) error
	// Hide sets how long from now a delivery stays hidden: 0 to 12 hours from its receive.
	Hide(ctx context.Context, receipt string, d time.Duration) error
}

// Ledger is the one truth about the state of jobs. Its reads are strongly
// consistent.
type Ledger interface {
	// Get returns the record, or a zero one in state None; ReadAt is always set.
	Get(ctx context.Context, id string) (job.Record, error)
	// Put writes next if the stored record meets the condition, else it returns
	// an error that wraps job.ErrConflict.
	Put(ctx context.Context, next job.Record, when job.Condition) error
	// RaiseHighWater notes a version of a key and returns the newest one known.
	RaiseHighWater(ctx context.Context, source job.Source, id string) (job.HighWater, error)
}

// Runner does a job's work. It knows nothing of queues, leases and fences
// beyond the folder that it writes to.
type Runner interface {
	// Run makes the outputs of one attempt and returns the key of its manifest.
	// When ctx ends it has killed its processes before it returns.
	Run(ctx context.Context, rec job.Record, hooks job.Hooks) (manifest string, err error)
	// Announce makes a final state known outside; it may be called again for
	// the same record and must then do no harm.
	Announce(ctx context.Context, rec job.Record) error
}

// Reader turns the body of a work message into what it asks for. An error
// means that the body cannot be read and never will be.
type Reader interface {
	Read(body []byte) (job.Notice, error)
}
