package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	// Disk is the one that Dir lies on.
	Disk *Disk
}

// requestMetadata is where an object has the id of the API's request that asked
// for its upload.
const requestMetadata = "motionmill-request"

// traceMetadata is where it has the traceparent of that request.
const traceMetadata = "motionmill-trace"

// maxRequest bounds each of them, in bytes: whoever uploads may write one.
const maxRequest = 64

// manifestLimit bounds the manifests that are read, in bytes.
const manifestLimit = 4 << 20

// Folder returns the prefix of everything that an attempt stores.
func Folder(id string, fence int64) string {
	return path.Join("outputs", id, strconv.FormatInt(fence, 10)) + "/"
}

// Run makes the outputs of one attempt and stores them under its fence. It
// returns the key of the attempt's manifest, which is stored last. A job that
// the disk has no room for is an error that wraps job.ErrNoRoom, before its
// source is fetched where its size tells, else before anything is made of it.
func (r *Runner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	started := time.Now().UTC()
	profile, err := r.Profiles.Find(rec.Profile)
	if err != nil {
		return "", err
	}
	hooks, stop := paced(hooks, profile, true)
	defer stop()
	dir, err := os.MkdirTemp(r.Dir, fmt.Sprintf("%s-%d-", rec.ID, rec.Fence))
	if err != nil {
		return "", unstarted("make a folder for the job in", r.Dir, err)
	}
	room := r.Disk.Room(dir, rec.Source.URI())
	defer r.leave(room)
	outputs := filepath.Join(dir, "outputs")
	if err := os.Mkdir(outputs, 0o700); err != nil {
		return "", unstarted("make a folder for the job", outputs, err)
	}

	input := filepath.Join(dir, privateName(rec.Source.Key))
	fetched := time.Now()
	object, err := r.fetch(ctx, rec.Source, input, room, profile, hooks)
	steps := []Step{r.timed(ctx, "fetch", fetched, err)}
	if err != nil {
		return "", err
	}
	if request := object.Metadata[requestMetadata]; request != "" && len(request) <= maxRequest && hooks.Trace != nil {
		parent := object.Metadata[traceMetadata]
		if len(parent) > maxRequest {
			parent = ""
		}
		hooks.Trace(request, parent)
	}
	made, err := r.process(ctx, upload{input, object.Metadata}, outputs, profile, room, hooks)
	if err != nil {
		return "", named(err, rec.Source)
	}
	made.steps = append(steps, made.steps...)
	m := made.manifest(manifestSource(rec.Source, object.Bytes, object.SHA256), profile, started)
	m.Job, m.Attempt, m.Fence = rec.ID, rec.Attempt, rec.Fence
	return r.keep(ctx, outputs, m, hooks)
}

