package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/store"
)

const (
	// uploadsPrefix is what the keys of uploads begin with, and the filter of the
	// bucket's notification.
	uploadsPrefix = "uploads/"
	// keepsMessages is how long the queues of a stage keep messages: timers are
	// sent anew after half of it (docs/protocol.md).
	keepsMessages = 14 * 24 * time.Hour
	// clockMargin is how far a worker's clock may be off (docs/protocol.md).
	clockMargin = 30 * time.Second
	// identityTimeout is how long the service may take that knows who we are.
	identityTimeout = 10 * time.Second
)

// lookAtIdentity asks who signs the requests: not every service says so when it
// refuses one.
func (d *stageDoctor) lookAtIdentity(ctx context.Context) (string, error) {
	settings, err := awsclient.Settings(ctx, nil)
	if err != nil {
		return "", usageError{err}
	}
	if settings.Region == "" {
		return "", usageError{job.Fail(job.Internal, "read the settings of AWS", "", "no region is set", "Set AWS_REGION, or a region in the shared configuration of AWS.", nil)}
	}
	client := sts.NewFromConfig(settings)
	if elsewhere := d.standIn(ctx); elsewhere != "" && client.Options().BaseEndpoint == nil {
		return "not asked, since the queues are at " + elsewhere, nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err == nil {
		return fmt.Sprintf("%s, account %s, region %s", aws.ToString(who.Arn), aws.ToString(who.Account), settings.Region), nil
	}
	return unknownIdentity(err)
}

// unknownIdentity judges the error of a call that was to tell who we are.
func unknownIdentity(err error) (string, error) {
	const op, subject = "ask", "who we are"
	var refused smithy.APIError
	switch signed := !awsclient.LacksCredentials(err); {
	case signed && errors.As(err, &refused):
		return "", job.Fail(job.Storage, op, subject, "sts:GetCallerIdentity: the credentials are not accepted",
			"Renew them (aws sso login, aws configure), and check the clock of this machine and AWS_REGION.", err)
	case signed && (awsclient.Unsent(err) || errors.Is(err, context.DeadlineExceeded)):
		// A network without a way out need not have STS.
		return "not known, since sts:GetCallerIdentity was not answered: " + oneLine(err), nil
	default:
		return "", job.Fail(job.Storage, op, subject, "there are no credentials to sign sts:GetCallerIdentity with",
			"Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; log in again where a session has ended.", err)
	}
}

// standIn returns the address of a server that stands in for SQS; credentials
// meant for it are nobody else's business.
func (d *stageDoctor) standIn(ctx context.Context) string {
	client, err := queue.NewSQSClient(ctx, nil)
	if err != nil { // The checks of the queues say so.
		return ""
	}
	return aws.ToString(client.Options().BaseEndpoint)
}

// lookAtClock compares this machine's clock, by which URLs are signed, with the
// object store's.
func (d *stageDoctor) lookAtClock(ctx context.Context) (string, error) {
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return "", usageError{err}
	}
	ahead, told, err := objects.ServerAhead(ctx, d.uploadsBucket)
	switch off := ahead.Round(time.Second); {
	case err != nil:
		return "", err
	case !told:
		return "not known, since the object store tells no time", nil
	case off > clockMargin:
		return "", wrongClock(off, "behind")
	case off < -clockMargin:
		return "", wrongClock(-off, "ahead of")
	default:
		return fmt.Sprintf("within %s of the object store's", clockMargin), nil
	}
}

func wrongClock(off time.Duration, side string) error {
	return job.Fail(job.Storage, "compare", "the clocks", fmt.Sprintf("that of this machine is %s %s the object store's", off, side),
		"sudo timedatectl set-ntp true", nil)
}

func (d *stageDoctor) lookAtOutputs(ctx context.Context) (string, error) {
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return "", usageError{err}
	}
	return "s3://" + d.outputsBucket, objects.CheckBucket(ctx, d.outputsBucket)
}

// lookAtUploads also looks at what a bucket of S3 does with uploads.
func (d *stageDoctor) lookAtUploads(ctx context.Context) (string, error) {
	objects, err := store.New(ctx, store.Config{})
	if err != nil {
		return "", usageError{err}
	}
	if err := objects.CheckBucket(ctx, d.uploadsBucket); err != nil {
		return "", err
	}
	found := "s3://" + d.uploadsBucket
	if isEmbedded(d.work) { // Our own object store sends the events itself.
		return found, nil
	}
	switch keeps, err := objects.KeepsVersions(ctx, d.uploadsBucket); {
	case err != nil:
		found += "; not told whether it keeps versions (s3:GetBucketVersioning)"
	case keeps:
		found += "; keeps versions"
	default:
		found += "; keeps no versions, so that a job fails whose upload is replaced before it is fetched"
	}
	n, err := objects.Notifications(ctx, d.uploadsBucket)
	if err != nil {
		return found + "; not told whom it notifies (s3:GetBucketNotification)", nil
	}
	told, err := d.judgeNotifications(ctx, n)
	return found + "; " + told, err
}

