package queue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
)

const (
	// requestTime is how long one try of a request may take that waits for nothing.
	requestTime = 10 * time.Second
	// attempts is how often a request is tried, with up to maxBackoff between two
	// tries: some ten seconds in all, so that a worker learns that a queue is away
	// before its leases end.
	attempts   = 6
	maxBackoff = 5 * time.Second
	// connections are kept for the polls, and for all that jobs send at once.
	connections = 64
)

// NewSQSClient returns a client for queues to share. settings is nil for the
// SDK's own settings and default chain of credentials. Unless the settings say
// otherwise (AWS_RETRY_MODE, AWS_MAX_ATTEMPTS) a request is tried six times.
// It sends nothing.
func NewSQSClient(ctx context.Context, settings *aws.Config) (*sqs.Client, error) {
	shared, err := awsclient.Settings(ctx, settings)
	if err != nil {
		return nil, err
	}
	if shared.Region == "" {
		return nil, job.Fail(job.Internal, "open queues", "", "no region is set", "Set AWS_REGION, or a region in the shared configuration of AWS", nil)
	}
	retries := awsclient.Retries(shared, func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff })
	return sqs.NewFromConfig(shared, func(o *sqs.Options) {
		if retries != nil {
			o.Retryer = retries
		}
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
				t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
			})
		}
		o.HTTPClient = awsclient.WholeBodies(o.HTTPClient) // An answer half read hides its messages for nothing.
	}), nil
}

// within bounds every single try of a request, its answer included: a
// connection that went dead says nothing.
func within(limit time.Duration) func(*sqs.Options) {
	bound := middleware.FinalizeMiddlewareFunc("BoundAttempt", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		bounded, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		out, metadata, err := next.HandleFinalize(bounded, in)
		if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
			err = noAnswerError{limit} // Else the SDK takes it for a request that its caller ended.
		}
		return out, metadata, err
	})
	return func(o *sqs.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(bound, "Retry", middleware.After)
		})
	}
}

// noAnswerError ends a try that took too long. The SDK tries again.
type noAnswerError struct{ limit time.Duration }

func (e noAnswerError) Error() string      { return fmt.Sprintf("no answer within %s", e.limit) }
func (noAnswerError) RetryableError() bool { return true }
