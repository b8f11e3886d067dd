package worker

import (
	"context"
	"time"

	"github.com/motionmill/motionmill/job"
)

// batchLimit is the most messages that one receive gives.
const batchLimit = 10

// claimRound is started by a tick and goes on while the worker lives: one long
// poll at a time, for at most as many messages as there are free units; with
// none free it waits, in arrival order, until a job gives some back, so that a
// finished job fills its room at once. An error ends the round; the next tick
// starts another.
func (w *Worker) claimRound(ctx context.Context) {
	for ctx.Err() == nil {
		if w.units.AwaitRoom(ctx) != nil {
			return
		}
		limit := min(max(w.units.Free(), 1), batchLimit)
		messages, err := w.Work.Receive(ctx, limit, w.PollWait)
		if err != nil {
			if ctx.Err() == nil {
				w.Logger.Warn("poll the work queue", keyError, err)
			}
			return
		}
		if !w.claimBatch(ctx, messages) {
			return
		}
	}
}

// claimBatch claims what the messages ask for. It reports whether the round
// may receive more.
func (w *Worker) claimBatch(ctx context.Context, messages []job.Message) bool {
	seen := map[string]bool{}
	var batch, again []*candidate
	for _, m := range messages {
		if ctx.Err() != nil {
			w.giveBack(ctx, m, 0)
			continue
		}
		c := w.takeIn(ctx, m)
		switch {
		case c == nil:
		case seen[c.id]:
			again = append(again, c)
		default:
			seen[c.id] = true
			batch = append(batch, c)
		}
	}
	ok := w.claimAll(ctx, batch)
	for _, c := range again { // The same job twice: the second one finds what the first one wrote.
		ok = w.claimAll(ctx, []*candidate{c}) && ok
	}
	return ok
}

// settleTimeout bounds what is done for messages once the polls have stopped.
const settleTimeout = 10 * time.Second

// afterStop returns a context for what must be done although ctx may have
// ended, such as giving a message back.
func afterStop(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
}
