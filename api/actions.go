package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

const (
	// cancelTries bounds how often a cancellation is tried against writes of
	// others; a worker's own come every third of a lease.
	cancelTries = 8
	// sendBatch is what one request to a queue takes.
	sendBatch = 10
	// redrivePage is how many dead jobs are listed at a time.
	redrivePage = 100
	// removeDeadWithin bounds how long an answer waits for the dead letters of its
	// jobs to be removed.
	removeDeadWithin = 30 * time.Second
)

// RedriveRequest names the jobs to put back: some, or all that are dead.
type RedriveRequest struct {
	Jobs []string `json:"jobs,omitempty" maxItems:"1000" nullable:"false" doc:"Ids of dead or cancelled jobs."`
	All  bool     `json:"all,omitempty" doc:"Every dead job."`
}

// Redriven tells how many jobs were put back.
type Redriven struct {
	Count int `json:"count"`
}

func (a *API) registerActions() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "cancel-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/cancel", Tags: []string{"jobs"},
		Summary: "Cancel a job that is not final", DefaultStatus: http.StatusAccepted,
		Description: "The job is cancelled when this answers; a worker that runs it stops within some seconds.",
	}, a.cancelJob)
	huma.Register(a.huma, huma.Operation{
		OperationID: "retry-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/retry", Tags: []string{"jobs"},
		Summary: "Try a dead or cancelled job again", DefaultStatus: http.StatusAccepted,
		Description: "A message asks for it: the state changes when a worker has read it.",
	}, a.retryJob)
	huma.Register(a.huma, huma.Operation{
		OperationID: "redrive", Method: http.MethodPost, Path: "/v1/redrive", Tags: []string{"jobs"},
		Summary: "Put dead jobs back", DefaultStatus: http.StatusAccepted,
		Description: "As retry, for the jobs named (dead or cancelled ones) or for every dead job. When one of those named cannot be put back, none is.",
	}, a.redrive)
}

// cancelJob writes cancelled as long as the job is as it was read; whoever
// wrote in between is read again. A timer or message of the job still exists,
// whose finder announces the state.
func (a *API) cancelJob(ctx context.Context, in *JobPath) (*jobOutput, error) {
	for range cancelTries {
		rec, p := a.record(ctx, in.ID)
		if p != nil {
			return nil, p
		}
		if rec.State.Final() {
			return nil, problem(http.StatusConflict, problemFinal, fmt.Sprintf("Job %s is %s already, which is final.", rec.ID, rec.State))
		}
		next := cancelled(rec)
		next.Asked = RequestFrom(ctx)
		err := a.cfg.Ledger.Put(ctx, next, job.Condition{Fence: rec.Fence, States: []job.State{rec.State}})
		if err == nil {
			return &jobOutput{view(next)}, nil
		}
		if !errors.Is(err, job.ErrConflict) {
			return nil, a.broken(ctx, "cancel the job", err)
		}
	}
	return nil, problem(http.StatusConflict, problemBusy, "Job "+in.ID+" changed each time that it was to be cancelled. Try again.")
}

// cancelled gives the record that cancels rec.
func cancelled(rec job.Record) job.Record {
	now := rec.ReadAt
	if now.IsZero() {
		now = time.Now()
	}
	next := rec
	next.State, next.Announced = job.Cancelled, false
	next.Owner, next.LeaseUntil, next.DueAt = "", time.Time{}, time.Time{}
	next.UpdatedAt = now.UTC()
	next.History = slices.Clone(rec.History)
	if last := len(next.History) - 1; last >= 0 && next.History[last].Outcome == "" {
		next.History[last].Outcome = string(job.Cancelled)
		next.History[last].EndedAt = now.UTC()
	}
	return next
}

