package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
)

const (
	// maxBatch is the most entries of one request.
	maxBatch = 10
	// maxBatchBytes is the most that the bodies of one request may have together.
	maxBatchBytes = MaxBody
)

// reply is what a server says of the entries of a batch, by their ids.
type reply struct {
	done   map[string]bool
	failed map[string]types.BatchResultErrorEntry
}

func newReply[E any](successful []E, id func(E) *string, failed []types.BatchResultErrorEntry) reply {
	r := reply{done: map[string]bool{}, failed: map[string]types.BatchResultErrorEntry{}}
	for _, e := range successful {
		r.done[aws.ToString(id(e))] = true
	}
	for _, e := range failed {
		r.failed[aws.ToString(e.Id)] = e
	}
	return r
}

// batches divides entries into requests and carries these out. It stops when
// something failed that is no entry's fault: a server that is away for one
// request is away for the next. length tells how many entries from first on
// one request takes, ask makes it.
func (q *SQS) batches(ctx context.Context, op string, total int, length func(first int) int, ask func(context.Context, []int) (reply, error)) error {
	var permanent, transient error
	for first := 0; first < total && transient == nil; {
		entries := make([]int, length(first))
		for i := range entries {
			entries[i] = first + i
		}
		first += len(entries)
		refused, failed := q.batch(ctx, op, entries, total, ask)
		permanent, transient = errors.Join(permanent, refused), failed
	}
	if permanent == nil {
		return transient
	}
	// The first decides the kind: who then sends the messages one by one finds
	// out which are good.
	return errors.Join(permanent, transient)
}

// batch carries out some entries, of total, by one request, and those again
// that failed through no fault of theirs, with backoff. The whole request has
// retries of its own. It tells apart what no further try mends.
func (q *SQS) batch(ctx context.Context, op string, entries []int, total int, ask func(context.Context, []int) (reply, error)) (permanent, transient error) {
	backoff := retry.NewExponentialJitterBackoff(maxBackoff)
	for attempt := 1; ; attempt++ {
		answer, err := ask(ctx, entries)
		if err != nil {
			err = q.failed(ctx, op, err)
			if job.KindOf(err).Permanent() {
				return errors.Join(permanent, err), nil
			}
			return permanent, err
		}
		var again []int
		var why error
		for _, i := range entries {
			switch err := answer.of(i); {
			case err == nil:
			case isBusy(err.code), !err.atFault && !isAccess(err.code):
				again, why = append(again, i), q.failed(ctx, op+", "+entryName(i, total), err)
			case isAccess(err.code):
				transient = q.failed(ctx, op, err)
			default:
				permanent = errors.Join(permanent, q.refused(op, entryName(i, total), err))
			}
		}
		if len(again) == 0 || attempt == attempts {
			return permanent, errors.Join(transient, why)
		}
		entries = again
		delay, err := backoff.BackoffDelay(attempt-1, nil)
		if err == nil {
			err = job.Pause(ctx, delay)
		}
		if err != nil {
			return permanent, q.failed(ctx, op, err)
		}
	}
}

// entryError is why one entry of a batch failed.
type entryError struct {
	code, message string
	// atFault tells that the entry is wrong, not the server.
	atFault bool
}

func (e *entryError) Error() string     { return fmt.Sprintf("%s: %s", e.code, e.message) }
func (e *entryError) ErrorCode() string { return e.code }

// ErrorMessage and ErrorFault make it an error of the server's, as the SDK has them.
func (e *entryError) ErrorMessage() string { return e.message }

func (e *entryError) ErrorFault() smithy.ErrorFault {
	if e.atFault {
		return smithy.FaultClient
	}
	return smithy.FaultServer
}

// of returns why entry i failed, nil when it did not, or when its receipt is
// no longer of use. An entry of which the server says nothing has failed.
func (r reply) of(i int) *entryError {
	id := strconv.Itoa(i)
	failed, found := r.failed[id]
	code := shortCode(aws.ToString(failed.Code))
	switch {
	case found && code == codeStaleReceipt:
		return nil
	case found:
		return &entryError{code: code, message: aws.ToString(failed.Message), atFault: failed.SenderFault}
	case r.done[id]:
		return nil
	default:
		return &entryError{code: "NoResult", message: "the server says nothing of the entry"}
	}
}

func entryName(i, total int) string { return fmt.Sprintf("message %d of %d", i+1, total) }
