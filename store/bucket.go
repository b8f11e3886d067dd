package store

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/awsclient"
)

// CheckBucket tells whether the bucket is there and may be listed.
func (s *Store) CheckBucket(ctx context.Context, bucket string) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(bucket)})
	switch {
	case err == nil:
		return nil
	case status(err) == http.StatusNotFound: // The answer to HEAD has no body with a code.
		return noBucket("look at bucket", bucket, err)
	default:
		return s.fail(ctx, "look at bucket", bucket, err)
	}
}

// ServerAhead returns how far the clock of the server is ahead of this
// machine's, to about a second, by the Date of its answer about a bucket, which
// need be neither there nor open to us. It is false when the server tells no time.
func (s *Store) ServerAhead(ctx context.Context, bucket string) (ahead time.Duration, told bool, err error) {
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(bucket)})
	if err == nil {
		date, told := middleware.GetServerTime(out.ResultMetadata)
		return time.Until(date), told, nil
	}
	if answer := awsclient.Header(err); answer != nil {
		date, unread := http.ParseTime(answer.Get("Date"))
		return time.Until(date), unread == nil, nil
	}
	return 0, false, s.fail(ctx, "look at bucket", bucket, err)
}

// KeepsVersions tells whether the bucket keeps the versions of its objects.
func (s *Store) KeepsVersions(ctx context.Context, bucket string) (bool, error) {
	out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(bucket)})
	if err != nil {
		return false, s.fail(ctx, "look at the versioning of bucket", bucket, err)
	}
	return out.Status == types.BucketVersioningStatusEnabled, nil
}

// Notifications are where a bucket sends word of new objects.
type Notifications struct {
	// Queues are those that it sends to itself.
	Queues []QueueNotification
	// Elsewhere tells that it sends to a topic, a function or EventBridge, which
	// may pass them on.
	Elsewhere bool
}

// QueueNotification is one notification of a bucket to a queue.
type QueueNotification struct {
	// Queue is the ARN of the queue.
	Queue string
	// Events are such as "s3:ObjectCreated:*".
	Events []string
	// Prefix and Suffix are of the keys that it tells of; empty for all.
	Prefix, Suffix string
}

// Notifications returns where the bucket sends word of new objects.
func (s *Store) Notifications(ctx context.Context, bucket string) (Notifications, error) {
	out, err := s.client.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: aws.String(bucket)})
	if err != nil {
		return Notifications{}, s.fail(ctx, "look at the notifications of bucket", bucket, err)
	}
	n := Notifications{Elsewhere: out.EventBridgeConfiguration != nil || len(out.TopicConfigurations) > 0 || len(out.LambdaFunctionConfigurations) > 0}
	for _, q := range out.QueueConfigurations {
		one := QueueNotification{Queue: aws.ToString(q.QueueArn)}
		for _, event := range q.Events {
			one.Events = append(one.Events, string(event))
		}
		if q.Filter != nil && q.Filter.Key != nil {
			for _, rule := range q.Filter.Key.FilterRules {
				switch rule.Name {
				case types.FilterRuleNamePrefix, "Prefix": // S3 writes it with a capital.
					one.Prefix = aws.ToString(rule.Value)
				case types.FilterRuleNameSuffix, "Suffix":
					one.Suffix = aws.ToString(rule.Value)
				}
			}
		}
		n.Queues = append(n.Queues, one)
	}
	return n, nil
}
