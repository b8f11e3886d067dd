package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// poisonReceives is how often a message may be received before it is set aside.
	poisonReceives = 50
	// renewReceives is when a message that is given back is sent anew instead,
	// because giving back counts as a receive and it is not poison.
	renewReceives = 25
	// quoteLimit bounds the body that is quoted in the dead-letter queue, in
	// bytes: JSON may write a byte as six, and a message holds 1 MiB.
	quoteLimit = 160 << 10
	// reasonLimit bounds the reason beside it, which may quote a key of any length.
	reasonLimit = 4 << 10
)

// candidate is a message on its way to a claim.
type candidate struct {
	message job.Message
	id      string
	order   job.Order
	retry   *job.Letter
	units   int
	token   string
	rec     job.Record
	// received is when the message came.
	received time.Time
}

// takeIn reads a message. It returns nil when the message needs no claim: it
// was dropped, split, set aside or given back, each in full.
func (w *Worker) takeIn(ctx context.Context, m job.Message) *candidate {
	notice, err := w.Reader.Read(m.Body)
	switch {
	case err != nil:
		w.setAside(ctx, w.Work, m, err.Error())
	case m.Received >= poisonReceives:
		w.setAside(ctx, w.Work, m, fmt.Sprintf("received %d times without being claimed", m.Received))
	case notice.Ignored != "":
		w.Logger.Debug("drop a message", keyReason, notice.Ignored)
		w.drop(ctx, w.Work, m)
	case notice.Retry != nil:
		return w.admit(ctx, &candidate{message: m, id: notice.Retry.Job, retry: notice.Retry})
	case len(notice.Orders) == 1:
		return w.admit(ctx, &candidate{message: m, id: notice.Orders[0].ID(), order: notice.Orders[0]})
	default:
		w.split(ctx, m, notice.Orders)
	}
	return nil
}

// admit takes units for a candidate, or gives its message back.
func (w *Worker) admit(ctx context.Context, c *candidate) *candidate {
	c.units = w.units.Take(c.order.Weight)
	if c.units == 0 {
		w.giveBack(ctx, c.message, time.Second+rand.N(4*time.Second))
		return nil
	}
	c.token, c.received = w.newToken(), time.Now()
	return c
}

// split makes a message for each record of a notification, then drops it.
func (w *Worker) split(ctx context.Context, m job.Message, orders []job.Order) {
	letters := make([]job.Outgoing, 0, len(orders))
	for _, o := range orders {
		asked := job.Record{ID: o.ID(), Source: o.Source, Profile: o.Profile, Weight: o.Weight, Fence: o.Fence}
		letters = append(letters, job.Outgoing{Body: requeueLetter(asked).Encode()})
	}
	if err := w.Work.Send(ctx, letters...); err != nil {
		w.Logger.Warn("split a notification", "records", len(orders), keyError, err)
		return // It becomes visible again.
	}
	w.drop(ctx, w.Work, m)
}

// drop deletes a delivery. One that stays is delivered again, which does no harm.
func (w *Worker) drop(ctx context.Context, from Queue, m job.Message) {
	if err := from.Delete(ctx, m.Receipt); err != nil {
		w.Logger.Warn("delete a message", "message", m.ID, keyError, err)
	}
}

// giveBack makes a delivery that was not claimed visible again after d.
func (w *Worker) giveBack(ctx context.Context, m job.Message, d time.Duration) {
	ctx, cancel := afterStop(ctx)
	defer cancel()
	// Hiding also tells whether the delivery is still ours: another one of the
	// message must not lead to a second copy.
	if err := w.Work.Hide(ctx, m.Receipt, d); err != nil {
		w.Logger.Warn("give a message back", "message", m.ID, keyError, err)
		return
	}
	if m.Received < renewReceives {
		return
	}
	if err := w.Work.Send(ctx, job.Outgoing{Body: m.Body, Delay: d}); err != nil {
		w.Logger.Warn("give a message back anew", "message", m.ID, keyError, err)
		return
	}
	w.drop(ctx, w.Work, m)
}

// setAside moves a message that nobody can use to the dead-letter queue, with
// the reason and its body as it came.
func (w *Worker) setAside(ctx context.Context, from Queue, m job.Message, reason string) {
	if len(reason) > reasonLimit {
		reason = strings.ToValidUTF8(reason[:reasonLimit], "") + " …"
	}
	w.Logger.Error("set a message aside", "message", m.ID, keyReason, reason)
	body := m.Body
	if len(body) > quoteLimit {
		body = body[:quoteLimit]
		reason += fmt.Sprintf(" (cut here from %d bytes)", len(m.Body))
	}
	letter := job.Letter{Type: job.UnreadableLetter, Reason: reason, Body: strings.ToValidUTF8(string(body), "\uFFFD")}
	if err := w.DeadLetter.Send(ctx, job.Outgoing{Body: letter.Encode()}); err != nil {
		w.Logger.Warn("send to the dead-letter queue", "message", m.ID, keyError, err)
		return // It becomes visible again.
	}
	w.drop(ctx, from, m)
}

// requeueLetter asks for a job as the ledger has it queued.
func requeueLetter(rec job.Record) job.Letter {
	return job.Letter{Type: job.RequeueLetter, Job: rec.ID, Source: &rec.Source, Profile: rec.Profile, Weight: rec.Weight, Fence: rec.Fence}
}
