package api

import (
	"path"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Job is a job as the API shows it.
type Job struct {
	ID      string `json:"id"`
	State   string `json:"state" enum:"queued,running,failed,succeeded,dead,cancelled,superseded" doc:"failed will be tried again; succeeded, dead, cancelled and superseded are final."`
	Profile string `json:"profile"`
	Name    string `json:"name" doc:"The last part of the source's key, for people."`
	Source  Source `json:"source"`
	Attempt int    `json:"attempt" doc:"Counts the charged tries, from 1 in the first."`
	Fence   int64  `json:"fence" doc:"Grows by one with every claim."`
	// Progress is that of the running attempt, or of the last one.
	Progress  Progress  `json:"progress"`
	Error     *Failure  `json:"error,omitempty" doc:"Why the last attempt failed."`
	History   []Attempt `json:"history" nullable:"false"`
	DueAt     time.Time `json:"due_at,omitzero" doc:"When a failed job may be tried again."`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	Request   string    `json:"request,omitempty" doc:"Id of the request that brought the source, once an attempt has read it."`
	Asked     string    `json:"asked,omitempty" doc:"Id of the request that last cancelled or retried the job."`
	// Outputs and Models come from the manifest; lists and events leave them out.
	Outputs []Output `json:"outputs,omitempty" nullable:"false" doc:"The files of a job that has succeeded; only in GET /v1/jobs/{id}, and absent once the store has them no more."`
	Models  []Model  `json:"models,omitempty" nullable:"false" doc:"The models that made them; only in GET /v1/jobs/{id}."`
}

// Source is the version of the uploaded object that the job reads.
type Source struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version,omitempty"`
	ETag    string `json:"etag,omitempty"`
	Bytes   int64  `json:"bytes,omitempty" doc:"Size in bytes; absent when the notification did not say."`
}

// Progress tells how far the attempt is.
type Progress struct {
	Step       string  `json:"step,omitempty"`
	Done       int64   `json:"done" doc:"Frames (or what the step counts) done."`
	Total      int64   `json:"total" doc:"0 while unknown."`
	FPS        float64 `json:"fps" doc:"Frames a second, averaged since the step began."`
	ETASeconds float64 `json:"eta_s" doc:"Estimated rest of the attempt in seconds; negative while unknown."`
	Fraction   float64 `json:"fraction" doc:"Part of the whole attempt that is done, 0 to 1. It never goes back."`
}

// Attempt is one try in a job's history.
type Attempt struct {
	Fence     int64     `json:"fence"`
	Worker    string    `json:"worker"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	Outcome   string    `json:"outcome,omitempty" doc:"The state it led to, released or lost; absent while it runs."`
	Error     *Failure  `json:"error,omitempty"`
}

// Failure is why an attempt ended badly, in words for people.
type Failure struct {
	Kind      string   `json:"kind" doc:"One of the error kinds of the contract." example:"not_a_video"`
	Title     string   `json:"title" doc:"The kind in words."`
	Message   string   `json:"message" doc:"What was found, and where."`
	Remedy    string   `json:"remedy" doc:"What can be done about it."`
	Permanent bool     `json:"permanent" doc:"Whether trying again is in vain."`
	Stderr    []string `json:"stderr,omitempty" nullable:"false" doc:"The last lines of the program that failed."`
}

// Output is one file of the result.
type Output struct {
	Path      string  `json:"path" doc:"As in the manifest, relative to the job's result."`
	Href      string  `json:"href" doc:"Leads to the file by a short-lived redirect; relative to the API."`
	Bytes     int64   `json:"bytes"`
	SHA256    string  `json:"sha256,omitempty"`
	Type      string  `json:"type,omitempty"`
	Width     int     `json:"width,omitempty"`
	Height    int     `json:"height,omitempty"`
	Frames    int64   `json:"frames,omitempty"`
	DurationS float64 `json:"duration_s,omitempty" doc:"Seconds."`
}

// Model is a model that took part.
type Model struct {
	Name     string `json:"name"`
	SHA256   string `json:"sha256,omitempty"`
	Family   string `json:"family,omitempty"`
	Provider string `json:"provider,omitempty" doc:"What it really ran on."`
	Starter  bool   `json:"starter" doc:"A built-in starter model: real footage wants a pulled one."`
}

func view(rec job.Record) Job {
	j := Job{
		ID: rec.ID, State: string(rec.State), Profile: rec.Profile, Name: path.Base(rec.Source.Key),
		Source: Source{
			Bucket: rec.Source.Bucket, Key: rec.Source.Key, Version: rec.Source.Version,
			ETag: rec.Source.ETag, Bytes: rec.Source.Bytes,
		},
		Attempt: rec.Attempt, Fence: rec.Fence, Progress: Progress(rec.Progress), Error: viewFailure(rec.Error, rec.State == job.Failed),
		History: make([]Attempt, len(rec.History)), DueAt: utc(rec.DueAt), CreatedAt: utc(rec.CreatedAt), UpdatedAt: utc(rec.UpdatedAt),
		Request: rec.Request, Asked: rec.Asked,
	}
	if rec.State == job.Succeeded { // What was noted last is some seconds older than the end.
		j.Progress.Fraction, j.Progress.ETASeconds = 1, 0
	}
	if rec.State != job.Failed {
		j.DueAt = time.Time{}
	}
	for i, h := range rec.History {
		j.History[i] = Attempt{
			Fence: h.Fence, Worker: h.Worker, StartedAt: utc(h.StartedAt), EndedAt: utc(h.EndedAt),
			Outcome: h.Outcome, Error: viewFailure(h.Error, false),
		}
	}
	return j
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// viewFailure leaves out the stack, which is for the ledger and the log only.
// again is whether the job is tried again, which is then said.
func viewFailure(f *job.Failure, again bool) *Failure {
	if f == nil {
		return nil
	}
	title, remedy := words(f.Kind)
	if again {
		remedy += " The job is tried again."
	}
	return &Failure{
		Kind: string(f.Kind), Title: title, Message: f.Message, Remedy: remedy,
		Permanent: f.Kind.Permanent(), Stderr: f.Stderr,
	}
}

// words says a kind of failure, and what to do about it, in plain English.
func words(k job.Kind) (title, remedy string) {
	switch k {
	case job.NotAVideo:
		return "This file is not a video", "Upload the video itself, as MP4, MOV, WebM or MKV."
	case job.Corrupt:
		return "The file is damaged or incomplete", "Check that it plays from start to end, then upload it again."
	case job.Unsupported:
		return "This kind of video is not supported", "Export it as H.264 in MP4 and upload that."
	case job.OverLimit:
		return "The video is over a limit", "Upload a shorter or smaller video."
	case job.SourceGone:
		return "The uploaded file is gone", "Upload it again."
	case job.SourceReplaced:
		return "The file was replaced while it was worked on", "The newer file has a job of its own; upload again if it has not."
	case job.ModelMissing:
		return "A model is missing or was altered", "Run motionmill models verify where the worker runs, then retry."
	case job.GPUUnavailable:
		return "The GPU could not be used", "Run motionmill doctor where the worker runs."
	case job.OutOfMemory:
		return "The worker ran out of memory", "Give the worker more memory or a smaller capacity."
	case job.OutOfDisk:
		return "The worker ran out of disk", "Free space in the worker's temporary folder."
	case job.Timeout:
		return "It took too long", "A shorter video or a stronger worker helps."
	case job.Crashed:
		return "A program crashed on this video", "The last lines of the program are in its history."
	case job.Storage:
		return "The object store could not be reached", "Check the store if it stays so."
	default:
		return "Something unforeseen went wrong", "The worker's log has the details."
	}
}
