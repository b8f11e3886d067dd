package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
	"golang.org/x/sys/unix"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/metrics"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// lastTraces bounds how long the end of a process waits for its last traces to
// be sent.
const lastTraces = 5 * time.Second

// errStarting is why a process that has not begun its work is not ready.
var errStarting = errors.New("starting")

// observation is how a running process is seen from outside: its measures, its
// private port and its traces.
type observation struct {
	*metrics.Metrics
	tracer  *metrics.Tracer
	log     *slog.Logger
	started atomic.Bool
	stop    func()
}

// observe opens the private port of a process of a stage, and its traces where
// they are asked for. Until began is called the process is not ready.
func (f *privateFlags) observe(cmd *cobra.Command, s *stage, objects *store.Store, log *slog.Logger) (*observation, error) {
	tracer, err := metrics.NewTracer("motionmill-"+cmd.Name(), version)
	if err != nil {
		return nil, usageError{err}
	}
	if tracer != nil { // Else the SDK would write to stderr by itself.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("tell of traces", "error", err) }))
	}
	o := &observation{Metrics: metrics.New(version), tracer: tracer, log: log}
	ready := metrics.NewReadiness(cmd.Context(), map[string]func(context.Context) error{
		"process": func(context.Context) error {
			if !o.started.Load() {
				return errStarting
			}
			return nil
		},
		"queue": func(ctx context.Context) error {
			_, err := s.work.Depth(ctx)
			return err
		},
		"ledger": func(ctx context.Context) error {
			_, err := s.ledger.Get(ctx, "readyz") // No job is called so.
			return err
		},
		"store": func(ctx context.Context) error {
			return errors.Join(objects.CheckBucket(ctx, s.uploadsBucket), objects.CheckBucket(ctx, s.outputsBucket))
		},
	})
	if o.stop, err = f.servePrivate(cmd, o.Handler(ready.Check, log), log); err != nil {
		return nil, errors.Join(err, o.closeTracer())
	}
	return o, nil
}

// began tells that the process does its work now.
func (o *observation) began() { o.started.Store(true) }

// close closes the port, and sends the last traces.
func (o *observation) close() {
	o.stop()
	if err := o.closeTracer(); err != nil {
		o.log.Warn("stop telling of traces", "error", err)
	}
}

func (o *observation) closeTracer() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastTraces)
	defer cancel()
	return o.tracer.Close(ctx)
}

// counting returns a function that counts the panics among reports and passes
// all of them on to next, which may be nil.
func (o *observation) counting(next func(job.Report)) func(job.Report) {
	return func(r job.Report) {
		if r.Panic {
			o.Panicked()
		}
		if next != nil {
			next(r)
		}
	}
}

// seesPipeline has the measures and the traces learn of steps and models.
func (o *observation) seesPipeline(cfg *pipeline.Config) *metrics.Worker {
	measures := o.Worker()
	cfg.Engine.Using = func(m models.UsedModel) { measures.Ran(m.Name, m.Provider) }
	cfg.Observe = func(ctx context.Context, step pipeline.StepRun) {
		if step.Err == nil {
			measures.Step(step.Name, step.Took(), step.Frames)
		}
		o.tracer.Step(ctx, step.Name, step.Began, step.Frames, step.Err)
	}
	return measures
}

// seesWorker measures what a worker has: its units, and the disk of its folder.
func (o *observation) seesWorker(w *worker.Worker, dir string) {
	o.Units(func() int { used, _ := w.Units().Used(); return used }, w.Units().Capacity())
	o.Disk(func() (free, size uint64, err error) {
		var fs unix.Statfs_t
		err = unix.Statfs(dir, &fs)
		return fs.Bavail * uint64(fs.Bsize), fs.Blocks * uint64(fs.Bsize), err
	}, func(err error) { o.log.Warn("measure the disk", "dir", dir, "error", err) })
}

// seesQueues measures the queues of a stage, for those who run its API: there
// is one, or a few, where there may be many workers.
func (o *observation) seesQueues(s *stage) {
	depth := func(q messages) func(context.Context) (metrics.QueueDepth, error) {
		return func(ctx context.Context) (metrics.QueueDepth, error) {
			d, err := q.Depth(ctx)
			seen := metrics.QueueDepth{Visible: d.Visible, Hidden: d.Hidden, Delayed: d.Delayed, Oldest: -1}
			if told, ok := q.(interface {
				Oldest(context.Context) (time.Duration, error)
			}); ok && err == nil {
				seen.Oldest, err = told.Oldest(ctx)
			}
			return seen, err
		}
	}
	o.Queues(map[string]func(context.Context) (metrics.QueueDepth, error){
		"work": depth(s.work), "in_progress": depth(s.inProgress), "dead_letter": depth(s.deadLetter),
	})
}

// opened is what a process of a stage works with, once it is opened.
type opened struct {
	*stage
	objects *store.Store
	seen    *observation
	log     *slog.Logger
}

// openStage opens the stage that the flags name, its object store with so many
// tries for a request (0 is the store's own number), and the private port.
func openStage(cmd *cobra.Command, stage *stageFlags, private *privateFlags, tries int) (*opened, error) {
	log, err := newLogger(cmd, slog.LevelInfo)
	if err != nil {
		return nil, err
	}
	s, err := stage.open(cmd.Context(), log)
	if err != nil {
		return nil, err
	}
	objects, err := store.New(cmd.Context(), store.Config{Tries: tries})
	if err != nil {
		return nil, errors.Join(missingError{err}, s.close())
	}
	seen, err := private.observe(cmd, s, objects, log)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &opened{s, objects, seen, log}, nil
}

func (o *opened) close() {
	o.seen.close()
	_ = o.stage.close() // Whatever was written is.
}
