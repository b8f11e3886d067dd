package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// reconciled counts what a reconciliation came upon.
type reconciled struct {
	// Objects were looked at: the sum of the seven below.
	Objects  int `json:"objects"`
	Enqueued int `json:"enqueued"`
	Known    int `json:"known"`
	TooYoung int `json:"too_young"`
	TooOld   int `json:"too_old"`
	// Ignored are no sources: folders, and results of our own.
	Ignored int `json:"ignored"`
	// Unsure have no version, and may be what a waiting message is about.
	Unsure int `json:"unsure"`
	// Failed can be no job; the log says why.
	Failed int `json:"failed"`
	// SentAgain are jobs that nobody had touched.
	SentAgain int `json:"sent_again"`
	// Next is where to go on; empty when the list was read to its end.
	Next string `json:"next,omitempty"`
}

// pager lists the current objects of a bucket; *store.Store is one.
type pager interface {
	Page(ctx context.Context, bucket, prefix string, after store.Mark, limit int) ([]store.Info, store.Mark, error)
}

// reconciliation is one run of the command.
//
// Whether an object has a job is told by the job's ID, which an event makes of
// the bucket, key, version and ETag, and where there is no version of the
// sequencer too. A list gives all of these but the sequencer. So for an object
// that has a version its job is known exactly, and if the event comes in the
// end, it is for the same job: it can neither be missed nor be done twice.
//
// For one that has none, the ledger is asked for a job of the same key and
// ETag that was made after the object was: first by the newest version that
// the key is known to have had, then by a list. A job that is older is that of an
// earlier upload of the same content. If nothing is found, and the event should come
// after all, it would be another job, with its sequencer. So such an object is
// enqueued only when no message was waiting in the work queue at the beginning,
// and when it was old enough then for its event to have come.
type reconciliation struct {
	*stage
	flags reconcileFlags
	store pager
	log   *slog.Logger
	// page is how many entries are listed by one request.
	page  int
	began time.Time
	// tell is called for each object that was enqueued; may be nil.
	tell func(id string, src job.Source)
	// idle tells that no message waited at the beginning.
	idle  bool
	found reconciled
}

// run sends jobs again, then goes through the bucket a page at a time. With an
// error, found.Next is the last key that was dealt with.
func (r *reconciliation) run(ctx context.Context) error {
	r.found.Next = r.flags.after
	depth, err := r.work.Depth(ctx)
	if err != nil {
		return err
	}
	r.idle = depth.Visible+depth.Hidden+depth.Delayed == 0
	if r.found.SentAgain, err = r.remind(ctx, r.log, r.flags.untouched); err != nil {
		return err
	}
	for after := (store.Mark{Key: r.flags.after}); ; {
		page, next, err := r.store.Page(ctx, r.uploadsBucket, r.flags.prefix, after, r.page)
		if err != nil {
			return err
		}
		for _, info := range page {
			if r.flags.maxObjects > 0 && r.found.Objects == r.flags.maxObjects {
				return nil
			}
			if err := r.consider(ctx, info); err != nil {
				return fmt.Errorf("reconcile %s: %w", info.Source.URI(), err)
			}
			r.found.Next = info.Source.Key
		}
		r.found.Next = next.Key
		if next == (store.Mark{}) {
			return nil
		}
		r.log.Info("reconciled a page", "objects", r.found.Objects, "enqueued", r.found.Enqueued, "after", next.Key)
		after = next
	}
}

// consider enqueues an object that has no job, and counts it.
func (r *reconciliation) consider(ctx context.Context, info store.Info) error {
	count, err := r.judge(ctx, info)
	if err != nil {
		return err
	}
	*count++
	r.found.Objects++
	return nil
}

