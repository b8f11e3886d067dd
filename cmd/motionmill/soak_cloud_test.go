package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/soak"
	"github.com/motionmill/motionmill/store"
)

const soakStageTable = "soak"

// newSoakServers starts the servers and makes the parts of a stage on them. The
// soak itself talks to the servers, workers to the proxies before them.
func newSoakServers(t *testing.T, seed uint64) *soakStage {
	t.Helper()
	moto, elastic, dynalite := cloudtest.Moto(t), cloudtest.ElasticMQ(t), cloudtest.Dynalite(t)
	dir := soakFolder(t)
	s := &soakStage{
		t: t, dir: filepath.Join(dir, "work"), logs: dir, video: soakVideo(t),
		dice:    soak.NewDice(soak.DiceConfig{Seed: seed, Chance: requestFaults}),
		parts:   &stage{stageFlags: stageFlags{uploadsBucket: local.UploadsBucket}},
		notices: &stage{},
	}
	var err error
	if s.objects, err = store.New(t.Context(), store.Config{AWS: &moto}); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), asMotionmill+"=1", "MOTIONMILL_MODELS_DIR=", "GORACE=atexit_sleep_ms=0", "AWS_REGION="+moto.Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
		"MOTIONMILL_UPLOADS_BUCKET="+local.UploadsBucket,
		"MOTIONMILL_OUTPUTS_BUCKET="+local.OutputsBucket, "MOTIONMILL_LEDGER_TABLE="+soakStageTable, "MOTIONMILL_KEEP_DAYS=0")
	for service, server := range map[string]aws.Config{"S3": moto, "SQS": elastic, "DYNAMODB": dynalite} {
		env = append(env, "AWS_ENDPOINT_URL_"+service+"="+s.before(server, service == "DYNAMODB")) // One broken request ends dynalite.
	}
	for variable, queue := range map[string]struct {
		name string
		to   *messages
	}{"WORK": {"work", &s.parts.work}, "IN_PROGRESS": {"in-progress", &s.parts.inProgress}, "DEAD_LETTER": {"dead-letter", &s.parts.deadLetter}} {
		var url string
		*queue.to, url = s.makeQueue(elastic, queue.name)
		env = append(env, "MOTIONMILL_"+variable+"_QUEUE_URL="+url)
	}
	s.makeTable(dynalite)
	s.makeBuckets(moto)
	s.Stage = soak.Stage{
		Worker: func(name string) *exec.Cmd {
			cmd := s.work(name, soakServersLease)
			cmd.Env = append(env[:len(env):len(env)], soakWorker+"="+name)
			return cmd
		},
		Upload: s.upload, Notices: &numbered{Queue: s.notices.work}, Work: s.parts.work, Read: s.parts.reader().Read, Count: s.count,
		Record: s.parts.ledger.Get, Outputs: s, Faults: s.faults,
	}
	return s
}

// before starts a proxy before a server and returns its URL.
func (s *soakStage) before(server aws.Config, whole bool) string {
	s.t.Helper()
	proxy, err := soak.NewProxy(soak.ProxyConfig{Target: aws.ToString(server.BaseEndpoint), Dice: s.dice, Whole: whole})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = proxy.Close() })
	return proxy.URL
}

// makeQueue makes a queue; what a killed worker had received is visible again soon.
func (s *soakStage) makeQueue(server aws.Config, name string) (*queue.SQS, string) {
	s.t.Helper()
	client, err := queue.NewSQSClient(s.t.Context(), &server)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := client.CreateQueue(s.t.Context(), &sqs.CreateQueueInput{
		QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(int(soakVisibility.Seconds()))},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: *made.QueueUrl})
	if err != nil {
		s.t.Fatal(err)
	}
	return q, *made.QueueUrl
}

func (s *soakStage) makeTable(server aws.Config) {
	s.t.Helper()
	l, err := ledger.NewDynamo(s.t.Context(), ledger.DynamoConfig{Table: soakStageTable, AWS: &server})
	if err == nil {
		err = l.EnsureTable(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.parts.ledger = l
}

// makeBuckets makes the buckets, and the queue that uploads are announced in.
func (s *soakStage) makeBuckets(server aws.Config) {
	s.t.Helper()
	ctx := s.t.Context()
	q, url := s.makeQueue(server, "notices")
	s.notices.work = q
	attributes, err := sqs.NewFromConfig(server).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	arn := attributes.Attributes[string(types.QueueAttributeNameQueueArn)]
	client := s3.NewFromConfig(server, func(o *s3.Options) { o.UsePathStyle = true })
	for _, bucket := range []string{local.UploadsBucket, local.OutputsBucket} {
		if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			s.t.Fatal(err)
		}
	}
	_, err = client.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String(local.UploadsBucket), NotificationConfiguration: &s3types.NotificationConfiguration{
			QueueConfigurations: []s3types.QueueConfiguration{{QueueArn: &arn, Events: []s3types.Event{s3types.EventS3ObjectCreated}}},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// numbered is a queue of moto's events, which lack what S3's have: a sequencer
// that grows with every version of a key. They come in the order of the uploads.
type numbered struct {
	soak.Queue
	n int
}

// Receive adds the sequencers.
func (q *numbered) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	messages, err := q.Queue.Receive(ctx, limit, wait)
	for i, m := range messages {
		var event struct {
			Records []map[string]any
		}
		if err := json.Unmarshal(m.Body, &event); err != nil {
			return nil, fmt.Errorf("read an event of moto's: %w", err)
		}
		for _, record := range event.Records { // There are none in the event of a test.
			q.n++
			record["s3"].(map[string]any)["object"].(map[string]any)["sequencer"] = fmt.Sprintf("%016X", q.n)
		}
		if len(event.Records) == 0 {
			continue
		}
		if messages[i].Body, err = json.Marshal(event); err != nil {
			return nil, err
		}
	}
	return messages, err
}
