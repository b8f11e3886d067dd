package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
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
}

func (f *stageFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.stage, "stage", local.Name, "name of the stage")
	flags.StringVar(&f.uploadsBucket, "uploads-bucket", "", "bucket that takes what is to be worked on")
	flags.StringVar(&f.outputsBucket, "outputs-bucket", "", "bucket that holds results")
	flags.StringVar(&f.work, "work-queue-url", "", "work queue")
	flags.StringVar(&f.inProgress, "in-progress-queue-url", "", "in-progress queue, for timers")
	flags.StringVar(&f.deadLetter, "dead-letter-queue-url", "", "dead-letter queue")
	flags.StringVar(&f.ledger, "ledger-table", "", "ledger")
}

// check names the settings that are missing.
func (f *stageFlags) check() error {
	for _, setting := range []struct{ name, value string }{
		{"uploads-bucket", f.uploadsBucket}, {"outputs-bucket", f.outputsBucket}, {"work-queue-url", f.work},
		{"in-progress-queue-url", f.inProgress}, {"dead-letter-queue-url", f.deadLetter}, {"ledger-table", f.ledger},
	} {
		if setting.value == "" {
			return usageError{fmt.Errorf("open stage %s: --%s is not set; set %s, or use `motionmill local`, which sets all of them",
				f.stage, setting.name, variable(setting.name))}
		}
	}
	return nil
}

// stage is an opened stage: its queues and its ledger.
type stage struct {
	stageFlags
	work, inProgress, deadLetter *queue.Embedded
	ledger                       *ledger.Embedded
	databases                    map[string]*sql.DB
}

// open opens the queues and the ledger that the settings name.
func (f *stageFlags) open() (*stage, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &stage{stageFlags: *f, databases: map[string]*sql.DB{}}
	err := s.openAll()
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) openAll() error {
	for _, q := range []struct {
		url string
		to  **queue.Embedded
	}{{s.stageFlags.work, &s.work}, {s.stageFlags.inProgress, &s.inProgress}, {s.stageFlags.deadLetter, &s.deadLetter}} {
		db, u, err := s.database(q.url)
		if err != nil {
			return err
		}
		name := u.Query().Get("queue")
		if name == "" {
			return usageError{fmt.Errorf("open queue %s: it names no queue; append ?queue=NAME", q.url)}
		}
		if *q.to, err = queue.NewEmbedded(db, name, queue.EmbeddedConfig{}); err != nil {
			return err
		}
	}
	db, _, err := s.database(s.stageFlags.ledger)
	if err != nil {
		return err
	}
	s.ledger, err = ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	return err
}

// database opens the SQLite file of a sqlite URL, once for all parts in it.
func (s *stage) database(raw string) (*sql.DB, *url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("read %q: %w", raw, err)}
	}
	if u.Scheme != "sqlite" {
		return nil, nil, usageError{fmt.Errorf("open %s: this version has the embedded stage only, whose parts are named sqlite:///path/stage.db", raw)}
	}
	if db, ok := s.databases[u.Path]; ok {
		return db, u, nil
	}
	db, err := database.Open(u.Path)
	if err != nil {
		return nil, nil, missingError{err}
	}
	s.databases[u.Path] = db
	return db, u, nil
}

func (s *stage) close() error {
	var errs []error
	for _, db := range s.databases {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

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
