package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// announceInTime announces for a round, which must go on.
func (w *Worker) announceInTime(ctx context.Context, rec job.Record) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return w.announce(ctx, rec)
}

// announce makes a final state known and then marks it announced. A job that
// is dead goes to the dead-letter queue as the very message that would retry
// it. Everything here may happen twice; the mark comes last, so that it cannot
// happen less than once.
func (w *Worker) announce(ctx context.Context, rec job.Record) error {
	if err := w.Runner.Announce(ctx, rec); err != nil {
		return fmt.Errorf("announce job %s: %w", rec.ID, err)
	}
	if rec.State == job.Dead {
		letter := job.Letter{Type: job.RetryLetter, Job: rec.ID, Fence: rec.Fence}
		if rec.Error != nil {
			letter.Reason = string(rec.Error.Kind) + ": " + rec.Error.Message
		}
		if err := w.DeadLetter.Send(ctx, job.Outgoing{Body: letter.Encode()}); err != nil {
			return fmt.Errorf("send job %s to the dead-letter queue: %w", rec.ID, err)
		}
	}
	when := job.Condition{Fence: rec.Fence, States: []job.State{rec.State}}
	err := w.Ledger.Put(ctx, announced(rec), when)
	if err != nil && !errors.Is(err, job.ErrConflict) { // A conflict: it was revived since.
		return fmt.Errorf("mark job %s announced: %w", rec.ID, err)
	}
	return nil
}
