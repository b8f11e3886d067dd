package main

import (
	"context"
	"errors"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// The exit statuses that scripts depend on.
const (
	statusDone        = 0
	statusFailed      = 1
	statusUsage       = 2
	statusMissing     = 3
	statusInterrupted = 130
)

// usageError is wrong usage or configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// missingError is a needed part that is absent or cannot be reached.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

// statusError carries the status that a child process ended with.
type statusError struct {
	error
	status int
}

func (e statusError) Unwrap() error { return e.error }

// errReported ends a command whose finding has been printed already.
var errReported = errors.New("reported")

func exitStatus(ctx context.Context, err error) int {
	var usage usageError
	var missing missingError
	var status statusError
	switch {
	case err == nil:
		return statusDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return statusInterrupted
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &usage), strings.HasPrefix(err.Error(), "unknown command"):
		return statusUsage
	case errors.As(err, &missing):
		return statusMissing
	}
	switch job.KindOf(err) {
	case job.ModelMissing, job.GPUUnavailable, job.Storage: // A store, queue or ledger did not answer.
		return statusMissing
	default:
		return statusFailed
	}
}

// oneLine keeps an error to a line, as scripts expect.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
