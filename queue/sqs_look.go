package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// lookHidden is how long the messages that are looked at stay hidden when
	// whoever looks dies; else they are visible again when he is done.
	lookHidden = 30 * time.Second
	// lookTime bounds the receives, so that a message received first is still
	// hidden when the last one is.
	lookTime = 15 * time.Second
	// lookMost is how many messages are looked at.
	lookMost = 1000
)

// Look shows each visible message, up to a thousand, until show returns false.
// SQS lets nobody look without receiving: the messages are hidden meanwhile,
// and count one receive more. It is for queues that people read, not workers.
// Those shown have no receipt.
func (q *SQS) Look(ctx context.Context, show func(job.Message) bool) error {
	held, err := q.gather(ctx)
	for _, m := range held {
		m.Receipt = ""
		if err != nil || !show(m) {
			break
		}
	}
	return errors.Join(err, q.letGo(ctx, held))
}

// Remove deletes visible messages by id, among the first thousand, and returns
// how many of them were there.
func (q *SQS) Remove(ctx context.Context, ids ...string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	held, err := q.gather(ctx)
	var receipts []string
	rest := slices.DeleteFunc(held, func(m job.Message) bool {
		wanted := err == nil && slices.Contains(ids, m.ID)
		if wanted {
			receipts = append(receipts, m.Receipt)
		}
		return wanted
	})
	if len(receipts) > 0 {
		err = q.Delete(ctx, receipts...)
	}
	if err := errors.Join(err, q.letGo(ctx, rest)); err != nil {
		return 0, err
	}
	return len(receipts), nil
}

// gather receives what is visible. What it got before an error is returned too.
func (q *SQS) gather(ctx context.Context) (held []job.Message, err error) {
	brief := &SQS{client: q.client, cfg: q.cfg}
	brief.cfg.Visibility = lookHidden
	for end := time.Now().Add(lookTime); len(held) < lookMost && time.Now().Before(end); {
		// A wait makes SQS ask all of its servers.
		got, err := brief.Receive(ctx, maxBatch, time.Second)
		if err != nil || len(got) == 0 {
			return held, err
		}
		held = append(held, got...)
	}
	return held, nil
}

// letGo makes messages visible again.
func (q *SQS) letGo(ctx context.Context, held []job.Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookHidden)
	defer cancel()
	for _, m := range held {
		if err := q.Hide(ctx, m.Receipt, 0); err != nil && !errors.Is(err, ErrNotInFlight) {
			return err // The rest becomes visible by itself.
		}
	}
	return nil
}
