package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Settings are how a queue in SQS was made, as far as a stage depends on it.
type Settings struct {
	// ARN is the name by which a bucket's notification and policies know the queue.
	ARN string
	// Visibility is how long a received message stays hidden unless Hide says otherwise.
	Visibility time.Duration
	// Retention is how long a message is kept, from when it was sent.
	Retention time.Duration
	// Wait is how long a receive waits that asks for no wait.
	Wait time.Duration
	// Redrive is the policy, as JSON, by which SQS moves messages away after
	// some receives; empty when it never does.
	Redrive string
}

// Settings asks for the settings of the queue. It changes nothing.
func (q *SQS) Settings(ctx context.Context) (Settings, error) {
	const op = "read settings"
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.cfg.URL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	}, within(requestTime))
	if err != nil {
		return Settings{}, q.failed(ctx, op, err)
	}
	s := Settings{ARN: out.Attributes[string(types.QueueAttributeNameQueueArn)], Redrive: out.Attributes[string(types.QueueAttributeNameRedrivePolicy)]}
	for name, to := range map[types.QueueAttributeName]*time.Duration{
		types.QueueAttributeNameVisibilityTimeout:             &s.Visibility,
		types.QueueAttributeNameMessageRetentionPeriod:        &s.Retention,
		types.QueueAttributeNameReceiveMessageWaitTimeSeconds: &s.Wait,
	} {
		whole, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return Settings{}, q.failed(ctx, op, fmt.Errorf("read the answer's %s: %w", name, err))
		}
		*to = time.Duration(whole) * time.Second
	}
	return s, nil
}
