package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// maxDelay is the longest delay that a queue can give a message; a timer that
// comes early is harmless.
const maxDelay = 15 * time.Minute

// claimAll takes candidates through steps 3 to 6, in batches where the queue
// can. It reports whether the round may receive more.
func (w *Worker) claimAll(ctx context.Context, batch []*candidate) bool {
	// Step 3: read the ledger, and send away what is not to be claimed.
	ready := batch[:0]
	for _, c := range batch {
		if w.consult(ctx, c) {
			ready = append(ready, c)
		} else {
			w.units.Give(c.units)
		}
	}
	if len(ready) == 0 {
		return true
	}
	// Step 4: the timers, before anything depends on them.
	timers := make([]job.Outgoing, 0, len(ready))
	for _, c := range ready {
		timers = append(timers, w.timer(c.rec, c.rec.Fence+1))
	}
	if err := w.InProgress.Send(ctx, timers...); err != nil {
		return w.withoutTimers(ctx, ready, err)
	}
	// Step 5: the claims, at the same time: each waits for its own write to be
	// durable, and the ledger may share that wait among them. A started attempt
	// runs from here on.
	claimed := make([]bool, len(ready))
	failed := make([]error, len(ready))
	var claims sync.WaitGroup
	for i, c := range ready {
		claims.Go(func() {
			failed[i] = job.Guarded("claim", func() (err error) {
				claimed[i], err = w.claim(ctx, c)
				return err
			})
			w.tellPanic(failed[i])
		})
	}
	claims.Wait()
	var receipts []string
	ok := true
	for i, c := range ready {
		if failed[i] != nil {
			w.Logger.Warn("claim", keyJob, c.id, keyError, failed[i])
			w.abandon(ctx, []*candidate{c})
			ok = false
		} else if claimed[i] {
			receipts = append(receipts, c.message.Receipt)
		}
	}
	// Step 6: the messages.
	if len(receipts) > 0 {
		ctx, cancel := afterStop(ctx)
		defer cancel()
		if err := w.Work.Delete(ctx, receipts...); err != nil {
			w.Logger.Warn("delete claimed messages", keyError, err)
		}
	}
	return ok
}

// withoutTimers deals with candidates whose timers were refused. One that no
// queue will ever carry must not hold up the others for ever.
func (w *Worker) withoutTimers(ctx context.Context, ready []*candidate, err error) bool {
	w.Logger.Warn("send timers", keyError, err)
	switch {
	case !job.KindOf(err).Permanent():
		w.abandon(ctx, ready)
		return false
	case len(ready) == 1:
		w.units.Give(ready[0].units)
		w.setAside(ctx, w.Work, ready[0].message, err.Error())
		return true
	}
	ok := true
	for _, c := range ready {
		ok = w.claimAll(ctx, []*candidate{c}) && ok
	}
	return ok
}

// consult is the claim's table: it reads the ledger and reports whether the
// candidate goes on. When not, its message has been dealt with.
func (w *Worker) consult(ctx context.Context, c *candidate) bool {
	rec, err := w.read(ctx, c.id)
	if err == nil && c.retry != nil && rec.State.Revivable() && rec.Fence == c.retry.Fence {
		rec, err = w.revive(ctx, rec, c.retry.Request)
	}
	switch {
	case err != nil:
		w.Logger.Warn("consult the ledger", keyJob, c.id, keyError, err)
		w.giveBack(ctx, c.message, time.Second)
	case rec.State == job.None && c.retry != nil:
		w.setAside(ctx, w.Work, c.message, "a retry of a job that the ledger does not know")
	case rec.State == job.None:
		c.rec = job.Record{ID: c.id, Source: c.order.Source, Profile: c.order.Profile}
		return true
	case rec.State == job.Queued && 0 < c.order.Fence && c.order.Fence < rec.Fence:
		w.drop(ctx, w.Work, c.message) // It was queued once more since, with a message or a timer of that fence.
	case rec.State == job.Queued:
		c.rec = rec
		return true
	case rec.State.Final() && !rec.Announced:
		if err := w.announceInTime(ctx, rec); err != nil {
			w.Logger.Warn("announce", keyJob, c.id, keyError, err)
			w.giveBack(ctx, c.message, time.Second)
			break
		}
		w.drop(ctx, w.Work, c.message)
	default: // Running, failed or announced: a timer exists, or nothing is left to do.
		w.drop(ctx, w.Work, c.message)
	}
	return false
}

// revive puts a dead or cancelled job back, as a retry asks, and returns the
// record as it then is. The retry is that of a request of the API, if not "".
func (w *Worker) revive(ctx context.Context, rec job.Record, request string) (job.Record, error) {
	next := revived(rec)
	next.Asked = request
	err := w.Ledger.Put(ctx, next, job.Condition{Fence: rec.Fence, States: []job.State{rec.State}})
	if err != nil && !errors.Is(err, job.ErrConflict) {
		return rec, fmt.Errorf("revive job %s: %w", rec.ID, err)
	}
	return w.read(ctx, rec.ID)
}

// timer returns the message that will look at the job again after a lease.
func (w *Worker) timer(rec job.Record, fence int64) job.Outgoing {
	source := rec.Source
	letter := job.Letter{Type: job.TimerLetter, Job: rec.ID, Source: &source, Profile: rec.Profile, Fence: fence, SentAt: w.clock.now()}
	return job.Outgoing{Body: letter.Encode(), Delay: min(w.Lease, maxDelay)}
}

// claim makes the candidate's job ours by one conditional write and starts the
// attempt. It reports whether the message is to be deleted. On an error it
// tries the same write again, with the timer that was already sent; meanwhile
// it keeps the message hidden.
func (w *Worker) claim(ctx context.Context, c *candidate) (gone bool, err error) {
	if ctx.Err() != nil { // The polls have stopped: nothing is claimed any more.
		return false, ctx.Err()
	}
	first := time.Now()
	began, kept := first, first
	next := claimed(c.rec, c.token, w.Name, w.clock.now(), w.Lease)
	when := job.Condition{Fence: c.rec.Fence, States: []job.State{job.None, job.Queued}}
	// A write that is under way when the polls stop is seen to its end: its
	// reply decides whether there is an attempt to run and to release.
	err = persist(ctx, func() error {
		if time.Since(kept) >= w.Lease/4 {
			kept = time.Now()
			w.keepHidden(ctx, c)
		}
		ctx, cancel := afterStop(ctx)
		defer cancel()
		began = time.Now()
		next.LeaseUntil = w.clock.now().Add(w.Lease)
		return w.Ledger.Put(ctx, next, when)
	})
	if err == nil {
		w.start(c, next, began)
		return true, nil
	}
	// A conflict is read, and so is an error that ended the tries: either may
	// be a write of ours whose reply was lost.
	var rec job.Record
	if reading := w.readSurely(ctx, c.id, &rec); reading != nil {
		return false, errors.Join(err, reading)
	}
	if rec.State == job.Running && rec.Owner == c.token { // The reply was lost, not the write.
		w.start(c, rec, first) // Which of the tries it was is not known.
		return true, nil
	}
	if !errors.Is(err, job.ErrConflict) {
		return false, err
	}
	return w.claimAgain(ctx, c)
}

// keepHidden hides a message for another lease whose claim takes long: another
// worker that received it would send one more timer, and so would the next.
func (w *Worker) keepHidden(ctx context.Context, c *candidate) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := w.Work.Hide(ctx, c.message.Receipt, w.Lease); err != nil {
		w.Logger.Warn("keep a message hidden", "message", c.message.ID, keyError, err)
	}
}

// readSurely reads a record after a write whose outcome is not known, again
// and again, also for a while after the polls have stopped.
func (w *Worker) readSurely(ctx context.Context, id string, rec *job.Record) error {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		_ = job.Pause(last, settleTimeout)
		cancel()
	})()
	return persist(last, func() (err error) {
		*rec, err = w.read(last, id)
		return err
	})
}

// claimAgain takes a candidate that lost a race back to the table. A job that
// is queued once more has another fence, hence needs another timer.
func (w *Worker) claimAgain(ctx context.Context, c *candidate) (gone bool, err error) {
	if !w.consult(ctx, c) {
		w.units.Give(c.units)
		return false, nil // The table has dealt with the message.
	}
	if err := w.InProgress.Send(ctx, w.timer(c.rec, c.rec.Fence+1)); err != nil {
		return false, fmt.Errorf("send timer of job %s: %w", c.id, err)
	}
	return w.claim(ctx, c)
}

// abandon gives candidates back whose claim could not be made. Their timers,
// if sent, find a claim not made and wait for one that is.
func (w *Worker) abandon(ctx context.Context, candidates []*candidate) {
	for _, c := range candidates {
		w.units.Give(c.units)
		w.giveBack(ctx, c.message, time.Second)
	}
}
