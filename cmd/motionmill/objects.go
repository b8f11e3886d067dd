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
	s, err := flags.open(cmd.Context(), log)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.remind(cmd.Context(), log, staleAfter); err != nil {
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
