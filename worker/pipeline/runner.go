package pipeline

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// Runner does the work of claimed jobs, from the uploads bucket to the outputs
// bucket.
type Runner struct {
	Config
	Store         *store.Store
	OutputsBucket string
	// Dir holds one folder for each running attempt.
	Dir string
}

// manifestLimit bounds the manifests that are read, in bytes.
const manifestLimit = 4 << 20

// Folder returns the prefix of everything that an attempt stores.
func Folder(id string, fence int64) string {
	return path.Join("outputs", id, strconv.FormatInt(fence, 10)) + "/"
}

// Run makes the outputs of one attempt and stores them under its fence. It
// returns the key of the attempt's manifest, which is stored last.
func (r *Runner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	started := time.Now().UTC()
	profile, err := r.Profiles.Find(rec.Profile)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(r.Dir, fmt.Sprintf("%s-%d-", rec.ID, rec.Fence))
	if err != nil {
		return "", job.Fail(job.KindOf(err), "make a folder for the job", r.Dir, "", "", err)
	}
	defer os.RemoveAll(dir)
	outputs := filepath.Join(dir, "outputs")
	if err := os.Mkdir(outputs, 0o700); err != nil {
		return "", job.Fail(job.KindOf(err), "make a folder for the job", outputs, "", "", err)
	}

	input := filepath.Join(dir, "source"+safeExtension(rec.Source.Key))
	fetched := time.Now()
	object, err := r.Store.Download(ctx, rec.Source, input, func(done, total int64) {
		hooks.Report(job.Progress{Step: "fetch", Done: done, Total: total, ETASeconds: -1})
	})
	if err != nil {
		return "", err
	}
	steps := []Step{{Name: "fetch", Seconds: seconds(time.Since(fetched))}}
	made, err := r.process(ctx, input, outputs, profile, hooks)
	if err != nil {
		return "", named(err, rec.Source)
	}
	made.steps = append(steps, made.steps...)
	m := made.manifest(manifestSource(rec.Source, object.Bytes, object.SHA256), profile, started)
	m.Job, m.Attempt, m.Fence = rec.ID, rec.Attempt, rec.Fence
	return r.keep(ctx, outputs, m, hooks)
}

// keep uploads the outputs and, last, the manifest.
func (r *Runner) keep(ctx context.Context, dir string, m Manifest, hooks job.Hooks) (string, error) {
	folder := Folder(m.Job, m.Fence)
	began := time.Now()
	for i, o := range m.Outputs {
		hooks.Report(job.Progress{Step: "store", Done: int64(i), Total: int64(len(m.Outputs))})
		if _, err := r.Store.Upload(ctx, r.OutputsBucket, folder+o.Path, filepath.Join(dir, o.Path), o.Type); err != nil {
			return "", err
		}
	}
	m.Steps = append(m.Steps, Step{Name: "store", Seconds: seconds(time.Since(began))})
	m.FinishedAt = time.Now().UTC()
	text, err := m.Encode()
	if err != nil {
		return "", err
	}
	key := folder + ManifestName
	if err := r.Store.Put(ctx, r.OutputsBucket, key, text, contentType(key)); err != nil {
		return "", err
	}
	return key, nil
}

// Announce publishes the manifest of a job that succeeded under its stable
// name, and removes what attempts without a commit left behind.
func (r *Runner) Announce(ctx context.Context, rec job.Record) error {
	if rec.State == job.Succeeded {
		text, err := r.Store.Get(ctx, r.OutputsBucket, rec.Manifest, manifestLimit)
		if err != nil {
			return err
		}
		stable := path.Join("outputs", rec.ID, ManifestName)
		if err := r.Store.Put(ctx, r.OutputsBucket, stable, text, contentType(stable)); err != nil {
			return err
		}
	}
	for _, attempt := range rec.History {
		if rec.State == job.Succeeded && attempt.Fence == rec.Fence {
			continue
		}
		if _, err := r.Store.DeletePrefix(ctx, r.OutputsBucket, Folder(rec.ID, attempt.Fence)); err != nil {
			return err
		}
	}
	return nil
}

// manifest describes a product. Job, attempt and fence are the caller's.
func (p product) manifest(source ManifestSource, profile Profile, started time.Time) Manifest {
	return Manifest{
		Schema: ManifestSchema, Profile: profile.Name, Source: source, Input: p.input, Outputs: p.outputs,
		Models: p.models, Steps: p.steps, Tools: p.tools, Notes: p.notes, StartedAt: started, FinishedAt: time.Now().UTC(),
	}
}

// named puts the object in the place of the private file that an error names.
func named(err error, source job.Source) error {
	return fmt.Errorf("%s: %w", source.URI(), err)
}

// safeExtension keeps an extension of letters and digits: ffmpeg is told the
// container by its content, but people read file names in errors.
func safeExtension(key string) string {
	ext := path.Ext(key)
	if len(ext) < 2 || len(ext) > 8 {
		return ""
	}
	for _, c := range ext[1:] {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return ext
}
