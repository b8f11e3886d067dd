package worker

import (
	"slices"
	"time"

	"github.com/motionmill/motionmill/job"
)

// The changes of a record, each a pure function of the record as it was read.
// What must hold of the stored record for them to be written is decided where
// they are written.

// historyLimit bounds a record's history; the oldest attempts go first.
const historyLimit = 100

// Outcomes of attempts that are not states.
const (
	outcomeReleased = "released"
	outcomeLost     = "lost"
)

func claimed(rec job.Record, owner, worker string, now time.Time, lease time.Duration) job.Record {
	rec.State = job.Running
	rec.Fence++
	rec.Attempt++
	rec.Owner = owner
	rec.LeaseUntil = now.Add(lease)
	rec.DueAt = time.Time{}
	rec.Error = nil
	rec.Progress = job.Progress{Step: "claimed", ETASeconds: -1}
	rec.History = append(slices.Clone(rec.History), job.Attempt{Fence: rec.Fence, Worker: worker, StartedAt: now})
	if extra := len(rec.History) - historyLimit; extra > 0 {
		rec.History = rec.History[extra:]
	}
	return rec
}

func renewed(rec job.Record, progress job.Progress, now time.Time, lease time.Duration) job.Record {
	rec.LeaseUntil = now.Add(lease)
	rec.Progress = progress
	return rec
}

func committed(rec job.Record, manifest string, now time.Time) job.Record {
	rec.Manifest = manifest
	rec.Progress.ETASeconds = 0
	return ended(rec, job.Succeeded, string(job.Succeeded), nil, now)
}

// failed records a failure that is tried again at due.
func failed(rec job.Record, f job.Failure, due, now time.Time) job.Record {
	rec.DueAt = due
	return ended(rec, job.Failed, string(job.Failed), &f, now)
}

// finished records a final state that a failure led to.
func finished(rec job.Record, state job.State, f job.Failure, now time.Time) job.Record {
	return ended(rec, state, string(state), &f, now)
}

// expired records that the lease ran out: the attempt is charged, and the next
// one is due at once, since it has waited for a lease already.
func expired(rec job.Record, f job.Failure, now time.Time) job.Record {
	rec.DueAt = now
	return ended(rec, job.Failed, outcomeLost, &f, now)
}

// released gives the job back with the attempt uncharged.
func released(rec job.Record, now time.Time) job.Record {
	rec.Attempt--
	return ended(rec, job.Queued, outcomeReleased, nil, now)
}

// requeued makes a failed job that is due ready to be claimed again.
func requeued(rec job.Record) job.Record {
	rec.State = job.Queued
	rec.DueAt = time.Time{}
	return rec
}

// buried ends a failed job whose attempts are used up. Its error stays.
func buried(rec job.Record) job.Record {
	rec.State = job.Dead
	rec.DueAt = time.Time{}
	return rec
}

// revived puts a dead or cancelled job back, with all its attempts before it.
func revived(rec job.Record) job.Record {
	rec.State = job.Queued
	rec.Fence++
	rec.Attempt = 0
	rec.Error = nil
	rec.Owner = ""
	rec.Announced = false
	return rec
}

func announced(rec job.Record) job.Record {
	rec.Announced = true
	return rec
}

// ended leaves the state running: it closes the attempt in the history.
func ended(rec job.Record, to job.State, outcome string, f *job.Failure, now time.Time) job.Record {
	rec.State = to
	rec.LeaseUntil = time.Time{}
	rec.Error = f
	rec.History = slices.Clone(rec.History)
	if n := len(rec.History); n > 0 {
		last := &rec.History[n-1]
		last.EndedAt, last.Outcome, last.Error = now, outcome, f
	}
	return rec
}