func (a *API) retryJob(ctx context.Context, in *JobPath) (*jobOutput, error) {
	rec, p := a.revivable(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	letter := retryLetter(ctx, rec)
	if err := a.cfg.Queue.Send(ctx, outgoing(letter)...); err != nil {
		return nil, a.broken(ctx, "send the retry", err)
	}
	a.removeDead(ctx, letter)
	return &jobOutput{view(rec)}, nil
}

// revivable reads a job that a retry can put back.
func (a *API) revivable(ctx context.Context, id string) (job.Record, *Problem) {
	rec, p := a.record(ctx, id)
	if p != nil {
		return rec, p
	}
	if !rec.State.Revivable() {
		return rec, problem(http.StatusConflict, problemNotRevivable,
			fmt.Sprintf("Job %s is %s; only dead and cancelled jobs can be put back.", rec.ID, rec.State))
	}
	return rec, nil
}

// retryLetter asks the claim to revive the job as it was read, and no later one.
func retryLetter(ctx context.Context, rec job.Record) job.Letter {
	return job.Letter{Type: job.RetryLetter, Job: rec.ID, Fence: rec.Fence, Request: RequestFrom(ctx)}
}

func outgoing(letters ...job.Letter) (messages []job.Outgoing) {
	for _, letter := range letters {
		messages = append(messages, job.Outgoing{Body: letter.Encode()})
	}
	return messages
}

// removeDead takes what lies in the dead-letter queue for jobs out of it, once
// the retries of these were sent: whoever looks at its length, as alarms do, then
// sees what is still to be done. A letter that stays does no harm, so that a
// failure is no answer.
func (a *API) removeDead(ctx context.Context, retries ...job.Letter) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeDeadWithin)
	defer cancel()
	fences := map[string]int64{}
	for _, retry := range retries {
		fences[retry.Job] = retry.Fence
	}
	var ids []string
	err := a.cfg.DeadLetters.Look(ctx, func(m job.Message) bool {
		var letter job.Letter
		if json.Unmarshal(m.Body, &letter) == nil && letter.Type == job.RetryLetter {
			if fence, ok := fences[letter.Job]; ok && letter.Fence <= fence {
				ids = append(ids, m.ID)
			}
		}
		return true
	})
	if err == nil && len(ids) > 0 {
		_, err = a.cfg.DeadLetters.Remove(ctx, ids...)
	}
	if err != nil {
		a.log.Warn("take the dead letters of jobs that are tried again out of their queue", "jobs", len(fences), "error", err)
	}
}

type redriveOutput struct{ Body Redriven }

func (a *API) redrive(ctx context.Context, in *struct{ Body RedriveRequest }) (*redriveOutput, error) {
	if in.Body.All == (len(in.Body.Jobs) > 0) {
		return nil, problem(http.StatusUnprocessableEntity, problemInvalid, `Name the jobs as "jobs", or say "all": true; not both.`)
	}
	var letters []job.Letter
	var p *Problem
	if in.Body.All {
		letters, p = a.allDead(ctx)
	} else {
		letters, p = a.named(ctx, in.Body.Jobs)
	}
	if p != nil {
		return nil, p
	}
	sent := 0
	for batch := range slices.Chunk(letters, sendBatch) {
		if err := a.cfg.Queue.Send(ctx, outgoing(batch...)...); err != nil {
			p := a.broken(ctx, "send the retries", err)
			a.removeDead(ctx, letters[:sent]...)
			p.Detail = fmt.Sprintf("%d of %d jobs were put back, then the queue failed. Do it again: a job is never put back twice.", sent, len(letters))
			return nil, p
		}
		sent += len(batch)
	}
	a.removeDead(ctx, letters...)
	return &redriveOutput{Redriven{Count: sent}}, nil
}

func (a *API) named(ctx context.Context, ids []string) ([]job.Letter, *Problem) {
	var letters []job.Letter
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for _, id := range ids {
		rec, p := a.revivable(ctx, id)
		if p != nil {
			return nil, p
		}
		letters = append(letters, retryLetter(ctx, rec))
	}
	return letters, nil
}

func (a *API) allDead(ctx context.Context) ([]job.Letter, *Problem) {
	var letters []job.Letter
	cursor := ""
	for {
		records, next, err := a.cfg.Ledger.List(ctx, a.readable(ctx, job.Filter{States: []job.State{job.Dead}}), redrivePage, cursor)
		if err != nil {
			return nil, a.broken(ctx, "list the dead jobs", err)
		}
		for _, rec := range records {
			a.cfg.Tracer.Concerns(ctx, rec.ID)
			letters = append(letters, retryLetter(ctx, rec))
		}
		if next == "" {
			return letters, nil
		}
		cursor = next
	}
}
