package queue_test

import (
	"testing"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/queue"
)

// TestAnswerFasterThanTheWriter has a server answer before the writing half of
// the client has gone on. The answer must be read all the same: the messages in
// it are hidden already.
func TestAnswerFasterThanTheWriter(t *testing.T) {
	settings, requests := cloudtest.Hasty(t, `{"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"b","MD5OfBody":"92eb5ffee6ae2fec3ad71c777531578f"}]}`)
	client, err := queue.NewSQSClient(t.Context(), &settings)
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: "http://sqs.test/123456789012/work"})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := q.Receive(t.Context(), 10, 0)
	if err != nil || len(messages) != 1 {
		t.Errorf("got %d messages, error %v", len(messages), err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("it took %d requests, and the messages of all but the last are hidden for nothing", n)
	}
}
