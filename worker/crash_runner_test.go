package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker"
)

// The scripts: how a job goes in a victim. In a clean process it succeeds,
// unless it is hopeless.
const (
	succeeds  = "succeeds"
	long      = "long"       // runs until it is stopped
	failsOnce = "fails once" // with a kind that is tried again; once, for the victim comes to harm then
	hopeless  = "hopeless"   // fails with a permanent kind
	cancelled = "cancelled"  // is cancelled by a user while it runs
)

const manifestName = "manifest.json"

// made is the manifest of an attempt. Its content differs with every attempt.
type made struct {
	Job    string
	Fence  int64
	Worker string
}

// fileRunner makes the outputs of an attempt as files, the manifest last, and
// publishes by renaming a copy of the manifest to its stable name.
type fileRunner struct {
	lane   *lane
	ledger worker.Ledger
	dir    string
}

func manifestKey(id string, fence int64) string {
	return filepath.Join("outputs", id, strconv.FormatInt(fence, 10), manifestName)
}

func stableKey(id string) string { return filepath.Join("outputs", id, manifestName) }

func (r *fileRunner) Run(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
	r.lane.note(r.lane.name, "run", rec.ID, rec.Fence)
	r.lane.ran.Do(r.lane.begun)
	if r.lane.Hold {
		r.lane.awaitFile(ctx, letGoFile)
	}
	key := manifestKey(rec.ID, rec.Fence)
	folder := filepath.Join(r.dir, filepath.Dir(key))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "video.mp4"), []byte(key), 0o600); err != nil {
		return "", err
	}
	switch script := r.lane.Script; {
	case script == hopeless:
		return "", job.Fail(job.Corrupt, "decode", rec.Source.Key, "the index is missing", "", nil)
	case script == failsOnce && r.lane.Victim:
		return "", job.Fail(job.Storage, "store", rec.Source.Key, "the store is away", "", nil)
	case script == cancelled && r.lane.Victim:
		if err := r.cancel(ctx, rec.ID); err != nil {
			return "", err
		}
		<-ctx.Done()
		return "", context.Cause(ctx)
	case script == long && r.lane.Victim:
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	text, err := json.Marshal(made{Job: rec.ID, Fence: rec.Fence, Worker: r.lane.name + "/" + role(r.lane.Victim)})
	if err != nil {
		return "", err
	}
	r.lane.step("run manifest", false, func() bool {
		err = replace(filepath.Join(r.dir, key), text)
		return err == nil
	})
	return key, err
}

// cancel does what the API does for a user.
func (r *fileRunner) cancel(ctx context.Context, id string) error {
	rec, err := r.ledger.Get(ctx, id)
	if err != nil {
		return err
	}
	when := job.Condition{Fence: rec.Fence, States: []job.State{rec.State}}
	rec.State, rec.LeaseUntil = job.Cancelled, time.Time{}
	return r.ledger.Put(ctx, rec, when)
}

func (r *fileRunner) Announce(_ context.Context, rec job.Record) error {
	if rec.State == job.Succeeded {
		text, err := os.ReadFile(filepath.Join(r.dir, rec.Manifest))
		if err != nil {
			return err
		}
		// What is noted is that the manifest is about to appear.
		r.lane.note(r.lane.name, "publish", rec.ID, rec.Fence)
		part := caller()
		r.lane.step(part+" publish", false, func() bool {
			err = replace(filepath.Join(r.dir, stableKey(rec.ID)), text)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	for _, attempt := range rec.History {
		if rec.State == job.Succeeded && attempt.Fence == rec.Fence {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.dir, filepath.Dir(manifestKey(rec.ID, attempt.Fence)))); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file so that it is there whole or not at all.
func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// readManifest returns the manifest at a key of a lane; false when there is none.
func readManifest(dir, key string) (m made, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, key))
	if errors.Is(err, os.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		if err = json.Unmarshal(text, &m); err != nil {
			err = fmt.Errorf("read %s: %w", key, err)
		}
	}
	return m, err == nil, err
}
