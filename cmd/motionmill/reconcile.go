package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// reconcileFlags say what a reconciliation looks at.
type reconcileFlags struct {
	prefix         string
	after          string
	maxObjects     int
	minAge, maxAge time.Duration
	untouched      time.Duration
}

func (f *reconcileFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "uploads-prefix", "uploads/", "only objects whose keys begin so: the filter of the bucket's notification")
	flags.StringVar(&f.after, "after", "", "only objects whose keys come after this one: where another run stopped")
	flags.IntVar(&f.maxObjects, "max-objects", 0, "stop after so many objects, and tell how to go on; 0 looks at all")
	flags.DurationVar(&f.minAge, "min-age", 30*time.Minute, "pass over younger objects, whose notification may be under way")
	flags.DurationVar(&f.maxAge, "max-age", 28*24*time.Hour, "pass over older objects; it must be less than records are kept")
	flags.DurationVar(&f.untouched, "untouched", 3*time.Hour, "send jobs again that are not final and that nobody has touched for so long")
}

func (f *reconcileFlags) check() error {
	switch {
	case f.maxObjects < 0:
		return usageError{fmt.Errorf("read --max-objects %d: it cannot be negative", f.maxObjects)}
	case f.minAge < 0 || f.maxAge <= f.minAge:
		return usageError{fmt.Errorf("read --min-age %s, --max-age %s: between them lies no time", f.minAge, f.maxAge)}
	case f.untouched < time.Minute:
		return usageError{fmt.Errorf("read --untouched %s: it must be 1m or more, or jobs at work would be sent again", f.untouched)}
	}
	return nil
}

func newReconcileCommand() *cobra.Command {
	var stage stageFlags
	var flags reconcileFlags
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Enqueue objects that have no job, and send jobs again that nobody touches",
		Long: "Enqueues the objects of the uploads bucket that have no job, as when a notification was lost, and sends\n" +
			"jobs again that are not final and that nobody has touched for hours. It may be run at any time, by\n" +
			"several at once, and again: what is known already is left alone. One that was ended goes on with --after.",
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runReconcile(cmd, &stage, &flags) },
	}
	stage.add(cmd)
	flags.add(cmd)
	return cmd
}

func runReconcile(cmd *cobra.Command, stageFlags *stageFlags, flags *reconcileFlags) error {
	ctx := cmd.Context()
	log, err := newLogger(cmd, slog.LevelWarn)
	if err != nil {
		return err
	}
	if err := flags.check(); err != nil {
		return err
	}
	s, err := stageFlags.open(ctx, log)
	if err != nil {
		return err
	}
	defer s.close()
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return missingError{err}
	}
	r := &reconciliation{stage: s, flags: *flags, store: objects, log: log, page: store.MaxPage, began: time.Now()}
	if !wantsJSON(cmd) {
		r.tell = func(id string, src job.Source) {
			fmt.Fprintf(cmd.OutOrStdout(), "enqueued %s as job %s\n", plain(src.URI()), id)
		}
	}
	err = r.run(ctx)
	printReconciled(cmd, r.found)
	switch {
	case err != nil && r.found.Next != "":
		return fmt.Errorf("%w; go on with --after=%s", err, shellWord(r.found.Next))
	case err != nil:
		return err
	case r.found.Failed > 0:
		return errReported
	}
	return nil
}

func printReconciled(cmd *cobra.Command, found reconciled) {
	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		printJSON(out, found)
		return
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{found.Enqueued, "enqueued"}, {found.Known, "known"}, {found.TooYoung, "too young"}, {found.TooOld, "too old"},
		{found.Ignored, "no sources"}, {found.Unsure, "unsure"}, {found.Failed, "failed"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	text := counted(found.Objects, "object")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	fmt.Fprintf(out, "%s; %s sent again\n", text, counted(found.SentAgain, "job"))
	if found.Unsure > 0 {
		fmt.Fprintln(out, "unsure: objects without a version may be what waiting messages are about; run this when the work queue is empty, or have the bucket keep versions")
	}
	if found.Next != "" {
		fmt.Fprintf(out, "not read to the end; go on with --after=%s\n", shellWord(found.Next))
	}
}

// shellWord writes a key so that a shell reads it as one word.
func shellWord(key string) string {
	if plain(key) != key { // As bash and zsh read it.
		return "$" + "'" + strings.ReplaceAll(plain(key), "'", `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(key, "'", `'\''`) + "'"
}
