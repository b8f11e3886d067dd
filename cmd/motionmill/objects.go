package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/gateway"
)

// staleAfter is how long a job that is not final may lie untouched before its
// message is sent again at the start of the stage.
const staleAfter = time.Hour

// newObjectsCommand is the embedded object store, a process of its own because
// the library changes the working directory. `motionmill local` starts it.
func newObjectsCommand() *cobra.Command {
	var stage stageFlags
	var dir, listen string
	cmd := &cobra.Command{
		Use:    "objects",
		Short:  "Run the embedded object store",
		Hidden: true,
		Args:   exactArgs(0),
		RunE:   func(cmd *cobra.Command, _ []string) error { return runObjects(cmd, &stage, dir, listen) },
	}
	stage.add(cmd)
	cmd.Flags().StringVar(&dir, "objects-dir", "", "folder of the objects")
	cmd.Flags().StringVar(&listen, "objects-listen", "127.0.0.1:7070", "address to listen on")
	return cmd
}

func runObjects(cmd *cobra.Command, flags *stageFlags, dir, listen string) error {
	log, err := newLogger(cmd, slog.LevelInfo)
	if err != nil {
		return err
	}
	s, err := flags.open()
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.remind(cmd.Context(), log); err != nil {
		return err
	}
	err = gateway.Run(cmd.Context(), gateway.Config{
		Dir: dir, Listen: listen, Region: os.Getenv("AWS_REGION"),
		AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		Buckets: []string{s.uploadsBucket, s.outputsBucket}, UploadsBucket: s.uploadsBucket,
		Notify: func(ctx context.Context, body []byte, src job.Source) error { return s.enqueue(ctx, log, body, src) },
		Known:  s.known, Logger: log,
	})
	if err != nil {
		return missingError{err}
	}
	return nil
}

// remind sends the messages of jobs that are not final and that nobody has
// touched for long: whatever became of theirs, one more does no harm.
func (s *stage) remind(ctx context.Context, log *slog.Logger) error {
	const batch = 1000
	stale, err := s.ledger.Stale(ctx, time.Now().Add(-staleAfter), batch)
	if err != nil {
		return err
	}
	for _, rec := range stale {
		source := rec.Source
		letter := job.Letter{Type: job.RequeueLetter, Job: rec.ID, Source: &source, Profile: rec.Profile, Weight: rec.Weight}
		if rec.State != job.Queued {
			// The claim leaves a running or failed job to its timer: give it one.
			letter.Type, letter.Fence, letter.SentAt = job.TimerLetter, rec.Fence, time.Now().UTC()
			err = s.inProgress.Send(ctx, job.Outgoing{Body: letter.Encode()})
		} else {
			err = s.work.Send(ctx, job.Outgoing{Body: letter.Encode()})
		}
		if err != nil { // One job must not keep the stage from starting.
			log.Error("send a stale job again", "job", rec.ID, "error", err)
		}
	}
	if len(stale) > 0 {
		log.Info("sent jobs again that nobody had touched", "jobs", len(stale))
	}
	return nil
}
