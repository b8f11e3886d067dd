package bench

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds what a worker does when SQS or DynamoDB is away for longer
// than a lease, with the real clients and all that they try by themselves.

// outage stands before the cloud, and hides services of it.
type outage struct {
	*cloud
	sqs, dynamodb atomic.Bool
	fails         manner
}

func (o *outage) Do(r *http.Request) (*http.Response, error) {
	isSQS := strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS")
	if isSQS && !o.sqs.Load() || !isSQS && !o.dynamodb.Load() {
		return o.cloud.Do(r)
	}
	refused, err := o.fails(r)
	if err != nil {
		return nil, err
	}
	return reply(r, http.StatusServiceUnavailable, refused)
}

// manner is a way of being away.
type manner func(*http.Request) (*refusal, error)

func nobodyListens(*http.Request) (*refusal, error) { return nil, errors.New("connection refused") }

func nobodyAnswers(r *http.Request) (*refusal, error) {
	if err := elapse(r, 5*time.Second); err != nil {
		return nil, err
	}
	return nil, errors.New("i/o timeout")
}

func tooBusy(*http.Request) (*refusal, error) { return &refusal{Code: "ServiceUnavailable"}, nil }

// lasts is how long everything here is away: ten times a lease.
const lasts = 10 * time.Minute

// away runs a story of a service that is away in a manner: a job of so long is
// uploaded, and a minute later, when it is running, the outage may begin.
func away(t *testing.T, fails manner, takes time.Duration, story func(t *testing.T, r *rig, o *outage, id string)) {
	t.Helper()
	onRig(t, 2, takes, func(t *testing.T, r *rig) {
		o := &outage{cloud: r.cloud, fails: fails}
		r.meter.behind = o
		stop := r.start(t)
		id := r.upload("a")
		after(time.Minute)
		r.running(t, 1)
		story(t, r, o, id)
		stop()
	})
}

func (r *rig) running(t *testing.T, want int) {
	t.Helper()
	if used, _ := r.worker.Units().Used(); used != want {
		t.Errorf("%d jobs run, want %d", used, want)
	}
}

func (r *rig) wantRecord(t *testing.T, id string, state job.State, fence int64, attempt int) job.Record {
	t.Helper()
	rec, err := r.ledger.Get(t.Context(), id)
	if err != nil || rec.State != state || rec.Fence != fence || rec.Attempt != attempt {
		t.Errorf("the job is %s, fence %d, attempt %d (%v); want %s, %d, %d", rec.State, rec.Fence, rec.Attempt, err, state, fence, attempt)
	}
	return rec
}

// Without SQS, running jobs keep their leases, are committed and announced; what
// is uploaded meanwhile waits.
func TestSQSAwayInTheMiddleOfAJob(t *testing.T) {
	for name, fails := range map[string]manner{"nobody listens": nobodyListens, "nobody answers": nobodyAnswers, "it is too busy": tooBusy} {
		t.Run(name, func(t *testing.T) {
			away(t, fails, 5*time.Minute, func(t *testing.T, r *rig, o *outage, id string) {
				o.sqs.Store(true)
				later := r.upload("b")
				after(lasts - time.Second)
				if rec := r.wantRecord(t, id, job.Succeeded, 1, 1); !rec.Announced {
					t.Error("its end was not announced")
				}
				r.wantRecord(t, later, job.None, 0, 0)
				o.sqs.Store(false)
				after(10 * time.Minute)
				r.wantDone(t, id, later)
			})
		})
	}
}

// Without DynamoDB, what ends within the lease keeps its result: the commit is
// tried until the ledger is back, and the worker's own sweeper leaves it alone
// for as long.
func TestDynamoDBAwayAtTheEndOfAJob(t *testing.T) {
	for long, fails := range map[time.Duration]manner{4 * lease: nobodyAnswers, lasts: tooBusy} {
		away(t, fails, 75*time.Second, func(t *testing.T, r *rig, o *outage, id string) {
			o.dynamodb.Store(true)
			after(long)
			o.dynamodb.Store(false)
			after(5 * time.Minute)
			rec, err := r.ledger.Get(t.Context(), id)
			if err != nil || rec.State != job.Succeeded || rec.Fence != 1 || rec.Attempt != 1 {
				t.Errorf("after %s the job is %s, fence %d, attempt %d (%v): %+v", long, rec.State, rec.Fence, rec.Attempt, err, rec.History)
			}
			if !strings.HasSuffix(rec.Manifest, fmt.Sprintf("/%d/manifest.json", rec.Fence)) {
				t.Errorf("the manifest is %s", rec.Manifest)
			}
			later := r.upload("b")
			after(5 * time.Minute)
			r.wantDone(t, later)
		})
	}
}

// Without DynamoDB, what does not end within the lease is stopped when the
// lease is over, and writes nothing any more; it is done again afterwards.
func TestDynamoDBAwayInTheMiddleOfAJob(t *testing.T) {
	away(t, nobodyListens, 5*time.Minute, func(t *testing.T, r *rig, o *outage, id string) {
		o.dynamodb.Store(true)
		after(lease/2 - beat) // Its last renewal is a beat old at most.
		r.running(t, 1)
		after(lease/2 + beat + 5*time.Second)
		r.running(t, 0)
		later := r.upload("b")
		after(lasts - lease - 5*time.Second)
		o.dynamodb.Store(false)
		after(15 * time.Minute)
		rec := r.wantRecord(t, id, job.Succeeded, 2, 2)
		if len(rec.History) != 2 || rec.History[0].Outcome != "lost" || !strings.HasSuffix(rec.Manifest, "/2/manifest.json") {
			t.Errorf("the history is %+v, the manifest %s", rec.History, rec.Manifest)
		}
		r.wantDone(t, later)
	})
}

// Without either, as when the network is gone.
func TestBothAwayInTheMiddleOfAJob(t *testing.T) {
	away(t, nobodyAnswers, 5*time.Minute, func(t *testing.T, r *rig, o *outage, id string) {
		o.sqs.Store(true)
		o.dynamodb.Store(true)
		later := r.upload("b")
		after(lease + 5*time.Second)
		r.running(t, 0)
		after(lasts - lease - 5*time.Second)
		o.dynamodb.Store(false)
		o.sqs.Store(false)
		after(20 * time.Minute)
		r.wantRecord(t, id, job.Succeeded, 2, 2)
		r.wantDone(t, later)
	})
}
