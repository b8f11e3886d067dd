package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// stageFlags name the parts of a stage.
type stageFlags struct {
	stage         string
	uploadsBucket string
	outputsBucket string
	work          string
	inProgress    string
	deadLetter    string
	ledger        string
	keepDays      int
}

func (f *stageFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.stage, "stage", local.Name, "name of the stage")
	flags.StringVar(&f.uploadsBucket, "uploads-bucket", "", "bucket that takes what is to be worked on")
	flags.StringVar(&f.outputsBucket, "outputs-bucket", "", "bucket that holds results")
	flags.StringVar(&f.work, "work-queue-url", "", "work queue: the URL of one in SQS, or sqlite:///path/stage.db?queue=NAME")
	flags.StringVar(&f.inProgress, "in-progress-queue-url", "", "in-progress queue, for timers")
	flags.StringVar(&f.deadLetter, "dead-letter-queue-url", "", "dead-letter queue")
	flags.StringVar(&f.ledger, "ledger-table", "", "ledger: a table of DynamoDB, or sqlite:///path/stage.db")
	flags.IntVar(&f.keepDays, "keep-days", ledger.DefaultKeepDays, "days that DynamoDB keeps the records of jobs that are over, 29 or more; 0 is for ever")
}

// check names the settings that are missing.
func (f *stageFlags) check() error {
	for _, setting := range []struct{ name, value string }{
		{"uploads-bucket", f.uploadsBucket}, {"outputs-bucket", f.outputsBucket}, {"work-queue-url", f.work},
		{"in-progress-queue-url", f.inProgress}, {"dead-letter-queue-url", f.deadLetter}, {"ledger-table", f.ledger},
	} {
		if setting.value == "" {
			return usageError{fmt.Errorf("open stage %s: --%s is not set; set %s, let env.sh write it to .env, or use `motionmill local`, which sets all of them",
				f.stage, setting.name, variable(setting.name))}
		}
	}
	return nil
}

// messages is a queue of a stage, embedded or in SQS.
type messages interface {
	worker.Queue
	api.DeadLetters
	Depth(ctx context.Context) (queue.Depth, error)
}

// records is the ledger of a stage, embedded or in DynamoDB.
type records interface {
	worker.Ledger
	api.Ledger
	Stale(ctx context.Context, before time.Time, limit int) ([]job.Record, error)
}

// stage is an opened stage: its queues and its ledger.
type stage struct {
	stageFlags
	work, inProgress, deadLetter messages
	ledger                       records
	parts                        *parts
}

// open opens the queues and the ledger that the settings name. It asks nobody
// whether they are there.
func (f *stageFlags) open(ctx context.Context, log *slog.Logger) (*stage, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &stage{stageFlags: *f, parts: newParts(log)}
	err := s.openAll(ctx)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) openAll(ctx context.Context) (err error) {
	for _, q := range []struct {
		url string
		to  *messages
	}{{s.stageFlags.work, &s.work}, {s.stageFlags.inProgress, &s.inProgress}, {s.stageFlags.deadLetter, &s.deadLetter}} {
		if *q.to, err = s.parts.queue(ctx, q.url); err != nil {
			return err
		}
	}
	s.ledger, err = s.parts.ledger(ctx, s.stageFlags.ledger, s.keepDays)
	return err
}

func (s *stage) close() error { return s.parts.close() }

// reader reads the messages of the work queue.
func (s *stage) reader() *queue.Reader {
	return queue.NewReader(queue.ReaderConfig{Bucket: s.uploadsBucket, DefaultProfile: pipeline.DefaultProfile})
}

// jobOf returns the identity of the job that an object asks for by its key.
func jobOf(src job.Source) (id, profile string) {
	profile = queue.ProfileOfKey(src.Key, pipeline.DefaultProfile)
	return job.ID(src, profile), profile
}

// enqueue puts the event of a new object on the work queue, and then shows the
// job as queued before any worker has claimed it. The message comes first: a
// record without a message would be a job that nobody works on. What follows
// the message is only for show, since a worker writes both as well, so that
// its failure refuses no upload.
func (s *stage) enqueue(ctx context.Context, log *slog.Logger, body []byte, src job.Source) error {
	if err := s.work.Send(ctx, job.Outgoing{Body: body}); err != nil {
		return err
	}
	id, profile := jobOf(src)
	rec := job.Record{ID: id, Profile: profile, Source: src.Normal(), State: job.Queued}
	_, err := s.ledger.RaiseHighWater(ctx, src, id)
	if err == nil {
		err = s.ledger.Put(ctx, rec, job.Condition{States: []job.State{job.None}})
	}
	if err != nil && !errors.Is(err, job.ErrConflict) { // A conflict: the event came twice, or a worker was quicker.
		log.Warn("show a job as queued", "job", id, "error", err)
	}
	return nil
}

// known tells whether the ledger has the job of an object.
func (s *stage) known(ctx context.Context, src job.Source) (bool, error) {
	id, _ := jobOf(src)
	rec, err := s.ledger.Get(ctx, id)
	return rec.State != job.None, err
}
