package worker_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/queue"
)

// servers is where the lanes have their parts, when they are not embedded:
// each its own queues, and all one table. A nil one stands for embedded stages.
type servers struct {
	// Queues and Ledger are the base URLs of an SQS and a DynamoDB.
	Queues, Ledger string

	once   sync.Once // All lanes of a process share what is below.
	client *sqs.Client
	truth  *ledger.Dynamo
	err    error
}

// pace has a lease whose margin makes up for the ledger's clock, which tells
// whole seconds only.
func (s *servers) pace() pace {
	if s == nil {
		return embeddedPace()
	}
	return pace{
		lease: 4 * time.Second, soon: 5 * time.Second, later: 10 * time.Second, lanes: 5, together: 24,
		look: 300 * time.Millisecond, patience: 2 * time.Minute,
	}
}

func settingsOf(endpoint string) *aws.Config {
	return &aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func (s *servers) openLedger() (*ledger.Dynamo, error) {
	return ledger.NewDynamo(context.Background(), ledger.DynamoConfig{Table: "ledger", AWS: settingsOf(s.Ledger)})
}

// open opens the parts of a lane, which are there.
func (s *servers) open(folder, lane string) (*parts, error) {
	if s == nil {
		return openEmbedded(folder, lane)
	}
	s.once.Do(func() {
		var failed error
		s.client, s.err = queue.NewSQSClient(context.Background(), settingsOf(s.Queues))
		s.truth, failed = s.openLedger()
		s.err = errors.Join(s.err, failed)
	})
	if s.err != nil {
		return nil, s.err
	}
	p := &parts{ledger: s.truth, queues: map[string]messages{}}
	for _, what := range []string{workQueue, timerQueue, deadQueue} {
		var err error
		if p.queues[what], err = queue.NewSQS(queue.SQSConfig{Client: s.client, URL: s.queueURL(folder, lane, what)}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func queueName(folder, lane, what string) string {
	return filepath.Base(folder) + "-" + lane + "-" + what
}

func (s *servers) queueURL(folder, lane, what string) string {
	return s.Queues + "/000000000000/" + queueName(folder, lane, what)
}

// build makes the parts of a lane, and opens them. Their end is in close.
func (s *servers) build(folder, lane string) (*parts, error) {
	p, err := s.open(folder, lane)
	if s == nil || err != nil {
		return p, err
	}
	ctx := context.Background()
	for what := range p.queues {
		_, err := s.client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName:  aws.String(queueName(folder, lane, what)),
			Attributes: map[string]string{"VisibilityTimeout": strconv.Itoa(int(visibility.Seconds()))},
		})
		if err != nil {
			return nil, err
		}
	}
	p.close = func() (err error) {
		for what := range p.queues {
			_, failed := s.client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: aws.String(s.queueURL(folder, lane, what))})
			err = errors.Join(err, failed)
		}
		return err
	}
	return p, nil
}