func (r *reconciliation) judge(ctx context.Context, info store.Info) (count *int, err error) {
	switch age := r.began.Sub(info.Modified); {
	case age < r.flags.minAge:
		return &r.found.TooYoung, nil
	case age > r.flags.maxAge:
		return &r.found.TooOld, nil
	}
	src := info.Source
	id, profile := jobOf(src)
	body := job.Letter{Type: job.RequeueLetter, Job: id, Source: &src, Profile: profile}.Encode()
	notice, err := r.reader().Read(body) // As the worker will.
	switch {
	case err != nil:
		r.log.Error("an object can be no job", "object", src.URI(), "error", err)
		return &r.found.Failed, nil
	case len(notice.Orders) == 0:
		return &r.found.Ignored, nil
	}
	known, err := r.isKnown(ctx, id, info)
	switch {
	case err != nil:
		return nil, err
	case known:
		return &r.found.Known, nil
	case src.Version == "" && !r.idle:
		return &r.found.Unsure, nil
	}
	if err := r.enqueue(ctx, r.log, body, src); err != nil {
		return nil, err
	}
	r.log.Info("enqueued an object that had no job", "job", id, "object", src.URI())
	if r.tell != nil {
		r.tell(id, src)
	}
	return &r.found.Enqueued, nil
}

// isKnown tells whether the ledger has the job of an object.
func (r *reconciliation) isKnown(ctx context.Context, id string, info store.Info) (bool, error) {
	rec, err := r.ledger.Get(ctx, id)
	if err != nil || rec.State != job.None || info.Source.Version != "" {
		return rec.State != job.None, err
	}
	newest, err := r.ledger.HighWater(ctx, info.Source.Bucket, info.Source.Key)
	if err != nil {
		return false, err
	}
	if newest.Job != "" {
		if rec, err = r.ledger.Get(ctx, newest.Job); err != nil || isOf(rec, info) {
			return err == nil, err
		}
	}
	const batch = 100
	filter := job.Filter{Bucket: info.Source.Bucket, Key: info.Source.Key}
	for cursor := ""; ; {
		records, next, err := r.ledger.List(ctx, filter, batch, cursor)
		if err != nil {
			return false, err
		}
		for _, rec := range records {
			if isOf(rec, info) {
				return true, nil
			}
		}
		if next == "" {
			return false, nil
		}
		cursor = next
	}
}

// clocksApart is how far the clocks of the store and the ledger may differ.
const clocksApart = 5 * time.Minute

// isOf tells whether a record is of the content that an object without a
// version has, and was not made before the object.
func isOf(rec job.Record, info store.Info) bool {
	return rec.State != job.None && rec.Source.ETag == info.Source.ETag && !rec.CreatedAt.Before(info.Modified.Add(-clocksApart))
}

// remind sends the messages of jobs that are not final and that nobody has
// touched for a while: whatever became of theirs, one more does no harm. It
// returns how many it sent, at most a thousand.
func (s *stage) remind(ctx context.Context, log *slog.Logger, untouched time.Duration) (sent int, err error) {
	const batch = 1000
	stale, err := s.ledger.Stale(ctx, time.Now().Add(-untouched), batch)
	if err != nil {
		return 0, err
	}
	for _, rec := range stale {
		source := rec.Source
		letter := job.Letter{Type: job.RequeueLetter, Job: rec.ID, Source: &source, Profile: rec.Profile, Weight: rec.Weight}
		if rec.State != job.Queued {
			// The claim leaves a running or failed job to its timer: give it one.
			letter.Type, letter.Fence, letter.SentAt = job.TimerLetter, rec.Fence, time.Now().UTC()
			err = s.inProgress.Send(ctx, job.Outgoing{Body: letter.Encode()})
		} else {
			err = s.work.Send(ctx, job.Outgoing{Body: letter.Encode()})
		}
		if errors.Is(err, context.Canceled) {
			return sent, err
		}
		if err != nil { // One job must not keep the others from being sent.
			log.Error("send a stale job again", "job", rec.ID, "error", err)
			continue
		}
		sent++
	}
	if sent > 0 {
		log.Info("sent jobs again that nobody had touched", "jobs", sent)
	}
	return sent, nil
}
