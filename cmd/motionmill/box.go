package main

import (
	"context"
	"errors"
	"strings"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/notice"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker"
)

// box keeps webhooks beside the notes of the API, so that all processes of a
// stage see them and the death of one loses none.
type box notes

// List gives the documents by their keys, with the ETags as their tags.
func (b box) List(ctx context.Context, prefix string) ([]notice.Entry, error) {
	var entries []notice.Entry
	err := b.store.List(ctx, b.bucket, notesPrefix+prefix, func(src job.Source) error {
		entries = append(entries, notice.Entry{Name: strings.TrimPrefix(src.Key, notesPrefix), Tag: src.ETag})
		return nil
	})
	return entries, err
}

// Read gives a document.
func (b box) Read(ctx context.Context, name string) ([]byte, error) {
	return notes(b).ReadNote(ctx, name)
}

// Write puts a document in the place of the one of the tag, or of none.
func (b box) Write(ctx context.Context, name, tag string, text []byte) (string, bool, error) {
	if tag == "" {
		ok, err := notes(b).CreateNote(ctx, name, text)
		return "", ok, err
	}
	newTag, err := b.store.Replace(ctx, b.bucket, notesPrefix+name, tag, text, "application/json")
	if errors.Is(err, store.ErrChanged) {
		return "", false, nil
	}
	return newTag, err == nil, err
}

// Remove removes a document. Names are such that none begins another.
func (b box) Remove(ctx context.Context, name string) error { return notes(b).RemoveNote(ctx, name) }

// announcer leaves final states for the webhooks, behind what the runner does
// to announce them.
type announcer struct {
	worker.Runner
	box notice.Box
}

// Announce returns when the state is durably left for the webhooks.
func (a announcer) Announce(ctx context.Context, rec job.Record) error {
	if err := a.Runner.Announce(ctx, rec); err != nil {
		return err
	}
	return notice.Post(ctx, a.box, rec)
}

// undelivered shows the API what lies in a box.
type undelivered struct{ notice.Undelivered }

// ListDeliveries gives one page.
func (u undelivered) ListDeliveries(ctx context.Context, jobID string, limit int, cursor string) ([]api.Delivery, string, error) {
	found, next, err := u.List(ctx, jobID, limit, cursor)
	shown := make([]api.Delivery, len(found))
	for i, d := range found {
		state := "waiting"
		if d.Dead {
			state = "dead"
		}
		shown[i] = api.Delivery{
			ID: d.ID, Job: d.Job, JobState: string(d.JobState), URL: d.URL, State: state, Tries: d.Tries, Status: d.Status, Error: d.Error,
			Since: d.Since.UTC(), TriedAt: d.TriedAt, DueAt: d.DueAt,
		}
	}
	return shown, next, err
}
