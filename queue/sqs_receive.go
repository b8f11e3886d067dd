package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/motionmill/motionmill/job"
)

// Receive gives up to limit (1 to 10) visible messages and hides them for the
// visibility timeout. When there are none it waits up to wait (0 to 20 s) for
// the first, and then gives none and no error. (SQS takes a wait of 0 for the
// queue's own ReceiveMessageWaitTimeSeconds, which is 0 unless somebody set it.)
//
// When ctx ends, the request is aborted at once and the error of ctx returned.
// The server may have handed out messages in that moment; nobody sees them, and
// they are visible again after the visibility timeout, received once more. The
// same happens when the network loses an answer.
func (q *SQS) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	const op = "receive messages"
	if err := checkReceive(limit, wait); err != nil {
		return nil, q.refused(op, "", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// A message is hidden from now on at the earliest, so this is on the safe
	// side of the 12 hours.
	asked := time.Now()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.cfg.URL,
		MaxNumberOfMessages:         int32(limit),
		WaitTimeSeconds:             seconds(wait),
		VisibilityTimeout:           seconds(q.cfg.Visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
	}, within(wait+requestTime))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, q.failed(ctx, op, err)
	}
	messages := make([]job.Message, 0, len(out.Messages))
	for _, m := range out.Messages {
		messages = append(messages, job.Message{
			ID:       aws.ToString(m.MessageId),
			Body:     []byte(aws.ToString(m.Body)),
			Receipt:  receipt{received: asked, handle: aws.ToString(m.ReceiptHandle)}.String(),
			Received: receiveCount(m.Attributes),
		})
	}
	return messages, nil
}

// receiveCount reads how often a message was received. A server that does not
// count says nothing, and this delivery is one.
func receiveCount(attributes map[string]string) int {
	n, err := strconv.Atoi(attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// Hide makes a received message visible again d from now, 0 to 12 hours; 0 is
// at once. SQS hides no message for longer than 12 hours since its receive, so
// it comes then at the latest. A receipt that no longer counts gives
// ErrNotInFlight, as far as the server tells.
func (q *SQS) Hide(ctx context.Context, text string, d time.Duration) error {
	const op = "hide message"
	r, err := parseReceipt(text)
	if err == nil {
		err = checkHidden(d)
	}
	if err != nil {
		return q.refused(op, text, err)
	}
	// What is left is rounded down, what is asked for up.
	left := MaxHidden - time.Since(r.received)
	if left < 0 {
		return q.refused(op, text, ErrNotInFlight)
	}
	_, err = q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &q.cfg.URL, ReceiptHandle: &r.handle, VisibilityTimeout: min(seconds(d), int32(left/time.Second)),
	}, within(requestTime))
	switch code := codeOf(err); {
	case err == nil:
		return nil
	case code == codeNotInFlight, code == codeStaleReceipt, code == codeInvalidValue:
		// The value is right; so it is the receipt that the last of these is about.
		return q.refused(op, text, fmt.Errorf("%w: %w", ErrNotInFlight, err))
	default:
		return q.failed(ctx, op, err)
	}
}

// receipt names a delivery and tells when it was asked for; as text,
// "1700000000.HANDLE", in Unix seconds.
type receipt struct {
	received time.Time
	handle   string
}

func (r receipt) String() string { return strconv.FormatInt(r.received.Unix(), 10) + "." + r.handle }

func parseReceipt(text string) (receipt, error) {
	number, handle, found := strings.Cut(text, ".")
	at, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil || handle == "" {
		return receipt{}, errors.New("this is not a receipt of this queue")
	}
	return receipt{received: time.Unix(at, 0), handle: handle}, nil
}
