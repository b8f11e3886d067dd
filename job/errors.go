package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrNoRoom ends an attempt that this worker has no room for now, in units or
// on its disk. The job is given back, uncharged, for a freer worker.
var ErrNoRoom = errors.New("no room for the job on this worker")

// Kind says what went wrong in words that the ledger, the API and the metrics
// share. It carries the decision: permanent kinds are never tried again.
type Kind string

// The kinds that no retry can mend.
const (
	NotAVideo      Kind = "not_a_video"
	Corrupt        Kind = "corrupt"
	Unsupported    Kind = "unsupported"
	OverLimit      Kind = "over_limit"
	SourceGone     Kind = "source_gone"
	SourceReplaced Kind = "source_replaced"
)

// The kinds that are tried again.
const (
	ModelMissing   Kind = "model_missing"
	GPUUnavailable Kind = "gpu_unavailable"
	OutOfMemory    Kind = "out_of_memory"
	OutOfDisk      Kind = "out_of_disk"
	Timeout        Kind = "timeout"
	Crashed        Kind = "crashed"
	Storage        Kind = "storage"
	Internal       Kind = "internal"
)

// Permanent tells whether a job that failed so is dead at once.
func (k Kind) Permanent() bool {
	switch k {
	case NotAVideo, Corrupt, Unsupported, OverLimit, SourceGone, SourceReplaced:
		return true
	default:
		return false
	}
}

// Error is a failure with its kind and what a person needs to act on it.
type Error struct {
	Kind Kind
	// Op is the operation, verb first: "probe source".
	Op string
	// Subject is the file, object or resource that it concerns.
	Subject string
	// Finding is what was found there.
	Finding string
	// Remedy is what the reader can do; empty when there is nothing to do.
	Remedy string
	// Stderr holds the last lines that a child process wrote, oldest first.
	Stderr []string
	// Err is the cause; may be nil.
	Err error
}

// Error gives one line: what, where, and what to do.
func (e *Error) Error() string {
	parts := []string{}
	for _, part := range []string{e.Op, e.Subject} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, " ")
	if e.Finding != "" {
		text += ": " + e.Finding
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		text += ". " + e.Remedy
	}
	return strings.TrimPrefix(text, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail returns an Error of kind k for an operation on a subject, with the
// cause err, which may be nil.
func Fail(k Kind, op, subject, finding, remedy string, err error) *Error {
	return &Error{Kind: k, Op: op, Subject: subject, Finding: finding, Remedy: remedy, Err: err}
}

// KindOf decides the kind of any error: that of the outermost Error in its
// chain, else what the system's own errors mean, else Internal.
func KindOf(err error) Kind {
	var typed *Error
	switch {
	case errors.As(err, &typed):
		return typed.Kind
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return OutOfDisk
	case errors.Is(err, syscall.ENOMEM):
		return OutOfMemory
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	default:
		return Internal
	}
}

// ErrConflict is what a ledger returns, possibly wrapped, when the condition
// of a write does not hold. The only right answer to it is a new read.
var ErrConflict = errors.New("the record is no longer as it was read")

// Conflict wraps ErrConflict with the job and the condition that did not hold.
func Conflict(id string, when Condition) error {
	return fmt.Errorf("write job %s when %s: %w", id, when, ErrConflict)
}
