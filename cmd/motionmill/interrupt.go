package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/fleet"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker"
)

// releaseWithin is how long a worker that is told to stop at once may take to
// give its jobs back. What it could not give back by then is found by its timer.
const releaseWithin = 2 * time.Second

// errCutShort ends a worker whose grace was cut short by a second signal.
var errCutShort = errors.New("stop worker: cut short by a second signal; its jobs were given back")

// secondSignal tells of the signal that comes after the one which ended ctx.
func secondSignal(ctx context.Context) <-chan struct{} {
	force := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		<-signals // The first one, which ended ctx.
		<-signals
		close(force)
	}()
	return force
}

// runUntilForced runs a worker as a guest until it has drained, or until force: then its
// running jobs are given back at once, and the process ends soon whatever
// stands in the way.
func runUntilForced(ctx context.Context, guest *fleet.Guest, w *worker.Worker, force <-chan struct{}) error {
	ended := make(chan error, 1)
	go func() { ended <- job.Guarded("guest", func() error { return guest.Run(ctx, asGuest(w)) }) }()
	select {
	case err := <-ended:
		return err
	case <-force:
	}
	w.Hurry()
	select {
	case err := <-ended:
		return errors.Join(statusError{errCutShort, statusInterrupted}, err)
	case <-time.After(releaseWithin):
		// Returning would close what its jobs still use. The kernel kills their processes.
		fmt.Fprintf(os.Stderr, "motionmill: stop worker: cut short by a second signal; "+
			"some of its jobs could not be given back within %s and wait for their leases to end\n", releaseWithin)
		os.Exit(statusInterrupted)
		return nil
	}
}
