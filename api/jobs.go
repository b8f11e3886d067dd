package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// JobList is one page of jobs, newest first.
type JobList struct {
	Jobs   []Job  `json:"jobs" nullable:"false"`
	Cursor string `json:"cursor,omitempty" doc:"Give it back for the following page; absent on the last."`
}

// JobPath addresses one job.
type JobPath struct {
	ID string `path:"id" maxLength:"64" doc:"The job's id."`
}

type jobOutput struct{ Body Job }

func (a *API) registerJobs() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-jobs", Method: http.MethodGet, Path: "/v1/jobs", Tags: []string{"jobs"}, Summary: "List jobs, newest first",
	}, a.listJobs)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-job", Method: http.MethodGet, Path: "/v1/jobs/{id}", Tags: []string{"jobs"}, Summary: "One job, with its files once it has succeeded",
	}, a.getJob)
}

type listInput struct {
	Limit   int      `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor  string   `query:"cursor" maxLength:"2048" doc:"Of the page before."`
	State   []string `query:"state" enum:"queued,running,failed,succeeded,dead,cancelled,superseded" doc:"Only jobs in these states, separated by commas."`
	Profile string   `query:"profile" maxLength:"64" doc:"Only jobs of this profile."`
}

type listOutput struct{ Body JobList }

func (a *API) listJobs(ctx context.Context, in *listInput) (*listOutput, error) {
	filter := job.Filter{Profile: in.Profile}
	for _, s := range in.State {
		filter.States = append(filter.States, job.State(s))
	}
	records, next, err := a.cfg.Ledger.List(ctx, a.readable(ctx, filter), in.Limit, in.Cursor)
	if err != nil && in.Cursor != "" && job.KindOf(err) == job.Unsupported {
		return nil, problem(http.StatusUnprocessableEntity, problemInvalid, "The cursor is not one that a list gave. Begin again without it.")
	}
	if err != nil {
		return nil, a.broken(ctx, "list the jobs", err)
	}
	out := &listOutput{JobList{Jobs: make([]Job, len(records)), Cursor: next}}
	for i, rec := range records {
		out.Body.Jobs[i] = view(rec)
	}
	return out, nil
}

func (a *API) getJob(ctx context.Context, in *JobPath) (*jobOutput, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	shown, err := a.shown(ctx, rec)
	if err != nil {
		return nil, a.broken(ctx, "read the job's manifest", err)
	}
	return &jobOutput{shown}, nil
}

// shown gives a job with its files, once it has succeeded and as long as they
// are there: a bucket may throw results away sooner than the ledger its records.
func (a *API) shown(ctx context.Context, rec job.Record) (Job, error) {
	shown := view(rec)
	if rec.State == job.Succeeded {
		m, err := a.manifests.get(ctx, rec)
		if err != nil && job.KindOf(err) == job.SourceGone {
			return shown, nil
		}
		if err != nil {
			return Job{}, err
		}
		shown.Outputs, shown.Models = m.outputs(rec.ID), m.models()
	}
	return shown, nil
}

// record reads a job that must be there.
func (a *API) record(ctx context.Context, id string) (job.Record, *Problem) {
	rec, err := a.cfg.Ledger.Get(ctx, id)
	switch {
	case err != nil:
		return rec, a.broken(ctx, "read the job", err)
	case rec.State == job.None || !a.mayRead(ctx, rec): // Other owners' jobs are not there.
		return rec, noJob(id)
	default:
		a.cfg.Tracer.Concerns(ctx, rec.ID)
		return rec, nil
	}
}
