package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-sqlite3"

	"github.com/motionmill/motionmill/job"
)

// The limits of SQS, which the embedded queue keeps too, so that what works on
// a laptop works there.
const (
	// MaxDelay is the longest delay of a message.
	MaxDelay = 15 * time.Minute
	// MaxHidden is the longest that a message stays hidden, from its receive.
	MaxHidden = 12 * time.Hour
	// MaxWait is the longest wait of one receive.
	MaxWait = 20 * time.Second
	// MaxReceive is the most messages of one receive.
	MaxReceive = 10
	// MaxBody is the size of the largest body, in bytes.
	MaxBody = 1 << 20

	defaultVisibility = 60 * time.Second
	defaultPoll       = 10 * time.Millisecond
)

func checkOutgoing(m job.Outgoing) error {
	switch {
	case m.Delay < 0 || m.Delay > MaxDelay:
		return fmt.Errorf("the delay %s is not within 0 and %s", m.Delay, MaxDelay)
	case len(m.Body) == 0:
		return errors.New("the body is empty")
	case len(m.Body) > MaxBody:
		return fmt.Errorf("the body has %d bytes, more than %d", len(m.Body), MaxBody)
	}
	return checkText(m.Body)
}

// checkText refuses what SQS refuses in a body: all that XML 1.0 cannot hold.
func checkText(body []byte) error {
	for at := 0; at < len(body); {
		r, size := utf8.DecodeRune(body[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			return fmt.Errorf("the body is not UTF-8 at byte %d", at)
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			return fmt.Errorf("the body holds the character %U at byte %d, which SQS cannot carry", r, at)
		}
		at += size
	}
	return nil
}

func checkReceive(limit int, wait time.Duration) error {
	switch {
	case limit < 1 || limit > MaxReceive:
		return fmt.Errorf("the number of messages %d is not within 1 and %d", limit, MaxReceive)
	case wait < 0 || wait > MaxWait:
		return fmt.Errorf("the wait %s is not within 0 and %s", wait, MaxWait)
	}
	return nil
}

// checkHidden judges the time for which a message is hidden since its receive.
func checkHidden(d time.Duration) error {
	if d < 0 || d > MaxHidden {
		return fmt.Errorf("hiding for %s since the receive is not within 0 and %s", d, MaxHidden)
	}
	return nil
}

// refused is the error of a request that breaks a limit: asking again does not help.
func (e *Embedded) refused(op, subject string, err error) error {
	return job.Fail(job.Unsupported, op, "on queue "+e.name, subject, "", err)
}

// failed is the error of a request that the file did not carry out.
func (e *Embedded) failed(op string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s on queue %s: %w", op, e.name, err)
	}
	var cause sqlite3.Error
	if errors.As(err, &cause) && (cause.Code == sqlite3.ErrFull || job.KindOf(cause.SystemErrno) == job.OutOfDisk) {
		return job.Fail(job.OutOfDisk, op, "on queue "+e.name, "the disk is full", "Free some space on it", err)
	}
	return job.Fail(job.Storage, op, "on queue "+e.name, "", "", err)
}
