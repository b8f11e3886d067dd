package bench

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// This file holds the request budget of a stage on AWS, counted at the wire of
// the real clients: design, section 5, "Idle cost".

// phases are moments at which a job may begin beside the worker's ticks, which
// decide how often its timer is hidden.
func phases() []time.Duration {
	var all []time.Duration
	for _, seconds := range []time.Duration{0, 3, 7, 11, 18, 31, 44, 59} {
		all = append(all, seconds*time.Second+300*time.Millisecond)
	}
	return all
}

// alone runs one job on an idle worker and returns what it cost, from its
// upload until nothing of it is left; polls are those while it was running.
func alone(t *testing.T, takes, phase time.Duration) (cost spent) {
	t.Helper()
	onRig(t, 1, takes, func(t *testing.T, r *rig) {
		stop := r.start(t)
		after(time.Minute + phase)
		before := r.spent()
		if before.sqs() != 0 || before.writes+before.reads != 0 {
			t.Errorf("an idle worker asked for more than polls: %s", r.meter)
		}
		id := r.upload("a")
		after(takes)
		polls := r.spent().since(before).polls
		after(3 * lease)
		stop()
		cost = r.spent().since(before)
		cost.polls = polls
		r.wantDone(t, id)
		if got := r.meter.countOn(sqsService, deadName); got != 0 {
			t.Errorf("%d requests to the dead-letter queue", got)
		}
	})
	return cost
}

func TestRequestsOfATenMinuteJobAtTheWire(t *testing.T) {
	const takes = 10 * time.Minute
	for _, phase := range phases() {
		t.Run(fmt.Sprint(phase), func(t *testing.T) {
			cost := alone(t, takes, phase)
			within(t, "requests to SQS, polls aside", float64(cost.sqs()), 4+1.5*takes.Minutes()/lease.Minutes())
			within(t, "writes of the ledger", float64(cost.writes), 5+takes.Seconds()/beat.Seconds())
			// Every beat all looks but the one that the renewal replaces; and the
			// reads of claim, clock, version, announcement and sweep.
			within(t, "reads of the ledger", float64(cost.reads), 5+takes.Seconds()*(1/look.Seconds()-1/beat.Seconds()))
			if least := int(takes / beat); cost.writes < least || cost.hides == 0 {
				t.Errorf("%d writes and %d timers hidden: the job was not kept alive for %s", cost.writes, cost.hides, takes)
			}
			t.Logf("%+v", cost)
		})
	}
}

func within(t *testing.T, what string, got, most float64) {
	t.Helper()
	if got > most {
		t.Errorf("%v %s; at most %v are meant", got, what, most)
	}
}

func TestPollsOfAnIdleDayAtTheWire(t *testing.T) {
	onRig(t, 2, time.Second, func(t *testing.T, r *rig) {
		stop := r.start(t)
		after(24 * time.Hour)
		for _, name := range []string{workName, timersName} {
			n := r.meter.countOn(sqsService, name, "ReceiveMessage")
			// Fewer than one in 28 s would be a queue that nobody watches.
			if n > 4400 || n < 24*3600/28 {
				t.Errorf("%d receives of the %s queue in a day of nothing; at most 4,400 are meant", n, name)
			}
			t.Logf("%s: %d receives a day", name, n)
		}
		if cost := r.spent(); cost.sqs() != 0 || cost.writes+cost.reads != 0 {
			t.Errorf("a day of nothing cost %+v", cost)
		}
		id := r.upload("a") // It watches, still.
		after(3 * lease)
		stop()
		r.wantDone(t, id)
	})
}

// A hundred jobs that wait share what can be shared: ten to a request.
func TestAHundredJobsShareRequestsAtTheWire(t *testing.T) {
	const jobs, takes = 100, 30 * time.Second
	one := alone(t, takes, phases()[0])
	onRig(t, jobs, takes, func(t *testing.T, r *rig) {
		var ids []string
		for i := range jobs {
			ids = append(ids, r.upload(fmt.Sprint(i)))
		}
		stop := r.start(t)
		after(5*time.Second + takes/2)
		if now, _ := r.worker.Units().Used(); now != jobs {
			t.Errorf("%d jobs run", now)
		}
		for what, got := range map[string]int{
			"timers":                r.meter.countOn(sqsService, timersName, "SendMessageBatch"),
			"deleted work messages": r.meter.countOn(sqsService, workName, "DeleteMessageBatch"),
		} {
			if got != jobs/10 {
				t.Errorf("%s took %d requests for %d jobs", what, got, jobs)
			}
		}
		after(3 * lease)
		stop()
		r.wantDone(t, ids...)
		cost := r.spent()
		if cost.sqs() >= jobs*one.sqs()/2 {
			t.Errorf("%d requests to SQS for %d jobs; one alone makes %d", cost.sqs(), jobs, one.sqs())
		}
		within(t, "requests to SQS, polls aside", float64(cost.sqs()), 4*jobs)
		t.Logf("%d jobs: %d requests to SQS and %d polls: %s", jobs, cost.sqs(), cost.polls, r.meter)
	})
}

// A try that the server turned away is paid for like any other.
func TestEveryTryIsCounted(t *testing.T) {
	onRig(t, 1, time.Second, func(t *testing.T, r *rig) {
		var turned atomic.Int32
		r.meter.behind = client(func(q *http.Request) (*http.Response, error) {
			if turned.Add(1) <= 2 {
				return reply(q, http.StatusServiceUnavailable, &refusal{Code: "ServiceUnavailable"})
			}
			return r.cloud.Do(q)
		})
		before := r.spent()
		if _, err := r.ledger.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if got := r.spent().since(before).reads; got != 3 {
			t.Errorf("%d reads were counted, of 3 tries", got)
		}
	})
}

// client is an HTTP client that is a function.
type client func(*http.Request) (*http.Response, error)

func (c client) Do(r *http.Request) (*http.Response, error) { return c(r) }

var _ aws.HTTPClient = client(nil)