// judgeNotifications tells whether uploads become messages of the work queue.
func (d *stageDoctor) judgeNotifications(ctx context.Context, n store.Notifications) (string, error) {
	arn := ""
	if q, err := d.openSQS(ctx, d.work); err == nil {
		if s, err := q.Settings(ctx); err == nil { // Else the check of the queue says why not.
			arn = s.ARN
		}
	}
	const mend = "Apply the terraform of this version, or notify the work queue of s3:ObjectCreated:* with the prefix " + uploadsPrefix
	var wrong faults
	for _, one := range n.Queues {
		ours := arn == "" || one.Queue == arn
		creates := slices.ContainsFunc(one.Events, func(e string) bool { return strings.HasPrefix(e, "s3:ObjectCreated:") })
		switch {
		case !ours || !creates:
		case one.Prefix == "":
			wrong.add("its notification has no prefix, so that whatever is put there becomes a job", mend)
		case !strings.HasPrefix(uploadsPrefix, one.Prefix) && !strings.HasPrefix(one.Prefix, uploadsPrefix):
			wrong.add(fmt.Sprintf("its notification is of the prefix %q", one.Prefix), mend)
		default:
			return fmt.Sprintf("notifies %s of %s%s", one.Queue, one.Prefix, "*"+one.Suffix), nil
		}
	}
	switch {
	case len(wrong.findings) > 0:
	case n.Elsewhere:
		return "notifies a topic, a function or EventBridge, which must pass it on to the work queue", nil
	default:
		wrong.add("it notifies no queue of this stage of uploads", mend)
	}
	return "", wrong.err("look at the notifications of bucket", d.uploadsBucket)
}

func (d *stageDoctor) openSQS(ctx context.Context, name string) (*queue.SQS, error) {
	opened, err := d.parts().queue(ctx, name)
	if err != nil {
		return nil, err
	}
	q, ok := opened.(*queue.SQS)
	if !ok {
		return nil, fmt.Errorf("look at queue %s: it is not in SQS", name)
	}
	return q, nil
}

// lookAtQueue returns the look at a queue; works tells that workers take from it.
func (d *stageDoctor) lookAtQueue(name string, works bool) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if isEmbedded(name) {
			return lookAtEmbeddedQueue(name)
		}
		q, err := d.openSQS(ctx, name)
		if err != nil {
			return "", err
		}
		s, err := q.Settings(ctx)
		if err != nil {
			return "", err
		}
		depth, err := q.Depth(ctx)
		if err != nil {
			return "", err
		}
		found := fmt.Sprintf("%s: %d visible, %d hidden, %d delayed; hides for %s, keeps for %d days",
			name, depth.Visible, depth.Hidden, depth.Delayed, s.Visibility, int(s.Retention.Hours()/24))
		return found, d.judgeQueue(name, s, works)
	}
}

// judgeQueue holds the settings of a queue to what the protocol builds on.
func (d *stageDoctor) judgeQueue(name string, s queue.Settings, works bool) error {
	var wrong faults
	set := map[string]string{}
	if s.Retention < keepsMessages {
		wrong.add(fmt.Sprintf("it keeps messages for %s, and timers must last 14 days", s.Retention), "")
		set["MessageRetentionPeriod"] = inSeconds(keepsMessages)
	}
	if works && s.Redrive != "" {
		wrong.add("it has a redrive policy, which takes messages away that were only given back", "")
		set["RedrivePolicy"] = ""
	}
	if works && s.Visibility < d.lease {
		wrong.add(fmt.Sprintf("it hides messages for %s, which is less than the lease of %s", s.Visibility, d.lease), "")
		set["VisibilityTimeout"] = inSeconds(min(d.lease, queue.MaxHidden))
	}
	if len(set) > 0 {
		attributes, err := json.Marshal(set)
		if err != nil {
			return fmt.Errorf("write the attributes of queue %s: %w", name, err)
		}
		wrong.remedies = []string{"aws sqs set-queue-attributes --queue-url " + shellWord(name) + " --attributes " + shellWord(string(attributes))}
	}
	return wrong.err("check queue", name)
}

func inSeconds(d time.Duration) string { return strconv.Itoa(int(d.Round(time.Second).Seconds())) }

func (d *stageDoctor) lookAtLedger(ctx context.Context) (string, error) {
	name := d.stageFlags.ledger
	if isEmbedded(name) {
		return lookAtEmbedded(name)
	}
	opened, err := d.parts().ledger(ctx, name, d.keepDays)
	if err != nil {
		return "", err
	}
	table, ok := opened.(*ledger.Dynamo)
	if !ok {
		return "", fmt.Errorf("look at ledger %s: it is not in DynamoDB", name)
	}
	return "table " + name + " of the shape that this version needs", table.CheckTable(ctx)
}