// fetch downloads the source once there is room for it and what it becomes.
func (r *Runner) fetch(ctx context.Context, src job.Source, path string, room *Room, profile Profile, hooks job.Hooks) (store.Object, error) {
	known := r.sourceBytes(ctx, src)
	reserve := func(source int64) error {
		least, most := guessOutputs(source, profile)
		return room.Reserve(source+least, source+most)
	}
	if err := reserve(known); err != nil {
		return store.Object{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	object, err := r.Store.Download(ctx, src, path, func(done, total int64) {
		if total > known { // Only the version itself tells for sure.
			known = total
			if err := reserve(total); err != nil {
				cancel(err)
			}
		}
		hooks.Report(job.Progress{Step: "fetch", Done: done, Total: total, ETASeconds: -1})
	})
	if err == nil {
		err = context.Cause(ctx) // It was done before it could be stopped.
	}
	return object, err
}

// sourceBytes returns the size of a source in bytes: as announced for this
// very version, else that of the key's newest one. An object that the store
// cannot tell of counts as 0: the download finds the same, and says it.
func (r *Runner) sourceBytes(ctx context.Context, src job.Source) int64 {
	if src.Bytes > 0 {
		return src.Bytes
	}
	newest, err := r.Store.Head(ctx, src.Bucket, src.Key)
	if err != nil {
		return 0
	}
	return newest.Source.Bytes
}

// keep uploads the outputs and, last, the manifest.
func (r *Runner) keep(ctx context.Context, dir string, m Manifest, hooks job.Hooks) (string, error) {
	folder := Folder(m.Job, m.Fence)
	began := time.Now()
	err := r.upload(ctx, dir, folder, m.Outputs, hooks)
	m.Steps = append(m.Steps, r.timed(ctx, "store", began, err))
	if err != nil {
		return "", err
	}
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

// Streams are many small files: smallFile bytes at most, of which smallUploads
// go at once. A larger one is sent in parts at once by itself.
const (
	smallFile    = 4 << 20
	smallUploads = 8
)

// upload stores the outputs in dir under a folder.
func (r *Runner) upload(ctx context.Context, dir, folder string, outputs []ManifestOutput, hooks job.Hooks) error {
	small, ctx := errgroup.WithContext(ctx)
	small.SetLimit(smallUploads)
	for i, o := range outputs {
		hooks.Report(job.Progress{Step: "store", Done: int64(i), Total: int64(len(outputs))})
		send := func() error {
			_, err := r.Store.Upload(ctx, r.OutputsBucket, folder+o.Path, filepath.Join(dir, filepath.FromSlash(o.Path)), o.Type)
			return err
		}
		if ctx.Err() != nil {
			break // One has failed; Wait says why.
		}
		if o.Bytes <= smallFile {
			small.Go(func() error { return job.Guarded("store an output", send) })
		} else if err := send(); err != nil {
			_ = small.Wait() // The others are cut off by this, or failed of the same.
			return err
		}
	}
	return small.Wait()
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
	if rec.State == job.Succeeded && len(rec.History) == 1 {
		return nil // There was no other.
	}
	return r.removeOthers(ctx, rec)
}

// removeOthers deletes what attempts up to this one stored, save for a committed
// one. It asks once what there is: a job that was given back a hundred times
// has hardly stored anything, and an announcement has seconds only.
func (r *Runner) removeOthers(ctx context.Context, rec job.Record) error {
	left := map[int64]bool{}
	all := path.Join("outputs", rec.ID) + "/"
	err := r.Store.List(ctx, r.OutputsBucket, all, func(src job.Source) error {
		folder, _, _ := strings.Cut(strings.TrimPrefix(src.Key, all), "/")
		fence, err := strconv.ParseInt(folder, 10, 64)
		committed := rec.State == job.Succeeded && fence == rec.Fence
		left[fence] = err == nil && fence <= rec.Fence && !committed
		return nil
	})
	if err != nil {
		return err
	}
	for fence, remove := range left {
		if !remove {
			continue
		}
		if _, err := r.Store.DeletePrefix(ctx, r.OutputsBucket, Folder(rec.ID, fence)); err != nil {
			return err
		}
	}
	return nil
}

// manifest describes a product. Job, attempt and fence are the caller's.
func (p product) manifest(source ManifestSource, profile Profile, started time.Time) Manifest {
	return Manifest{
		Schema: ManifestSchema, Profile: profile.Name, Source: source, Input: p.input, Outputs: p.outputs,
		Models: p.models, Steps: p.steps, Tools: p.tools, Sandbox: p.sandbox, Hardware: p.hardware, Notes: p.notes, Lost: p.lost, StartedAt: started, FinishedAt: time.Now().UTC(),
	}
}

// named puts the object in the place of the private file that an error names.
func named(err error, source job.Source) error {
	private, public := privateName(source.Key), path.Base(source.Key)
	var typed *job.Error
	if errors.As(err, &typed) && typed.Subject == source.URI() {
		return err
	}
	if typed == nil || typed.Subject != private {
		return fmt.Errorf("%s: %w", source.URI(), err)
	}
	told := *typed
	told.Subject = source.URI()
	told.Finding = strings.ReplaceAll(told.Finding, private, public)
	told.Stderr = slices.Clone(told.Stderr)
	for i, line := range told.Stderr {
		told.Stderr[i] = strings.ReplaceAll(line, private, public)
	}
	return &told
}

// privateName is what the file is called that a source is fetched to.
func privateName(key string) string { return "source" + safeExtension(key) }

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
