package bench

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
)

// The defaults of a worker, by which the budget is reckoned.
const (
	lease = time.Minute
	beat  = 8 * time.Second
	look  = 4 * time.Second
)

// rig is a worker of default settings with the real clients of SQS and
// DynamoDB, whose requests are counted on their way to a cloud in memory.
type rig struct {
	meter              *meter
	cloud              *cloud
	work, timers, dead *memoryQueue
	ledger             *ledger.Dynamo
	worker             *worker.Worker
}

const (
	workName, timersName, deadName = "work", "in-progress", "dead-letter"
	queuesURL                      = "http://sqs.test/123456789012/"
)

// onRig runs a story in a bubble of fake time, with a worker of so many units
// whose jobs take so long.
func onRig(t *testing.T, capacity int, takes time.Duration, story func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(t, newRig(t, capacity, takes)) })
}

func newRig(t *testing.T, capacity int, takes time.Duration) *rig {
	t.Helper()
	r := &rig{work: newMemoryQueue(lease), timers: newMemoryQueue(lease), dead: newMemoryQueue(lease)}
	byName := map[string]*memoryQueue{workName: r.work, timersName: r.timers, deadName: r.dead}
	r.cloud = &cloud{queues: map[string]*memoryQueue{}, table: &table{items: map[string]item{}}}
	r.meter = newMeter(r.cloud)
	settings := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://cloud.test"), HTTPClient: r.meter,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}
	client, err := queue.NewSQSClient(t.Context(), &settings)
	if err != nil {
		t.Fatal(err)
	}
	queues := map[string]*queue.SQS{}
	for name, q := range byName {
		r.cloud.queues[queuesURL+name] = q
		queues[name] = openQueue(t, client, name)
	}
	r.ledger, err = ledger.NewDynamo(t.Context(), ledger.DynamoConfig{Table: "ledger", KeepDays: ledger.DefaultKeepDays, AWS: &settings})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ledger.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.worker, err = worker.New(worker.Config{
		Name: "i-0123456789abcdef0", Capacity: capacity, Work: queues[workName], InProgress: queues[timersName], DeadLetter: queues[deadName],
		Ledger: r.ledger, Runner: timed(takes), Reader: queue.NewReader(queue.ReaderConfig{}), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.worker.Lease != lease || r.worker.Beat != beat || r.worker.Look != look {
		t.Fatalf("the defaults are a lease of %s, a beat of %s and a look of %s; the budget here is reckoned by others", r.worker.Lease, r.worker.Beat, r.worker.Look)
	}
	return r
}

func openQueue(t *testing.T, client *sqs.Client, name string) *queue.SQS {
	t.Helper()
	q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: queuesURL + name})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// start runs the worker until the returned function is called, which waits.
func (r *rig) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.worker.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// upload is what S3 tells the work queue of an object that came by the API into
// a bucket with versions. S3 sends it, and not a client of ours.
func (r *rig) upload(name string) (id string) {
	s := job.Source{
		Bucket: "motionmill-prod-uploads-123456789012", Key: "uploads/034ndc5mx8qtr00z6k1v9w2ahb/" + name + "-squat-from-the-side.mp4",
		ETag: "d41d8cd98f00b204e9800998ecf8427e-8", Version: "L4kqtJlcpXroDTDmpUMLUo1yZc3tXv9Q", Sequencer: "0066A3F1C2D4E5B601", Bytes: 62914560,
	}
	r.work.send(fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},`+
		`"object":{"key":%q,"size":%d,"eTag":%q,"versionId":%q,"sequencer":%q}}}]}`, s.Bucket, s.Key, s.Bytes, s.ETag, s.Version, s.Sequencer), 0)
	return job.ID(s, queue.DefaultProfile)
}

// wantDone fails unless a job succeeded at its first attempt, and nothing is
// left of it but its record.
func (r *rig) wantDone(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		rec, err := r.ledger.Get(t.Context(), id)
		if err != nil || rec.State != job.Succeeded || rec.Attempt != 1 || !rec.Announced {
			t.Errorf("job %s is %s, attempt %d, announced %v (%v)", id, rec.State, rec.Attempt, rec.Announced, err)
		}
	}
	if left := r.work.left() + r.timers.left() + r.dead.left(); left != 0 {
		t.Errorf("%d messages are left", left)
	}
}

// spent is what a worker's requests came to.
type spent struct {
	sends, deletes, hides int // requests to queues, polls aside
	polls                 int
	writes, reads         int // requests to the ledger
	units                 units
	largest               int // item of the ledger, in bytes
}

func (s spent) sqs() int { return s.sends + s.deletes + s.hides }

// spent returns what was asked for until now.
func (r *rig) spent() spent {
	r.cloud.table.mu.Lock()
	defer r.cloud.table.mu.Unlock()
	return spent{
		sends: r.meter.count(sqsService, "SendMessageBatch"), deletes: r.meter.count(sqsService, "DeleteMessageBatch"),
		hides: r.meter.count(sqsService, "ChangeMessageVisibility"), polls: r.meter.count(sqsService, "ReceiveMessage"),
		writes: r.meter.count(dynamodbService, "UpdateItem", "PutItem"), reads: r.meter.count(dynamodbService, "GetItem"),
		units: r.cloud.table.units, largest: r.cloud.table.largest,
	}
}

func (s spent) since(before spent) spent {
	return spent{
		s.sends - before.sends, s.deletes - before.deletes, s.hides - before.hides, s.polls - before.polls, s.writes - before.writes, s.reads - before.reads,
		units{s.units.read - before.units.read, s.units.written - before.units.written, s.units.indexed - before.units.indexed},
		s.largest,
	}
}

// timed is a runner whose jobs weigh one unit and take so long, telling their
// progress every second as the real one does more often.
type timed time.Duration

func (d timed) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	if err := hooks.Weigh(1); err != nil {
		return "", err
	}
	end := time.NewTimer(time.Duration(d))
	defer end.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for frames := int64(0); ; frames += 30 {
		hooks.Report(job.Progress{Step: "analyse", Done: frames, Total: 18000, FPS: 29.97, ETASeconds: 123.4})
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-end.C:
			return fmt.Sprintf("outputs/%s/%d/manifest.json", rec.ID, rec.Fence), nil
		case <-second.C:
		}
	}
}

// Announce asks for nothing here: what it asks S3 for is counted with the pipeline.
func (timed) Announce(context.Context, job.Record) error { return nil }

// after lets d of the fake time pass and everything settle.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
