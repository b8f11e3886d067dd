package queue_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/queue/queuetest"
)

func TestSQSConformsOnMoto(t *testing.T) {
	t.Parallel()
	conforms(t, cloudtest.Moto(t), nil)
}

func TestSQSConformsOnElasticMQ(t *testing.T) {
	t.Parallel()
	conforms(t, cloudtest.ElasticMQ(t), map[string]string{largest: "ElasticMQ 1.6 keeps the limit of 256 KiB that SQS once had"})
}

// largest is the case of sqsCases that a server with older limits fails.
const largest = "the largest messages pass"

// conforms runs the suite on a server. wrong names the cases in which the
// server is not as SQS is, and how.
func conforms(t *testing.T, settings aws.Config, wrong map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("this takes some seconds of real time")
	}
	client, err := queue.NewSQSClient(t.Context(), &settings)
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int32
	for _, c := range append(queuetest.Cases(), sqsCases()...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if why := wrong[c.Name]; why != "" {
				t.Skip(why)
			}
			c.Run(t, makeSQS(t, client, fmt.Sprintf("q%d", count.Add(1))))
		})
	}
	t.Run("a queue that is not there is missed", func(t *testing.T) {
		q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: *settings.BaseEndpoint + "/000000000000/nowhere"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = q.Receive(t.Context(), 1, 0)
		for what, err := range map[string]error{"receive": err, "send": q.Send(t.Context(), text("x"))} {
			if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "does not exist") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// makeSQS makes a queue of that name and opens it.
func makeSQS(t *testing.T, client *sqs.Client, name string) *queue.SQS {
	t.Helper()
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{
		"VisibilityTimeout": strconv.Itoa(int(queuetest.Visibility.Seconds())),
	}})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: *made.QueueUrl})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// sqsCases are what queues in SQS show besides the suite.
func sqsCases() []queuetest.Case {
	return []queuetest.Case{
		{Name: largest, Run: func(t *testing.T, q queuetest.Queue) {
			large := job.Outgoing{Body: bytes.Repeat([]byte("ü"), queue.MaxBody/2)}
			if err := q.Send(t.Context(), large, text("small"), large); err != nil {
				t.Fatal(err)
			}
			sizes := map[int]int{}
			for n := 0; n < 3; {
				messages, err := q.Receive(t.Context(), 1, 5*time.Second)
				if err != nil || len(messages) == 0 {
					t.Fatalf("received %v and then nothing (%v)", sizes, err)
				}
				n++
				sizes[len(messages[0].Body)]++
				if err := q.Delete(t.Context(), messages[0].Receipt); err != nil {
					t.Fatal(err)
				}
			}
			if sizes[queue.MaxBody] != 2 || sizes[len("small")] != 1 {
				t.Errorf("received bodies of %v bytes", sizes)
			}
		}},
		{Name: "messages are counted", Run: func(t *testing.T, q queuetest.Queue) {
			delayed := job.Outgoing{Body: []byte("x"), Delay: queue.MaxDelay}
			if err := q.Send(t.Context(), text("a"), text("b"), text("c"), delayed, delayed); err != nil {
				t.Fatal(err)
			}
			messages, err := q.Receive(t.Context(), 1, 5*time.Second)
			if err != nil || len(messages) != 1 {
				t.Fatalf("received %d messages (%v)", len(messages), err)
			}
			if err := q.Hide(t.Context(), messages[0].Receipt, time.Hour); err != nil {
				t.Fatal(err)
			}
			depth, err := q.(*queue.SQS).Depth(t.Context())
			if want := (queue.Depth{Visible: 2, Hidden: 1, Delayed: 2}); err != nil || depth != want {
				t.Errorf("counted %+v (%v), want %+v", depth, err, want)
			}
		}},
		{Name: "a look leaves what it shows, and remove takes the named", Run: func(t *testing.T, q queuetest.Queue) {
			at := q.(*queue.SQS)
			for i := range 12 { // More than one receive gives.
				if err := q.Send(t.Context(), text(fmt.Sprint("m", i))); err != nil {
					t.Fatal(err)
				}
			}
			look := func() map[string]string {
				ids := map[string]string{}
				err := at.Look(t.Context(), func(m job.Message) bool {
					ids[string(m.Body)] = m.ID
					return m.Receipt == ""
				})
				if err != nil {
					t.Fatal(err)
				}
				return ids
			}
			ids := look()
			if len(ids) != 12 {
				t.Fatalf("it shows %v", ids)
			}
			if n, err := at.Remove(t.Context(), ids["m3"], ids["m11"], "nobody"); err != nil || n != 2 {
				t.Errorf("removed %d (%v), want 2", n, err)
			}
			left := look()
			if delete(ids, "m3"); len(left) != 10 || left["m3"] != "" || left["m0"] != ids["m0"] {
				t.Errorf("it then shows %v", left)
			}
		}},
	}
}
