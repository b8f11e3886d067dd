package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/fleet"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker"
)

// guestFlags say how a worker behaves as a guest of EC2.
type guestFlags struct {
	ec2   string
	group string
	hook  string
}

func (f *guestFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ec2, "ec2", "auto", "whether to leave in time when EC2 takes the instance, and to be kept while busy: auto (where the metadata service answers) or off")
	flags.StringVar(&f.group, "fleet", "", "Auto Scaling group of the instance; default the one that its tags name")
	flags.StringVar(&f.hook, "lifecycle-hook", "", "lifecycle hook of the group that waits for the worker; default none")
}

func (f *guestFlags) check() error {
	if f.ec2 != "auto" && f.ec2 != "off" {
		return usageError{fmt.Errorf("read --ec2 %q: it is auto or off", f.ec2)}
	}
	return nil
}

// arrive finds out whether the worker is on EC2. report, which may be nil, is
// told of what panics beside the worker.
func (f *guestFlags) arrive(ctx context.Context, grace time.Duration, log *slog.Logger, report func(job.Report)) (*fleet.Guest, error) {
	cfg := fleet.Config{Group: f.group, Hook: f.hook, Grace: grace, Logger: log, Report: report}
	if f.ec2 == "off" {
		return fleet.Outside(cfg), nil
	}
	g, err := fleet.Arrive(ctx, cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return g, nil
}

// asGuest is a worker as its guest sees it.
func asGuest(w *worker.Worker) fleet.Work {
	return fleet.Work{Run: w.Run, Hurry: w.Hurry, Busy: func() bool {
		units, _ := w.Units().Used()
		return units > 0
	}}
}
