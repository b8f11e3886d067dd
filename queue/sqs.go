package queue

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/motionmill/motionmill/job"
)

// SQSConfig holds the settings of a queue in SQS.
type SQSConfig struct {
	// Client is what NewSQSClient returned; several queues may share it.
	Client *sqs.Client
	// URL is the queue's URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME. The
	// client's endpoint decides where requests go, and this names the queue there.
	URL string
	// Visibility is how long a received message stays hidden unless Hide says
	// otherwise: whole seconds, up to 12 hours. Default: what the queue itself is set to.
	Visibility time.Duration
}

// SQS is a standard queue in SQS or in a server that speaks its language. It
// may be used by several goroutines at once. Every request is tried again, with
// backoff, while the server is busy or cannot be reached; so a message whose
// reply was lost may be in the queue twice. Waits, delays and times of hiding
// are rounded up to whole seconds.
type SQS struct {
	client *sqs.Client
	cfg    SQSConfig
}

// NewSQS returns the queue at a URL. It sends nothing.
func NewSQS(cfg SQSConfig) (*SQS, error) {
	fail := func(finding, remedy string) (*SQS, error) {
		return nil, job.Fail(job.Unsupported, "open queue", cfg.URL, finding, remedy, nil)
	}
	u, err := url.Parse(cfg.URL)
	switch {
	case cfg.Client == nil:
		return fail("there is no client", "Make one by NewSQSClient")
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") == "":
		return fail("this is not the URL of a queue", "It looks like https://sqs.eu-central-1.amazonaws.com/123456789012/work")
	case strings.HasSuffix(u.Path, ".fifo"):
		return fail("this is a FIFO queue, and one job would hold up the next", "Use a standard queue")
	case cfg.Visibility < 0 || cfg.Visibility > MaxHidden || cfg.Visibility%time.Second != 0:
		return fail(fmt.Sprintf("the visibility timeout %s is not whole seconds within 0 and %s", cfg.Visibility, MaxHidden), "Choose another")
	}
	options := cfg.Client.Options()
	if region := regionOf(u.Hostname()); region != "" && options.BaseEndpoint == nil && region != options.Region {
		return fail(fmt.Sprintf("the queue is in %s, and the region is set to %s", region, options.Region), "Set AWS_REGION to "+region)
	}
	return &SQS{client: cfg.Client, cfg: cfg}, nil
}

// regionOf returns the region that a host name of SQS's names, empty for other hosts.
func regionOf(host string) string {
	rest, isSQS := strings.CutPrefix(host, "sqs.")
	region, _, isAWS := strings.Cut(rest, ".amazonaws.com")
	if !isSQS || !isAWS || strings.Contains(region, ".") {
		return ""
	}
	return region
}

// Send puts messages into the queue, in batches. When it fails, some of them
// may have been sent: the error tells which entry failed and why. A message
// that the queue will never carry is an error of a permanent kind; what is
// known to be one is refused before anything is sent.
func (q *SQS) Send(ctx context.Context, messages ...job.Outgoing) error {
	const op = "send message"
	for i, m := range messages {
		if err := checkOutgoing(m); err != nil {
			return q.refused(op, entryName(i, len(messages)), err)
		}
	}
	length := func(first int) int { return batchLength(messages[first:]) }
	return q.batches(ctx, op, len(messages), length, func(ctx context.Context, entries []int) (reply, error) {
		input := &sqs.SendMessageBatchInput{QueueUrl: &q.cfg.URL}
		for _, i := range entries {
			input.Entries = append(input.Entries, types.SendMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(messages[i].Body)), DelaySeconds: seconds(messages[i].Delay),
			})
		}
		out, err := q.client.SendMessageBatch(ctx, input, within(requestTime))
		if err != nil {
			return reply{}, err
		}
		return newReply(out.Successful, func(e types.SendMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// batchLength returns how many of the messages fit into one request.
func batchLength(messages []job.Outgoing) int {
	size := 0
	for i, m := range messages {
		if size += len(m.Body); i == maxBatch || size > maxBatchBytes {
			return i
		}
	}
	return len(messages)
}

// Delete removes the messages that the receipts name, in batches. A receipt
// that is no longer the last one of its message, or whose message is gone, is
// no error; SQS may or may not delete the message then. Text that is no
// receipt is an error.
func (q *SQS) Delete(ctx context.Context, receipts ...string) error {
	const op = "delete message"
	handles := make([]string, len(receipts))
	for i, text := range receipts {
		r, err := parseReceipt(text)
		if err != nil {
			return q.refused(op, text, err)
		}
		handles[i] = r.handle
	}
	length := func(first int) int { return min(maxBatch, len(handles)-first) }
	return q.batches(ctx, op, len(handles), length, func(ctx context.Context, entries []int) (reply, error) {
		input := &sqs.DeleteMessageBatchInput{QueueUrl: &q.cfg.URL}
		for _, i := range entries {
			input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handles[i]})
		}
		out, err := q.client.DeleteMessageBatch(ctx, input, within(requestTime))
		if err != nil {
			return reply{}, err
		}
		return newReply(out.Successful, func(e types.DeleteMessageBatchResultEntry) *string { return e.Id }, out.Failed), nil
	})
}

// Depth counts the messages of the queue, about: SQS counts late and not exactly.
func (q *SQS) Depth(ctx context.Context) (Depth, error) {
	const op = "count messages"
	var d Depth
	counts := map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.Hidden,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	}
	input := &sqs.GetQueueAttributesInput{QueueUrl: &q.cfg.URL}
	for name := range counts {
		input.AttributeNames = append(input.AttributeNames, name)
	}
	out, err := q.client.GetQueueAttributes(ctx, input, within(requestTime))
	if err != nil {
		return Depth{}, q.failed(ctx, op, err)
	}
	for name, count := range counts {
		if *count, err = strconv.Atoi(cmp.Or(out.Attributes[string(name)], "none")); err != nil {
			return Depth{}, q.failed(ctx, op, fmt.Errorf("read the answer's %s: %w", name, err))
		}
	}
	return d, nil
}

// seconds rounds up: a message must not come earlier than asked.
func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }
