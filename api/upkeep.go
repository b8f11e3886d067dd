package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// upkeepEvery is how often old notes are removed, and imports looked for
	// that a process began and did not end.
	upkeepEvery = time.Hour
	// upkeepAgain is the wait after it failed.
	upkeepAgain = time.Minute
	// failuresKept is how long the failure of an import is told.
	failuresKept = 7 * day
)

// Run takes up the imports that an earlier process did not end, and from then
// on removes notes that are of no use any more, until ctx ends.
func (a *API) Run(ctx context.Context) {
	left := time.Now() // At the start nothing of this process runs.
	for {
		pause := upkeepEvery
		if err := a.guarded(ctx, "upkeep", func() error { return a.upkeep(ctx, left) }); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "upkeep of the API's notes failed", "error", err)
			pause = upkeepAgain
		} else {
			left = time.Time{}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// upkeep takes up the imports noted before a time, or, when that is zero, those
// that would be over by now were anyone still at them.
func (a *API) upkeep(ctx context.Context, left time.Time) error {
	if left.IsZero() {
		left = time.Now().Add(-a.cfg.ImportWithin - time.Minute)
	}
	if err := a.imports.resume(ctx, left); err != nil {
		return err
	}
	if err := a.sweepNotes(ctx, idempotencyNotes, func(text []byte) bool {
		var kept keptAnswer
		return json.Unmarshal(text, &kept) != nil || time.Now().After(kept.Until)
	}); err != nil {
		return err
	}
	if err := a.sweepNotes(ctx, linkNotes, func(text []byte) bool {
		var link ShareNote
		return json.Unmarshal(text, &link) != nil || time.Now().After(link.ExpiresAt)
	}); err != nil {
		return err
	}
	return a.sweepNotes(ctx, importNotes+"failed/", func(text []byte) bool {
		var failed failedImport
		return json.Unmarshal(text, &failed) != nil || time.Since(failed.At) > failuresKept
	})
}

// sweepNotes removes the notes below a prefix that are old.
func (a *API) sweepNotes(ctx context.Context, prefix string, old func(text []byte) bool) error {
	names, err := a.cfg.Notes.ListNotes(ctx, prefix)
	if err != nil {
		return fmt.Errorf("list the notes below %s: %w", prefix, err)
	}
	for _, name := range names {
		text, err := a.cfg.Notes.ReadNote(ctx, name)
		switch {
		case err != nil && job.KindOf(err) == job.SourceGone: // Another replica was quicker.
			continue
		case err == nil && old(text):
			err = a.cfg.Notes.RemoveNote(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("sweep note %s: %w", name, err)
		}
	}
	return nil
}
